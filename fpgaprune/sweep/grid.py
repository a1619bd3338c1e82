"""The points of a grid, and the digests that say when two of them are the same."""

from collections.abc import Mapping
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
    """A point to compute: its recipe, and the digest of everything its numbers hang on."""

    recipe: Recipe
    digest: str


def sweep_of(study: Study) -> Sweep:
    """The study's [sweep]; raises ConfigError saying what one looks like where there is none."""
    if study.sweep is None:
        message = (
            f"{study.folder / 'project.toml'} has no [sweep]; add one with its axes, such as bits = [4, 6, 8] and "
            "sparsity = [0.0, 0.5, 0.9]"
        )
        raise ConfigError(message)
    return study.sweep


def recipes(sweep: Sweep) -> tuple[Recipe, ...]:
    """Every combination of the axes; sparsity changes slowest, so that points in a row share a pruned model."""
    axes = product(sweep.sparsity, sweep.bits, sweep.strategy, sweep.reuse_factor)
    return tuple(Recipe(bits, sparsity, strategy, reuse) for sparsity, bits, strategy, reuse in axes)


def planned(study: Study, sweep: Sweep, model: Path, data: StudyData) -> tuple[Planned, ...]:
    """The grid with digests over recipe, hardware, model, data, the study's code and the versions used."""
    common = digest_of(
        digest_of_task(study.folder, sweep.task),
        sha256(model.read_bytes()).hexdigest(),
        digest_of_data(data),
        sweep.hardware,
        sweep.layer_limit,
        versions(),
    )
    return tuple(Planned(recipe, digest_of(common, asdict(recipe))) for recipe in recipes(sweep))


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
