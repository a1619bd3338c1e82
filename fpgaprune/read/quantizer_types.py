"""Which fixed-point type holds what a QKeras quantizer produces, and which one computes the same.

Read off QKeras 0.9.0's `quantizers.py` and property-tested against the quantizers themselves. They are told apart by
class name, so nothing here needs a framework. Quantizers compute in float32: a value that lies 2**24 LSBs outside the
range comes back with float noise, and codes above 24 bits are rounded to a multiple of 2, 4, ...; both are QKeras'
own error, not part of the rules here.
"""

from collections.abc import Callable
from dataclasses import replace
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fpgaprune.errors import DesignError
from fpgaprune.fixed_point import FixedPoint, Overflow, Rounding

# Products of a code and a scale beyond this many significant bits are no longer exact in float32.
FLOAT32_BITS = 24
# Names of scales that QKeras fits to the array it quantizes.
_FITTED = ("auto", "auto_po2")


def smallest_type(values: ArrayLike) -> FixedPoint | None:
    """The narrowest type that holds every value exactly; unsigned when none is negative.

    None when a value is not finite, or when no type of at most 4096 bits does. All zeros give one unsigned bit.
    """
    array = np.asarray(values, dtype=np.float64).ravel()
    array = array[array != 0]
    if array.size == 0:
        return FixedPoint(1, 1, signed=False)
    if not np.isfinite(array).all():
        return None
    mantissas, exponents = np.frexp(array)
    codes = np.ldexp(mantissas, 53).astype(np.int64)
    lowest_bit = codes & -codes
    trailing = np.log2(lowest_bit.astype(np.float64)).astype(np.int64)
    fraction = int(np.max(53 - exponents - trailing))
    return _spanning(min(float(array.min()), 0.0), max(float(array.max()), 0.0), fraction)


def representable_type(quantizer: Any, values: ArrayLike | None = None) -> FixedPoint | None:
    """The exact type that holds every value the quantizer can produce; None when no fixed-point type does.

    `quantizer` is the object a layer calls (`layer.kernel_quantizer_internal`, `layer.quantizer`), because QKeras
    layers change the scale of the one they were given. Width and integer bits follow ap_fixed: the sign is counted.
    keep_negative=0 and plain ReLUs give an unsigned type. A power-of-two scale moves the point; a scale with few
    significant bits widens the type; any other gives None. Where the scale is fitted to the weights ("auto_po2"),
    `values`, the array being quantized, decides it; without it the answer is None, as it is for "auto" unless every
    fitted scale happens to be a power of two. Rounding is to nearest, ties to even, and overflow saturates
    (SAT_SYM where `symmetric`): a value already quantized passes unchanged whatever the modes.
    """
    rule = _HOLDING.get(type(quantizer).__name__)
    if rule is None or number(getattr(quantizer, "qnoise_factor", 1.0)) != 1.0:
        return None
    try:
        return rule(quantizer, values)
    except (DesignError, OverflowError):  # wider than any hardware type: 2**-2**14 of quantized_po2(16)
        return None


def _spanning(low: float, high: float, fraction: int) -> FixedPoint:
    """The narrowest type with that many fractional bits from `low` to `high`, both on its grid."""
    low_code, high_code = _exact_code(low, fraction), _exact_code(high, fraction)
    signed = low_code < 0
    width = max(high_code.bit_length(), (-low_code - 1).bit_length() if signed else 0) + int(signed)
    return FixedPoint(max(width, 1), max(width, 1) - fraction, signed, Rounding.RND_CONV, Overflow.SAT)


def _exact_code(value: float, fraction: int) -> int:
    numerator, denominator = value.as_integer_ratio()
    shifted = numerator << fraction if fraction >= 0 else numerator
    return shifted // (denominator if fraction >= 0 else denominator << -fraction)


def number(value: Any) -> float:
    """A Python number from what QKeras keeps: int, float, bool, NumPy or TensorFlow scalar."""
    return float(value.numpy() if hasattr(value, "numpy") else value)


