"""How a sweep goes on, on standard error: points, time left, and the best of what is found so far."""

import time

from rich.console import RenderableType
from rich.progress import ProgressColumn, TimeRemainingColumn
from rich.table import Table

from fpgaprune.cli.progress import StoppableProgress
from fpgaprune.results.sweep import Point, PointResult, pareto_front, points_of

_ROWS = 8  # of the front so far that are shown while it grows
_COLUMNS = ("score", "DSPs", "LUTs", "latency cycles")


class SweepProgress(StoppableProgress):
    """A bar over the points of a sweep with the time left, the front so far above it.

    Where nobody watches a terminal, a line at each tenth.
    """

    def __init__(self) -> None:
        super().__init__()
        self.unit = "points"  # what is counted: points, or runs of points under several seeds
        self._tenth: int | None = None
        self._failed = 0
        self._runs: list[PointResult] = []
        self._counted = 0  # runs that the front was made of
        self._front: tuple[Point, ...] = ()
        self._began: tuple[float, int] = (0.0, 0)  # when counting began, and how many points were there already

    def begin(self, what: str) -> None:
        """A new stage: what is left afterwards is estimated anew."""
        super().begin(what)
        self._tenth = None

    def points(self, done: int, total: int) -> None:
        """So many points are finished."""
        self.heed()
        if self._tenth is None:
            self._began = (time.monotonic(), done)
            self._bar.reset(self._task, description=self.unit, total=total, completed=done, state="")
        failed = f", {self._failed} failed" if self._failed else ""
        self._bar.update(self._task, completed=done, total=total, state=f"{done}/{total}{failed}")
        tenth = 10 * done // total
        if not self.drawn and tenth != self._tenth:
            self.say(f"{done} of {total} {self.unit}{failed}{self._left(done, total)}")
        self._tenth = tenth

    def point(self, result: PointResult) -> None:
        """One more for the front, or one that failed: the reason is said at once."""
        if result.is_complete:
            self._runs.append(result)
            return
        self._failed += 1
        if self._tenth is not None and self._failed <= _ROWS:
            self.say(f"{result.recipe.name} failed: {result.error}")

    def _more_columns(self) -> tuple[ProgressColumn, ...]:
        return (TimeRemainingColumn(),)

    def _left(self, done: int, total: int) -> str:
        began, before = self._began
        if done <= before or done >= total:
            return ""
        seconds = (time.monotonic() - began) / (done - before) * (total - done)
        return f", about {_duration(seconds)} left"

    def _above(self) -> RenderableType | None:
        if len(self._runs) > self._counted:
            self._counted = len(self._runs)
            self._front = pareto_front(points_of(self._runs))
        return front_table(self._front) if self._front else None


def front_table(front: tuple[Point, ...]) -> Table:
    """A front while it grows; with the spread and number of seeds where there are several."""
    several = any(len(point.runs) > 1 for point in front)
    table = Table("best so far", box=None, header_style="dim", pad_edge=False)
    score, *costs = _COLUMNS
    for column in (score, *(("±", "seeds") if several else ()), *costs):
        table.add_column(column, justify="right")
    for point in _spread(front):
        spread = "–" if point.score_std is None else f"{point.score_std:.4f}"
        numbers = (point.dsp_high, point.lut, point.latency_cycles)
        table.add_row(
            point.name,
            f"{point.score:.4f}",
            *((spread, str(len(point.runs))) if several else ()),
            *("–" if n is None else str(n) for n in numbers),
        )
    return table


def _spread(front: tuple[Point, ...]) -> tuple[Point, ...]:
    """At most `_ROWS` of the front, from cheap to dear, the first and the last among them."""
    if len(front) <= _ROWS:
        return front
    return tuple(front[round(row * (len(front) - 1) / (_ROWS - 1))] for row in range(_ROWS))


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 100:
        return f"{max(whole, 1)} s"
    return f"{whole / 60:.0f} min" if whole < 100 * 60 else f"{whole / 3600:.1f} h"
