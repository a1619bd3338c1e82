"""A study's result as a table, and what it means in words."""

from collections.abc import Iterator

from fpgaprune.render.sheet import Column, Row, Share, Sheet, percent
from fpgaprune.results import StudyResult, SynthesizedLayer, VariantResult

_COLUMNS = (
    Column("variant", "variant", style="cyan"),
    Column("accuracy", "accuracy\nin Keras", numeric=True),
    Column("simulated_accuracy", "accuracy in\nC simulation", numeric=True),
    Column("weights", "weights", numeric=True, rank=2),
    Column("sparsity", "zero\nweights", numeric=True),
    Column("products", "products\nleft", numeric=True, rank=1),
    Column("dsp", "DSPs\nexpected", numeric=True, style="bold"),
    Column("synthesized_dsp", "DSPs\nsynthesized", numeric=True, style="bold"),
    Column("device_share", "of the\ndevice", numeric=True, rank=1),
    Column("first_order_dsp", "first\norder", numeric=True, style="dim", rank=2),
    Column("verify", "simulation\nagainst model"),
    Column("audit", "constants\naudited", rank=1),
    Column("compare", "against\nAMD's report", rank=3),
    Column("weight_type", "weight type", rank=3),
    Column("seconds", "seconds", numeric=True, rank=4),
)
_LEGEND = (
    "products left: multiplications by weights that are not zero. DSPs expected: counted from the weights themselves. "
    "first order: the usual count, multiplications x DSPs for their widths, whatever the weights are. "
    "DSPs synthesized: found in the generated C++ by clang and Yosys under the rules of the HLS tool. "
    "against AMD's report: unknown until a Vivado or Vitis HLS report is in the project.",
)
_LAYER_COLUMNS = (
    Column("variant", "variant", style="cyan"),
    Column("layer", "layer"),
    Column("multipliers", "multipliers\nfound", numeric=True),
    Column("dsp", "DSPs\nexpected", numeric=True, style="bold"),
    Column("synthesized_dsp", "DSPs\nsynthesized", numeric=True, style="bold"),
    Column("verdict", "verdict"),
    Column("note", "note", rank=1, wrap=True),
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


def study_layer_sheet(result: StudyResult) -> Sheet:
    """Estimated against synthesized, layer by layer, in every variant that was synthesized."""
    rows = [_layer_row(row, layer) for row in result.rows for layer in row.synthesized]
    known = [layer.agrees for row in result.rows for layer in row.synthesized]
    differing = sum(agrees is False for agrees in known)
    answer = f"{sum(agrees is True for agrees in known)} of {len(known)} layers have the DSPs expected"
    return Sheet(
        title="Estimated against synthesized, layer by layer",
        columns=_LAYER_COLUMNS,
        rows=tuple(rows),
        summary=(f"{answer}; {differing} differ." if differing else f"{answer}, and none has others.",),
        legend=("found: in the netlist of the generated C++. A dash is a number that nobody gave.",),
        summary_style="bold red" if differing else "bold green",
    )


def _layer_row(row: VariantResult, layer: SynthesizedLayer) -> Row:
    verdict = {None: "not synthesized", True: "agrees", False: "DIFFERS"}[layer.agrees]
    cells = (row.name, layer.name, layer.multipliers, layer.estimated, layer.dsp, verdict, layer.reason)
    return Row(cells, style="red" if layer.agrees is False else "")


def _unknown(result: StudyResult) -> Iterator[str]:
    """What to run where nothing was synthesized; once, since it is the same for all."""
    first = next((row for row in result.rows if row.comparison == "unknown" and row.comparison_reason), None)
    if first is not None:
        yield f"Not held against a report of AMD's tools: {first.comparison_reason}."
    left_out = dict.fromkeys(layer.name for row in result.rows for layer in row.synthesized if layer.dsp is None)
    if left_out:
        yield f"+ beside DSPs synthesized: without {', '.join(left_out)}, which open synthesis cannot do yet."
    missing = next((row.synthesis_reason for row in result.rows if row.synthesis_reason), None)
    if missing is not None:
        yield f"Not synthesized openly: {missing}."


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
            _synthesized(row),
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


def _synthesized(row: VariantResult) -> int | str | None:
    """The DSPs found; with a plus sign where a layer that may need some was not synthesized."""
    known = [layer.dsp for layer in row.synthesized if layer.dsp is not None]
    return row.synthesized_dsp if row.synthesized_dsp is not None or not known else f"{sum(known)}+"


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
