"""MACs, BOPs and EBOPs of a layer: operations counted without any tool.

Definitions are those of `fpgaprune.results.Complexity`.
"""

from math import prod

import numpy as np
from numpy.typing import NDArray

from fpgaprune.design import Encoding, LayerKind, LayerSpec, Parameter
from fpgaprune.fixed_point import EXACT_WIDTH, FixedPoint
from fpgaprune.results import Complexity

_AT_POSITIONS = frozenset({
    LayerKind.CONV1D, LayerKind.CONV2D, LayerKind.DEPTHWISE_CONV1D, LayerKind.DEPTHWISE_CONV2D, LayerKind.EINSUM_DENSE,
    LayerKind.LSTM, LayerKind.GRU,
})  # fmt: skip
_SPAN_TABLE = 1 << 17


def count_complexity(
    layer: LayerSpec, data: FixedPoint | None, codes: NDArray[np.int64] | None = None
) -> Complexity | None:
    """Operations of one layer; None where its data's type or its constants are not known.

    `codes` are the layer's main constants, where they have been computed before.
    """
    weights = {name: p for name, p in layer.parameters.items() if name.endswith("weight")}
    if not weights:
        return Complexity()
    if data is None or any(p.encoding is Encoding.FIXED and p.precision.width > EXACT_WIDTH for p in weights.values()):
        return None
    total = Complexity()
    for name, parameter in weights.items():
        width = data.width
        if "recurrent_" in name and layer.output_precision is not None:
            width = layer.output_precision.width
        own = codes if name == "weight" and codes is not None else parameter.codes
        blocks = tuple(own) if layer.kind is LayerKind.EINSUM_DENSE else (own,)
        for block in blocks:
            total += _matrix(block, parameter, width)
    times = _times(layer)
    return Complexity(total.macs * times, total.bops * times, total.ebops * times)


def _times(layer: LayerSpec) -> int:
    if layer.kind in _AT_POSITIONS:
        return max(1, layer.positions)
    if layer.kind is LayerKind.BATCH_NORM and layer.weight is not None:
        return max(1, prod(layer.input_shape) // max(1, layer.weight.values.size))
    return 1


def _matrix(codes: NDArray[np.int64], parameter: Parameter, width: int) -> Complexity:
    flat = codes.reshape(-1, codes.shape[-1]) if codes.ndim > 1 else codes.reshape(1, -1)
    inputs = np.count_nonzero(flat, axis=0).astype(np.float64)
    bits = parameter.precision.width
    summed = np.where(inputs > 0, inputs * (width * bits + width + bits + np.log2(np.maximum(inputs, 1))), 0.0)
    return Complexity(int(flat.size), round(float(summed.sum())), width * _spanned_bits(flat))


def _spanned_bits(codes: NDArray[np.int64]) -> int:
    """Sum of the bits from the lowest to the highest set one of every constant's magnitude: 6 = 110b spans two."""
    if not codes.size:
        return 0
    bound = int(np.abs(codes).max())
    if bound < _SPAN_TABLE:
        counts = np.bincount((codes + bound).ravel(), minlength=2 * bound + 1)
        return int(_spans(np.arange(-bound, bound + 1)) @ counts)
    return int(_spans(codes.ravel()).sum())


def _spans(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    magnitude = np.abs(codes)
    lowest = np.maximum(magnitude & -magnitude, 1)
    odd = magnitude // lowest
    spans: NDArray[np.int64] = np.frexp(odd.astype(np.float64))[1].astype(np.int64)
    return spans