def integer(value: Any) -> int:
    """A whole number of bits; a DesignError otherwise."""
    bits = number(value)
    if not bits.is_integer():
        message = f"a quantizer needs whole bits, not {bits}"
        raise DesignError(message)
    return int(bits)


def scales_of(quantizer: Any, values: ArrayLike | None) -> NDArray[np.float64] | None:
    """Every scale the quantizer multiplies its codes by; None where they are fitted to an unknown array."""
    alpha = getattr(quantizer, "alpha", None)
    if alpha is None:
        return np.ones(1)
    if not isinstance(alpha, str):
        return np.ravel(np.asarray(alpha, dtype=np.float64))
    if alpha not in _FITTED or values is None:
        return None
    quantizer(np.asarray(values, dtype=np.float32))
    fitted = quantizer.scale
    return np.ravel(np.asarray(fitted.numpy() if hasattr(fitted, "numpy") else fitted, dtype=np.float64))


def _scaled(base: FixedPoint, low: float, high: float, scales: NDArray[np.float64] | None) -> FixedPoint | None:
    """The type of values low..high on the grid of `base`, times any of the scales."""
    if scales is None:
        return None
    if np.all(scales == 1.0):
        return base
    used = np.unique(scales[scales != 0])  # a channel of zeros has no scale worth a bit
    if used.size == 0 or not np.isfinite(used).all():
        return None
    significant = [_significant_bits(float(scale)) for scale in used]
    if max(significant) > 1 and base.width + max(significant) > FLOAT32_BITS:
        return None
    ends = [float(scale) * end for scale in used for end in (low, high)]
    fraction = base.fraction + max(-_lowest_exponent(float(scale)) for scale in used)
    return replace(_spanning(min(*ends, 0.0), max(*ends, 0.0), fraction), overflow=Overflow.SAT)


