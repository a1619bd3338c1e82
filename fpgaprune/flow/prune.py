"""From a model file and a data file to a pruned model file with its record."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from fpgaprune.compress import (
    Progress,
    PruneConfig,
    PruneResult,
    PruningDivergedError,
    TrainingData,
    prune,
    pruning_methods,
)
from fpgaprune.compress import config_type as training_config_type
from fpgaprune.compress.constants import ConstantsConfig, constants_config_type, constants_methods
from fpgaprune.compress.copying import predict
from fpgaprune.compress.kernels import find_kernels
from fpgaprune.compress.masks import quantized_sparsity
from fpgaprune.compress.training import Score, fitting_targets, resolve_loss
from fpgaprune.errors import ConfigError, FpgapruneError, unknown_choice
from fpgaprune.estimate import estimate_design
from fpgaprune.flow.constants import change_constants
from fpgaprune.flow.dataset import Dataset, likely_loss, read_dataset
from fpgaprune.flow.estimation import choose_rules, default_tool
from fpgaprune.frameworks import quiet
from fpgaprune.generate.inputs import InputSet
from fpgaprune.generate.project import convert_network
from fpgaprune.generate.settings import GenerateSettings
from fpgaprune.read.model import load_model
from fpgaprune.results import Estimate

SUFFIXES = (".h5", ".keras")
_VALIDATION = 0.2
_LOOK_S = 5.0  # at most every so often the DSPs are counted while training runs


@dataclass(frozen=True)
class Epoch:
    """One epoch of a pruning run as shown: `dsp` is None between two counts."""

    phase: str
    epoch: int
    epochs: int
    metric_name: str
    metric: float
    sparsity: float
    dsp: int | None


@dataclass(frozen=True, eq=False)
class Pruned:
    """What `prune_file` wrote, and what it found; scores are on the test part of the data where it has one."""

    output: Path
    record_path: Path
    before: Estimate
    after: Estimate
    score_before: Score
    score_after: Score
    record: Mapping[str, Any]


OnEpoch = Callable[[Epoch], None]


def all_methods() -> tuple[str, ...]:
    """Every method `prune_file` knows, those that train first."""
    return (*pruning_methods(), *constants_methods())


def method_config(method: str, settings: Mapping[str, Any]) -> PruneConfig | ConstantsConfig:
    """The config of a method by name; raises ConfigError for an unknown method or setting, or one that is missing."""
    if method not in all_methods():
        raise ConfigError(unknown_choice("method", method, all_methods()))
    found: Any = constants_config_type(method) if method in constants_methods() else training_config_type(method)
    known = [field.name for field in fields(found)]
    for name in settings:
        if name not in known:
            raise ConfigError(unknown_choice(f"setting of {method}", name, known))
    needed = [f.name for f in fields(found) if f.default is MISSING and f.default_factory is MISSING]
    missing = [name for name in needed if name not in settings]
    if missing:
        message = f"the method {method} needs {' and '.join(missing)}"
        raise ConfigError(message)
    try:
        return found(**settings)  # type: ignore[no-any-return]  # one of the two config types
    except TypeError as error:  # text where a number is wanted
        message = f"a setting of {method} is of the wrong type: {error}"
        raise ConfigError(message) from error


def check_model_output(output: Path) -> None:
    """Raise ConfigError unless `output` can become a model file."""
    if output.suffix not in SUFFIXES:
        message = f"the output {output} must end in .h5 or .keras"
        raise ConfigError(message)
    if output.is_dir():
        message = f"the output {output} is a folder: name a file"
        raise ConfigError(message)


def prune_file(  # noqa: PLR0913 - one argument per file and choice
    path: Path,
    output: Path,
    config: PruneConfig | ConstantsConfig,
    data: Path,
    settings: GenerateSettings | None = None,
    *,
    weights: Path | None = None,
    loss: str | None = None,
    on_epoch: OnEpoch | None = None,
) -> Pruned:
    """Prune the model in `path` as `config` says, write it to `output` (.h5 or .keras) and its record beside.

    The record is `<name>.pruning.json`. DSPs and LUTs are those of the project `generate` would write with
    `settings`; the final ones are counted on the model as it was written and read again. Raises what `prune`,
    `choose_constants` and `load_model` raise. When training diverges, the last good weights are written all the
    same, and the error says so.
    """
    check_model_output(output)
    settings = settings or GenerateSettings()
    loaded = load_model(path, weights)
    model = loaded.model
    dataset = read_dataset(data, model)
    inputs = InputSet((dataset.x,), data.name, real=True)
    loss = loss or likely_loss(model, dataset.y)
    sparsity = quantized_sparsity(find_kernels(model))
    before, score_before = _estimate(model, settings, inputs), score_model(model, dataset, loss)
    started = time.perf_counter()
    diverged: PruningDivergedError | None = None
    if isinstance(config, ConstantsConfig):
        changed = change_constants(model, config, inputs, settings)
        result, record = changed.model, dict(changed.record)
    else:
        training = dataset.training(_VALIDATION, getattr(config, "seed", 0))
        watch = _Watch(settings, inputs, on_epoch)
        try:
            pruned = _trained(model, config, training, loss, watch.seen)
        except PruningDivergedError as error:
            diverged, pruned = error, error.result
        result, record = pruned.model, dict(pruned.record)
    seconds = time.perf_counter() - started
    save_model(result, output)
    again = load_model(output).model
    after, score_after = _estimate(again, settings, inputs), score_model(again, dataset, loss)
    record |= {
        "model": path.name,
        "output": output.name,
        "seconds": round(seconds, 3),
        "loss": loss,
        "score": {"before": _score(score_before), "after": _score(score_after), "test": dataset.test_x is not None},
        "estimate": {"before": _totals(before), "after": _totals(after)},
        "sparsity": {"before": sparsity, "after": quantized_sparsity(find_kernels(again))},
    }
    record_path = output.with_name(f"{output.stem}.pruning.json")
    record_path.write_text(json.dumps(record, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    if diverged is not None:
        message = f"{diverged}. They are in {output}"
        raise PruningDivergedError(message, PruneResult(result, record))
    return Pruned(output, record_path, before, after, score_before, score_after, record)


def save_model(model: Any, output: Path) -> None:
    """Write an ordinary Keras model file, complete or not at all."""
    output.parent.mkdir(parents=True, exist_ok=True)
    beside = output.with_name(f".{output.stem}.unfinished{output.suffix}")
    try:
        with quiet("save"):
            model.save(beside)
        beside.replace(output)
    finally:
        beside.unlink(missing_ok=True)


def score_model(model: Any, dataset: Dataset, loss: str) -> Score:
    """The model's score on the test part of the data, or on all of it where there is none."""
    x, y = dataset.judged_by
    outputs = predict(model, x)
    _, judge = resolve_loss(loss, outputs)
    return judge(outputs, fitting_targets(outputs, y))


