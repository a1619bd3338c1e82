"""A design as a table, and as JSON-ready data."""

from typing import Any

from fpgaprune.design import Design, LayerKind, LayerSpec
from fpgaprune.design.canonical import layer_record
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.render.sheet import Column, Row, Share, Sheet

_COLUMNS = (
    Column("layer", "layer", style="cyan"),
    Column("kind", "kind"),
    Column("inputs", "reads", rank=6),
    Column("output_shape", "output\nshape"),
    Column("input_precision", "input type", rank=4),
    Column("weight_precision", "weight type"),
    Column("accumulator_precision", "accumulator", rank=5),
    Column("output_precision", "output type", rank=1),
    Column("weights", "weights", numeric=True),
    Column("zeros", "zeros", numeric=True, rank=3),
    Column("sparsity", "zero\nshare", numeric=True),
    Column("strategy", "strategy", rank=2),
    Column("reuse_factor", "reuse\nfactor", numeric=True, rank=2),
)
_LEGEND = (
    "Types are hls4ml's: fixed<16,6> has 16 bits, 6 of them before the point, one for the sign; ufixed has no sign. "
    "Rounding and overflow are named where they are not truncation and wrap-around.",
    "zeros: weights that are exactly zero once quantized, which is what can save hardware.",
)


def design_sheet(design: Design) -> Sheet:
    """A row per layer and the total of the weights."""
    weights = sum(layer.weight_count for layer in design)
    zeros = sum(layer.zero_count for layer in design)
    share = Share(zeros, weights) if weights else None
    blank = ("",) * 7
    target = design.target
    aim = [target.backend, target.part, None if target.clock_ns is None else f"{target.clock_ns:g} ns", design.io_type]
    footnotes = [f"digest {design.digest}: equal digests synthesize to the same hardware"]
    if design.source:
        footnotes.append(f"read from {design.source}")
    if target.directives:
        footnotes.append(f"synthesis settings: {'; '.join(target.directives)}")
    kernels = [said for layer in design if (said := _kernel(layer)) is not None]
    if kernels:
        footnotes.append(f"sparse kernels: {'; '.join(kernels)}")
    others = [layer.name for layer in design if layer.kind is LayerKind.OTHER]
    if others:
        footnotes.append(f"carried, but not understood and so never estimated: {', '.join(others)}")
    return Sheet(
        title=f"{design.name}: {', '.join(str(word) for word in aim if word)}",
        columns=_COLUMNS,
        rows=tuple(_row(layer) for layer in design),
        total=Row(("total", *blank, weights, zeros, share, "", "")),
        footnotes=tuple(footnotes),
        legend=_LEGEND,
    )


def design_json(design: Design) -> dict[str, Any]:
    """Everything but the arrays, with the counts of weights and zeros."""
    target = design.target
    return {
        "name": design.name,
        "digest": design.digest,
        "source": design.source,
        "io_type": design.io_type,
        "backend": target.backend,
        "part": target.part,
        "clock_ns": target.clock_ns,
        "directives": list(target.directives),
        "outputs": list(design.outputs),
        "total": {
            "weights": sum(layer.weight_count for layer in design),
            "zeros": sum(layer.zero_count for layer in design),
        },
        "layers": [
            {**layer_record(layer), "weights": layer.weight_count, "zeros": layer.zero_count} for layer in design
        ],
    }


def _row(layer: LayerSpec) -> Row:
    count = layer.weight_count
    kind = layer.kind.value if layer.operation is None else f"{layer.kind.value} ({layer.operation})"
    return Row(
        (
            layer.name,
            kind,
            ", ".join(layer.inputs),
            "x".join(str(size) for size in layer.output_shape),
            _type(layer.input_precision),
            _type(layer.weight.precision) if layer.weight is not None else None,
            _type(layer.accumulator_precision),
            _type(layer.output_precision),
            count or None,
            layer.zero_count if count else None,
            Share(layer.zero_count, count) if count else None,
            layer.strategy.value if layer.strategy else "",
            layer.reuse_factor if layer.strategy else None,
        )
    )


def _kernel(layer: LayerSpec) -> str | None:
    """What a kernel of ours in a layer holds, all its matrices together; None where there is none."""
    facts = layer.attributes
    if not facts.get("sparse_kernel"):
        return None
    multipliers, products, shifts = (
        sum(int(value) for name, value in facts.items() if name.endswith(f"kernel_{what}"))
        for what in ("multipliers", "products", "shifts")
    )
    if not multipliers:
        return f"{layer.name} has {shifts} products by shifts and adders, and no multiplier"
    form = ", weights in tables" if any(name.endswith("kernel_form") for name in facts) else ""
    return (
        f"{layer.name} has {multipliers} multipliers for {products} products{form}, and {shifts} by shifts and adders"
    )


def _type(precision: FixedPoint | None) -> str | None:
    """The C++ spelling without `ap_` and without what is the default."""
    return (
        None
        if precision is None
        else precision.cpp().removeprefix("ap_").replace("AP_", "").removesuffix(",0>")
        + (">" if precision.cpp().endswith(",0>") else "")
    )
