"""The bits that a search chose for every layer, as a table."""

from fpgaprune.render.sheet import Column, Row, Sheet
from fpgaprune.results.bits import COST_NAMES, BitsResult, LayerBits

_COLUMNS = (
    Column("layer", "layer", style="cyan"),
    Column("of", "bits of"),
    Column("start", "from", numeric=True),
    Column("bits", "to", numeric=True, style="bold"),
    Column("score_lost", "score lost\nalone", numeric=True),
    Column("loss_gained", "loss gained\nalone", numeric=True),
    Column("dsp", "DSPs\nexpected", numeric=True),
    Column("lut", "LUTs\nexpected", numeric=True),
)


def bits_sheet(result: BitsResult) -> Sheet:
    """A row for the weights of every layer and for every quantizer between layers."""
    rows = tuple(_row(layer) for layer in result.layers)
    totals = [f"{result.costs_before[name]} -> {result.costs_after[name]} {word}" for name, word in COST_NAMES.items()]
    notes = (
        f"Alone: what narrowing only this changes, in {result.score_name} and loss on the validation samples.",
        f"The whole design: {', '.join(totals)}.",
    )
    limits = [f"{value} {COST_NAMES[name]} at most" for name, value in result.limits.of_cost.items()]
    if result.limits.min_score is not None:
        limits.append(f"{result.score_name} {result.limits.min_score:g} at least")
    title = f"Bits of every layer within {', '.join(limits)}"
    return Sheet(title=title, columns=_COLUMNS, rows=rows, summary=(result.answer,), footnotes=notes)


def _row(layer: LayerBits) -> Row:
    lost, gained = (None if v is None else f"{v:+.4f}" for v in (layer.score_lost, layer.loss_gained))
    return Row(cells=(layer.name, layer.part, layer.start, layer.bits, lost, gained, layer.dsp, layer.lut))
