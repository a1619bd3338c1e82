"""Parallel designs whose layers run as tasks, and what that costs: a FIFO for every single value between them.

hls4ml 1.3.0 makes tasks of the layers (`pragma HLS DATAFLOW` in the top function) where a convolution takes its
positions in turn or a layer has the Resource strategy; elsewhere all layers are one pipeline (pipeline_style.py). The
Vivado HLS 2019.2 and Vitis HLS 2024.1 reports of such designs list the FIFOs one by one.
"""

from dataclasses import replace

from fpgaprune.design import Design, LayerKind, LayerSpec, Strategy
from fpgaprune.estimate.context import Context
from fpgaprune.estimate.fabric.buffers import fifo_ff, fifo_lut, packed_fifo
from fpgaprune.estimate.fabric.prices import multiplexer_lut
from fpgaprune.estimate.fabric.structure import NOTHING, LayerFabric, Structure

_DEPTH = 2
_HANDSHAKE_LUT = 13  # of a value that is written: 4 for its signals, 9 for the choice of its register
_HANDSHAKE_FF = 1
_VITIS_LUT = 7  # of a FIFO of two values, beside its bits; 12 in Vivado HLS
_CHOICE = 5.2  # LUTs for each of the positions that a window's input is chosen from: 644 of 124
_WIRES = frozenset({LayerKind.INPUT, LayerKind.RESHAPE})


def runs_tasks(design: Design) -> bool:
    """Whether the layers of a parallel design run as tasks."""
    return design.io_type != "io_stream" and any(
        layer.strategy is Strategy.RESOURCE
        or (layer.geometry is not None and layer.positions > max(1, layer.parallelization_factor))
        for layer in design
    )


def as_task(layer: LayerSpec, found: LayerFabric, context: Context) -> LayerFabric:
    """A layer of such a design: its function keeps its results until they are taken, and a FIFO takes each.

    The network's own results have neither: they are ports.
    """
    output = layer.output_precision
    if layer.kind in _WIRES or output is None:
        return found
    behind = replace(found.behind, output_bits=0.0)
    if layer.name in context.design.outputs:
        return replace(found, behind=behind)
    values, width = layer.output_size, output.width
    kept = NOTHING
    if not found.structure.result_bits:  # what lanes add to is kept anyhow, and so are states
        kept = Structure(buffer_lut=values * float(multiplexer_lut(2)), held_bits=float(values * width))
    behind += Structure(
        buffer_lut=values * (_fifo_lut(width, context) + _HANDSHAKE_LUT),
        buffer_ff=float(values * (_fifo_ff(width, context) + _HANDSHAKE_FF)),
    )
    return replace(found, structure=found.structure + kept, behind=behind)


def _fifo_lut(width: int, context: Context) -> float:
    return float(width + _VITIS_LUT) if context.rules.tool == "vitis_hls" else fifo_lut(_DEPTH, width)


def _fifo_ff(width: int, context: Context) -> float:
    if context.rules.tool == "vitis_hls":
        return packed_fifo(_DEPTH, width, context.family).buffer_ff
    return float(fifo_ff(_DEPTH, width))


def window_choice(inputs: int, passes: int) -> Structure:
    """The multiplexers that fill a window of `inputs` values, turn by turn: each value once ahead and once now."""
    return Structure(buffer_lut=2 * inputs * passes * _CHOICE)
