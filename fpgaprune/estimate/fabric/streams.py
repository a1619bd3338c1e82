"""What layers of streams and of parallel designs share: FIFOs, values side by side, one turn per position."""

from math import prod

from fpgaprune.design import LayerSpec
from fpgaprune.estimate.context import Context
from fpgaprune.estimate.fabric.buffers import fifo_bram, fifo_ff, fifo_lut, packed_fifo
from fpgaprune.estimate.fabric.structure import LayerFabric, Structure
from fpgaprune.fixed_point import FixedPoint

_ONCE_FF, _LOOP_FF = 3, 17  # of the state of a layer between streams: handshake alone, and with a count of positions


def fifos(layer: LayerSpec, output: FixedPoint, context: Context) -> Structure:
    """The FIFOs behind a layer, as deep as there are positions; the network's outputs have none.

    One per channel in Vivado HLS, one for all in Vitis HLS.
    """
    if layer.name in context.design.outputs:
        return Structure()
    channels = layer.output_shape[-1] if layer.output_shape else 1
    depth = prod(layer.output_shape[:-1]) if len(layer.output_shape) > 1 else 1
    width = output.width
    if context.rules.tool == "vitis_hls":
        return packed_fifo(depth, channels * width, context.family)
    return Structure(
        buffer_lut=channels * fifo_lut(depth, width),
        buffer_ff=float(channels * fifo_ff(depth, width)),
        bram_18k=float(channels * fifo_bram(depth, width)),
    )


def between_streams(layer: LayerSpec, output: FixedPoint, context: Context) -> Structure:
    """What every layer between streams has: its state, and the handshakes of the channels it writes.

    Vitis HLS writes all channels as one word, with one handshake.
    """
    channels = layer.output_shape[-1] if layer.output_shape else 1
    words = 1 if context.rules.tool == "vitis_hls" else channels
    return Structure(
        counter_ff=float(_LOOP_FF if len(layer.output_shape) > 1 else _ONCE_FF),
        stream_values=float(words),
        stream_bits=float(channels * output.width),
        layers=1,
    )


def side_by_side(layer: LayerSpec, context: Context) -> int:
    """Values computed at once: channels in a stream, all of them else."""
    shape = layer.output_shape
    return max(1, shape[-1] if context.streams and shape else prod(shape))


def passing(
    layer: LayerSpec, context: Context, structure: Structure, output: FixedPoint, *, edges: int, held: float
) -> LayerFabric:
    """An elementwise layer: in a stream once per position; `held` bits wait at each clock edge inside.

    In a parallel design the results are registers of the network.
    """
    if not context.streams:
        return LayerFabric(structure, edges, 1.0, Structure(output_bits=held))
    positions = prod(layer.output_shape[:-1]) if len(layer.output_shape) > 1 else 0
    cycles = positions + 3 if positions else 1
    structure += between_streams(layer, output, context) + Structure(copied_bits=edges * held)
    return LayerFabric(structure, cycles, cycles, fifos(layer, output, context))


def levels_for(values: int) -> float:
    """Levels of a tree over `values` values."""
    return float(max(0, values - 1).bit_length())
