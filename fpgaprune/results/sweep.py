"""The points of a sweep, and what they say together: Pareto front, knee, best within limits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from statistics import fmean, stdev
from typing import Any


@dataclass(frozen=True, slots=True)
class Recipe:
    """What makes one run different from the others of its sweep; runs that differ in seed alone are one point."""

    bits: int
    sparsity: float  # asked for: fraction of zeros among the weights of all kernels together
    strategy: str
    reuse_factor: int
    seed: int | None = None  # of training; None where the study's task has none

    @property
    def name(self) -> str:
        """The point's name, also as a file name: all but the seed."""
        return f"bits{self.bits}_sparsity{self.sparsity:g}_{self.strategy}_reuse{self.reuse_factor}"

    @property
    def place(self) -> tuple[int, float, str, int]:
        """All but the seed."""
        return (self.bits, self.sparsity, self.strategy, self.reuse_factor)


@dataclass(frozen=True, slots=True)
class PointResult:
    """A point under one seed: its recipe, what was found, or why it failed; None where it was not found.

    `score` is the study's own, on its test data, of the emulated design (bit for bit what C simulation gives); `dsp_*`
    is the range the exact count lies in; lut, ff, latency_cycles and ii are estimates of C synthesis. `seconds` it took
    to compute. `design` is the digest of the design that was counted.
    """

    recipe: Recipe
    digest: str
    score: float | None = None
    dsp_low: int | None = None
    dsp_high: int | None = None
    lut: int | None = None
    ff: int | None = None
    latency_cycles: int | None = None
    ii: int | None = None
    weights: int | None = None
    zeros: int | None = None
    design: str | None = None
    seconds: float | None = None
    error: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether there are numbers."""
        return self.error is None and self.score is not None

    def json(self) -> dict[str, Any]:
        """All fields flat, the recipe's first."""
        return {"point": self.recipe.name, **asdict(self.recipe), **self.facts()}

    def facts(self) -> dict[str, Any]:
        """All fields but the recipe."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "recipe"}

    @classmethod
    def from_facts(cls, recipe: Recipe, facts: Mapping[str, Any]) -> "PointResult":
        """The inverse of `facts`; fields of other versions are dropped."""
        known = {field.name for field in fields(cls)} - {"recipe"}
        return cls(recipe, **{name: value for name, value in facts.items() if name in known})


@dataclass(frozen=True, slots=True)
class Point:
    """A point of the grid over its seeds, as far as they are finished.

    `score` is the mean over the seeds and `score_std` their sample standard deviation (divided by n - 1), None for a
    single seed. Costs are those of the worst seed, so that a budget holds whichever is taken: the largest counts, the
    fewest zeros. A seed that failed leaves the point without numbers, and `error` says which and why. `seconds` is the
    sum.
    """

    runs: tuple[PointResult, ...]  # at least one
    score: float | None
    score_std: float | None
    dsp_low: int | None
    dsp_high: int | None
    lut: int | None
    ff: int | None
    latency_cycles: int | None
    ii: int | None
    weights: int | None
    zeros: int | None
    seconds: float | None
    error: str | None

    @classmethod
    def of(cls, runs: Sequence[PointResult]) -> "Point":
        """The point of runs that differ in seed alone; at least one."""
        scores = [run.score for run in runs if run.score is not None]
        failed = [run for run in runs if not run.is_complete]
        whole = [] if failed else runs
        return cls(
            tuple(runs),
            score=fmean(scores) if whole else None,
            score_std=stdev(scores) if len(whole) > 1 else None,
            dsp_low=_extreme(max, [run.dsp_low for run in whole]),
            dsp_high=_extreme(max, [run.dsp_high for run in whole]),
            lut=_extreme(max, [run.lut for run in whole]),
            ff=_extreme(max, [run.ff for run in whole]),
            latency_cycles=_extreme(max, [run.latency_cycles for run in whole]),
            ii=_extreme(max, [run.ii for run in whole]),
            weights=_extreme(max, [run.weights for run in whole]),
            zeros=_extreme(min, [run.zeros for run in whole]),
            seconds=None if any(run.seconds is None for run in runs) else sum(run.seconds or 0.0 for run in runs),
            error="; ".join(_reason(run, len(runs)) for run in failed) or None,
        )

    @property
    def recipe(self) -> Recipe:
        """Of the first seed; its name is the point's."""
        return self.runs[0].recipe

    @property
    def name(self) -> str:
        """The point's name."""
        return self.recipe.name

    @property
    def is_complete(self) -> bool:
        """Whether the point has its numbers."""
        return self.error is None and self.score is not None

    @property
    def best(self) -> PointResult:
        """The run with the highest score; of equal ones the cheapest, then the first."""
        return max(self.runs, key=lambda run: (run.score or 0.0, -(run.dsp_high or 0), -(run.lut or 0)))

    def json(self) -> dict[str, Any]:
        """Flat: the recipe, the numbers over all seeds, then lists with a value for each seed."""
        recipe = self.recipe
        axes = {"bits": recipe.bits, "sparsity": recipe.sparsity}
        hardware = {"strategy": recipe.strategy, "reuse_factor": recipe.reuse_factor}
        numbers = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "runs"}
        by_seed = {
            "seeds": [run.recipe.seed for run in self.runs],
            "scores": [run.score for run in self.runs],
            "dsp_of_seeds": [run.dsp_high for run in self.runs],
            "lut_of_seeds": [run.lut for run in self.runs],
            "digests": [run.digest for run in self.runs],
            "designs": [run.design for run in self.runs],
        }
        return {"point": self.name, **axes, **hardware, **numbers, **by_seed}


