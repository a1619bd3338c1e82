"""Which point comes next: the grid in its order, or what a search proposes from what is known so far."""

import random
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

from fpgaprune.errors import DependencyError
from fpgaprune.results.sweep import Point, PointResult, Recipe
from fpgaprune.sweep.grid import Planned
from fpgaprune.sweep.store import Store
from fpgaprune.sweep.trials import DIRECTIONS, OBJECTIVES, objectives_of

POPULATION: Final = 50  # of NSGA-II; as many of the best known points are what a search that goes on starts from
_ASKS: Final = 30  # proposals of points that are known or taken, before one is drawn at random
_MEMORY: Final = 300  # points that TPE, whose proposals take longer the more it knows, starts from
_LOOK_EVERY: Final = 16  # proposals between two looks at what other sweeps have taken
_NOT_FOUND: Final = 2.0**53  # stands for an objective without a number, in the search alone: as bad as can be
_Key = tuple[int, ...]


class Method(StrEnum):
    """A sampler."""

    NSGA2 = "nsga2"
    TPE = "tpe"


class Choice(Protocol):
    """Decides the order of points; told every result."""

    def claims(self, store: Store, points: Sequence[Planned], wanted: int) -> Iterator[Planned]:
        """Points that nobody has claimed yet, each claimed when it is asked for, until `wanted` of all are taken."""

    def tell(self, result: PointResult) -> None:
        """A point is finished, by this sweep or an earlier one."""


@dataclass(frozen=True)
class InOrder:
    """The whole grid, as it comes."""

    def claims(self, store: Store, points: Sequence[Planned], wanted: int) -> Iterator[Planned]:  # noqa: ARG002
        """The points that this sweep got."""
        taken = store.rows()
        return (point for point in points if point.digest not in taken and store.claim(point))

    def tell(self, result: PointResult) -> None:
        """What is found does not change the order."""


