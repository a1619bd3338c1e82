"""Sums of products in an accumulator: exact in BLAS where the widths allow, product by product where they do not.

hls4ml's kernels cast every product to `accum_t` and add it to an `accum_t` that starts at the bias. Wrapping sums do
not depend on the order, and neither do sums that never leave the range; only saturating ones follow the kernel's order.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fpgaprune.fixed_arithmetic import WIDEST_MACHINE, Array, Codes, machine, overflowed, product_type, recode, rounded
from fpgaprune.fixed_point import FixedPoint, Overflow, Rounding

_BLOCK = 1024  # samples worked on at once where every product is rounded: the sums stay in the processor's cache
_ONE_THREAD = 1 << 18  # multiplications below which OpenBLAS stays in one thread (interface/gemm.c)
_LEAST_ROWS = 32
_EXACT_FLOAT32 = 1 << 24
_EXACT_FLOAT64 = 1 << 53


def sums_of_products(
    data: Codes, weights: Codes, bias: Codes, accumulator: FixedPoint, order: Sequence[int] | None = None
) -> Codes:
    """`bias + data @ weights` in an accumulator of that type.

    data (rows, n_in), weights (n_in, n_out), bias (n_out); `order` is that of the additions, where it is not ascending.
    """
    start = recode(bias.values, bias.precision, accumulator)
    product = product_type(data.precision, weights.precision)
    problem = _Problem(data.values, weights.values, start, product, accumulator)
    if accumulator.overflow is Overflow.WRAP or problem.never_overflows(bound(data.precision)):
        return Codes(problem.unordered(bound(data.precision)), accumulator)
    return Codes(problem.ordered(bound(data.precision), order), accumulator)


def bound(precision: FixedPoint) -> int:
    """Largest magnitude of a code of that type."""
    return max(-precision.min_code, precision.max_code)


class _Problem:
    """One matrix product: codes of data and weights, what the sums start at, and the types."""

    def __init__(self, data: Array, weights: Array, start: Array, product: FixedPoint, accumulator: FixedPoint) -> None:
        self._data, self._weights, self._start = data, weights, start
        self._product, self._accumulator = product, accumulator
        self._shift = product.fraction - accumulator.fraction
        # Sums of any sign up to this magnitude stay in range: none, if the accumulator is unsigned.
        self._limit = min(accumulator.max_code, -accumulator.min_code)
        self._sizes = np.abs(weights.astype(object)).sum(axis=0) if weights.dtype.hasobject else np.abs(weights)

    @property
    def _column(self) -> int:
        """The largest sum of weight magnitudes of one output."""
        return int(self._sizes.max(initial=0) if self._sizes.ndim == 1 else self._sizes.sum(axis=0).max(initial=0))

    def never_overflows(self, largest: int) -> bool:
        """Whether no partial sum can leave the accumulator's range with data codes up to `largest`."""
        return self._worst(largest * self._column) <= self._limit

    def _worst(self, total: int) -> int:
        steps = total >> self._shift if self._shift > 0 else total << -self._shift
        slack = 0 if self._shift <= 0 else len(self._weights) + 1
        return steps + slack + int(np.abs(self._start).max(initial=0))

    def unordered(self, largest: int) -> Array:
        """The sums where the order cannot matter."""
        sums = self._unbounded(largest)
        if not self.never_overflows(largest):
            sums = overflowed(sums, self._accumulator)
        return machine(sums, self._accumulator.width)

    def _unbounded(self, largest: int) -> Array:
        lossless = self._shift <= 0 or not np.any(self._weights & ((1 << self._shift) - 1))
        if lossless:
            sums = rounded(exact_matmul(self._data, self._weights, largest), self._shift, Rounding.TRN)
        else:
            sums = self._product_by_product(largest)
        return sums + self._start

    def _product_by_product(self, largest: int) -> Array:
        heaviest = int(np.abs(self._weights).max(initial=0))
        reach = largest * heaviest + (1 << self._shift)
        dtype = np.dtype(np.int32 if reach < 1 << 31 and self._accumulator.width <= 32 else np.int64)
        if reach >= 1 << WIDEST_MACHINE or self._accumulator.width > 64:
            dtype = np.dtype(object)
        columns: Array = np.ascontiguousarray(self._data.T).astype(dtype)
        weights: Array = self._weights.astype(dtype)
        sums: Array = np.empty((len(self._data), weights.shape[1]), dtype=dtype)
        for first in range(0, len(sums), _BLOCK):
            sums[first : first + _BLOCK] = self._block(columns[:, first : first + _BLOCK], weights).T
        return sums if dtype.hasobject else sums.astype(np.int64)

    def _block(self, columns: Array, weights: Array) -> Array:
        sums = np.zeros((weights.shape[1], columns.shape[1]), dtype=columns.dtype)
        products = np.empty_like(sums)
        truncates = self._accumulator.rounding is Rounding.TRN
        for column, row in zip(columns, weights, strict=True):
            np.multiply(row[:, None], column[None, :], out=products)
            if truncates:
                np.right_shift(products, self._shift, out=products)
                np.add(sums, products, out=sums)
            else:
                np.add(sums, rounded(products, self._shift, self._accumulator.rounding), out=sums)
        return sums

    def ordered(self, largest: int, order: Sequence[int] | None) -> Array:
        """The sums in a saturating accumulator: rows that may leave its range are added one product at a time."""
        magnitudes = exact_matmul(np.abs(self._data), np.abs(self._weights), largest)
        worst = magnitudes.max(axis=1, initial=0)
        risky = np.array([self._worst(int(value)) > self._limit for value in worst], dtype=bool)
        result = machine(self._unbounded(largest), self._accumulator.width)
        if risky.any():
            result[risky] = self._one_by_one(self._data[risky], order)
        return result

    def _one_by_one(self, data: Array, order: Sequence[int] | None) -> Array:
        data, weights = machine(data, self._product.width), machine(self._weights, self._product.width)
        sums = np.repeat(self._start[None, :], len(data), axis=0)
        sums = machine(sums, self._accumulator.width + 2)
        for place in range(len(weights)) if order is None else order:
            products = recode(data[:, place, None] * weights[place], self._product, self._accumulator)
            sums = overflowed(sums + products, self._accumulator)
        return machine(sums, self._accumulator.width)


