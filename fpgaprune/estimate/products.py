"""From constants to multipliers: which products of a layer need one, which share one, and how wide they are."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fpgaprune.csd import csd_digits

# Up to this width a table of all codes is faster than counting digits code by code (2**18 entries of 1 byte).
_TABLE_WIDTH = 18


@dataclass(frozen=True)
class Products:
    """Distinct multiplications by constants of a layer, counted by the width of the constant.

    `negative[w]`: by negative constants that take w bits in two's complement. `positive[w]`: by positive ones whose
    magnitude takes w bits; a signed operand needs one bit more for them.
    """

    negative: NDArray[np.int64]
    positive: NDArray[np.int64]

    @property
    def count(self) -> int:
        """Number of multiplications."""
        return int(self.negative.sum() + self.positive.sum())

    def groups(self) -> Iterator[tuple[bool, int, int]]:
        """(positive, bits, number of multiplications) for every kind of constant that occurs."""
        for positive, counts in ((False, self.negative), (True, self.positive)):
            for bits in np.flatnonzero(counts):
                yield positive, int(bits), int(counts[bits])

    def __add__(self, other: "Products") -> "Products":
        return Products(_sum(self.negative, other.negative), _sum(self.positive, other.positive))

    def scaled(self, times: int) -> "Products":
        """The same multiplications `times` times over."""
        return Products(self.negative * times, self.positive * times)


def bits_of(codes: NDArray[np.int64]) -> int:
    """Bits of a value that is one of the codes: unsigned where none is negative, two's complement otherwise."""
    low, high = int(codes.min()), int(codes.max())
    return high.bit_length() if low >= 0 else max(high, -low - 1).bit_length() + 1


def _sum(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    total = np.zeros(max(one.size, other.size), dtype=np.int64)
    total[: one.size] += one
    total[: other.size] += other
    return total


def count_products(
    codes: NDArray[np.int64], free_digits: int, *, shared: bool = True, strips_zeros: bool = False
) -> Products:
    """The multiplications of a layer whose `codes` are (inputs, outputs).

    Zero and constants of at most `free_digits` signed digits need none. With `shared`, equal constants on the same
    input need one together; a constant and its negative, or its double, do not share. With `strips_zeros` a
    constant counts as its odd part, and then it shares with its double.
    """
    if strips_zeros:
        codes = codes // np.maximum(codes & -codes, 1)
    kept = _distinct_per_row(codes) if shared else codes.ravel()
    kept = kept[_needs_multiplier(kept, free_digits)]
    magnitude = np.where(kept < 0, -kept - 1, kept)
    lengths = _bit_length(magnitude)
    negative = kept < 0
    return Products(np.bincount(lengths[negative] + 1), np.bincount(lengths[~negative]))


def _distinct_per_row(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The distinct codes of every row, concatenated."""
    if not codes.size:
        return codes.ravel()
    bound = int(max(codes.max(), -(codes.min() + 1)))
    # Narrow integers sort several times faster (radix and vector instructions).
    dtype: type[np.signedinteger] = np.int16 if bound < 1 << 15 else np.int32 if bound < 1 << 31 else np.int64
    ordered = np.sort(codes.astype(dtype), axis=1)
    first = np.ones(ordered.shape, dtype=bool)
    np.not_equal(ordered[:, 1:], ordered[:, :-1], out=first[:, 1:])
    distinct: NDArray[np.int64] = ordered[first].astype(np.int64)
    return distinct


@lru_cache(maxsize=8)
def _multiplier_table(width: int, free_digits: int) -> NDArray[np.bool_]:
    half = 1 << (width - 1)
    table: NDArray[np.bool_] = csd_digits(np.arange(-half, half)) > free_digits
    return table


def _needs_multiplier(codes: NDArray[np.int64], free_digits: int) -> NDArray[np.bool_]:
    if not codes.size:
        return np.zeros(0, dtype=bool)
    bound = int(max(codes.max(), -(codes.min() + 1)))
    if bound < 1 << (_TABLE_WIDTH - 1):
        width = max(8, bound.bit_length() + 1)
        return _multiplier_table(width, free_digits)[codes + (1 << (width - 1))]
    needed: NDArray[np.bool_] = csd_digits(codes) > free_digits
    return needed


def _bit_length(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Bit length of nonnegative integers below 2**53, which double precision holds exactly."""
    return np.frexp(values.astype(np.float64))[1].astype(np.int64)
