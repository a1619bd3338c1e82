"""The narrowest types that lose nothing: of ranges, of sums of products, of constants."""

from dataclasses import dataclass, replace
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from fpgaprune.fixed_point import EXACT_WIDTH, FixedPoint

Array = NDArray[np.float64]
# Types of one and two bits are binary and ternary ones to hls4ml, with kernels of their own.
_NARROWEST = 3


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


def spanning(values: Range, fraction: int) -> FixedPoint:
    """The narrowest type with `fraction` fractional bits that holds a range exactly."""
    step = 2.0**-fraction
    signed = values.low < 0
    low, high = floor(values.low / step), ceil(values.high / step)
    width = max(max(high, 0).bit_length(), (-low - 1).bit_length() if signed else 0) + int(signed)
    return FixedPoint(max(width, 1), max(width, 1) - fraction, signed)


def matrix_range(weights: Array, bias: Array | None, inputs: Range) -> Range:
    """Bounds of every output of `inputs @ weights + bias` (weights: (terms, outputs)), reached by some input."""
    positive, negative = np.maximum(weights, 0.0), np.minimum(weights, 0.0)
    high = positive.sum(axis=0) * inputs.high + negative.sum(axis=0) * inputs.low
    low = positive.sum(axis=0) * inputs.low + negative.sum(axis=0) * inputs.high
    if bias is not None:
        high, low = high + bias, low + bias
    return Range(float(min(low.min(), 0.0)), float(max(high.max(), 0.0)))


def trimmed(precision: FixedPoint, values: Array) -> FixedPoint:
    """The type of constants without the low bits that none of the `values`, all on its grid, uses; its range stays.

    Products and sums get narrower by those bits, and every value stays what it is.
    """
    if precision.width > EXACT_WIDTH:
        return precision
    used = int(np.bitwise_or.reduce(precision.codes(values).ravel(), initial=0))
    if not used:
        return precision
    unused = min((used & -used).bit_length() - 1, max(0, precision.width - _NARROWEST))
    return replace(precision, width=precision.width - unused)
