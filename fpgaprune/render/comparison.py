"""A comparison as a table."""

from fpgaprune.render.sheet import Column, Row, Sheet
from fpgaprune.results import Comparison, ComparisonRow, Verdict

_COLUMNS = (
    Column("layer", "layer", style="cyan"),
    Column("kind", "kind", rank=1),
    Column("estimated", "DSP\nestimated", numeric=True, style="bold"),
    Column("reported", "DSP\nreported", numeric=True, style="bold"),
    Column("error", "difference", numeric=True),
    Column("first_order_dsp", "first\norder", numeric=True, style="dim"),
    Column("verdict", "verdict"),
    Column("note", "note", rank=2, wrap=True),
    Column("evidence", "matched by", rank=3),
    Column("module", "module", rank=4, cut=True, style="dim"),
)
_STYLES = {Verdict.AGREES: "bold green", Verdict.DISAGREES: "bold red", Verdict.UNKNOWN: "bold yellow"}
_LEGEND = (
    "difference: estimated minus reported, 0 inside a range. first order: the usual count, multiplications / reuse "
    "factor x DSPs for their widths, which takes no weight's value into account. A dash is a number nobody gave.",
)


def comparison_sheet(comparison: Comparison) -> Sheet:
    """A row per layer, the total, the verdict in words, and its reasons."""
    rows = tuple(_row(row) for row in comparison.rows)
    footnotes = [f"! {reason}" for reason in comparison.reasons]
    if comparison.report:
        footnotes.append(f"report: {comparison.report}")
    return Sheet(
        title=f"Estimate against report: {comparison.design}, {comparison.rules}",
        columns=_COLUMNS,
        rows=rows,
        total=_row(comparison.total),
        summary=(_sentence(comparison),),
        footnotes=tuple(footnotes),
        left_out="without DSPs on both sides",
        legend=_LEGEND,
        summary_style=_STYLES[comparison.verdict],
    )


def _row(row: ComparisonRow) -> Row:
    nothing = row.estimated is not None and row.estimated.high == 0
    quiet = nothing and not row.reported and not row.first_order and row.note is None
    error = row.error
    return Row(
        cells=(
            row.name,
            row.kind,
            row.estimated,
            row.reported,
            None if error is None else f"{error:+d}" if error else "0",
            row.first_order,
            row.verdict.value if row.verdict is not Verdict.DISAGREES else "DISAGREES",
            row.note or "",
            row.evidence,
            row.module,
        ),
        style="red" if row.verdict is Verdict.DISAGREES else "",
        quiet=quiet,
    )


def _sentence(comparison: Comparison) -> str:
    total = comparison.total
    stated = f"tolerance {100 * comparison.tolerance:g} % of the reported count, at least 1 DSP"
    if total.reported is None:
        return f"Verdict: unknown. DSPs estimated: {total.estimated}; there is no report to hold that against."
    numbers = f"DSPs estimated: {total.estimated}, reported: {total.reported}"
    return f"Verdict: {comparison.verdict.value}. {numbers} ({stated})."
