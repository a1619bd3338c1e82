"""A study's result as a table, and what it means in words."""

from collections.abc import Iterator

from fpgaprune.render.sheet import Column, Row, Share, Sheet, percent
from fpgaprune.results import StudyResult, VariantResult

_COLUMNS = (
    Column("variant", "variant", style="cyan"),
    Column("accuracy", "accuracy\nin Keras", numeric=True),
    Column("simulated_accuracy", "accuracy in\nC simulation", numeric=True),
    Column("weights", "weights", numeric=True, rank=2),
    Column("sparsity", "zero\nweights", numeric=True),
    Column("products", "products\nleft", numeric=True, rank=1),
    Column("dsp", "DSPs\nexpected", numeric=True, style="bold"),
    Column("device_share", "of the\ndevice", numeric=True, rank=1),
    Column("first_order_dsp", "first\norder", numeric=True, style="dim", rank=2),
    Column("verify", "simulation\nagainst model"),
    Column("audit", "constants\naudited", rank=1),
    Column("compare", "against\nsynthesis", rank=1),
    Column("weight_type", "weight type", rank=3),
    Column("seconds", "seconds", numeric=True, rank=4),
)
_LEGEND = (
    "products left: multiplications by weights that are not zero. DSPs expected: counted from the weights themselves. "
    "first order: the usual count, multiplications x DSPs for their widths, whatever the weights are. "
    "against synthesis: unknown until a Vivado or Vitis HLS report is in the project.",
)


def study_sheet(result: StudyResult) -> Sheet:
    """A row per variant, then the answer in sentences and what failed."""
    failures = [f"! {row.name}: {row.error}" for row in result.rows if row.error is not None]
    doubts = [f"! {row.name}: {row.verification}" for row in result.rows if row.verified is False and row.verification]
    return Sheet(
        title=f"{result.title}: {result.question}",
        columns=_COLUMNS,
        rows=tuple(_row(row) for row in result.rows),
        summary=tuple(_sentences(result)),
        footnotes=(*failures, *doubts, *_unknown(result), f"Counted for {result.device}."),
        legend=_LEGEND,
        summary_style="bold green" if all(row.sound for row in result.rows) else "bold yellow",
    )


def _unknown(result: StudyResult) -> Iterator[str]:
    """What to run where nothing was synthesized; once, since it is the same for all."""
    first = next((row for row in result.rows if row.comparison == "unknown" and row.comparison_reason), None)
    if first is not None:
        yield f"Not held against synthesis yet: {first.comparison_reason}."


def _row(row: VariantResult) -> Row:
    available = row.available_dsp
    device = None if row.dsp_high is None or not available else Share(row.dsp_high, available)
    return Row(
        (
            row.name,
            _accuracy(row.accuracy),
            _accuracy(row.simulated_accuracy),
            row.weights,
            None if row.zeros is None or not row.weights else Share(row.zeros, row.weights),
            row.products,
            row.dsp,
            device,
            row.first_order_dsp,
            _yes(row.verified, "agrees", "DISAGREES"),
            _yes(row.audited, "agree", "DISAGREE"),
            row.comparison,
            row.bits,
            row.seconds,
        ),
        style="" if row.sound else "red",
    )


def _accuracy(value: float | None) -> str | None:
    return None if value is None else f"{100 * value:.2f} %"


def _yes(value: bool | None, good: str, bad: str) -> str | None:
    return None if value is None else good if value else bad


def _sentences(result: StudyResult) -> Iterator[str]:
    reference = result.reference
    if reference is None or reference.dsp is None or reference.accuracy is None:
        return
    yield f"{reference.name} needs {reference.dsp} DSPs at {_accuracy(reference.accuracy)} accuracy."
    for row in result.rows:
        if row is reference or row.dsp is None or row.accuracy is None or row.zeros is None or not row.weights:
            continue
        points = 100 * (row.accuracy - reference.accuracy)
        saved = reference.dsp.high - row.dsp.high
        fewer = f" ({_fewer(saved, reference.dsp.high)} fewer)" if saved > 0 else ""
        yield (
            f"{row.name} needs {row.dsp}{fewer}: {percent(row.zeros, row.weights)} of its weights are zero, and its "
            f"accuracy is {_accuracy(row.accuracy)}, {_points(points)}."
        )


def _fewer(saved: int, whole: int) -> str:
    """A percentage that says 100 only where nothing is left."""
    return "more than 99 %" if 0.99 * whole < saved < whole else percent(saved, whole)


def _points(points: float) -> str:
    if abs(points) < 0.005:
        return "the same"
    return f"{abs(points):.2f} points {'more' if points > 0 else 'less'}"
