"""Which quantizer serves an array best: integer bits and scales of the least square error.

All scales are powers of two, so that they cost wires and no multiplier, and one layer's stay so near to each other
that a single type of the HLS project holds them all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, log2
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress.quantization.config import Types
from fpgaprune.errors import ModelError
from fpgaprune.fixed_point import FixedPoint, Overflow, Rounding
from fpgaprune.frameworks import load_frameworks

Array = NDArray[np.float64]
_FINER: Final = 4  # how many bits of range may be given up for resolution
_WIDEST: Final = 18  # weight type that holds all scales: the narrow port of a DSP48 (AMD UG479 and UG579)
_LOST_ZEROS: Final = 0.05  # zeros beyond this fraction are pruning, not chance


@dataclass(frozen=True, eq=False)
class WeightForm:
    """A quantizer of QKeras, what the layer stores so that it gives the values, and how the record calls it."""

    quantizer: Any
    stored: Array
    text: str


def weight_form(values: Array, types: Types, channels: int, where: str) -> WeightForm:
    """The best quantizer of the asked form for an array whose last `channels` axes are its output channels.

    Raises ModelError where the array was pruned and the form has no zero; `where` names it.
    """
    if types.weights in ("po2", "binary") and np.mean(values == 0) >= _LOST_ZEROS:
        message = (
            f"{100 * np.mean(values == 0):.0f} % of {where} is zero, and {types.weights} weights have no zero: what "
            "was pruned would come back. Use fixed or ternary weights there, or exclude the layer"
        )
        raise ModelError(message)
    if types.weights == "po2":
        return _powers(values, types.weight_bits)
    exponents = _exponents(values, types, channels)
    width = types.weight_bits if types.weights == "fixed" else 2
    low = exponents.max() - max(0, _WIDEST - width)
    exponents = np.maximum(exponents, low)
    if exponents.size == 1 or (exponents == exponents.flat[0]).all():
        return _uniform(values, types, int(exponents.flat[0]))
    # As numbers in lists: QKeras writes an array in a way that it cannot read itself.
    scale = np.exp2(exponents).tolist()
    qkeras = load_frameworks().qkeras
    build: Mapping[str, Callable[[], Any]] = {  # ternary and binary themselves fail on more than one scale
        "fixed": lambda: qkeras.quantized_bits(types.weight_bits, 0, alpha=scale),
        "ternary": lambda: qkeras.quantized_bits(2, 1, symmetric=1, alpha=scale),
        "binary": lambda: qkeras.quantized_bits(1, 0, alpha=scale),
    }
    name = f"{types.weight_bits}-bit" if types.weights == "fixed" else types.weights
    text = f"{name}, {exponents.size} scales from 2**{exponents.min():.0f} to 2**{exponents.max():.0f}"
    return WeightForm(build[types.weights](), values / np.exp2(exponents), text)


def weight_quantizer(values: Array, bits: int) -> str:
    """QKeras' text for the best fixed-point type of constants without a scale."""
    return f"quantized_bits({bits},{best_type(values, bits, signed=True).integer - 1},alpha=1)"


def bias_form(values: Array, bits: int) -> WeightForm:
    """The best fixed-point type of biases."""
    return _text(weight_quantizer(values, bits), values)


def value_quantizer(values: Array, bits: int) -> str:
    """QKeras' text for the best type of values between layers: without a sign where none is ever negative."""
    if values.min(initial=0.0) < 0:
        return weight_quantizer(values, bits)
    return f"quantized_relu({bits},{best_type(values, bits, signed=False).integer})"


def best_type(values: Array, bits: int, *, signed: bool, least: int = 0) -> FixedPoint:
    """The type of `bits` bits with the least mean square error on the values, rounded to nearest and saturating.

    Fewer integer bits clip the largest values but resolve the others better. Never fewer than `least` besides the
    sign: QKeras raises 2 to that number as an integer, which TensorFlow refuses below zero.
    """
    largest = float(np.abs(values).max(initial=0.0))
    most = max(least, ceil(log2(largest))) if largest > 0 else max(least, 0)
    sign = int(signed)
    types = [
        FixedPoint(bits, integer + sign, signed, Rounding.RND_CONV, Overflow.SAT)
        for integer in range(most, max(least - 1, most - _FINER - 1), -1)
    ]
    errors = [float(np.square(found.quantize(values) - values).mean()) for found in types]
    return types[int(np.argmin(errors))]


def _exponents(values: Array, types: Types, channels: int) -> Array:
    """Exponent of the scale, for the whole array or for each of its channels, shaped to be broadcast."""
    if not types.per_channel:
        return np.asarray(_exponent(values.ravel(), types), dtype=np.float64)
    shape = values.shape[-channels:]
    columns = values.reshape(-1, int(np.prod(shape))).T
    found = [_exponent(column, types) if column.any() else -np.inf for column in columns]
    known = [exponent for exponent in found if np.isfinite(exponent)]
    return np.array([e if np.isfinite(e) else min(known, default=0) for e in found], dtype=np.float64).reshape(shape)


def _exponent(values: Array, types: Types) -> int:
    largest = float(np.abs(values).max(initial=0.0))
    if largest == 0:
        return 0
    if types.weights == "fixed":
        least = ceil(log2(largest)) - _FINER
        return best_type(values, types.weight_bits, signed=True, least=least).integer - 1
    candidates = range(ceil(log2(largest)) + 1, ceil(log2(largest)) - 8, -1)
    errors = [float(np.square(_few(values, 2.0**each, types.weights) - values).mean()) for each in candidates]
    return candidates[int(np.argmin(errors))]


def _few(values: Array, scale: float, form: str) -> Array:
    """What ternary and binary weights of that scale are: their thresholds are half of it, and zero."""
    signs = np.where(values < 0, -1.0, 1.0)
    return scale * signs * ((np.abs(values) >= scale / 2) if form == "ternary" else 1.0)


def _uniform(values: Array, types: Types, exponent: int) -> WeightForm:
    scale = 2.0**exponent
    if types.weights == "ternary":
        return _text(f"ternary(alpha={scale},threshold=0.5)", values / scale)
    if types.weights == "binary":
        return _text(f"binary(alpha={scale})", values / scale)
    if exponent >= 0:
        return _text(f"quantized_bits({types.weight_bits},{exponent},alpha=1)", values)
    return _text(f"quantized_bits({types.weight_bits},0,alpha={scale})", values / scale)


def _powers(values: Array, bits: int) -> WeightForm:
    """A sign and an exponent of `bits - 1` bits, down from the power of two nearest to the largest value."""
    largest = float(np.abs(values).max(initial=0.0)) or 1.0
    limit = 2.0 ** round(log2(largest))
    return WeightForm(
        load_frameworks().qkeras.quantized_po2(bits, max_value=limit), values, f"quantized_po2({bits},{limit:g})"
    )


def _text(text: str, stored: Array) -> WeightForm:
    return WeightForm(text, stored, text)
