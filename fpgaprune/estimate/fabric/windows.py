"""Structure and timing of layers that look at a window of positions, or only move them."""

from dataclasses import replace
from math import prod

from fpgaprune.design import LayerKind, LayerSpec
from fpgaprune.estimate.context import Context
from fpgaprune.estimate.fabric.buffers import LineBuffers, fifo_bram, fifo_ff, fifo_lut
from fpgaprune.estimate.fabric.prices import compare_lut, select_lut, selector_lut
from fpgaprune.estimate.fabric.schedule import Clock
from fpgaprune.estimate.fabric.streams import between_streams, fifos, levels_for
from fpgaprune.estimate.fabric.structure import NOTHING, LayerFabric, Structure
from fpgaprune.fixed_point import FixedPoint

_CHAIN_LEVEL = 1.7  # levels of additions that a comparison and a choice take
_WAITING_EDGES = 6  # registers of a value that waits for its turn; longer, it waits in shift registers (one design)
_SHIFT_LEVELS = 2.0  # ... and reading a stream into a window
# Flip-flops of the counts, by dimensions: four of 32 bits and what they are compared with, two.
_COUNTERS = {1: 110, 2: 230}
_COUNT_LUT = 260.0  # of a dimension, where they are part of the loop: two of 32 bits, compared and set back (10 layers)
_WINDOW_FIFO_LUT = 86.0
_MANY_EDGES, _CHOICE_FF = 6, 21.0
_POOL_LUT = 200.0  # of a dimension of a pooling: two counts of 32 bits, compared and set back
# Of a layer that repeats positions: it keeps a row in registers (435 LUTs for 16 values, 622 for 32, 1492 for 128).
_ROW_LUT, _ROW_VALUE_LUT = 250.0, 9.7


def streamed_convolution(
    layer: LayerSpec, data: FixedPoint, inside: Structure, *, edges: int, turn: float, clock: Clock
) -> LayerFabric:
    """A convolution that takes `turn` cycles for every position that comes in; `inside` is what multiplies."""
    if layer.operation != "pointwise":
        inside = replace(inside, input_bits=0.0) + _window(layer, data.width, clock)
        if layer.attributes.get("window_encoded"):
            inside += _window_fifos(layer, data.width)
        if in_the_loop(layer):  # registers alone
            counts = _COUNT_LUT * len(layer.input_shape[:-1])
            inside = replace(inside, window_bits=0.0) + Structure(buffer_ff=inside.window_bits, buffer_lut=counts)
        else:
            inside += Structure(buffer_lut=150.0 * len(layer.input_shape[:-1]))
        if clock.edges(_SHIFT_LEVELS, multiplies=False):
            inside += Structure(copied_bits=inside.window_bits)
    cycles = prod(_padded(layer)) * turn + (edges if turn == 1 else 0) + 3
    return LayerFabric(inside, cycles, cycles)


def in_the_loop(layer: LayerSpec) -> bool:
    """Whether the product of a streamed window is known to be part of the loop over positions, without copies."""
    return bool(layer.attributes.get("window_inlined") or layer.attributes.get("window_encoded"))


def _window_fifos(layer: LayerSpec, width: int) -> Structure:
    """A FIFO for every value of a window, as deep as a row of results for each of its rows (hls4ml's `encoded`).

    Depths of 33 and 78 in windows of 3 x 3 over 13 and 28 columns, 3 to 99 over one row. Those out of block RAM take
    84 and 88 LUTs (176 of 16 bits, Vivado HLS 2019.2).
    """
    kernel = layer.geometry.kernel if layer.geometry is not None else ()
    rows = kernel[0] if len(kernel) > 1 else 1
    count, depth = (
        prod(kernel) * layer.input_shape[-1],
        rows * (layer.output_shape[-2] if len(layer.output_shape) > 1 else 1),
    )
    each = fifo_lut(depth, width) if fifo_bram(depth, width) else _WINDOW_FIFO_LUT
    return Structure(
        buffer_lut=count * each,
        buffer_ff=float(count * fifo_ff(depth, width)),
        bram_18k=float(count * fifo_bram(depth, width)),
    )


def _padded(layer: LayerSpec) -> list[int]:
    padding = layer.geometry.padding if layer.geometry is not None else ()
    return [
        size + sum(padding[axis] if axis < len(padding) else (0, 0)) for axis, size in enumerate(layer.input_shape[:-1])
    ]


def _window(layer: LayerSpec, width: int, clock: Clock) -> Structure:
    """The registers of a window, the line buffers of its rows, and the counts of positions and strides."""
    kernel = layer.geometry.kernel if layer.geometry is not None else ()
    channels = layer.input_shape[-1] if layer.input_shape else 1
    rows = kernel[0] if len(kernel) == 2 else 1
    rows = 1 if layer.attributes.get("window_encoded") else rows
    lines = LineBuffers(rows, channels, _padded(layer)[-1] if len(layer.input_shape) > 1 else 1, width)
    return lines.structure(clock.series) + Structure(
        window_bits=float(channels * width * prod(kernel)), counter_ff=float(_COUNTERS[min(2, max(1, len(kernel)))])
    )


