"""The points of a grid, and the digests that say when two of them are the same."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib import metadata
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from fpgaprune.config.study import Study, Sweep
from fpgaprune.errors import ConfigError
from fpgaprune.flow.study_model import digest_of, digest_of_task
from fpgaprune.flow.study_task import StudyData
from fpgaprune.results.sweep import Recipe

_DECIDING = ("tensorflow", "tf-keras", "qkeras", "hls4ml", "numpy")  # packages whose versions may change a point


@dataclass(frozen=True, slots=True)
class Planned:
    """A point to compute under one seed: its recipe, and the digest of everything its numbers hang on."""

    recipe: Recipe
    digest: str


@dataclass(frozen=True, slots=True)
class Start:
    """What the points of one seed start from: the model, and the digest of all that they hang on in common."""

    seed: int | None
    model: Path
    common: str


def sweep_of(study: Study) -> Sweep:
    """The study's [sweep]; raises ConfigError saying what one looks like where there is none."""
    if study.sweep is None:
        message = (
            f"the study {study.name} has no [sweep]; add one with its axes, such as bits = [4, 6, 8] and "
            "sparsity = [0.0, 0.5, 0.9]"
        )
        raise ConfigError(message)
    return study.sweep


def recipes(sweep: Sweep) -> tuple[Recipe, ...]:
    """Every combination of the axes, the whole grid under one seed before the next.

    Then sparsity changes slowest, so that points in a row share a pruned model.
    """
    axes = product(sweep.seeds, sweep.sparsity, sweep.bits, sweep.strategy, sweep.reuse_factor)
    return tuple(Recipe(bits, sparsity, strategy, reuse, seed) for seed, sparsity, bits, strategy, reuse in axes)


def planned(sweep: Sweep, starts: Sequence[Start]) -> tuple[Planned, ...]:
    """The grid with digests over recipe, hardware, model, data, the study's code and the versions used.

    A trained point hangs on its training too, and on the sparsities that its network has passed before.
    """
    commons = {start.seed: start.common for start in starts}
    if sweep.training is None:
        return tuple(Planned(r, digest_of(commons[r.seed], asdict(r))) for r in recipes(sweep))
    passed = {value: [s for s in sweep.sparsity if s <= value] for value in sweep.sparsity}
    return tuple(Planned(r, digest_of(commons[r.seed], asdict(r), passed[r.sparsity])) for r in recipes(sweep))


def starts_of(study: Study, sweep: Sweep, models: Sequence[Path], data: StudyData) -> tuple[Start, ...]:
    """What the points of each seed start from; `models` has a file for each of `sweep.seeds`."""
    parts = [
        digest_of_task(study.folder, sweep.task),
        digest_of_data(data),
        sweep.hardware,
        sweep.layer_limit,
        versions(),
    ]
    if sweep.training is not None:
        parts += [digest_of_training(data), sweep.training]
    return tuple(
        Start(seed, model, digest_of(sha256(model.read_bytes()).hexdigest(), *parts))
        for seed, model in zip(sweep.seeds, models, strict=True)
    )


def digest_of_training(data: StudyData) -> str:
    """SHA-256 over what networks are trained on and chosen by."""
    state = sha256()
    training = data.training
    for arrays in (training.x, training.y, training.validation_x, training.validation_y):
        for array in arrays if isinstance(arrays, tuple) else (arrays,):
            state.update(f"{array.dtype.str}{array.shape}".encode())
            state.update(np.ascontiguousarray(array).tobytes())
    return state.hexdigest()


def digest_of_data(data: StudyData) -> str:
    """SHA-256 over the test samples and the training inputs that place the types."""
    state = sha256()
    for array in (data.some_inputs(), np.asarray(data.test_x), np.asarray(data.test_y)):
        state.update(f"{array.dtype.str}{array.shape}".encode())
        state.update(np.ascontiguousarray(array).tobytes())
    return state.hexdigest()


def versions() -> Mapping[str, Any]:
    """Installed versions of the packages that decide a point's numbers; absent ones left out."""
    found = {}
    for name in _DECIDING:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
