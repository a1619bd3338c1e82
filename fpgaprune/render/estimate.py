"""An estimate as a table."""

from fpgaprune.render.sheet import Cell, Column, Notes, Row, Share, Sheet, percent
from fpgaprune.results import Bound, Complexity, Estimate, Expected, Fabric, LayerEstimate

_COLUMNS = (
    Column("layer", "layer", style="cyan"),
    Column("kind", "kind", rank=3),
    Column("strategy", "strategy", rank=4),
    Column("reuse_factor", "reuse\nfactor", numeric=True, rank=2),
    Column("weights", "weights", numeric=True),
    Column("zeros", "zeros", numeric=True, rank=5),
    Column("sparsity", "zero\nshare", numeric=True),
    Column("products", "products", numeric=True, rank=6),
    Column("multipliers", "multipliers", numeric=True, rank=1),
    Column("dsp", "DSP", numeric=True, style="bold green"),
    Column("first_order_dsp", "first\norder", numeric=True, style="dim"),
    Column("lut", "LUT", numeric=True, style="green"),
    Column("ff", "FF", numeric=True, style="green"),
    Column("bram_18k", "BRAM\n18K", numeric=True, style="green"),
    Column("latency_cycles", "latency\ncycles", numeric=True, style="green"),
    Column("ii", "II", numeric=True, rank=7),
    Column("macs", "MACs", numeric=True, rank=8),
    Column("bops", "BOPs", numeric=True, rank=9),
    Column("ebops", "EBOPs", numeric=True, rank=10),
    Column("notes", "notes", wrap=True),
)

_LEGEND = (
    "products: multiplications by weights that are not zero. multipliers: what is left of them after constants that "
    "shifts and adds replace, equal constants on one input, neurons without effect, and reuse.",
    "DSP: expected from the weights themselves. first order: the usual count, multiplications / reuse factor x DSPs "
    "for their widths, which takes no weight's value into account.",
    "LUT, FF, BRAM, latency: what C synthesis is expected to report, not what is left after logic synthesis; JSON has "
    "the range of each. A dash: not estimated.",
)


def estimate_sheet(estimate: Estimate) -> Sheet:
    """A row per layer, the total, its share of the device, and the notes as numbered footnotes."""
    numbers: dict[str, int] = {}
    rows = tuple(_row(layer, numbers) for layer in estimate.layers)
    footnotes = [f"[{number}] {note}" for note, number in numbers.items()]
    return Sheet(
        title=f"DSPs expected for {estimate.design}: {estimate.rules}, {_target(estimate)}",
        columns=_COLUMNS,
        rows=rows,
        total=_total(estimate),
        summary=_summary(estimate),
        footnotes=(*footnotes, *estimate.notes),
        left_out="without weights and without DSPs",
        legend=_LEGEND,
        summary_style="bold green",
    )


def _target(estimate: Estimate) -> str:
    return f"{estimate.device or 'no part'}, {estimate.dsp_block}"


def _row(layer: LayerEstimate, numbers: dict[str, int]) -> Row:
    said = list(layer.notes)
    if layer.dsp is None and not any("not estimated" in note for note in said):
        said.insert(0, "not estimated")
    if layer.extrapolated and not any("extrapolated" in note for note in said):
        said.insert(0, "extrapolated: no recorded synthesis report has this combination")
    marks = [f"[{numbers.setdefault(note, len(numbers) + 1)}]" for note in said]
    word = "not estimated " if layer.dsp is None else "extrapolated " if layer.extrapolated else ""
    return Row(
        cells=(
            layer.name,
            layer.kind,
            layer.strategy or "",
            layer.reuse_factor if layer.strategy else None,
            layer.weights or None,
            layer.zeros if layer.weights else None,
            Share(layer.zeros, layer.weights) if layer.weights else None,
            layer.products,
            layer.multipliers,
            layer.dsp,
            layer.first_order_dsp,
            *_fabric(layer.fabric, layer.complexity),
            Notes((word + " ".join(marks)).strip(), tuple(said)) if said else "",
        ),
        style="yellow" if layer.dsp is None else "",
        quiet=not layer.weights and layer.dsp is not None and layer.dsp.high == 0,
    )


