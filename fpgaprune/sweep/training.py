"""Trained grids: the networks of a grid's points, trained together before the points are computed from them.

A file per network and sparsity in the sweep's output folder, under a digest of all it hangs on: what is there is not
trained again. A run that was ended before its last target goes on from the last epoch that was kept.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from zipfile import BadZipFile

import numpy as np

from fpgaprune.compress import has_widths, requantized
from fpgaprune.compress.stack import GridTraining, Member, Reached, State, Told, train_grid
from fpgaprune.config.study import Sweep
from fpgaprune.errors import ConfigError, ModelError
from fpgaprune.flow.study_model import digest_of
from fpgaprune.flow.study_task import StudyData
from fpgaprune.frameworks import quiet
from fpgaprune.read.model import load_model
from fpgaprune.results.sweep import Recipe
from fpgaprune.sweep.grid import Planned, Start

_COPY_SAMPLES = 16
_ERROR = "error"


class Watcher(Protocol):
    """Whoever shows how training goes on."""

    def begin(self, what: str) -> None:
        """A stage that takes a while begins."""

    def epoch(self, done: int, total: int, state: str) -> None:
        """An epoch is over."""


def network_file(folder: Path, common: str, sweep: Sweep, recipe: Recipe, *, widths: bool) -> Path:
    """Where the weights of a point's network are: they hang on its seed, bits, and the sparsities up to its own."""
    path = [value for value in sweep.sparsity if value <= recipe.sparsity]
    return folder / f"network_{digest_of(common, recipe.seed, path, recipe.bits if widths else None)[:20]}.npz"


def train_networks(
    folder: Path, starts: Sequence[Start], sweep: Sweep, data: StudyData, points: Sequence[Planned], watcher: Watcher
) -> None:
    """Train what the points need and `folder` does not hold; a network that diverges leaves its reason there.

    Networks of all bits and seeds are trained together, those whose models differ in more than weights apart. Raises
    ConfigError or ModelError for a model or settings that cannot be trained at all.
    """
    if sweep.training is None:
        return
    for family in _families(starts):
        seeds = {start.seed for start, _ in family}
        _Networks(folder, family, sweep, sweep.training, data, watcher).train(
            [point.recipe for point in points if point.recipe.seed in seeds]
        )


_Family = list[tuple[Start, Any]]  # with the loaded models
_Network = tuple[int | None, int | None]  # its seed, and its bits where they can be chosen


def _families(starts: Sequence[Start]) -> list[_Family]:
    """The starts whose models differ in weights alone belong together."""
    families: dict[str, _Family] = {}
    for start in starts:
        model = load_model(start.model).model
        families.setdefault(_architecture(model), []).append((start, model))
    return list(families.values())


def _architecture(model: Any) -> str:
    """A model without its weights, the names of its layers, and the seeds of its initializers."""
    names = {layer.name: f"layer {place}" for place, layer in enumerate(model.layers)}

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: plain(held) for key, held in value.items() if key != "seed"}
        if isinstance(value, list | tuple):
            return [plain(held) for held in value]
        return names.get(value, value) if isinstance(value, str) else value

    with quiet("read a configuration"):
        config = plain(model.get_config())
    return json.dumps({**config, "name": type(model).__name__}, sort_keys=True, default=str)


@dataclass(frozen=True, eq=False)
class _Networks:
    """Networks of one architecture: of several seeds, at several bits."""

    folder: Path
    family: _Family
    sweep: Sweep
    training: GridTraining
    data: StudyData
    watcher: Watcher

    def train(self, recipes: Sequence[Recipe]) -> None:
        """Train what the recipes need and is not there."""
        wanted: dict[_Network, set[float]] = {}
        for recipe in recipes:
            network = (recipe.seed, recipe.bits if self._widths else None)
            if not _is_whole(self._file(network, recipe.sparsity)):
                wanted.setdefault(network, set()).add(recipe.sparsity)
        members = self._members(wanted)
        if members:
            self._run(members, max(max(wanted[network]) for network in members))

    @property
    def _widths(self) -> bool:
        return has_widths(self.family[0][1])

    def _file(self, network: _Network, sparsity: float) -> Path:
        seed, bits = network
        common = next(start.common for start, _ in self.family if start.seed == seed)
        recipe = Recipe(bits or 0, sparsity, "", 0, seed)
        return network_file(self.folder, common, self.sweep, recipe, widths=self._widths)

    def _members(self, wanted: Mapping[_Network, set[float]]) -> dict[_Network, Member]:
        """What is to be trained, a copy of the first model for all of the same bits; why not is kept in its file."""
        first, weights = self.family[0][1], {start.seed: model.get_weights() for start, model in self.family}
        copies: dict[int | None, Any] = {}
        members: dict[_Network, Member] = {}
        for seed, bits in sorted(wanted, key=lambda network: (network[1] or 0, network[0] or 0)):
            try:
                if bits not in copies:
                    copies[bits] = requantized(first, bits or 0, self.data.some_inputs()[:_COPY_SAMPLES])
                members[seed, bits] = Member(copies[bits], weights[seed], seed or 0)
            except (ConfigError, ModelError) as error:
                for sparsity in wanted[seed, bits]:
                    _save(self._file((seed, bits), sparsity), {_ERROR: np.array(str(error))})
        return members

    def _run(self, members: Mapping[_Network, Member], last: float) -> None:
        networks = list(members)
        targets = [value for value in self.sweep.sparsity if value <= last]
        networks_in_words = "1 network" if len(members) == 1 else f"{len(members)} networks"
        self.watcher.begin(f"train {networks_in_words} through {len(targets)} sparsities")

        def keep(reached: Reached) -> None:
            held: dict[str, Any] = {f"w{place:04}": array for place, array in enumerate(reached.weights)}
            if reached.error is not None:
                held = {_ERROR: np.array(reached.error)}
            _save(self._file(networks[reached.member], reached.target), held)

        def tell(told: Told) -> None:
            state = f"{told.networks} at once, mean validation {told.metric:.3f}"
            self.watcher.epoch(told.epoch, told.epochs, state)

        kept = _Kept(self.folder, tuple(self._file(network, last).stem for network in networks))
        config, data = self.training, self.data.training
        train_grid(list(members.values()), targets, config, data, on_reached=keep, on_epoch=tell, keeper=kept)


@dataclass(frozen=True)
class _Kept:
    """Runs that are not over yet, each a file whose name is a digest of the last networks that are to come of it."""

    folder: Path
    networks: tuple[str, ...]

    def load(self, members: tuple[int, ...]) -> Mapping[str, Any] | None:
        """See Keeper; a file that cannot be read is none."""
        try:
            with np.load(self._file(members), allow_pickle=False) as held:
                return {name: held[name] for name in held}
        except (OSError, ValueError, BadZipFile):
            return None

    def save(self, members: tuple[int, ...], state: State) -> None:
        """See Keeper."""
        _save(self._file(members), state)

    def drop(self, members: tuple[int, ...]) -> None:
        """See Keeper."""
        self._file(members).unlink(missing_ok=True)

    def _file(self, members: tuple[int, ...]) -> Path:
        return self.folder / f"unfinished_{digest_of([self.networks[number] for number in members])[:20]}.npz"


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