def _significant_bits(value: float) -> int:
    numerator, _ = abs(value).as_integer_ratio()
    return (numerator // (numerator & -numerator)).bit_length()


def _lowest_exponent(value: float) -> int:
    """Exponent of the lowest set bit: -1 for 0.5 and 1.5, 2 for 4."""
    numerator, denominator = abs(value).as_integer_ratio()
    return (numerator & -numerator).bit_length() - denominator.bit_length()


def bits_type(quantizer: Any) -> FixedPoint | None:
    """The type of unscaled quantized_bits; None for its one-bit form, which is a sign."""
    bits, keep_negative = integer(quantizer.bits), bool(quantizer.keep_negative)
    if bits - int(keep_negative) <= 0:
        return None
    symmetric = bool(quantizer.symmetric) and keep_negative
    return FixedPoint.from_quantized_bits(
        bits,
        integer(quantizer.integer),
        keep_negative=keep_negative,
        overflow=Overflow.SAT_SYM if symmetric else Overflow.SAT,
    )


def _hold_bits(quantizer: Any, values: ArrayLike | None) -> FixedPoint | None:
    base = bits_type(quantizer)
    scales = scales_of(quantizer, values)
    if base is not None and isinstance(quantizer.alpha, str):  # symmetric and signed, whatever was asked for
        base = FixedPoint(base.width, base.width - base.fraction, True, base.rounding, Overflow.SAT_SYM)
    if base is None:
        return _two_valued(-1.0 if quantizer.keep_negative else 0.0, scales)
    low = base.low + base.lsb if base.overflow is Overflow.SAT_SYM else base.low
    return _scaled(base, low, base.high, scales)


def _two_valued(low: float, scales: NDArray[np.float64] | None) -> FixedPoint | None:
    """Type of a quantizer whose unscaled values run from `low` (-1 or 0) to 1."""
    return _scaled(_spanning(low, 1.0, 0), low, 1.0, scales)


def _hold_sign(quantizer: Any, values: ArrayLike | None) -> FixedPoint | None:
    return _two_valued(0.0 if getattr(quantizer, "use_01", False) else -1.0, scales_of(quantizer, values))


def _hold_bernoulli(quantizer: Any, values: ArrayLike | None) -> FixedPoint | None:
    return _two_valued(0.0, scales_of(quantizer, values))


def relu_type(quantizer: Any) -> FixedPoint:
    """Grid and positive range of quantized_relu."""
    bits = integer(quantizer.bits) - int(number(quantizer.negative_slope) != 0)
    return FixedPoint(bits, integer(quantizer.integer), False, Rounding.RND_CONV, Overflow.SAT)


def relu_bound(quantizer: Any) -> float | None:
    """The upper bound that is really applied: QKeras ignores it unless is_quantized_clip is off."""
    bound = quantizer.relu_upper_bound
    return number(bound) if bound and not quantizer.is_quantized_clip else None


def _hold_relu(quantizer: Any, _: ArrayLike | None) -> FixedPoint | None:
    base = relu_type(quantizer)
    slope, bound = number(quantizer.negative_slope), relu_bound(quantizer)
    fraction = base.fraction
    high = base.high
    if bound is not None and bound < high:
        fraction = max(fraction, -_lowest_exponent(bound))
        high = max(base.quantize(bound).item(), bound)
    if slope == 0 and fraction == base.fraction:
        return base
    low = -slope * 2.0 ** integer(quantizer.integer)
    if slope:
        fraction = max(fraction, -_lowest_exponent(low))
    top = np.ceil(np.ldexp(high, fraction))
    held = _spanning(low, float(np.ldexp(top, -fraction)), fraction)
    signed_width = base.width + int(slope != 0)
    if held.fraction == base.fraction and held.width < signed_width:
        return FixedPoint(signed_width, signed_width - fraction, slope != 0, held.rounding, held.overflow)
    return held


def unit_type(bits: int, signed: bool, symmetric: bool) -> FixedPoint:
    """Values in (-1, 1) or [0, 1)."""
    overflow = Overflow.SAT_SYM if symmetric and signed else Overflow.SAT
    return FixedPoint(bits, int(signed), signed, Rounding.RND_CONV, overflow)


def _hold_tanh(quantizer: Any, _: ArrayLike | None) -> FixedPoint | None:
    return unit_type(integer(quantizer.bits), True, bool(quantizer.symmetric))


def _hold_sigmoid(quantizer: Any, _: ArrayLike | None) -> FixedPoint | None:
    return unit_type(integer(quantizer.bits), False, False)


def _exponents(quantizer: Any) -> tuple[int, int]:
    """Smallest and largest exponent of a power-of-two quantizer."""
    factor = 2 if quantizer.quadratic_approximation else 1  # the exponent of the root, doubled
    # private, but the only place where QKeras keeps them
    low, high = int(quantizer._min_exp), int(quantizer._max_exp)
    limit = quantizer.max_value
    if limit is not None and isfinite(number(limit)) and number(limit) > 0:
        high = min(high, max(low, _rounded_exponent(number(limit), quantizer)))
    return factor * low, factor * high


def _rounded_exponent(limit: float, quantizer: Any) -> int:
    exponent = np.log2(limit) / (2 if quantizer.quadratic_approximation else 1)
    return int(np.floor(exponent) if quantizer.log2_rounding == "floor" else np.round(exponent))


def _hold_po2(quantizer: Any, _: ArrayLike | None) -> FixedPoint | None:
    low, high = _exponents(quantizer)
    signed = type(quantizer).__name__ == "quantized_po2" or number(quantizer.negative_slope) != 0
    # one bit left of the highest power, so that its negative and its positive both fit
    width = high - low + 1 + int(signed)
    return FixedPoint(width, width + low, signed, Rounding.RND_CONV, Overflow.SAT)


_HOLDING: dict[str, Callable[[Any, ArrayLike | None], FixedPoint | None]] = {
    "quantized_bits": _hold_bits,
    "quantized_hswish": _hold_bits,
    "binary": _hold_sign,
    "stochastic_binary": _hold_sign,
    "ternary": _hold_sign,
    "stochastic_ternary": _hold_sign,
    "bernoulli": _hold_bernoulli,
    "quantized_relu": _hold_relu,
    "quantized_tanh": _hold_tanh,
    "quantized_sigmoid": _hold_sigmoid,
    "quantized_po2": _hold_po2,
    "quantized_relu_po2": _hold_po2,
}
