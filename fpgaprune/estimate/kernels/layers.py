"""Which matrices of a layer have a kernel, under which names, and with which codes."""

import numpy as np
from numpy.typing import NDArray

from fpgaprune.design import Design, LayerKind, LayerSpec
from fpgaprune.errors import DesignError
from fpgaprune.estimate.liveness import read_elements

RECURRENT = frozenset({LayerKind.LSTM, LayerKind.GRU})


def kernel_parameters(layer: LayerSpec) -> tuple[str, ...]:
    """Names of the matrices of a layer, each with a kernel of its own: two for recurrent layers, else one."""
    wanted = ("weight", "recurrent_weight") if layer.kind in RECURRENT else ("weight",)
    return tuple(name for name in wanted if name in layer.parameters)


def kernel_names(layer: LayerSpec, index: str) -> tuple[str, ...]:
    """Classes of the kernels of a layer with that number, in the order of `kernel_parameters`."""
    return (f"sparse_{index}_1", f"sparse_{index}_2") if layer.kind in RECURRENT else (f"sparse_{index}",)


def kernel_matrix(layer: LayerSpec, name: str = "weight") -> NDArray[np.int64]:
    """The codes of a layer as (inputs, outputs) of one product of a vector; raises DesignError without weights.

    A convolution's inputs are those of one window. A depthwise one (depth multiplier 1) reads channel c for output c
    alone, so its matrix is zero elsewhere.
    """
    if name not in layer.parameters:
        message = f"layer {layer.name!r} has no weights for a kernel"
        raise DesignError(message)
    codes = layer.parameters[name].codes
    if layer.kind not in {LayerKind.DEPTHWISE_CONV1D, LayerKind.DEPTHWISE_CONV2D}:
        return codes.reshape(-1, codes.shape[-1])
    channels = codes.shape[-2]
    flat = codes.reshape(-1)
    matrix = np.zeros((flat.size, channels), dtype=np.int64)
    places = np.arange(flat.size)
    matrix[places, places % channels] = flat
    return matrix


def live_kernel_matrix(layer: LayerSpec, design: Design, name: str = "weight") -> NDArray[np.int64]:
    """`kernel_matrix` without the products of neurons that no later layer of `design` reads.

    Such a neuron meets zero weights only, by way of elementwise layers; whatever it holds, no output changes.
    """
    codes = kernel_matrix(layer, name)
    if layer.kind is not LayerKind.DENSE:
        return codes
    read = read_elements(design)[layer.name]
    if read.size != codes.shape[1] or read.all():
        return codes
    live = codes.copy()
    live[:, ~read] = 0
    return live