def exact_matmul(data: Array, weights: Array, largest: int) -> Array:
    """`data @ weights` of integers, exact; data magnitudes do not exceed `largest`."""
    if object in (data.dtype, weights.dtype):
        return np.asarray(data.astype(object) @ weights.astype(object))
    reach = largest * int(np.abs(weights).sum(axis=0).max(initial=0))
    if reach < _EXACT_FLOAT32:
        return _float_matmul(data, weights, np.float32)
    if reach < _EXACT_FLOAT64:
        return _float_matmul(data, weights, np.float64)
    if reach >= 1 << WIDEST_MACHINE:
        return np.asarray(data.astype(object) @ weights.astype(object))
    low_bits = largest.bit_length() // 2  # two halves of the data, each exact
    low = data & ((1 << low_bits) - 1)
    high = exact_matmul(data >> low_bits, weights, (largest >> low_bits) + 1)
    return (high << low_bits) + exact_matmul(low, weights, (1 << low_bits) - 1)


def _float_matmul(data: Array, weights: Array, dtype: type) -> NDArray[np.int64]:
    """The product in blocks that OpenBLAS computes in one thread: handing small ones to others costs more than they."""
    right: Array = weights.astype(dtype)
    rows = _ONE_THREAD // max(1, weights.size)
    if rows < _LEAST_ROWS:
        whole: NDArray[np.int64] = (data.astype(dtype) @ right).astype(np.int64)
        return whole
    result: NDArray[np.int64] = np.empty((len(data), weights.shape[1]), dtype=np.int64)
    for first in range(0, len(data), rows):
        result[first : first + rows] = data[first : first + rows].astype(dtype) @ right
    return result
