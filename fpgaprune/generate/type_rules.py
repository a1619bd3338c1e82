"""Which fixed-point type holds a sum, a product, a range: pure functions on types and arrays."""

from dataclasses import replace
from math import ceil, frexp, log2

import numpy as np
from numpy.typing import NDArray

from fpgaprune.fixed_point import FixedPoint, Overflow, Rounding
from fpgaprune.fixed_ranges import Range, range_of, spanning
from fpgaprune.read.quantizer_types import smallest_type

Array = NDArray[np.float64]


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


def affine_range(scale: Array, offset: Array, inputs: Range) -> Range:
    """Bounds of `inputs * scale + offset` over all channels."""
    ends = np.stack([scale * inputs.low + offset, scale * inputs.high + offset])
    return Range(float(min(ends.min(), 0.0)), float(max(ends.max(), 0.0)))
