"""Structure and timing of layers that work element by element: activations, tables, scales, merges."""

from dataclasses import replace
from math import ceil, prod

from fpgaprune.design import CONTRACTIONS, LayerSpec, Strategy
from fpgaprune.estimate.context import Context
from fpgaprune.estimate.fabric.buffers import PADDED
from fpgaprune.estimate.fabric.matrix import MatrixProduct
from fpgaprune.estimate.fabric.prices import (
    cast_lut,
    compare_lut,
    fabric_multiplier_lut,
    memory_bram,
    select_lut,
    selector_lut,
)
from fpgaprune.estimate.fabric.products import describe_product, too_wide
from fpgaprune.estimate.fabric.schedule import Clock
from fpgaprune.estimate.fabric.streams import between_streams, fifos, levels_for, passing, side_by_side
from fpgaprune.estimate.fabric.structure import LayerFabric, Structure
from fpgaprune.fixed_point import FixedPoint

_ON_THE_WAY = 0.7  # of the bits of data and result, at each of two clock edges (26 to 40 bits of 20 to 29)
TABLE_LUT_BIT = 8  # of the argument of a table: comparisons with its ends, its index (49 values of 16 to 20 bits)
_INVERSE_BITS, _BLOCK_BITS = 18, 16  # of the table of inverses; of a table that fits one block
_AROUND_STREAMS = 1.4  # additions as long as reading a stream and writing one beside a product and its sum
_TABLES = frozenset({"sigmoid", "tanh", "softplus", "softsign", "elu", "selu"})


def describe_activation(layer: LayerSpec, context: Context, clock: Clock) -> LayerFabric | None:
    """Comparisons and choices, or a table for every two values."""
    data = context.input_type(layer)
    if data is None:
        return None
    output = layer.output_precision or data
    values = side_by_side(layer, context)
    live = values if context.streams else _live(layer, context, values)
    operation = layer.operation or "linear"
    if operation in _TABLES:
        table = layer.tables.get("table")
        size, width = (1024, 18) if table is None else (table.size, table.precision.width)
        blocks = ceil(values / 2) * max(1, memory_bram(size, width))
        each = float(TABLE_LUT_BIT * data.width)
        structure = Structure(activation_lut=values * each, bram_18k=blocks)
        return passing(layer, context, structure, output, edges=1, held=float(values * output.width))
    each = cast_lut(data, output)
    if operation == "unary_lut":
        each = _decoded(layer)
    elif operation not in {"linear", "quantize"}:
        each += compare_lut(data.width) + select_lut(output.width - int(output.signed))
    structure = Structure(activation_lut=live * each)
    if not context.streams:
        edges = clock.edges(0.3 if each < 30 else 1.0, multiplies=False)
        return passing(layer, context, structure, output, edges=edges, held=float(live * output.width))
    edges = clock.edges(_stream_levels(layer, data, output), multiplies=False)
    held = output.width if edges < 2 else _ON_THE_WAY * (data.width + output.width)
    return passing(layer, context, structure, output, edges=edges, held=float(values * held))


def _decoded(layer: LayerSpec) -> float:
    """LUTs of a table in logic: 64 entries of a bit each (UG474: a LUT of six inputs)."""
    table = layer.tables.get("table")
    return 0.0 if table is None else float(table.precision.width * ceil(table.size / 64))


def _stream_levels(layer: LayerSpec, data: FixedPoint, output: FixedPoint) -> float:
    """Additions as long as an activation between reading a stream and writing one, with the count of a loop.

    ReLU takes one clock edge at 5 ns on 7-series of grade 2; where it rounds or saturates, two at 5 ns on grade 1; none
    on UltraScale+ (60 layers, Vivado HLS 2019.1 to 2020.1).
    """
    levels = 1.5 if layer.operation == "linear" else 2.4
    return levels + (cast_lut(data, output) > 0) + 0.4 * (len(layer.output_shape) > 1)


def _live(layer: LayerSpec, context: Context, values: int) -> int:
    mask = context.liveness.live_elements(layer, values)
    return values if mask is None else int(mask.sum())


def describe_softmax(layer: LayerSpec, context: Context, clock: Clock) -> LayerFabric | None:
    """Two tables, their sum and the products; `stable` looks for the largest value first."""
    data = context.input_type(layer)
    if data is None:
        return None
    output = layer.output_precision or data
    values = side_by_side(layer, context)
    table = layer.tables.get("exp_table")
    width = 18 if table is None else table.precision.width
    size = 1024 if table is None else table.size
    ports = ceil(values / 2) + 1 if not context.streams else 2
    blocks = float(ports * memory_bram(size, width))
    if context.rules.tool == "vitis_hls":
        # Of distances to the largest value no exponential exceeds one (hls4ml since 1.1: 11 bits of ap_fixed<18,8>).
        bounded = table is not None and "inp_norm_precision" in layer.attributes
        bits = min(width, table.precision.fraction + 1) if bounded and table is not None else width
        blocks = _vitis_tables(values, size, bits, context)
    structure = Structure(
        softmax_values=values
        * _softmax_share(layer, values, slow=context.streams and context.rules.tool == "vivado_hls"),
        bram_18k=blocks,
    )
    if context.pricing.implementation == "fabric":
        structure += Structure(multiplier_lut=values * fabric_multiplier_lut(width, width))
    # Two tables and a normalization; before them `stable` finds the largest value, a comparison and a choice a level.
    cycles = clock.edges(levels_for(values), multiplies=True) + 3
    if layer.operation == "stable":
        cycles += clock.edges(2 * levels_for(values), multiplies=False)
    structure += Structure(softmax_bits=float(values * cycles * data.width))
    if not context.streams:
        return LayerFabric(structure, cycles, 1.0, Structure(output_bits=float(values * output.width)))
    reuse_factor = context.reuse_factor(layer)
    positions = max(1, prod(layer.output_shape[:-1]))
    turns = min(values, reuse_factor)
    total = positions * turns + cycles + 3
    selectors = 0.0 if layer.operation != "stable" else 4.0 if reuse_factor > 1 else 1.0
    structure += Structure(selectors=selectors, selector_lut=selectors * selector_lut(values))
    structure += between_streams(layer, output, context)
    return LayerFabric(structure, total, total, fifos(layer, output, context), values if selectors else 0)


