"""Structure and timing of every kind of layer."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import ceil, prod
from types import MappingProxyType

import numpy as np

from fpgaprune.design import LayerKind, LayerSpec, Parameter, Strategy
from fpgaprune.estimate.context import Context
from fpgaprune.estimate.fabric.prices import compare_lut, fifo_bram, fifo_ff, memory_bram, select_lut
from fpgaprune.estimate.fabric.products import MatrixProduct, describe_product, too_wide
from fpgaprune.estimate.fabric.recurrent import describe_recurrent
from fpgaprune.estimate.fabric.schedule import Clock
from fpgaprune.estimate.fabric.structure import NOTHING, LayerFabric, Structure
from fpgaprune.fixed_point import FixedPoint, Overflow, Rounding

_TABLES = frozenset({"sigmoid", "tanh", "softplus", "softsign", "elu", "selu"})
_CONVOLUTIONS = frozenset({
    LayerKind.CONV1D, LayerKind.CONV2D, LayerKind.DEPTHWISE_CONV1D, LayerKind.DEPTHWISE_CONV2D,
})  # fmt: skip


LayerDescription = Callable[[LayerSpec, Context, Clock], LayerFabric | None]


def describe_layer(layer: LayerSpec, context: Context, clock: Clock) -> LayerFabric | None:
    """What one layer is made of; None where that is not known."""
    rule = _RULES.get(layer.kind)
    return None if rule is None else rule(layer, context, clock)


def _wires(layer: LayerSpec, context: Context, clock: Clock) -> LayerFabric:  # noqa: ARG001
    return LayerFabric(NOTHING, 0.0, 1.0)


def _matrix(layer: LayerSpec, context: Context, clock: Clock) -> LayerFabric | None:
    weight, data = layer.weight, context.input_type(layer)
    if weight is None or data is None or too_wide(weight):
        return None
    codes = context.dense_codes.get(layer.name)
    if codes is None:
        flat = weight.codes
        codes = flat.reshape(-1, flat.shape[-1]) if flat.ndim > 1 else flat.reshape(-1, 1)
    elif context.folds(layer):
        codes = context.liveness.live_codes(layer, codes)
    convolution = layer.kind in _CONVOLUTIONS
    copies = 1 if context.streams else max(1, layer.parallelization_factor)
    if layer.kind in {LayerKind.DEPTHWISE_CONV1D, LayerKind.DEPTHWISE_CONV2D}:
        codes = _block_diagonal_rows(weight)
    product = MatrixProduct(
        codes=codes,
        weight=weight,
        data=data,
        accumulator=layer.accumulator_precision or layer.output_precision or data,
        bias=layer.bias,
        strategy=layer.strategy or Strategy.LATENCY,
        reuse_factor=context.reuse_factor(layer),
        limit=_limit(layer, codes.size),
        folds=context.folds(layer),
        copies=copies,
    )
    structure, timing = describe_product(product, context.pricing, clock)
    output = layer.output_precision or product.accumulator
    if not context.streams:
        structure += Structure(output_bits=float(layer.output_size * output.width))
        passes = ceil(layer.positions / copies) if convolution else 1
        cycles = timing.edges + (passes - 1) * max(timing.ii, 1 if product.folds else timing.edges)
        return LayerFabric(structure, cycles, max(timing.ii, passes))
    structure = replace(structure, shared_pipeline_bits=0.0, streamed_pipeline_bits=structure.shared_pipeline_bits)
    structure += _stream(layer, output) + Structure(layers=1)
    if not convolution:
        packs = _packs(layer, context)
        cycles = timing.edges + packs + (5 if product.folds else 6)
        return LayerFabric(structure, cycles, cycles)
    return _streamed_convolution(layer, data, structure, timing.edges, _turn(product, timing.edges, timing.ii))


def _block_diagonal_rows(weight: Parameter) -> "np.ndarray[tuple[int, int], np.dtype[np.int64]]":
    """A depthwise kernel as (taps, channels): every output sums its own taps."""
    flat = weight.codes
    taps = prod(flat.shape[:-2]) if flat.ndim > 2 else flat.shape[0]
    return flat.reshape(taps, -1)


def _turn(product: MatrixProduct, edges: int, ii: int) -> float:
    """Cycles per input position of a streamed convolution."""
    if product.folds:
        return 1.0 if product.reuse_factor == 1 else float(ii + 2)
    return float(edges + 8)


def _streamed_convolution(
    layer: LayerSpec, data: FixedPoint, structure: Structure, edges: int, turn: float
) -> LayerFabric:
    geometry = layer.geometry
    channels = layer.input_shape[-1] if layer.input_shape else 1
    kernel = geometry.kernel if geometry is not None else ()
    sizes = layer.input_shape[:-1]
    padded = [
        size + sum(geometry.padding[axis] if geometry is not None and axis < len(geometry.padding) else (0, 0))
        for axis, size in enumerate(sizes)
    ]
    structure = replace(structure, input_bits=0.0, held_bits=0.0)  # the window's registers hold them
    if layer.operation != "pointwise":
        structure += Structure(window_bits=float(_window_bits(kernel, padded, channels, data.width)))
    cycles = prod(padded) * turn + (edges if turn == 1 else 0) + 3
    return LayerFabric(structure, cycles, cycles)


def _window_bits(kernel: tuple[int, ...], sizes: list[int], channels: int, width: int) -> int:
    """Bits of the window's registers; a line buffer counts as two values."""
    if len(kernel) == 2:
        return channels * width * (kernel[0] * kernel[1] + 2 * (kernel[0] - 1))
    return channels * width * prod(kernel) if sizes else 0


