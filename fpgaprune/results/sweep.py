"""The points of a sweep, and what they say together: Pareto front, knee, best within limits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Recipe:
    """What makes one point different from the others of its sweep."""

    bits: int
    sparsity: float  # asked for: fraction of zeros among the weights of all kernels together
    strategy: str
    reuse_factor: int

    @property
    def name(self) -> str:
        """The point's name, also as a file name."""
        return f"bits{self.bits}_sparsity{self.sparsity:g}_{self.strategy}_reuse{self.reuse_factor}"


@dataclass(frozen=True, slots=True)
class PointResult:
    """A point: its recipe, what was found, or why it failed; None where it was not found.

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
        """Whether the point has its numbers."""
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
class SweepResult:
    """A sweep as far as it is: the finished points in the order of the grid, and how many there are to be."""

    title: str
    question: str
    device: str
    available_dsp: int | None
    available_lut: int | None
    points: tuple[PointResult, ...]
    total: int

    @property
    def complete(self) -> tuple[PointResult, ...]:
        """The points with numbers."""
        return tuple(point for point in self.points if point.is_complete)

    @property
    def failed(self) -> tuple[PointResult, ...]:
        """The points without, each with its reason."""
        return tuple(point for point in self.points if point.error is not None)

    @property
    def front(self) -> tuple[PointResult, ...]:
        """The points that no other one beats: in score, DSPs and LUTs; cheapest first, one of several equals."""
        return pareto_front(self.complete)

    @property
    def knee(self) -> PointResult | None:
        """The point of the front after which score gets dear; None for fronts of fewer than three points."""
        return knee(self.front, self.burden)

    def best(self, max_dsp: int | None = None, max_lut: int | None = None) -> PointResult | None:
        """The highest score within the limits, the cheaper one of equals; None where nothing fits."""
        within = [
            point
            for point in self.complete
            if (max_dsp is None or (point.dsp_high is not None and point.dsp_high <= max_dsp))
            and (max_lut is None or (point.lut is not None and point.lut <= max_lut))
        ]
        return max(within, key=lambda point: (point.score or 0.0, -self.burden(point)), default=None)

    def burden(self, point: PointResult) -> float:
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
            "complete": len(self.complete),
            "failed": len(self.failed),
            "front": [point.recipe.name for point in self.front],
            "knee": None if found is None else found.recipe.name,
            "points": [point.json() for point in self.points],
        }


def pareto_front(points: Sequence[PointResult]) -> tuple[PointResult, ...]:
    """The points that no other one beats or equals, by score (more), DSPs and LUTs (fewer); cheapest first.

    A LUT count that is not known counts as none, for all alike.
    """
    front: list[tuple[tuple[float, int, int], PointResult]] = []
    ordered = sorted(points, key=lambda p: (-(p.score or 0.0), p.dsp_high or 0, p.lut or 0, p.recipe.bits))
    for point in ordered:  # nothing later has a higher score, so only cost decides
        cost = (-(point.score or 0.0), point.dsp_high or 0, point.lut or 0)
        if not any(better[1] <= cost[1] and better[2] <= cost[2] for better, _ in front):
            front.append((cost, point))
    return tuple(sorted((point for _, point in front), key=lambda p: (p.dsp_high or 0, p.lut or 0)))


def knee(front: Sequence[PointResult], burden: Callable[[PointResult], float]) -> PointResult | None:
    """The point farthest above the straight line from the front's cheapest to its best point, both axes from 0 to 1."""
    if len(front) < 3:
        return None
    cheap, good = min(front, key=burden), max(front, key=lambda point: point.score or 0.0)
    width = burden(good) - burden(cheap)
    height = (good.score or 0.0) - (cheap.score or 0.0)
    if width <= 0 or height <= 0:
        return None

    def above(point: PointResult) -> float:
        return ((point.score or 0.0) - (cheap.score or 0.0)) / height - (burden(point) - burden(cheap)) / width

    return max(front, key=above)