def describe_pooling(layer: LayerSpec, context: Context, clock: Clock) -> LayerFabric | None:
    """Maxima or sums of windows."""
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
        structure = Structure(pooled_bits=values * max(1, taps - 1) * each)
        # The largest of many is found one by one (127 comparisons: 42 edges at 5 ns), their sum by a tree.
        levels = _CHAIN_LEVEL * (taps - 1) if layer.operation == "max" else levels_for(taps)
        edges = clock.edges(levels, multiplies=False)
        results = Structure(
            output_bits=float(values * output.width),
            copied_bits=min(edges, _WAITING_EDGES) * float(prod(layer.input_shape) * data.width),
        )
        return LayerFabric(structure, edges, 1.0, results)
    positions = prod(layer.input_shape[:-1])
    structure, behind = between_streams(layer, output, context), fifos(layer, output, context)
    if layer.kind is LayerKind.GLOBAL_POOLING:
        structure += Structure(pooled_bits=channels * each, copied_bits=2.0 * channels * output.width)
        return LayerFabric(structure, positions + 3, positions + 3, behind)
    kernel = layer.geometry.kernel if layer.geometry is not None else ()
    window = _window(layer, data.width, clock)
    bits = window.window_bits
    if layer.operation == "max":
        # Each comparison with its choice and the validity of both, and counts of 32 bits: no more, whatever the window
        # (8 to 64 channels of 6 to 32 bits, seven projects of both tools).
        window = replace(window, window_bits=0.0) + Structure(buffer_ff=bits)
        found = channels * max(1, taps - 1) * (each + 2.0)
        structure += window + Structure(buffer_lut=found + _POOL_LUT * len(kernel))
    else:
        structure += Structure(pooled_bits=channels * max(1, taps - 1) * each) + window
    # Values are taken from the window in pairs, all pairs but the first through a multiplexer (2 x 2: one a channel,
    # 4 x 4: seven; none in windows over one row).
    # Vitis HLS has none.
    selectors = channels * (taps // 2 - 1) if len(kernel) == 2 and context.rules.tool == "vivado_hls" else 0
    structure += Structure(selectors=float(selectors), selector_lut=selectors * selector_lut(taps))
    # At each clock edge while the largest is found a part of the window waits.
    edges = clock.edges(_SHIFT_LEVELS + _CHAIN_LEVEL * levels_for(taps), multiplies=False)
    if edges:
        structure += Structure(copied_bits=bits * (1 + edges) / 2)
    if edges >= _MANY_EDGES:
        # Values wait in shift registers, and the multiplexers are pipelined (1024 of 32 LUTs, and 448 of 334
        # flip-flops; 16 bits at 2.5 ns on Zynq-7000 of grade 1, Vivado HLS 2020.1).
        structure += Structure(buffer_lut=2.0 * bits, buffer_ff=_CHOICE_FF * selectors * data.width)
    # A window over rows needs two clock edges where its line buffer and a comparison do not fit one (2 x 2 and 4 x 4
    # at 2.5 and 5 ns on Zynq-7000 of speed grade 1; nowhere else).
    twice = 2 if len(kernel) == 2 and clock.edges(2, multiplies=False) else 1
    cycles = twice * positions + 3
    return LayerFabric(structure, cycles, cycles, behind, taps if selectors else 0)


def describe_moved(layer: LayerSpec, context: Context, clock: Clock) -> LayerFabric | None:  # noqa: ARG001
    """Padding, up-sampling, concatenation: wires in parallel, a copy per position in a stream."""
    data = context.input_type(layer)
    if not context.streams or (layer.operation in {"flatten", None} and layer.kind is LayerKind.RESHAPE):
        return LayerFabric(NOTHING, 0.0, 1.0)
    if data is None:
        return None
    cycles = prod(layer.output_shape[:-1]) + 13
    output = layer.output_precision or data
    # Padding of rows is five loops, each with a count and a stream to write.
    loops = len(layer.output_shape) - 1 if layer.kind is LayerKind.PADDING else 0
    more = Structure(layers=2 * loops, stream_values=float(loops * layer.output_shape[-1]))
    if layer.kind is LayerKind.UPSAMPLING:
        row = prod(layer.input_shape[1:]) if len(layer.input_shape) > 2 else layer.input_shape[-1]
        more = Structure(buffer_lut=_ROW_LUT + _ROW_VALUE_LUT * row, buffer_ff=float(row * data.width))
    return LayerFabric(more + between_streams(layer, output, context), cycles, cycles, fifos(layer, output, context))
