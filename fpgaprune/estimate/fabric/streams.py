"""What layers of streams and of parallel designs share: FIFOs, values side by side, one turn per position."""

from math import prod

from fpgaprune.design import LayerSpec
from fpgaprune.estimate.context import Context
from fpgaprune.estimate.fabric.prices import fifo_bram, fifo_ff
from fpgaprune.estimate.fabric.structure import LayerFabric, Structure
from fpgaprune.fixed_point import FixedPoint


def fifos(layer: LayerSpec, output: FixedPoint) -> Structure:
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


def side_by_side(layer: LayerSpec, context: Context) -> int:
    """Values computed at once: channels in a stream, all of them else."""
    shape = layer.output_shape
    return max(1, shape[-1] if context.streams and shape else prod(shape))


def passing(layer: LayerSpec, context: Context, structure: Structure, output: FixedPoint, edges: int) -> LayerFabric:
    """An elementwise layer: in a stream once per position."""
    if not context.streams:
        return LayerFabric(structure, edges, 1.0)
    positions = prod(layer.output_shape[:-1]) if len(layer.output_shape) > 1 else 0
    cycles = positions + 3 if positions else 1
    return LayerFabric(structure + fifos(layer, output) + Structure(layers=1), cycles, cycles)


def levels_for(values: int) -> float:
    """Levels of a tree over `values` values."""
    return float(max(0, values - 1).bit_length())