def _trained(
    model: Any, config: PruneConfig, data: TrainingData, loss: str, on_progress: Callable[[Progress], None]
) -> PruneResult:
    if getattr(config, "loss", None) is None:
        model.compile(loss=loss)
    return prune(model, config, data, on_progress=on_progress)


class _Watch:
    """Passes epochs on, with a count of DSPs now and then: it takes about a second."""

    def __init__(self, settings: GenerateSettings, inputs: InputSet, on_epoch: OnEpoch | None) -> None:
        self._settings, self._on_epoch = settings, on_epoch
        self._inputs = InputSet(tuple(array[:256] for array in inputs.arrays), inputs.description, inputs.real)
        self._looked = 0.0

    def seen(self, progress: Progress) -> None:
        """An epoch is over."""
        if self._on_epoch is None:
            return
        dsp = None
        last = progress.epoch == progress.epochs
        if last or time.monotonic() - self._looked >= _LOOK_S:
            dsp = self._dsp(progress.model)
            self._looked = time.monotonic()
        self._on_epoch(
            Epoch(
                progress.phase,
                progress.epoch,
                progress.epochs,
                progress.metric_name,
                progress.metric,
                progress.sparsity,
                dsp,
            )
        )

    def _dsp(self, model: Any) -> int | None:
        try:
            return _estimate(model, self._settings, self._inputs).dsp.high
        except FpgapruneError:  # a network in training may leave the ranges that can be converted for a moment
            return None


def _estimate(model: Any, settings: GenerateSettings, inputs: InputSet) -> Estimate:
    design = convert_network(model, settings, inputs, Path("project")).design
    return estimate_design(design, choose_rules(None, None, default_tool(design)))


def _score(score: Score) -> dict[str, float | None]:
    return {
        "loss": float(score.loss) if np.isfinite(score.loss) else None,
        "accuracy": score.accuracy,
    }


def _totals(estimate: Estimate) -> dict[str, Any]:
    lut = estimate.fabric.lut
    return {
        "dsp": estimate.dsp.json(),
        "first_order_dsp": estimate.first_order_dsp,
        "lut": None if lut is None else lut.json(),
    }
