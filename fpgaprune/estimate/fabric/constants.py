"""Products by constants in LUTs: shifts and adds for the cheap ones, multipliers for the rest.

Each distinct constant on an input is computed once. One signed digit is a shift, two are one adder or subtracter;
a negative power of two, and a constant whose two digits are both negative, take one subtraction from zero more.
Adders and subtracters counted so are those of the reports on 60 dense layers (Latency, reuse factor 1), but for
negations that a tool turns into subtractions further down.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fpgaprune.csd import csd_digits


@dataclass(frozen=True)
class ConstantProducts:
    """The distinct products of a layer.

    `shift_adds` adders and subtracters of `shift_bits` bits in all; `multipliers` multiplications that need more;
    `multiplier_lut` what those take in LUTs;
    `products` all distinct products but zero, `bits` of their results.
    """

    shift_adds: float
    shift_bits: float
    multipliers: int
    multiplier_lut: float
    products: int
    bits: float


def count_constants(
    codes: NDArray[np.int64],
    width: int,
    prices: NDArray[np.float64],
    *,
    free_digits: int = 2,
    negates: bool = True,
) -> ConstantProducts:
    """The products of data of `width` bits by `codes` (inputs, outputs).

    `prices` are the LUTs of a multiplication by the bits of the constant's magnitude, the last for all wider ones.

    Constants of up to `free_digits` signed digits are sums of shifts.
    `negates`: negative powers of two are computed on their own (they are where low bits of the product are cut; else
    their subtraction becomes part of the adder tree).
    """
    values, counts = _distinct(codes)
    values, counts = values[values != 0], counts[values != 0]
    if not values.size:
        return ConstantProducts(0.0, 0.0, 0, 0.0, 0, 0.0)
    digits = csd_digits(values)
    magnitude = np.abs(values)
    length = np.frexp(magnitude.astype(np.float64))[1].astype(np.int64)
    result = width + length + 1 - ((digits == 1) & (values > 0))
    two = (digits == 2) & (free_digits >= 2)
    # 5 = 4 + 1 has the leading digit its length says; 3 = 4 - 1 one more.
    difference = two & (_popcount_is_not_two(magnitude))
    sum_of_both = two & ~difference
    negation = (digits == 1) & (values < 0) & negates
    twice = sum_of_both & (values < 0)
    more = np.where((digits > 2) & (digits <= free_digits), digits - 1, 0)
    operations = two.astype(np.float64) + negation + twice + more
    hard = digits > free_digits
    bits = result + (difference.astype(np.int64))
    return ConstantProducts(
        shift_adds=float(operations @ counts),
        shift_bits=float((operations * bits) @ counts),
        multipliers=int(counts[hard].sum()),
        multiplier_lut=float(prices[np.minimum(length[hard], prices.size - 1)] @ counts[hard]),
        products=int(counts.sum()),
        bits=float(result @ counts),
    )


def _popcount_is_not_two(magnitude: NDArray[np.int64]) -> NDArray[np.bool_]:
    low = magnitude & -magnitude
    rest = magnitude - low
    # 3 = 11b is 4 - 1
    apart: NDArray[np.bool_] = ((rest & (rest - 1)) != 0) | ((rest == low << 1) & (rest != 0))
    return apart


def _distinct(codes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every code and on how many inputs it occurs."""
    if not codes.size:
        empty = np.zeros(0, dtype=np.int64)
        return empty, empty
    bound = int(np.abs(codes).max())
    narrow: type[np.signedinteger] = np.int16 if bound < 1 << 15 else np.int32 if bound < 1 << 31 else np.int64
    ordered = np.sort(codes.astype(narrow), axis=1)
    first = np.ones(ordered.shape, dtype=bool)
    np.not_equal(ordered[:, 1:], ordered[:, :-1], out=first[:, 1:])
    distinct = ordered[first].astype(np.int64)
    if bound < 1 << 20:
        counts = np.bincount(distinct + bound, minlength=2 * bound + 1)
        values = np.flatnonzero(counts)
        return values - bound, counts[values]
    values, counts = np.unique(distinct, return_counts=True)
    return values, counts