def points_of(runs: Sequence[PointResult]) -> tuple[Point, ...]:
    """The points that the runs belong to, in the order of their first runs."""
    groups: dict[tuple[int, float, str, int], list[PointResult]] = {}
    for run in runs:
        groups.setdefault(run.recipe.place, []).append(run)
    return tuple(Point.of(group) for group in groups.values())


@dataclass(frozen=True)
class SweepResult:
    """A sweep as far as it is: the finished runs in the order of the grid, how many points and seeds there are to be.

    Every point is to have a run for each seed.
    """

    title: str
    question: str
    device: str
    available_dsp: int | None
    available_lut: int | None
    runs: tuple[PointResult, ...]
    total: int
    seeds: int = 1

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """The points that have a run at least."""
        return points_of(self.runs)

    @cached_property
    def complete(self) -> tuple[Point, ...]:
        """The points with numbers, of as many seeds as are finished."""
        return tuple(point for point in self.points if point.is_complete)

    @cached_property
    def failed(self) -> tuple[Point, ...]:
        """The points without, each with its reason."""
        return tuple(point for point in self.points if point.error is not None)

    @property
    def missing_runs(self) -> int:
        """Runs that are not computed yet."""
        return self.total * self.seeds - len(self.runs)

    @cached_property
    def front(self) -> tuple[Point, ...]:
        """The points that no other one beats: in score, DSPs and LUTs; cheapest first, one of several equals."""
        return pareto_front(self.complete)

    @cached_property
    def knee(self) -> Point | None:
        """The point of the front after which score gets dear; None for fronts of fewer than three points."""
        return knee(self.front, self.burden)

    def best(self, max_dsp: int | None = None, max_lut: int | None = None) -> Point | None:
        """The highest score within the limits, the cheaper one of equals; None where nothing fits."""
        within = [
            point
            for point in self.complete
            if (max_dsp is None or (point.dsp_high is not None and point.dsp_high <= max_dsp))
            and (max_lut is None or (point.lut is not None and point.lut <= max_lut))
        ]
        return max(within, key=lambda point: (point.score or 0.0, -self.burden(point)), default=None)

    def burden(self, point: Point) -> float:
        """The share of the device's scarcest resource, DSPs or LUTs, that a point takes."""
        dsp = (point.dsp_high or 0) / (self.available_dsp or 1)
        lut = (point.lut or 0) / (self.available_lut or 1) if self.available_lut else 0.0
        return max(dsp, lut)

    def json(self) -> dict[str, Any]:
        """JSON-ready data; the keys are a stable interface."""
        found = self.knee
        return {
            "title": self.title,
            "question": self.question,
            "device": self.device,
            "available": {"dsp": self.available_dsp, "lut": self.available_lut},
            "total": self.total,
            "seeds": self.seeds,
            "complete": len(self.complete),
            "failed": len(self.failed),
            "missing_runs": self.missing_runs,
            "front": [point.name for point in self.front],
            "knee": None if found is None else found.name,
            "points": [point.json() for point in self.points],
        }


def pareto_front(points: Sequence[Point]) -> tuple[Point, ...]:
    """The points that no other one beats or equals, by score (more), DSPs and LUTs (fewer); cheapest first.

    A LUT count that is not known counts as none, for all alike.
    """
    front: list[tuple[tuple[float, int, int], Point]] = []
    ordered = sorted(points, key=lambda p: (-(p.score or 0.0), p.dsp_high or 0, p.lut or 0, p.recipe.bits))
    for point in ordered:  # nothing later has a higher score, so only cost decides
        cost = (-(point.score or 0.0), point.dsp_high or 0, point.lut or 0)
        if not any(better[1] <= cost[1] and better[2] <= cost[2] for better, _ in front):
            front.append((cost, point))
    return tuple(sorted((point for _, point in front), key=lambda p: (p.dsp_high or 0, p.lut or 0)))


def knee(front: Sequence[Point], burden: Callable[[Point], float]) -> Point | None:
    """The point farthest above the straight line from the front's cheapest to its best point, both axes from 0 to 1."""
    if len(front) < 3:
        return None
    cheap, good = min(front, key=burden), max(front, key=lambda point: point.score or 0.0)
    width = burden(good) - burden(cheap)
    height = (good.score or 0.0) - (cheap.score or 0.0)
    if width <= 0 or height <= 0:
        return None

    def above(point: Point) -> float:
        return ((point.score or 0.0) - (cheap.score or 0.0)) / height - (burden(point) - burden(cheap)) / width

    return max(front, key=above)


def _extreme(choose: Callable[[list[int]], int], values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return choose(known) if known and len(known) == len(values) else None


def _reason(run: PointResult, runs: int) -> str:
    reason = run.error or "no score"
    return reason if runs == 1 or run.recipe.seed is None else f"seed {run.recipe.seed}: {reason}"
