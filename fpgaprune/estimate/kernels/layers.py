"""Which constants of a layer have a kernel, under which names, and which products each needs."""

from math import prod

import numpy as np
from numpy.typing import NDArray

from fpgaprune.design import Design, LayerKind, LayerSpec
from fpgaprune.errors import DesignError
from fpgaprune.estimate.kernels.plan import KernelForm, KernelNeeds, plan_kernel
from fpgaprune.estimate.kernels.still import still_inputs
from fpgaprune.estimate.liveness import read_elements
from fpgaprune.fixed_arithmetic import product_type, sum_type
from fpgaprune.fixed_point import FixedPoint, Overflow

RECURRENT = frozenset({LayerKind.LSTM, LayerKind.GRU})
_DEPTHWISE = frozenset({LayerKind.DEPTHWISE_CONV1D, LayerKind.DEPTHWISE_CONV2D})
# Matrices of a recurrent layer, as prefixes of parameters and attributes, in the order of hls4ml's configurations.
_GATES = ("", "recurrent_", "backward_", "backward_recurrent_")


def kernel_prefixes(layer: LayerSpec) -> tuple[str, ...]:
    """What the attributes of each kernel of a layer start with: four for both directions of a recurrent one."""
    wanted = _GATES if layer.kind in RECURRENT else ("",)
    return tuple(prefix for prefix in wanted if f"{prefix}weight" in layer.parameters)


def kernel_parameters(layer: LayerSpec) -> tuple[str, ...]:
    """Names of the constants of a layer that have a kernel of their own."""
    return tuple(f"{prefix}weight" for prefix in kernel_prefixes(layer))


def kernel_names(layer: LayerSpec, index: str) -> tuple[str, ...]:
    """Classes of the kernels of a layer with that number, in the order of `kernel_parameters`."""
    if layer.kind not in RECURRENT:
        return (f"sparse_{index}",)
    return tuple(f"sparse_{index}_{place + 1}" for place in range(len(kernel_prefixes(layer))))


def kernel_reuse_factor(layer: LayerSpec, prefix: str = "") -> int:
    """The reuse factor of the kernel whose attributes start with the prefix."""
    own = layer.attributes.get(f"{prefix}reuse_factor") if prefix else layer.reuse_factor
    return max(1, int(own or layer.reuse_factor or 1))


def sums_in_order(layer: LayerSpec) -> bool:
    """Whether the sums of a layer depend on their order: those of accumulators that saturate do."""
    sums = layer.accumulator_precision
    return layer.kind is not LayerKind.BATCH_NORM and sums is not None and sums.overflow is not Overflow.WRAP


def exact_sums(layer: LayerSpec) -> FixedPoint | None:
    """The type of a scale's product plus its offset, which hls4ml computes without rounding; None where not known."""
    weight, bias, data = layer.weight, layer.bias, layer.input_precision
    if weight is None or data is None:
        return None
    product = product_type(data, weight.precision)
    return product if bias is None else sum_type(product, bias.precision)


def kernel_matrix(layer: LayerSpec, name: str = "weight") -> NDArray[np.int64]:
    """The codes of a layer as (inputs, outputs) of one product of a vector; raises DesignError without weights.

    A convolution's inputs are those of one window. A depthwise one reads channel c for its own outputs alone, so its
    matrix is zero elsewhere.
    """
    if name not in layer.parameters:
        message = f"layer {layer.name!r} has no weights for a kernel"
        raise DesignError(message)
    codes = layer.parameters[name].codes
    if layer.kind not in _DEPTHWISE:
        return codes.reshape(-1, codes.shape[-1])
    channels, multiplier = codes.shape[-2:]
    taps = prod(codes.shape[:-2])
    matrix = np.zeros((taps, channels, channels, multiplier), dtype=np.int64)
    each = np.arange(channels)
    matrix[:, each, each, :] = codes.reshape(taps, channels, multiplier)
    return matrix.reshape(taps * channels, channels * multiplier)


def kernel_needs(layer: LayerSpec, design: Design, name: str = "weight") -> KernelNeeds:
    """The products a kernel of the layer needs within its design.

    Left out are those of outputs that no later layer reads (they meet zero weights only: whatever they hold, no
    output changes) and of inputs that are always zero; inputs that never change are marked. Raises DesignError
    without weights.
    """
    if layer.kind is LayerKind.BATCH_NORM:
        return KernelNeeds.diagonal(_scales(layer, design))
    codes = kernel_matrix(layer, name)
    if layer.kind in RECURRENT:
        return KernelNeeds.of(codes)
    read = read_elements(design)[layer.name].reshape(-1, codes.shape[1]).any(axis=0)
    if not read.all():
        codes = codes.copy()
        codes[:, ~read] = 0
    return KernelNeeds.of(codes, still_inputs(layer, design, codes.shape[0]))


def multiplied_codes(layer: LayerSpec, design: Design) -> NDArray[np.int64]:
    """The codes (inputs, outputs) that the layer's kernel multiplies by, zero where its text shifts and adds instead.

    This is what a tool without time slots sees of the kernel. Raises DesignError without weights.
    """
    form = KernelForm(str(layer.attributes.get("kernel_form", KernelForm.SLOTS.value)))
    plan = plan_kernel(kernel_needs(layer, design), kernel_reuse_factor(layer), form=form)
    codes = np.zeros((plan.n_in, plan.n_out), dtype=np.int64)
    for lane in plan.lanes:
        for product in lane:
            codes[product.input, list(product.outputs)] = product.code
    return codes


def _scales(layer: LayerSpec, design: Design) -> NDArray[np.int64]:
    """The codes of a scale for every element, or every channel where they come one position after the other."""
    if layer.weight is None:
        message = f"layer {layer.name!r} has no scale for a kernel"
        raise DesignError(message)
    codes, read = layer.weight.codes.ravel(), read_elements(design)[layer.name]
    if design.io_type == "io_stream":
        return np.where(read.reshape(-1, codes.size).any(axis=0), codes, 0)
    return np.where(read, np.tile(codes, read.size // codes.size), 0)