def _total(estimate: Estimate) -> Row:
    weights = sum(layer.weights for layer in estimate.layers)
    zeros = sum(layer.zeros for layer in estimate.layers)
    multipliers: Cell = sum((m for layer in estimate.layers if (m := layer.multipliers) is not None), Bound(0, 0))
    return Row(
        (
            "total",
            "",
            "",
            "",
            weights,
            zeros,
            Share(zeros, weights) if weights else None,
            sum(layer.products or 0 for layer in estimate.layers),
            multipliers,
            estimate.dsp,
            estimate.first_order_dsp,
            *_fabric(estimate.fabric, estimate.complexity),
            "",
        )
    )


def _fabric(fabric: Fabric, complexity: Complexity | None) -> tuple[Cell, ...]:
    """LUT, FF, BRAM, latency, II, MACs, BOPs, EBOPs."""
    counts = (None,) * 3 if complexity is None else (complexity.macs, complexity.bops, complexity.ebops)
    return (fabric.lut, fabric.ff, fabric.bram_18k, fabric.latency_cycles, fabric.ii, *counts)


def _summary(estimate: Estimate) -> tuple[str, ...]:
    dsp, available = estimate.dsp, estimate.available_dsp
    words = f"{dsp} DSPs expected" if dsp.high != 1 else "1 DSP expected"
    if available:
        share = percent(dsp.high, available)
        fits = "" if dsp.high <= available else ": more than the part has, the rest would go to LUTs"
        words += f", {share} of the {available} of {estimate.device}{fits}"
    if estimate.first_order_dsp > 0:
        words += f"; the first-order count is {estimate.first_order_dsp}"
    said = [f"{words}.", *_fabric_summary(estimate)]
    if estimate.not_estimated:
        names = ", ".join(estimate.not_estimated)
        said.append(f"Not estimated, and so not in the total: {names}.")
    return tuple(said)


_NAMES = (("lut", "LUTs"), ("ff", "FFs"), ("bram_18k", "BRAM_18K"))


def _fabric_summary(estimate: Estimate) -> tuple[str, ...]:
    """One sentence on C synthesis, with ranges and shares, and one on what logic synthesis makes of its LUTs."""
    fabric = estimate.fabric
    found = [(name, words, value) for name, words in _NAMES if (value := getattr(fabric, name)) is not None]
    if not found:
        return () if fabric.doubt is None else (f"LUTs, FFs, BRAM and latency: {fabric.doubt}.",)
    parts = [f"{_ranged(value)} {words}{_share(estimate, name)}" for name, words, value in found]
    if fabric.latency_cycles is not None and fabric.ii is not None:
        parts.append(f"a latency of {_ranged(fabric.latency_cycles)} cycles at an interval of {_ranged(fabric.ii)}")
    coverage = found[0][2].coverage
    said = [
        f"C synthesis is expected to report {', '.join(parts)}; brackets: where {percent(coverage, 1)} of reports lie."
    ]
    between = [(words, value) for name, words in _NAMES if (value := getattr(estimate.between, name)) and value.value]
    if between:
        counts = ", ".join(f"{value.value} {words}" for words, value in between)
        said.append(f"Of these lie between the layers, in FIFOs and registers of inputs and results: {counts}.")
    if fabric.doubt is not None:
        said.append(f"{fabric.doubt[0].upper()}{fabric.doubt[1:]}.")
    if fabric.lut_after_synthesis is not None:
        after = fabric.lut_after_synthesis
        said.append(f"Logic synthesis usually leaves fewer LUTs: about {after.value} ({after.low} to {after.high}).")
    return tuple(said)


def _ranged(value: Expected) -> str:
    return f"{value.value}" if value.is_exact else f"{value.value} [{value.low}–{value.high}]"


def _share(estimate: Estimate, name: str) -> str:
    share = estimate.share(name)
    return "" if share is None else f" ({percent(share, 1)})"
