"""A comparison as a table: estimated beside every stage there is a report of."""

from collections.abc import Iterator

from fpgaprune.render.sheet import Cell, Column, Row, Sheet
from fpgaprune.results import METRIC, Comparison, ComparisonRow, Expected, Figure, Stage, StageFacts, Verdict

_STAGES = (Stage.CSYNTH, Stage.VSYNTH, Stage.IMPL, Stage.OPEN)
_MORE = ("lut", "ff", "bram_18k", "latency_cycles")
_STYLES = {Verdict.AGREES: "bold green", Verdict.DISAGREES: "bold red", Verdict.UNKNOWN: "bold yellow"}
_LEGEND = (
    "difference: estimated minus reported, 0 inside a range. first order: the usual count, multiplications / reuse "
    "factor x DSPs for their widths, which takes no weight's value into account. A dash is a number nobody gave.",
    "csynth: C synthesis. vsynth: Vivado's logic synthesis. impl: placed and routed. open: synthesis from wheels. "
    "LUT, FF, BRAM and latency are estimates of what C synthesis reports.",
)


def _columns() -> Iterator[Column]:
    yield Column("layer", "layer", style="cyan")
    yield Column("kind", "kind", rank=1)
    yield Column("estimated", "DSP\nestimated", numeric=True, style="bold")
    yield Column("reported", "DSP\nreported", numeric=True, style="bold")
    yield Column("error", "difference", numeric=True)
    yield Column("relative_error", "error", numeric=True, rank=2)
    yield Column("first_order_dsp", "first\norder", numeric=True, style="dim")
    for stage in _STAGES:
        yield Column(f"dsp_{stage.value}", f"DSP\n{stage.value}", numeric=True, rank=2)
    for rank, name in enumerate(_MORE, start=5):
        title = METRIC[name].title
        yield Column(f"{name}_estimated", f"{title}\nestimated", numeric=True, rank=rank)
        yield Column(f"{name}_csynth", f"{title}\ncsynth", numeric=True, rank=rank)
        yield Column(f"{name}_error", f"{title}\nerror", numeric=True, rank=rank)
    yield Column("verdict", "verdict")
    yield Column("note", "note", rank=3, wrap=True)
    yield Column("evidence", "matched by", rank=4)
    yield Column("module", "module", rank=10, cut=True, style="dim")


_COLUMNS = tuple(_columns())


def comparison_sheet(comparison: Comparison) -> Sheet:
    """A row per layer, the total, the verdict in words, where differences come from, and the stages' reports."""
    several = len(comparison.stages) > 1
    rows = tuple(_row(row, several=several) for row in comparison.rows)
    footnotes = [f"! {reason}" for reason in comparison.reasons]
    footnotes += [f"? {said}" for said in comparison.explanations]
    footnotes += [_source(facts) for facts in comparison.stages]
    return Sheet(
        title=f"Estimate against report: {comparison.design}, {comparison.rules}",
        columns=_COLUMNS,
        rows=rows,
        total=_row(comparison.total, several=several),
        summary=(_sentence(comparison), *_totals(comparison)),
        footnotes=tuple(footnotes),
        left_out="without DSPs on both sides",
        legend=_LEGEND,
        summary_style=_STYLES[comparison.verdict],
    )


def _row(row: ComparisonRow, *, several: bool) -> Row:
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
            None if error is None or not row.reported else _per_cent(error / row.reported),
            row.first_order,
            *(row.reported_by("dsp", stage) if several else None for stage in _STAGES),
            *(cell for name in _MORE for cell in _figure(row.figures.get(name))),
            row.verdict.value if row.verdict is not Verdict.DISAGREES else "DISAGREES",
            row.note or "",
            row.evidence,
            row.module,
        ),
        style="red" if row.verdict is Verdict.DISAGREES else "",
        quiet=quiet,
    )


def _figure(figure: Figure | None) -> tuple[Cell, Cell, Cell]:
    """Estimated, reported by C synthesis, and the error between."""
    if figure is None:
        return None, None, None
    expected = figure.estimated
    share = figure.relative_error(Stage.CSYNTH)
    return (
        expected.value if isinstance(expected, Expected) else expected,
        figure.reported.get(Stage.CSYNTH),
        None if share is None else _per_cent(share),
    )


def _per_cent(share: float) -> str:
    return f"{100 * share:+.1f} %" if share else "0 %"


def _sentence(comparison: Comparison) -> str:
    total = comparison.total
    stated = f"tolerance {100 * comparison.tolerance:g} % of the reported count, at least 1 DSP"
    if total.reported is None:
        return f"Verdict: unknown. DSPs estimated: {total.estimated}; there is no report to hold that against."
    numbers = f"DSPs estimated: {total.estimated}, reported: {total.reported}"
    word = "unknown, the report is stale" if comparison.stale else comparison.verdict.value
    return f"Verdict: {word}. {numbers} ({stated}). First-order bound: {total.first_order}."


def _totals(comparison: Comparison) -> Iterator[str]:
    """The other metrics of the whole design, a line each, where a report has them."""
    for name, figure in comparison.total.figures.items():
        if name == "dsp" or not figure.reported or (name == "uram" and not any(figure.reported.values())):
            continue
        metric = METRIC[name]
        said = [] if figure.estimated is None else [f"estimated {figure.estimated}"]
        for stage, value in figure.reported.items():
            share = figure.relative_error(stage)
            said.append(f"{stage.value} {value:g}" + ("" if share is None else f" (error {_per_cent(share)})"))
        yield f"{metric.title} [{metric.unit}]: {', '.join(said)}"


def _source(facts: StageFacts) -> str:
    tool = " ".join(word for word in (facts.tool, facts.tool_version) if word)
    rules = f", rules {facts.rules}" if facts.rules else ""
    when = f", written {facts.written:%Y-%m-%d %H:%M}" if facts.written else ""
    return f"{facts.stage.value}: {tool}{rules}{when}: {facts.path}"
