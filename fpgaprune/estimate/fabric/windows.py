"""Structure and timing of layers that look at a window of positions, or only move them."""

from dataclasses import replace
from math import prod

from fpgaprune.design import LayerKind, LayerSpec
from fpgaprune.estimate.context import Context
from fpgaprune.estimate.fabric.prices import compare_lut, select_lut
from fpgaprune.estimate.fabric.schedule import Clock
from fpgaprune.estimate.fabric.streams import fifos, levels_for
from fpgaprune.estimate.fabric.structure import NOTHING, LayerFabric, Structure
from fpgaprune.fixed_point import FixedPoint

_CHAIN_LEVEL = 1.7  # levels of additions that a comparison and a choice take


def streamed_convolution(
    layer: LayerSpec, data: FixedPoint, structure: Structure, edges: int, turn: float
) -> LayerFabric:
    """A convolution that takes `turn` cycles for every position that comes in."""
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
        structure = Structure(pooled_bits=values * max(1, taps - 1) * each, output_bits=float(values * output.width))
        # The largest of many is found one by one (127 comparisons: 42 edges at 5 ns), their sum by a tree.
        levels = _CHAIN_LEVEL * (taps - 1) if layer.operation == "max" else levels_for(taps)
        return LayerFabric(structure, clock.edges(levels, multiplies=False), 1.0)
    positions = prod(layer.input_shape[:-1])
    structure = fifos(layer, output) + Structure(layers=1)
    if layer.kind is LayerKind.GLOBAL_POOLING:
        structure += Structure(pooled_bits=channels * each)
        return LayerFabric(structure, positions + 3, positions + 3)
    kernel = layer.geometry.kernel if layer.geometry is not None else ()
    window = _window_bits(kernel, list(layer.input_shape[:-1]), channels, data.width)
    structure += Structure(window_bits=float(window), pooled_bits=channels * max(1, taps - 1) * each)
    # A window over rows needs two clock edges where its line buffer and a comparison do not fit one (2 x 2 and 4 x 4
    # at 2.5 and 5 ns on Zynq-7000 of speed grade 1; nowhere else).
    twice = 2 if len(kernel) == 2 and clock.edges(2, multiplies=False) else 1
    return LayerFabric(structure, twice * positions + 3, twice * positions + 3)


def describe_moved(layer: LayerSpec, context: Context, clock: Clock) -> LayerFabric | None:  # noqa: ARG001
    """Padding, up-sampling, concatenation: wires in parallel, a copy per position in a stream."""
    data = context.input_type(layer)
    if not context.streams or (layer.operation in {"flatten", None} and layer.kind is LayerKind.RESHAPE):
        return LayerFabric(NOTHING, 0.0, 1.0)
    if data is None:
        return None
    cycles = prod(layer.output_shape[:-1]) + 13
    return LayerFabric(fifos(layer, layer.output_precision or data) + Structure(layers=1), cycles, cycles)
