"""Layers of a project whose multipliers are shared in time: by hls4ml's kernels, or in the slots of our own."""

from typing import Final

import numpy as np

from fpgaprune.design import LayerKind, LayerSpec, Strategy
from fpgaprune.errors import UnsupportedError
from fpgaprune.estimate.kernels import exact_sums, kernel_names
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.flow.open_job import OpenJob
from fpgaprune.read.project.folder import ProjectFolder
from fpgaprune.read.project.kernels import read_kernel
from fpgaprune.synth.open.lanes import MultiplexedLayer, has_kernel, multiplexed_kernel, multiplexed_layer
from fpgaprune.synth.open.layers import LayerModule, module_name, module_of_lanes
from fpgaprune.synth.open.positions import windows

_WITH_WINDOWS: Final = frozenset({
    LayerKind.CONV1D, LayerKind.CONV2D, LayerKind.DEPTHWISE_CONV1D, LayerKind.DEPTHWISE_CONV2D,
})  # fmt: skip


def lanes_module(job: OpenJob, layer: LayerSpec) -> LayerModule:
    """The module of a layer on shared multipliers; raises UnsupportedError where it cannot be built."""
    top, data = module_name(layer.name, layer.config), job.context.input_type(layer)
    copies = max(1, job.context.live_positions(layer))
    places = windows(layer) if layer.kind in _WITH_WINDOWS else None
    if has_kernel(layer):
        lanes = _kernel(job, layer, data)
        if layer.kind is LayerKind.BATCH_NORM and lanes.inputs < layer.output_size:
            places = np.arange(layer.output_size).reshape(-1, lanes.inputs)
        return module_of_lanes(lanes, top, "the lines of its kernel", windows=places, copies=copies)
    if places is not None and not (job.context.positions_apart(layer) and layer.strategy in {None, Strategy.LATENCY}):
        return module_of_lanes(multiplexed_layer(layer, data), top, "its constants", windows=places, copies=copies)
    live = job.context.liveness
    source = layer.inputs[0] if layer.inputs else ""
    read, moving = live.read.get(layer.name), live.moving.get(source)
    lanes = multiplexed_layer(
        layer,
        data,
        read=None if read is None else read.tolist(),
        moving=None if moving is None else moving.tolist(),
        together=None if places is None else (places, copies),
    )
    return module_of_lanes(lanes, top, "its constants")


def _kernel(job: OpenJob, layer: LayerSpec, data: FixedPoint | None) -> MultiplexedLayer:
    if layer.kind not in {LayerKind.DENSE, LayerKind.BATCH_NORM, *_WITH_WINDOWS}:
        message = f"{layer.kind.value}: the time slots of its sparse kernels follow one another step by step"
        raise UnsupportedError(message)
    if layer.weight is None or layer.config is None:
        message = "its constants are not known"
        raise UnsupportedError(message)
    (name,) = kernel_names(layer, layer.config.removeprefix("config"))
    fraction, reuse_factor = layer.weight.precision.fraction, layer.reuse_factor or 1
    plan = read_kernel(ProjectFolder(job.project), name, fraction, reuse_factor)
    sums = exact_sums(layer) if layer.kind is LayerKind.BATCH_NORM else layer.accumulator_precision
    return multiplexed_kernel(layer, data, sums, plan)
