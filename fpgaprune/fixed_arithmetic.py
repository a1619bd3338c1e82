"""Arithmetic on fixed-point codes as AMD's ap_fixed does it: the reference for emulation.

Codes are integers worth `2**-fraction` of their type: int64 where the type has at most 62 bits, Python integers in
object arrays where it is wider. Types of sums and products are those of AMD UG1399, "Arbitrary Precision Fixed-Point
Data Types" (binary operators): wide enough that no operator rounds or overflows; only assignment does.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.errors import DesignError
from fpgaprune.fixed_point import FixedPoint, Overflow, Rounding

Array = NDArray[Any]
WIDEST_MACHINE = 62  # bits of the widest type whose codes, doubled, still fit int64


@dataclass(frozen=True)
class Codes:
    """An array of codes with their type. `binary` marks one-bit data that means −1 (code 0) and 1 (code 1)."""

    values: Array
    precision: FixedPoint
    binary: bool = False

    def cast(self, target: FixedPoint) -> "Codes":
        """The same numbers assigned to `target`: rounded, then wrapped or saturated, as that type says."""
        if target == self.precision:
            return self
        return Codes(recode(self.values, self.precision, target), target)

    def real(self) -> NDArray[np.float64]:
        """The numbers, as float64."""
        return np.ldexp(self.values.astype(np.float64), -self.precision.fraction)


def machine(values: Array, width: int) -> Array:
    """The codes in the dtype that codes of `width` bits have."""
    wanted = np.dtype(np.int64) if width <= WIDEST_MACHINE else np.dtype(object)
    return values if values.dtype == wanted else values.astype(wanted)


def integer_type(width: int = 32, *, signed: bool = True) -> FixedPoint:
    """The type of a C++ integer in an expression with ap_fixed."""
    return FixedPoint(width, width, signed)


def product_type(a: FixedPoint, b: FixedPoint) -> FixedPoint:
    """The type of `a * b`."""
    return FixedPoint(a.width + b.width, a.integer + b.integer, a.signed or b.signed)


def sum_type(a: FixedPoint, b: FixedPoint) -> FixedPoint:
    """The type of `a + b`."""
    integer = max(a.integer + int(b.signed and not a.signed), b.integer + int(a.signed and not b.signed)) + 1
    return FixedPoint(integer + max(a.fraction, b.fraction), integer, a.signed or b.signed)


def difference_type(a: FixedPoint, b: FixedPoint) -> FixedPoint:
    """The type of `a - b`: always signed."""
    total = sum_type(a, b)
    return FixedPoint(total.width, total.integer)


def multiply(a: Codes, b: Codes) -> Codes:
    """`a * b`, exact."""
    precision = product_type(a.precision, b.precision)
    left, right = machine(a.values, precision.width), machine(b.values, precision.width)
    return Codes(left * right, precision)


def add(a: Codes, b: Codes) -> Codes:
    """`a + b`, exact."""
    precision = sum_type(a.precision, b.precision)
    return Codes(_aligned(a, precision) + _aligned(b, precision), precision)


def subtract(a: Codes, b: Codes) -> Codes:
    """`a - b`, exact."""
    precision = difference_type(a.precision, b.precision)
    return Codes(_aligned(a, precision) - _aligned(b, precision), precision)


def compared(a: Codes, b: Codes) -> tuple[Array, Array]:
    """Both codes at one scale, to be compared."""
    precision = sum_type(a.precision, b.precision)
    return _aligned(a, precision), _aligned(b, precision)


def divide_truncating(values: Array, divisor: int) -> Array:
    """Integer division towards zero, as C++ and ap_fixed divide."""
    quotient = np.abs(values) // abs(divisor)
    return np.where((values < 0) != (divisor < 0), -quotient, quotient)


def _aligned(codes: Codes, precision: FixedPoint) -> Array:
    values = machine(codes.values, precision.width)
    shift = precision.fraction - codes.precision.fraction
    return values << shift if shift else values


def recode(values: Array, source: FixedPoint, target: FixedPoint) -> Array:
    """Codes of `source` assigned to `target`: same shape, dtype of the target's width.

    Raises DesignError where sign-magnitude wrapping would be needed.
    """
    shift = source.fraction - target.fraction
    wide = source.width + 2 + max(-shift, 0)
    if shift > WIDEST_MACHINE:
        wide = shift + source.width
    result = rounded(machine(values, wide), shift, target.rounding)
    low, high = _range_after(source, shift)
    if low < target.min_code or high > target.max_code or (target.overflow is Overflow.SAT_SYM and target.signed):
        result = overflowed(result, target)
    return machine(result, target.width)


def _range_after(source: FixedPoint, shift: int) -> tuple[int, int]:
    if shift <= 0:
        return source.min_code << -shift, source.max_code << -shift
    return source.min_code >> shift, (source.max_code >> shift) + 1


def rounded(values: Array, shift: int, rounding: Rounding) -> Array:
    """Codes with `shift` bits fewer on the right, rounded; shifted left where `shift` is negative."""
    if shift <= 0:
        return values << -shift if shift else values
    if rounding is not Rounding.TRN:
        values = values + _bias(values, shift, rounding)
    truncated: Array = values >> shift
    return truncated


def _bias(values: Array, shift: int, rounding: Rounding) -> Array | int:
    """What is added before truncation makes it the rounding asked for."""
    half = 1 << (shift - 1)
    negative = (values < 0).astype(values.dtype)
    match rounding:
        case Rounding.TRN_ZERO:
            bias: Array | int = negative * ((1 << shift) - 1)
        case Rounding.RND:
            bias = half
        case Rounding.RND_MIN_INF:
            bias = half - 1
        case Rounding.RND_INF:
            bias = half - negative
        case Rounding.RND_ZERO:
            bias = half - 1 + negative
        case _:  # RND_CONV: a tie goes up only from an odd code
            bias = half - 1 + ((values >> shift) & 1)
    return bias


def overflowed(values: Array, target: FixedPoint) -> Array:
    """Codes brought into the range of `target` in its own way; raises DesignError for sign-magnitude wrapping."""
    low, high = target.min_code, target.max_code
    match target.overflow:
        case Overflow.WRAP:
            return wrapped(values, target)
        case Overflow.SAT:
            return np.clip(values, low, high)
        case Overflow.SAT_SYM:
            return np.clip(values, low + int(target.signed), high)
        case Overflow.SAT_ZERO:
            return np.where((values < low) | (values > high), 0, values)
        case _:  # WRAP_SM
            if np.any((values < low) | (values > high)):
                message = f"sign-magnitude wrapping ({target.cpp()}) is not supported for values out of range"
                raise DesignError(message)
            return values


def wrapped(values: Array, target: FixedPoint) -> Array:
    """The lowest bits of the codes, read as `target` reads them."""
    mask = (1 << target.width) - 1
    if values.dtype == np.int64 and target.width >= 63:
        values = values.astype(object)
    if not target.signed:
        return values & mask
    half = 1 << (target.width - 1)
    return ((values + half) & mask) - half


def to_c_int(values: Array) -> NDArray[np.int64]:
    """Integers as a C++ `int` keeps them: the lowest 32 bits."""
    return wrapped(values, integer_type()).astype(np.int64)
