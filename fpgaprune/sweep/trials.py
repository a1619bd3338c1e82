"""Finished points as the trials of an Optuna study, where optuna-dashboard and samplers find them."""

import warnings
from collections.abc import Mapping
from typing import Any, Final

from fpgaprune.design import Strategy
from fpgaprune.errors import ToolError

# What a study is about: the name shown, the field of a point, and whether more of it is better.
OBJECTIVES: Final = (
    ("score", "score", True),
    ("dsp", "dsp_high", False),
    ("lut", "lut", False),
    ("latency_cycles", "latency_cycles", False),
)
DIRECTIONS: Final = tuple("maximize" if more else "minimize" for _, _, more in OBJECTIVES)
_STRATEGIES: Final = tuple(strategy.value for strategy in Strategy)


def objectives_of(facts: Mapping[str, Any]) -> tuple[float | None, ...]:
    """A point's values in the order of `OBJECTIVES`; None where one was not found."""
    values = (facts.get(field) for _, field, _ in OBJECTIVES)
    return tuple(None if value is None else float(value) for value in values)


def optuna_study(storage: Any, name: str) -> Any:
    """The study `name`, made where there is none; raises ToolError for one that has other objectives."""
    import optuna  # noqa: PLC0415 - optional, and slow to import

    study = optuna.create_study(storage=storage, study_name=name, directions=list(DIRECTIONS), load_if_exists=True)
    if tuple(direction.name.lower() for direction in study.directions) != DIRECTIONS:
        message = (
            f"the store has a study {name!r} of {len(study.directions)} objectives, and a sweep has "
            f"{len(DIRECTIONS)}; choose another output folder or --storage"
        )
        raise ToolError(message)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names([metric for metric, _, _ in OBJECTIVES])
    return study


def trial_of(facts: Mapping[str, Any], digest: str) -> Any:
    """A finished point as a frozen trial: complete, or failed where an objective is missing."""
    import optuna  # noqa: PLC0415

    spaces = optuna.distributions
    known = {
        "bits": spaces.IntDistribution(1, 64),
        "sparsity": spaces.FloatDistribution(0.0, 1.0),
        "strategy": spaces.CategoricalDistribution(_STRATEGIES),
        "reuse_factor": spaces.IntDistribution(1, 1 << 20),
    }
    found = objectives_of(facts)
    values = [value for value in found if value is not None]
    if facts["recipe"].get("seed") is not None:
        known["seed"] = spaces.IntDistribution(0, 2**31 - 1)
    whole = len(values) == len(found)
    return optuna.trial.create_trial(
        state=optuna.trial.TrialState.COMPLETE if whole else optuna.trial.TrialState.FAIL,
        values=values if whole else None,
        params={name: facts["recipe"][name] for name in known},
        distributions=known,
        user_attrs={"digest": digest, "facts": dict(facts)},
    )
