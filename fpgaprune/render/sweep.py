"""A sweep's front as a table, and what it means in words."""

from collections.abc import Iterator

from fpgaprune.render.sheet import Column, Row, Share, Sheet
from fpgaprune.results import Bound
from fpgaprune.results.sweep import Point, SweepResult

_SHOWN_FAILURES = 5
_SPREAD = (Column("score_std", "±", numeric=True), Column("seeds", "seeds", numeric=True, rank=2))
_COLUMNS = (
    Column("point", "point", style="cyan"),
    Column("bits", "bits", numeric=True),
    Column("sparsity", "sparsity\nasked", numeric=True),
    Column("zeros", "zero\nweights", numeric=True, rank=1),
    Column("score", "score", numeric=True, style="bold"),
    *_SPREAD,
    Column("dsp", "DSPs\nexpected", numeric=True, style="bold"),
    Column("dsp_share", "of the\ndevice", numeric=True, rank=2),
    Column("lut", "LUTs\nexpected", numeric=True),
    Column("lut_share", "of the\ndevice", numeric=True, rank=2),
    Column("latency_cycles", "latency\ncycles", numeric=True, rank=1),
    Column("remark", "remark"),
)
_SEEDS = (
    "score is the mean over the seeds and ± their sample standard deviation; zero weights, DSPs, LUTs and latency are "
    "those of the worst seed."
)
_LEGEND = (
    "score: the study's own, on its test data, from outputs that equal C simulation bit for bit. DSPs expected: "
    "counted from the weights themselves. LUTs and latency: what C synthesis is expected to report. knee: "
    "where the next bit of score costs most of the device's scarcest resource.",
)


def sweep_sheet(result: SweepResult, *, max_dsp: int | None = None, max_lut: int | None = None) -> Sheet:
    """The Pareto front, a row per point from cheap to dear; the best within the limits, where any are given."""
    limited = max_dsp is not None or max_lut is not None
    best = result.best(max_dsp, max_lut) if limited else None
    knee = result.knee
    front = result.front
    shown = front if best is None or best in front else (*front, best)
    return Sheet(
        title=f"{result.title}: {result.question}",
        columns=tuple(column for column in _COLUMNS if result.seeds > 1 or column not in _SPREAD),
        rows=tuple(_row(point, result, _remark(point, knee, best)) for point in shown),
        summary=tuple(_sentences(result, best, _limits(max_dsp, max_lut))),
        footnotes=(*_failures(result), f"Counted for {result.device}."),
        legend=(*_LEGEND, _SEEDS) if result.seeds > 1 else _LEGEND,
        summary_style="bold green" if not (result.missing_runs or result.failed) else "bold yellow",
    )


def _row(point: Point, result: SweepResult, remark: str | None) -> Row:
    recipe = point.recipe
    spread = (None if point.score_std is None else f"{point.score_std:.4f}", len(point.runs))
    dsp = None if point.dsp_low is None or point.dsp_high is None else Bound(point.dsp_low, point.dsp_high)
    return Row(
        (
            recipe.name,
            recipe.bits,
            f"{100 * recipe.sparsity:g} %",
            None if point.zeros is None or not point.weights else Share(point.zeros, point.weights),
            None if point.score is None else f"{point.score:.4f}",
            *(spread if result.seeds > 1 else ()),
            dsp,
            _share(point.dsp_high, result.available_dsp),
            point.lut,
            _share(point.lut, result.available_lut),
            point.latency_cycles,
            remark,
        )
    )


def _share(used: int | None, available: int | None) -> Share | None:
    return None if used is None or not available else Share(used, available)


def _remark(point: Point, knee: Point | None, best: Point | None) -> str | None:
    words = [word for word, marked in (("knee", knee), ("best within limits", best)) if marked == point]
    return ", ".join(words) or None


def _limits(max_dsp: int | None, max_lut: int | None) -> str | None:
    given = [f"{limit} {name}" for limit, name in ((max_dsp, "DSPs"), (max_lut, "LUTs")) if limit is not None]
    return " and ".join(given) or None


def _sentences(result: SweepResult, best: Point | None, limits: str | None) -> Iterator[str]:
    done, failed = len(result.complete), len(result.failed)
    waiting = result.total - done - failed
    rest = "".join((f", {failed} failed" if failed else "", f", {waiting} are not computed yet" if waiting else ""))
    yield f"{done} of {result.total} points have their numbers{rest}; {len(result.front)} are on the Pareto front."
    if result.seeds > 1 and result.missing_runs:
        wanted = result.total * result.seeds
        yield f"Each point has {result.seeds} seeds; {result.missing_runs} of {wanted} runs are not computed yet."
    if result.knee is not None:
        yield f"The knee is {_described(result.knee)}."
    if limits is not None:
        yield f"Best within {limits}: {_described(best)}." if best else f"No point fits within {limits}."


def _described(point: Point) -> str:
    spread = "" if point.score_std is None else f" ± {point.score_std:.4f}"
    return f"{point.name}: score {point.score:.4f}{spread}, {point.dsp_high} DSPs, {point.lut} LUTs"


def _failures(result: SweepResult) -> Iterator[str]:
    for point in result.failed[:_SHOWN_FAILURES]:
        yield f"! {point.name}: {point.error}"
    more = len(result.failed) - _SHOWN_FAILURES
    if more > 0:
        yield f"! {more} more failed; points.csv has the reasons. --retry-failed computes them again."