def _stream(layer: LayerSpec, output: FixedPoint) -> Structure:
    """The FIFOs behind a layer: one per channel, as deep as there are positions."""
    channels = layer.output_shape[-1] if layer.output_shape else 1
    depth = prod(layer.output_shape[:-1]) if len(layer.output_shape) > 1 else 1
    width = output.width
    return Structure(
        stream_values=float(channels),
        stream_bits=float(channels * width),
        fifo_ff=float(channels * fifo_ff(depth, width)),
        bram_18k=float(channels * fifo_bram(depth, width)),
    )


def _packs(layer: LayerSpec, context: Context) -> int:
    """Values that arrive one after the other at a dense layer that follows positions."""
    if not layer.inputs:
        return 1
    source = context.design[layer.inputs[0]]
    while source.kind is LayerKind.RESHAPE and source.inputs:
        source = context.design[source.inputs[0]]
    return max(1, prod(source.output_shape[:-1])) if len(source.output_shape) > 1 else 1


def _limit(layer: LayerSpec, size: int) -> int | None:
    if layer.attributes.get("sparse_kernel"):
        return int(layer.attributes["kernel_multipliers"])
    if layer.multiplier_limit is not None:
        return layer.multiplier_limit
    reuse_factor = max(1, layer.reuse_factor or 1)
    zeros = layer.claimed_zeros if layer.claimed_zeros is not None else layer.zero_count
    return ceil(size / reuse_factor) - zeros // reuse_factor


def _side_by_side(layer: LayerSpec, context: Context) -> int:
    """Values computed at once: channels in a stream, all of them else."""
    shape = layer.output_shape
    return max(1, shape[-1] if context.streams and shape else prod(shape))


def _passing(layer: LayerSpec, context: Context, structure: Structure, output: FixedPoint, edges: int) -> LayerFabric:
    """An elementwise layer: in a stream once per position."""
    if not context.streams:
        return LayerFabric(structure, edges, 1.0)
    positions = prod(layer.output_shape[:-1]) if len(layer.output_shape) > 1 else 0
    cycles = positions + 3 if positions else 1
    return LayerFabric(structure + _stream(layer, output) + Structure(layers=1), cycles, cycles)


