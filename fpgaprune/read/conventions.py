"""Rules that both readers of a design follow, so that what they say can be compared."""

from dataclasses import replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from fpgaprune.design import CONTRACTIONS, LayerKind, LayerSpec
from fpgaprune.fixed_point import EXACT_WIDTH, FixedPoint, Overflow, Rounding

# Activation functions that hls4ml computes by a table of `table_size` entries of type `table_t`.
TABLE_ACTIVATIONS = frozenset({"sigmoid", "tanh", "elu", "selu", "softplus", "softsign"})
ACTIVATIONS = TABLE_ACTIVATIONS | {
    "relu",
    "relu1",
    "relu6",
    "relu_max",
    "leaky_relu",
    "prelu",
    "thresholded_relu",
    "hard_sigmoid",
    "hard_tanh",
    "binary_tanh",
    "ternary_tanh",
    "linear",
}
MERGES = frozenset({"add", "subtract", "multiply", "average", "maximum", "minimum"})
# What the scalar or array beside the data means.
ACTIVATION_PARAMETER = {
    "leaky_relu": "slope",
    "prelu": "slope",
    "elu": "alpha",
    "thresholded_relu": "threshold",
    "relu_max": "maximum",
}


def stored(values: NDArray[np.float64], precision: FixedPoint) -> NDArray[np.float64]:
    """What the type holds of `values`, same shape; raises DesignError for NaN and infinity.

    Types wider than double precision are exact too as long as nothing has to be rounded or saturated but by
    truncation: then floor and wrap keep every bit a double has.
    """
    if precision.width <= EXACT_WIDTH:
        return precision.quantize(values)
    if (precision.rounding, precision.overflow) != (Rounding.TRN, Overflow.WRAP) and not precision.holds(values):
        return precision.quantize(values)  # raises: more bits than can be checked
    scaled = np.floor(np.ldexp(values, precision.fraction))
    modulus = 2.0**precision.width
    wrapped = np.where((scaled < precision.min_code) | (scaled > precision.max_code), np.mod(scaled, modulus), scaled)
    wrapped = np.where(wrapped > precision.max_code, wrapped - modulus, wrapped)
    return np.ldexp(wrapped, -precision.fraction)


def stream_shape(size: int, lanes: int, before: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of a streamed tensor whose source tells no more than its size and the width of a packet.

    A stream knows its last dimension only; the others are those of the tensor `before` where they still fit.
    """
    if lanes <= 0 or size % lanes:
        return (size,)
    if before and prod(before) == size and before[-1] == lanes:
        return before
    return (lanes,) if size == lanes else (size // lanes, lanes)


def spatial(height: int, width: int, channels: int) -> tuple[int, ...]:
    """(width, channels) of a one-dimensional image, else (height, width, channels)."""
    return (width, channels) if height == 1 else (height, width, channels)


# Kinds whose output has the shape of their input.
_SHAPE_KEEPERS = frozenset({LayerKind.ACTIVATION, LayerKind.SOFTMAX, LayerKind.BATCH_NORM, LayerKind.MERGE})


def shaped(layers: tuple[LayerSpec, ...], io_type: str) -> tuple[LayerSpec, ...]:
    """Streams flattened to (positions, channels) take the image shape that the layer reading them states."""
    if io_type != "io_stream":
        return layers
    known: dict[str, tuple[int, ...]] = {}
    result: list[LayerSpec] = []
    for layer in reversed(layers):
        wanted = known.get(layer.name)
        new = layer
        if wanted is not None and prod(wanted) == prod(layer.output_shape) and wanted[-1] == layer.output_shape[-1]:
            keeps = _keeps_shape(layer)
            new = replace(layer, output_shape=wanted, input_shape=wanted if keeps else layer.input_shape)
        if len(new.input_shape) == 3:
            for source in new.inputs:
                known.setdefault(source, new.input_shape)
        result.append(new)
    return tuple(reversed(result))


def _keeps_shape(layer: LayerSpec) -> bool:
    if layer.kind is LayerKind.MERGE:
        return layer.operation not in CONTRACTIONS
    if layer.kind is LayerKind.RESHAPE:
        return layer.operation == "clone"
    return layer.kind in _SHAPE_KEEPERS or layer.kind is LayerKind.INPUT
