"""Trained grids: the networks of a grid's points, trained together before the points are computed from them.

A file per network and sparsity in the sweep's output folder, under a digest of all it hangs on: what is there is not
trained again. Training goes on from the beginning where a run was ended before its last target.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from fpgaprune.compress import has_widths, requantized
from fpgaprune.compress.stack import GridTraining, Member, Reached, Told, train_grid
from fpgaprune.config.study import Sweep
from fpgaprune.errors import ConfigError, ModelError
from fpgaprune.flow.study_model import digest_of
from fpgaprune.flow.study_task import StudyData
from fpgaprune.read.model import load_model
from fpgaprune.results.sweep import Recipe
from fpgaprune.sweep.grid import Planned

_COPY_SAMPLES = 16
_ERROR = "error"


class Watcher(Protocol):
    """Whoever shows how training goes on."""

    def begin(self, what: str) -> None:
        """A stage that takes a while begins."""

    def epoch(self, done: int, total: int, state: str) -> None:
        """An epoch is over."""


def network_file(folder: Path, common: str, sweep: Sweep, recipe: Recipe, *, widths: bool) -> Path:
    """Where the weights of a point's network are: they hang on its bits and on the sparsities up to its own."""
    path = [value for value in sweep.sparsity if value <= recipe.sparsity]
    return folder / f"network_{digest_of(common, path, recipe.bits if widths else None)[:20]}.npz"


def train_networks(
    folder: Path, model: Path, common: str, sweep: Sweep, data: StudyData, points: Sequence[Planned], watcher: Watcher
) -> None:
    """Train what the points need and `folder` does not hold; a network that diverges leaves its reason there.

    Raises ConfigError or ModelError for a model or settings that cannot be trained at all.
    """
    training = sweep.training
    if training is None:
        return
    base = load_model(model).model
    widths = has_widths(base)

    def file_of(bits: int | None, sparsity: float) -> Path:
        return network_file(folder, common, sweep, Recipe(bits or 0, sparsity, "", 0), widths=widths)

    wanted: dict[int | None, set[float]] = {}
    for recipe in (point.recipe for point in points):
        width = recipe.bits if widths else None
        if not _is_whole(file_of(width, recipe.sparsity)):
            wanted.setdefault(width, set()).add(recipe.sparsity)
    members: dict[int | None, Member] = {}
    for width in sorted(wanted, key=lambda value: value or 0):
        try:
            copy = requantized(base, width or 0, data.some_inputs()[:_COPY_SAMPLES])
            members[width] = Member(copy, base.get_weights(), 0)
        except (ConfigError, ModelError) as error:
            for sparsity in wanted[width]:
                _save(file_of(width, sparsity), {_ERROR: np.array(str(error))})
    if members:
        _train(members, max(max(wanted[width]) for width in members), sweep, training, data, watcher, file_of)


def _train(
    members: Mapping[int | None, Member],
    last: float,
    sweep: Sweep,
    training: GridTraining,
    data: StudyData,
    watcher: Watcher,
    file_of: Callable[[int | None, float], Path],
) -> None:
    bits = list(members)
    targets = [value for value in sweep.sparsity if value <= last]
    watcher.begin(f"train {len(members)} networks through {len(targets)} sparsities")

    def keep(reached: Reached) -> None:
        held: dict[str, Any] = {f"w{place:04}": array for place, array in enumerate(reached.weights)}
        if reached.error is not None:
            held = {_ERROR: np.array(reached.error)}
        _save(file_of(bits[reached.member], reached.target), held)

    def tell(told: Told) -> None:
        watcher.epoch(told.epoch, told.epochs, f"{told.networks} at once, mean validation {told.metric:.3f}")

    train_grid(list(members.values()), targets, training, data.training, on_reached=keep, on_epoch=tell)


def trained_weights(path: Path) -> list[Any]:
    """The weights of a trained network; raises ConfigError where there are none, with the reason."""
    try:
        with np.load(path, allow_pickle=False) as held:
            if _ERROR in held:
                raise ConfigError(str(held[_ERROR]))
            return [held[name] for name in sorted(held)]
    except (OSError, ValueError) as error:
        message = f"the trained network {path} cannot be read: {error}; delete it and run the sweep again"
        raise ConfigError(message) from error


def _is_whole(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        trained_weights(path)
    except ConfigError:
        return False
    return True


def _save(path: Path, held: Mapping[str, Any]) -> None:
    """Write beside and rename: a file that is there is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"partial_{os.getpid()}_{path.name}")
    try:
        np.savez(beside, **dict(held))
        beside.replace(path)
    except OSError as error:
        message = f"the trained network {path} cannot be written: {error}"
        raise ConfigError(message) from error
    finally:
        beside.unlink(missing_ok=True)
