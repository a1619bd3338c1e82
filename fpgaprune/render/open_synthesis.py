"""Open synthesis as a table: estimated against synthesized, layer by layer, and what the weights allow."""

from fpgaprune.render.sheet import Column, Row, Sheet
from fpgaprune.results.open_synthesis import LayerSynthesis, OpenSynthesis

_COLUMNS = (
    Column("layer", "layer", style="cyan"),
    Column("kind", "kind", rank=2),
    Column("weights", "weights", numeric=True),
    Column("zeros", "zeros", numeric=True),
    Column("multipliers_allowed", "multipliers\nneeded", numeric=True, rank=1),
    Column("multipliers", "multipliers\nfound", numeric=True),
    Column("estimated_dsp", "DSP\nestimated", numeric=True, style="bold"),
    Column("dsp", "DSP\nsynthesized", numeric=True, style="bold"),
    Column("lut", "LUT", numeric=True),
    Column("ff", "FF", numeric=True, rank=1),
    Column("verdict", "verdict"),
    Column("note", "note", rank=3, wrap=True),
)
_LEGEND = (
    "multipliers needed: by the layer's constants under these rules (of HLS tools: those of three or more signed "
    "digits), equal ones of one input together, dead neurons removed, before reuse; found: in the netlist of the "
    "generated C++. A dash is a number nobody gave.",
)


def open_synthesis_sheet(result: OpenSynthesis) -> Sheet:
    """A row per layer, the total, and the answer in words."""
    report = result.report
    used = report.used
    estimated = [layer.dsp for layer in result.layers]
    known = [dsp for dsp in estimated if dsp is not None]
    total = sum(known[1:], known[0]) if known and len(known) == len(estimated) else None
    found = [layer.multipliers for layer in result.layers]
    summed = None if any(count is None for count in found) else sum(count or 0 for count in found)
    cells = (
        "total", "", sum(layer.weights for layer in result.layers), sum(layer.zeros for layer in result.layers),
        None, summed, total, used.dsp, used.lut, used.ff, "", "",
    )  # fmt: skip
    footnotes = [f"checked: {check}" for check in result.checks] + list(result.notes)
    if result.folder:
        footnotes.append(f"Verilog, scripts, logs and report.json: {result.folder}")
    return Sheet(
        title=f"Open synthesis: {result.project}, {result.part}, depth {result.depth}, rules {result.rules}",
        columns=_COLUMNS,
        rows=tuple(_row(layer) for layer in result.layers),
        total=Row(cells),
        summary=(_sentence(result),),
        footnotes=tuple(footnotes),
        left_out="without multipliers",
        legend=_LEGEND,
        summary_style="bold red" if result.disagreeing else "bold yellow" if result.not_synthesized else "bold green",
    )


def _row(layer: LayerSynthesis) -> Row:
    used = layer.used
    verdict = {None: "unknown", True: "agrees", False: "DISAGREES"}[layer.agrees]
    if layer.reason is not None:
        verdict = "not synthesized"
    if layer.keeps_promise is False:
        verdict = "TOO MANY MULTIPLIERS"
    quiet = layer.reason is None and not layer.multipliers and not layer.weights and layer.agrees is True
    return Row(
        cells=(
            layer.name,
            layer.kind,
            layer.weights or None,
            layer.zeros if layer.weights else None,
            layer.allowed,
            layer.multipliers,
            layer.dsp,
            None if used is None else used.dsp,
            None if used is None else used.lut,
            None if used is None else used.ff,
            verdict,
            layer.reason or "; ".join(layer.notes),
        ),
        style="red" if layer.agrees is False or layer.keeps_promise is False else "",
        quiet=quiet and (used is None or not used.lut),
    )


def _sentence(result: OpenSynthesis) -> str:
    total, estimated = result.report.used.dsp, [layer.dsp for layer in result.layers]
    missing = result.not_synthesized
    tool = f"Yosys {result.report.tool_version}" if result.report.tool_version else "Yosys"
    if missing:
        names = ", ".join(layer.name for layer in missing)
        return f"{len(missing)} of {len(result.layers)} layers were not synthesized ({names}): there is no total."
    if result.disagreeing:
        names = ", ".join(layer.name for layer in result.disagreeing)
        return f"The estimate and {tool} differ in {names}."
    if any(dsp is None for dsp in estimated):
        return f"{tool} maps the generated C++ to {total} DSPs; not every layer has an estimate."
    return f"{tool} maps the generated C++ to {total} DSPs, as estimated in every layer."
