"""Which fixed-point type holds a sum, a product, a range: pure functions on types and arrays."""

from dataclasses import dataclass, replace
from math import ceil, floor, frexp, log2

import numpy as np
from numpy.typing import NDArray

from fpgaprune.fixed_point import FixedPoint, Overflow, Rounding
from fpgaprune.read.quantizer_types import smallest_type

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Range:
    """Smallest and largest value seen or possible."""

    low: float
    high: float

    @property
    def largest(self) -> float:
        """Largest magnitude."""
        return max(abs(self.low), abs(self.high))

    def scaled(self, factor: float) -> "Range":
        """Both ends times a positive factor."""
        return Range(self.low * factor, self.high * factor)


def range_of(precision: FixedPoint) -> Range:
    """Every value a type can hold."""
    return Range(precision.low, precision.high)


def plain(precision: FixedPoint) -> FixedPoint:
    """The type without modes: for constants and for values that fit exactly."""
    return replace(precision, rounding=Rounding.TRN, overflow=Overflow.WRAP)


def rounded(precision: FixedPoint) -> FixedPoint:
    """The type with rounding to nearest and saturation: for results that are cut."""
    return replace(precision, rounding=Rounding.RND, overflow=Overflow.SAT)


def integer_bits(values: Range, *, signed: bool) -> int:
    """Integer bits, sign included, that hold both ends of a range."""
    bits = -64
    for end in (values.low, values.high):
        if end > 0:
            bits = max(bits, frexp(end)[1])  # 2**bits > end: also when end is itself a power of two
        elif end < 0:
            bits = max(bits, ceil(log2(-end)))
    return (bits if bits > -64 else 0) + int(signed)


def for_range(values: Range, width: int, *, signed: bool | None = None) -> FixedPoint:
    """A type of that width for a range, rounding to nearest and saturating; signed unless told or never negative."""
    sign = values.low < 0 if signed is None else signed
    return FixedPoint(width, integer_bits(values, signed=sign), sign, Rounding.RND, Overflow.SAT)


def for_constants(values: Array, width: int) -> FixedPoint:
    """The type of a constant array: exact where `width` bits do, else the finest that does not overflow."""
    exact = smallest_type(values)
    if exact is not None and exact.width <= width:
        return plain(exact)
    low, high = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    bits = integer_bits(Range(low, high), signed=True)
    chosen = FixedPoint(width, bits, True)
    if high > chosen.high + chosen.lsb / 2:  # rounds up out of range
        chosen = FixedPoint(width, bits + 1, True)
    return chosen


def to_nearest(values: Array, precision: FixedPoint) -> Array:
    """Constants rounded to the nearest value of a type: floored weights would never lose small negative ones."""
    return replace(precision, rounding=Rounding.RND_CONV, overflow=Overflow.SAT).quantize(values)


def spanning(values: Range, fraction: int) -> FixedPoint:
    """The narrowest type with `fraction` fractional bits that holds a range exactly."""
    step = 2.0**-fraction
    signed = values.low < 0
    low, high = floor(values.low / step), ceil(values.high / step)
    width = max(max(high, 0).bit_length(), (-low - 1).bit_length() if signed else 0) + int(signed)
    return FixedPoint(max(width, 1), max(width, 1) - fraction, signed)


def union(first: FixedPoint, second: FixedPoint) -> FixedPoint:
    """The narrowest type that holds every value of both."""
    fraction = max(first.fraction, second.fraction)
    return spanning(Range(min(first.low, second.low), max(first.high, second.high)), fraction)


def sum_type(first: FixedPoint, second: FixedPoint, *, subtract: bool = False) -> FixedPoint:
    """The exact type of a sum or difference."""
    other = Range(-second.high, -second.low) if subtract else range_of(second)
    fraction = max(first.fraction, second.fraction)
    return spanning(Range(first.low + other.low, first.high + other.high), fraction)


def product_type(first: FixedPoint, second: FixedPoint) -> FixedPoint:
    """The exact type of a product."""
    ends = [a * b for a in (first.low, first.high) for b in (second.low, second.high)]
    return spanning(Range(min(ends), max(ends)), first.fraction + second.fraction)


def matrix_range(weights: Array, bias: Array | None, inputs: Range) -> Range:
    """Bounds of every output of `inputs @ weights + bias` (weights: (terms, outputs)), reached by some input."""
    positive, negative = np.maximum(weights, 0.0), np.minimum(weights, 0.0)
    high = positive.sum(axis=0) * inputs.high + negative.sum(axis=0) * inputs.low
    low = positive.sum(axis=0) * inputs.low + negative.sum(axis=0) * inputs.high
    if bias is not None:
        high, low = high + bias, low + bias
    return Range(float(min(low.min(), 0.0)), float(max(high.max(), 0.0)))


def affine_range(scale: Array, offset: Array, inputs: Range) -> Range:
    """Bounds of `inputs * scale + offset` over all channels."""
    ends = np.stack([scale * inputs.low + offset, scale * inputs.high + offset])
    return Range(float(min(ends.min(), 0.0)), float(max(ends.max(), 0.0)))
