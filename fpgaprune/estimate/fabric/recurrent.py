"""Structure and timing of recurrent layers."""

from dataclasses import replace
from math import ceil, prod

from fpgaprune.design import LayerKind, LayerSpec, Strategy
from fpgaprune.estimate.context import Context
from fpgaprune.estimate.fabric.elementwise import TABLE_LUT_BIT
from fpgaprune.estimate.fabric.kernels import KernelTurns
from fpgaprune.estimate.fabric.lanes import COPIES
from fpgaprune.estimate.fabric.matrix import MatrixProduct
from fpgaprune.estimate.fabric.prices import fabric_multiplier_lut, memory_bram
from fpgaprune.estimate.fabric.products import describe_product, too_wide
from fpgaprune.estimate.fabric.schedule import Clock
from fpgaprune.estimate.fabric.streams import between_streams, fifos
from fpgaprune.estimate.fabric.structure import NOTHING, LayerFabric, Structure
from fpgaprune.fixed_point import FixedPoint

_SHIFTER_LUT, _MOST_SHIFTED = 2171, 4096
_SUMS = 1.5  # of each product: accumulated, returned and kept, where a dense layer has two of the three


def describe_recurrent(layer: LayerSpec, context: Context, clock: Clock) -> LayerFabric | None:
    """An LSTM or GRU: the products of both matrices, gates and states, step by step."""
    data = context.input_type(layer)
    state = layer.output_precision or data
    if data is None or state is None:
        return None
    both = bool(layer.attributes.get("bidirectional"))
    total, edges, turns, chooses = NOTHING, 0, 1, 0
    for prefix in ("", "backward_") if both else ("",):
        for name, source in ((f"{prefix}weight", data), (f"{prefix}recurrent_weight", state)):
            product = _gate_product(layer, name, source, context)
            if product is None:
                return None
            structure, timing = describe_product(product, context.pricing, clock)
            # The sums of both products are kept for the gates, and the state holds what is multiplied.
            sums = float(_SUMS * product.codes.shape[1] * product.accumulator.width)
            total += replace(structure, result_bits=sums, held_bits=structure.held_bits / COPIES)
            edges, turns = max(edges, timing.edges), max(turns, timing.ii)
            chooses = max(chooses, timing.chooses)
        total += _gates(layer, state, layer.accumulator_precision or state, prefix, context)
    # A step takes 11 cycles on UltraScale+ and 17 on 7-series beside the turns of its multipliers (12 layers).
    # A kernel of ours takes the time slots of its multipliers, as lanes that read weights from memory do.
    waits = not context.folds(layer) or layer.attributes.get("sparse_kernel")
    step = 11 + 3 * clock.edges(4, multiplies=True) + (turns if waits else 0)
    cycles = max(1, layer.positions) * step + 1
    if context.streams:
        total += between_streams(layer, state, context)
        return LayerFabric(total, cycles, cycles, fifos(layer, state, context), chooses)
    total += _steps(layer, data, context)
    if layer.attributes.get("return_sequences"):
        total += Structure(held_bits=float(layer.output_size * state.width))
    return LayerFabric(total, cycles, cycles, chooses=chooses)


def _steps(layer: LayerSpec, data: FixedPoint, context: Context) -> Structure:
    """How the values of one time step are taken from all, in a parallel design.

    Between processes (a network with the Resource strategy) all inputs are one word, and Vivado HLS shifts it for every
    value: 2171 LUTs for 1440 to 5400 bits, twice with a choice of all bits where a value has a power of two of them
    (5 layers, 2019.2). In one pipeline, and in Vitis HLS, multiplexers choose.
    """
    values = layer.input_shape[-1] if layer.input_shape else 1
    if context.rules.tool != "vivado_hls" or layer.strategy is not Strategy.RESOURCE:
        return Structure(selected_values=prod(layer.input_shape) / 2)
    bits = min(prod(layer.input_shape) * data.width, _MOST_SHIFTED)
    twice = data.width & (data.width - 1) == 0
    return Structure(shift_lut=values * (_SHIFTER_LUT * (1 + twice) + 2 * bits * twice))


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


def _gates(layer: LayerSpec, state: FixedPoint, gate: FixedPoint, prefix: str, context: Context) -> Structure:
    units = int(layer.attributes.get(f"{prefix}units", layer.attributes.get("units", 0)) or 0)
    units = units or (layer.output_shape[-1] if layer.output_shape else 0)
    gates = 4 if layer.kind is LayerKind.LSTM else 3
    table = layer.tables.get("recurrent_activation") or layer.tables.get("activation")
    size, width = (1024, 18) if table is None else (table.size, table.precision.width)
    # Every gate and the new state go through a table; about five additions a unit put them together.
    looked_up = gates - 1 + (2 if layer.kind is LayerKind.LSTM else 1)
    # Three products of data by data a unit (see estimate/recurrent.py), where the project puts them into LUTs.
    in_luts = context.pricing.implementation == "fabric"
    price = fabric_multiplier_lut(gate.width, gate.width) if in_luts else 0.0
    return Structure(
        multiplier_lut=3 * units * price,
        gate_lut=float(units * state.width * (TABLE_LUT_BIT * looked_up + 5)),
        gate_bits=float(units * (gates * gate.width + state.width)),
        bram_18k=float(ceil(gates * units / 2) * memory_bram(size, width)),
    )