def _vitis_tables(values: int, size: int, width: int, context: Context) -> float:
    """BRAM18 blocks of both tables in Vitis HLS: one a value, but where the values of a parallel design share ports.

    On Virtex UltraScale+ two of them read a table through its two ports, and a table of 1024 x 17 or 18 bits takes two
    blocks: 8 for five values (five projects), 5 for six of 11 bits.
    """
    blocks = memory_bram(size, width)
    if context.streams or context.family not in PADDED:
        return float(values * blocks)
    inverse = 2 * memory_bram(size, _INVERSE_BITS)
    return float(ceil(values / 2) * blocks * (2 if width > _BLOCK_BITS else 1) + inverse)


def _softmax_share(layer: LayerSpec, values: int, *, slow: bool) -> float:
    """LUTs of a value against those of a `stable` one in a parallel design: its comparisons, subtraction and index.

    130 there, 260 in a stream of Vivado HLS (`slow`); 16 without the largest value subtracted; pairs of all values in
    the oldest one.
    """
    if layer.operation == "legacy":
        return float(values)
    if layer.operation == "stable":
        return 1.8 if slow else 1.0
    return 1.0 if slow else 0.12


def describe_batch_norm(layer: LayerSpec, context: Context, clock: Clock) -> LayerFabric | None:
    """A product and a sum per value."""
    weight, data = layer.weight, context.input_type(layer)
    if weight is None or data is None or too_wide(weight):
        return None
    output = layer.output_precision or data
    values = side_by_side(layer, context)
    written = layer.attributes.get("kernel_multipliers")  # by a kernel of our own
    limit = layer.multiplier_limit if written is None else int(written)
    scale = weight.codes.reshape(-1, 1)
    copies = 1 if context.streams else max(1, values // max(1, scale.size))
    product = MatrixProduct(
        codes=scale,
        weight=weight,
        data=data,
        accumulator=output,
        bias=None,
        strategy=Strategy.LATENCY,
        reuse_factor=context.reuse_factor(layer),
        limit=None if limit is None else ceil(limit / copies),
        folds=True,
        copies=copies,
        adders=layer.attributes.get("kernel_products") == 0,
    )
    structure, timing = describe_product(product, context.pricing, clock)
    edges = clock.edges(1 + _AROUND_STREAMS * context.streams, multiplies=True)
    # No tree: a sum of two a value, and its product waits at the edges. Nothing is cut before the result is, so both
    # have all fractional bits of the product (26 for 16 bits of which 6 are of the integer, times as many).
    summed = max(output.width, output.integer + data.fraction + weight.precision.fraction)
    structure = replace(
        structure,
        adder_lut=clock.adders.lut(values * summed, values),
        input_bits=0.0,
        pipeline_bits=0.0,
        shared_pipeline_bits=0.0,
    )
    held = float(values * (summed if context.streams else output.width))
    found = passing(layer, context, structure, output, edges=edges, held=held)
    if not context.streams:
        if written is None:  # pragma PIPELINE II=reuse_factor (nnet_batchnorm.h); no report shows more latency for it
            return replace(found, ii=float(min(product.reuse_factor, values)))
        turns = max(1, ceil(int(layer.attributes["kernel_products"]) / max(1, int(written))))
        return replace(found, latency_cycles=found.latency_cycles + turns - 1, ii=float(turns))
    if timing.ii > 1:
        return replace(found, latency_cycles=found.latency_cycles * timing.ii, ii=found.ii * timing.ii)
    return found


def describe_merge(layer: LayerSpec, context: Context, clock: Clock) -> LayerFabric | None:
    """An operation per pair of values."""
    data = context.input_type(layer)
    if data is None:
        return None
    output = layer.output_precision or data
    values = side_by_side(layer, context)
    if layer.operation == "multiply" or layer.operation in CONTRACTIONS:
        return _multiplied(layer, context, clock, data, values)
    each = output.width if layer.operation in {"add", "subtract", "average"} else compare_lut(data.width) + data.width
    structure = Structure(activation_lut=float(values * each))
    edges = clock.edges(1, multiplies=False)
    return passing(layer, context, structure, output, edges=edges, held=float(values * output.width))


def _multiplied(layer: LayerSpec, context: Context, clock: Clock, data: FixedPoint, values: int) -> LayerFabric | None:
    """Products of data by data, and their sums where there are more of them than values."""
    other = context.input_type(layer, 1)
    if other is None:
        return None
    output = layer.output_precision or data
    total = layer.accumulator_precision or output
    contracts = layer.operation in CONTRACTIONS
    products = int(layer.attributes.get("products", prod(layer.input_shape))) if contracts else values
    in_dsp = context.pricing.dsp(data.width, other.width) > 0
    price = 0.0 if in_dsp else fabric_multiplier_lut(data.width, other.width)
    multipliers = ceil(products / context.reuse_factor(layer)) if contracts else products
    sums = max(0, products - values)
    structure = Structure(multiplier_lut=multipliers * price, adder_lut=clock.adders.lut(sums * total.width, sums))
    edges = clock.edges(levels_for(ceil(products / max(1, values))), multiplies=True)
    return passing(layer, context, structure, output, edges=edges, held=float(values * output.width))