def _activation(layer: LayerSpec, context: Context, clock: Clock) -> LayerFabric | None:
    data = context.input_type(layer)
    if data is None:
        return None
    output = layer.output_precision or data
    values = _side_by_side(layer, context)
    live = values if context.streams else _live(layer, context, values)
    operation = layer.operation or "linear"
    if operation in _TABLES:
        table = layer.tables.get("table")
        size, width = (1024, 18) if table is None else (table.size, table.precision.width)
        blocks = ceil(values / 2) * max(1, memory_bram(size, width))
        each = 3 * compare_lut(data.width) + select_lut(10)
        structure = Structure(activation_lut=values * each, output_bits=float(values * output.width), bram_18k=blocks)
        return _passing(layer, context, structure, output, 1)
    each = cast_lut(data, output)
    if operation != "linear":
        each += compare_lut(data.width) + select_lut(output.width - int(output.signed))
    structure = Structure(activation_lut=live * each, output_bits=float(live * output.width))
    edges = clock.edges(0.3 if each < 30 else 1.0, multiplies=False)
    return _passing(layer, context, structure, output, edges)


def _live(layer: LayerSpec, context: Context, values: int) -> int:
    mask = context.liveness.live_elements(layer, values)
    return values if mask is None else int(mask.sum())


def cast_lut(source: FixedPoint, target: FixedPoint) -> float:
    """LUTs of turning one type into another: nothing for truncation and wrapping.

    Rounding is an adder of the result's width and the logic that decides on ties; saturation compares the bits cut
    off with all zeros and all ones, and chooses (hls4ml's generated code: comparisons, `and`, `or`, `select` of the
    reports' Expression section).
    """
    lut = 0.0
    if target.rounding is not Rounding.TRN and source.fraction > target.fraction:
        lut += target.width + compare_lut(source.fraction - target.fraction) + 4
    cut = source.integer - int(source.signed) - (target.integer - int(target.signed))
    if target.overflow is not Overflow.WRAP and cut > 0:
        lut += 2 * compare_lut(cut + 1) + select_lut(target.width) + 6
    return lut


def _softmax(layer: LayerSpec, context: Context, clock: Clock) -> LayerFabric | None:
    data = context.input_type(layer)
    if data is None:
        return None
    output = layer.output_precision or data
    values = _side_by_side(layer, context)
    table = layer.tables.get("exp_table")
    width = 18 if table is None else table.precision.width
    size = 1024 if table is None else table.size
    ports = ceil(values / 2) + 1 if not context.streams else 2
    if context.rules.tool == "vitis_hls":
        ports = values
    structure = Structure(
        softmax_values=float(values),
        output_bits=float(values * output.width),
        bram_18k=float(ports * memory_bram(size, width)),
    )
    # Two tables and a normalization; before them `stable` finds the largest value, a comparison and a choice a level.
    cycles = clock.edges(levels_for(values), multiplies=True) + 3
    if layer.operation == "stable":
        cycles += clock.edges(2 * levels_for(values), multiplies=False)
    if not context.streams:
        return LayerFabric(structure, cycles, 1.0)
    reuse_factor = context.reuse_factor(layer)
    positions = max(1, prod(layer.output_shape[:-1]))
    turns = min(values, reuse_factor)
    total = positions * turns + cycles + 3
    return LayerFabric(structure + _stream(layer, output) + Structure(layers=1), total, total)


def levels_for(values: int) -> float:
    """Levels of a tree over `values` values."""
    return float(max(0, values - 1).bit_length())