@dataclass
class Search:
    """Optuna's samplers over the axes of the grid: NSGA-II or TPE, for the objectives of the study.

    A proposal is a point under all its seeds, judged when all are finished. What others began of a point, or an
    earlier search without some of the seeds, is completed first.
    The sampler's memory is rebuilt from the points in the store, so that a search can be interrupted, go on, and share
    its points with a grid or another search. The same store and the same results give the same proposals.
    """

    method: Method
    points: Sequence[Planned]
    seed: int = 0
    _axes: dict[str, list[Any]] = field(init=False)
    _places: dict[_Key, list[Planned]] = field(default_factory=dict, init=False)  # a point under each seed
    _known: dict[str, PointResult] = field(default_factory=dict, init=False)
    _asked: dict[_Key, Any] = field(default_factory=dict, init=False)  # trials whose points are being computed
    _study: Any = field(default=None, init=False)
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        """Find the axes: every field of the recipes but the seed that has more than one value."""
        recipes = [asdict(point.recipe) for point in self.points]
        values = {name: {recipe[name] for recipe in recipes} for name in recipes[0] if name != "seed"}
        self._axes = {
            name: sorted(found, key=lambda value: (value is not None, value))
            for name, found in values.items()
            if len(found) > 1
        }
        for point in self.points:
            self._places.setdefault(self._key(point.recipe), []).append(point)
        self._random = random.Random(self.seed)  # noqa: S311 - nothing secret

    def claims(self, store: Store, points: Sequence[Planned], wanted: int) -> Iterator[Planned]:
        """What the sampler proposes among the points that nobody has."""
        while True:
            taken = store.rows()
            for result in store.results(points, taken):
                self.tell(result)
            if self._study is None:
                self._study = self._started()
            free = {key for key, seeds in self._places.items() if not any(point.digest in taken for point in seeds)}
            for key in self._places.keys() - free:
                missing = [point for point in self._places[key] if point.digest not in taken]
                yield from (point for point in missing if store.claim(point))
            room = min(wanted // self._seeds - len(self._places) + len(free), len(free))
            if room <= 0:
                return
            for _ in range(min(room, _LOOK_EVERY)):
                yield from self._claimed(store, free)

    @property
    def _seeds(self) -> int:
        return max(len(seeds) for seeds in self._places.values())

    def _claimed(self, store: Store, free: set[_Key]) -> Iterator[Planned]:
        if not free:
            return
        key, trial = self._proposed(free)
        free.discard(key)
        first, *others = self._places[key]
        if not store.claim(first):  # another sweep was first
            self._forget(trial)
            return
        self._asked[key] = trial
        yield first
        yield from (point for point in others if store.claim(point))

    def tell(self, result: PointResult) -> None:
        """Let the sampler know."""
        self._known[result.digest] = result
        key = self._key(result.recipe)
        point = self._point(key) if key in self._asked else None
        if point is not None:
            self._judge(self._asked.pop(key), point)

    def _point(self, key: _Key) -> Point | None:
        """A point whose seeds are all finished."""
        runs = [self._known[point.digest] for point in self._places[key] if point.digest in self._known]
        return Point.of(runs) if len(runs) == len(self._places[key]) else None

    def _started(self) -> Any:
        try:
            import optuna  # noqa: PLC0415 - optional, and slow to import
        except ImportError as error:
            message = f"a search needs Optuna ({error}); install it with: pip install 'fpgaprune[sweep]'"
            raise DependencyError(message) from error
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler: Any = (
                optuna.samplers.NSGAIISampler(population_size=POPULATION, seed=self.seed)
                if self.method is Method.NSGA2
                else optuna.samplers.TPESampler(multivariate=True, seed=self.seed)
            )
        study = optuna.create_study(sampler=sampler, directions=list(DIRECTIONS))
        points = (self._point(key) for key in self._places)
        known = [point for point in points if point is not None and point.is_complete]
        start = best_first(known, POPULATION)
        if self.method is Method.TPE:  # learns from bad points as well
            start = self._random.sample(known, min(_MEMORY, len(known)))
        for point in start:
            study.enqueue_trial(self._parameters(self._key(point.recipe)))
            self._judge(study.ask(self._spaces()), point, study)
        return study

    def _proposed(self, free: set[_Key]) -> tuple[_Key, Any]:
        for _ in range(_ASKS):
            trial = self._study.ask(self._spaces())
            key = self._key_of(trial.params)
            if key in free:
                return key, trial
            known = self._point(key) if key in self._places else None
            if known is None:
                self._forget(trial)
            else:
                self._judge(trial, known)
        key = self._random.choice(sorted(free))
        self._study.enqueue_trial(self._parameters(key))
        return key, self._study.ask(self._spaces())

    def _judge(self, trial: Any, point: Point, study: Any = None) -> None:
        values = objectives_of(point.json())
        if not point.is_complete or values[0] is None:
            self._forget(trial, study)
            return
        known = [_NOT_FOUND if value is None else value for value in values]
        (study or self._study).tell(trial, known)

    def _forget(self, trial: Any, study: Any = None) -> None:
        import optuna  # noqa: PLC0415

        (study or self._study).tell(trial, state=optuna.trial.TrialState.FAIL)

    def _spaces(self) -> dict[str, Any]:
        """Numbers by their place on the axis, so that neighbours are near; words as they are."""
        import optuna  # noqa: PLC0415

        spaces = optuna.distributions
        return {
            name: spaces.CategoricalDistribution(range(len(values)))
            if isinstance(values[-1], str)
            else spaces.IntDistribution(0, len(values) - 1)
            for name, values in self._axes.items()
        }

    def _key(self, recipe: Recipe) -> _Key:
        return tuple(values.index(getattr(recipe, name)) for name, values in self._axes.items())

    def _key_of(self, parameters: Mapping[str, int]) -> _Key:
        return tuple(parameters[name] for name in self._axes)

    def _parameters(self, key: _Key) -> dict[str, int]:
        return dict(zip(self._axes, key, strict=True))


def best_first(points: Sequence[Point], count: int) -> list[Point]:
    """The `count` best of the complete points: those that none beats, then those that only these beat, and so on."""
    left = sorted(((_burdens(point), point) for point in points if point.is_complete), key=lambda pair: pair[0])
    found: list[Point] = []
    while left and len(found) < count:
        front: list[tuple[tuple[float, ...], Point]] = []
        beaten: list[tuple[tuple[float, ...], Point]] = []
        for pair in left:  # sorted: none is beaten by a later one
            (beaten if any(_beats(other, pair[0]) for other, _ in front) else front).append(pair)
        found += [point for _, point in front]
        left = beaten
    return found[:count]


def _burdens(point: Point) -> tuple[float, ...]:
    """Every objective as less is better."""
    values = objectives_of(point.json())
    signs = (-1.0 if more else 1.0 for _, _, more in OBJECTIVES)
    return tuple(_NOT_FOUND if v is None else sign * v for sign, v in zip(signs, values, strict=True))


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
