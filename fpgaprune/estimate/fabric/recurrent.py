"""Structure and timing of recurrent layers."""

from math import ceil

from fpgaprune.design import LayerKind, LayerSpec, Strategy
from fpgaprune.estimate.context import Context
from fpgaprune.estimate.fabric.kernels import KernelTurns
from fpgaprune.estimate.fabric.prices import memory_bram
from fpgaprune.estimate.fabric.products import MatrixProduct, describe_product, too_wide
from fpgaprune.estimate.fabric.schedule import Clock
from fpgaprune.estimate.fabric.structure import NOTHING, LayerFabric, Structure
from fpgaprune.fixed_point import FixedPoint


def describe_recurrent(layer: LayerSpec, context: Context, clock: Clock) -> LayerFabric | None:
    """An LSTM or GRU: the products of both matrices, gates and states, step by step."""
    data = context.input_type(layer)
    state = layer.output_precision or data
    if data is None or state is None:
        return None
    both = bool(layer.attributes.get("bidirectional"))
    total, edges, turns = NOTHING, 0, 1
    for prefix in ("", "backward_") if both else ("",):
        for name, source in ((f"{prefix}weight", data), (f"{prefix}recurrent_weight", state)):
            product = _gate_product(layer, name, source, context)
            if product is None:
                return None
            structure, timing = describe_product(product, context.pricing, clock)
            total += structure
            edges, turns = max(edges, timing.edges), max(turns, timing.ii)
        total += _gates(layer, state, layer.accumulator_precision or state, prefix)
    # A step takes 11 cycles on UltraScale+ and 17 on 7-series beside the turns of its multipliers (12 layers).
    # A kernel of ours takes the time slots of its multipliers, as lanes that read weights from memory do.
    waits = not context.folds(layer) or layer.attributes.get("sparse_kernel")
    step = 11 + 3 * clock.edges(4, multiplies=True) + (turns if waits else 0)
    cycles = max(1, layer.positions) * step + 1
    if layer.attributes.get("return_sequences"):
        total += Structure(held_bits=float(layer.output_size * state.width))
    return LayerFabric(total, cycles, cycles)


def _gate_product(layer: LayerSpec, name: str, source: FixedPoint, context: Context) -> MatrixProduct | None:
    weight = layer.parameters.get(name)
    if weight is None or too_wide(weight):
        return None
    recurrent = "recurrent_" in name
    prefix = name.removesuffix("weight")
    reuse_factor = layer.attributes.get(f"{prefix}reuse_factor", layer.reuse_factor) if prefix else layer.reuse_factor
    limit = layer.attributes.get(f"{prefix}multiplier_limit") if prefix else layer.multiplier_limit
    limit = layer.attributes.get(f"{prefix}kernel_multipliers", limit)
    codes = weight.codes
    return MatrixProduct(
        codes=codes.reshape(-1, codes.shape[-1]),
        weight=weight,
        data=source,
        accumulator=layer.accumulator_precision or source,
        bias=layer.parameters.get(f"{'recurrent_' if recurrent else ''}bias"),
        strategy=layer.strategy or Strategy.LATENCY,
        reuse_factor=max(1, int(reuse_factor or 1)),
        limit=None if limit is None else int(limit),
        folds=context.folds(layer),
        adders=layer.attributes.get(f"{prefix}kernel_products") == 0,
        turns=KernelTurns.of(layer.attributes, prefix, max(1, int(reuse_factor or 1))),
    )


def _gates(layer: LayerSpec, state: FixedPoint, gate: FixedPoint, prefix: str) -> Structure:
    units = int(layer.attributes.get(f"{prefix}units", layer.attributes.get("units", 0)) or 0)
    units = units or (layer.output_shape[-1] if layer.output_shape else 0)
    gates = 4 if layer.kind is LayerKind.LSTM else 3
    table = layer.tables.get("recurrent_activation") or layer.tables.get("activation")
    size, width = (1024, 18) if table is None else (table.size, table.precision.width)
    return Structure(
        gate_bits=float(units * (gates * gate.width + state.width)),
        bram_18k=float(ceil(gates * units / 2) * memory_bram(size, width)),
    )