def _batch_norm(layer: LayerSpec, context: Context, clock: Clock) -> LayerFabric | None:
    weight, data = layer.weight, context.input_type(layer)
    if weight is None or data is None or too_wide(weight):
        return None
    output = layer.output_precision or data
    values = _side_by_side(layer, context)
    scale = weight.codes.reshape(-1, 1)
    product = MatrixProduct(
        codes=scale,
        weight=weight,
        data=data,
        accumulator=output,
        bias=None,
        strategy=Strategy.LATENCY,
        reuse_factor=context.reuse_factor(layer),
        limit=_limit(layer, scale.size) if layer.attributes.get("sparse_kernel") else layer.multiplier_limit,
        folds=True,
        copies=1 if context.streams else max(1, values // max(1, scale.size)),
    )
    structure, timing = describe_product(product, context.pricing, clock)
    structure = replace(structure, adder_lut=clock.adders.lut(values * output.width, values), input_bits=0.0)
    structure += Structure(output_bits=float(values * output.width))
    found = _passing(layer, context, structure, output, clock.edges(1, multiplies=True))
    if context.streams and timing.ii > 1:
        return replace(found, latency_cycles=found.latency_cycles * timing.ii, ii=found.ii * timing.ii)
    return found


def _pooling(layer: LayerSpec, context: Context, clock: Clock) -> LayerFabric | None:
    data = context.input_type(layer)
    if data is None:
        return None
    output = layer.output_precision or data
    taps = prod(layer.geometry.kernel) if layer.geometry is not None else 1
    channels = layer.output_shape[-1] if layer.output_shape else 1
    if layer.kind is LayerKind.GLOBAL_POOLING:
        taps = max(1, prod(layer.input_shape[:-1]))
    each = (compare_lut(data.width) + select_lut(data.width)) if layer.operation == "max" else float(data.width)
    if not context.streams:
        values = prod(layer.output_shape)
        structure = Structure(pooled_bits=values * max(1, taps - 1) * each, output_bits=float(values * output.width))
        return LayerFabric(structure, clock.edges(levels_for(taps), multiplies=False), 1.0)
    positions = prod(layer.input_shape[:-1])
    structure = _stream(layer, output) + Structure(layers=1)
    if layer.kind is LayerKind.GLOBAL_POOLING:
        structure += Structure(pooled_bits=channels * each)
        return LayerFabric(structure, positions + 3, positions + 3)
    kernel = layer.geometry.kernel if layer.geometry is not None else ()
    window = _window_bits(kernel, list(layer.input_shape[:-1]), channels, data.width)
    structure += Structure(window_bits=float(window), pooled_bits=channels * max(1, taps - 1) * each)
    twice = 2 if taps == 4 and context.rules.tool == "vivado_hls" else 1
    return LayerFabric(structure, twice * positions + 3, twice * positions + 3)


def _merge(layer: LayerSpec, context: Context, clock: Clock) -> LayerFabric | None:
    data = context.input_type(layer)
    if data is None:
        return None
    output = layer.output_precision or data
    values = _side_by_side(layer, context)
    each = output.width if layer.operation in {"add", "subtract", "average"} else compare_lut(data.width) + data.width
    structure = Structure(activation_lut=float(values * each), output_bits=float(values * output.width))
    return _passing(layer, context, structure, output, clock.edges(1, multiplies=False))


def _moved(layer: LayerSpec, context: Context, clock: Clock) -> LayerFabric | None:  # noqa: ARG001
    """Padding, up-sampling, concatenation: wires in parallel, a copy per position in a stream."""
    data = context.input_type(layer)
    if not context.streams or (layer.operation in {"flatten", None} and layer.kind is LayerKind.RESHAPE):
        return LayerFabric(NOTHING, 0.0, 1.0)
    if data is None:
        return None
    cycles = prod(layer.output_shape[:-1]) + 13
    return LayerFabric(_stream(layer, layer.output_precision or data) + Structure(layers=1), cycles, cycles)


_RULES: Mapping[LayerKind, LayerDescription] = MappingProxyType({
    LayerKind.INPUT: _wires,
    LayerKind.DENSE: _matrix,
    LayerKind.CONV1D: _matrix,
    LayerKind.CONV2D: _matrix,
    LayerKind.DEPTHWISE_CONV1D: _matrix,
    LayerKind.DEPTHWISE_CONV2D: _matrix,
    LayerKind.BATCH_NORM: _batch_norm,
    LayerKind.ACTIVATION: _activation,
    LayerKind.SOFTMAX: _softmax,
    LayerKind.POOLING: _pooling,
    LayerKind.GLOBAL_POOLING: _pooling,
    LayerKind.MERGE: _merge,
    LayerKind.CONCATENATE: _moved,
    LayerKind.RESHAPE: _moved,
    LayerKind.PADDING: _moved,
    LayerKind.UPSAMPLING: _moved,
    LayerKind.LSTM: describe_recurrent,
    LayerKind.GRU: describe_recurrent,
})  # fmt: skip
