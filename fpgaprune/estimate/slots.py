"""Which products of a fully unrolled layer take the second time slot, and whose multipliers they share there.

Vivado HLS' verbose scheduling reports and netlists of six dense layers tell (Latency strategy, reuse factor 2,
2019.2, UltraScale+ of speed grade 2 at 5 ns; two repositories, 16 x 64 to 64 x 32 constants):

* The summands of an output form a balanced tree in the order of the inputs; data that are only shifted, and the bias,
  come last, wider ones first. No adder is wider than its value can be.
* An adder takes one of the two before it along as the third operand of a ternary adder: one as wide as itself, the
  later one where both are. So the way of a product to the output is a number of steps of one delay each.
* A product with more steps after it than fit into the rest of its clock period is urgent. The urgent products in the
  order of the text, then the others, take multipliers in the first slot until the limit is reached.
* In the second slot a product takes the multiplier of an equal constant, as long as there is one: so did 374. The
  other 365 share with any, whatever its width: of 66 multipliers for the narrowest constants, 4 and 5 bits, 7 were
  taken, where 8.3 are expected of chance.

The first three put 2283 of the 2288 products of the first slot there. Which multipliers those without an equal take,
no constant tells: what small products cost is bounded.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from fpgaprune.csd import csd_digits
from fpgaprune.results import Bound


@dataclass(frozen=True)
class Sums:
    """How the products of a layer by signed data of `data_width` bits are added up.

    `dropped`: low bits cut from each product. `width`: of the accumulator, in bits. `bias`: one code per output in the
    accumulator's steps, 0 where there is none. `packed`: the inputs come as one word, and the tool prefers early
    summands in ternary adders where it prefers late ones otherwise.
    """

    data_width: int
    dropped: int
    width: int
    bias: NDArray[np.int64]
    packed: bool = False


@dataclass(frozen=True)
class Slots:
    """Products by time slot, each as its constant."""

    first: tuple[int, ...]
    second: tuple[int, ...]


@dataclass(frozen=True)
class Shared:
    """Blocks that the multipliers of two slots take: for certain, and on average over all ways to share."""

    blocks: Bound
    expected: float


def fill_slots(codes: NDArray[np.int64], sums: Sums, *, limit: int, fitting: int, free_digits: int) -> Slots:
    """Slots of the products by `codes` (inputs, outputs) when each slot has `limit` multipliers.

    `fitting`: steps of addition that fit into a clock period after a multiplication. Constants of at most
    `free_digits` signed digits need no multiplier.
    """
    digits = csd_digits(codes)
    steps = steps_after(codes, digits, sums)
    urgent: dict[tuple[int, int], bool] = {}  # by input and constant, in the order of the text
    for row, column in zip(*np.nonzero(digits > free_digits), strict=True):
        key = (int(row), int(codes[row, column]))
        urgent[key] = urgent.get(key, False) or bool(steps[row, column] > fitting)
    ordered = [constant for (_, constant), _ in sorted(urgent.items(), key=lambda entry: not entry[1])]
    return Slots(tuple(ordered[:limit]), tuple(ordered[limit:]))


def share(slots: Slots, price: Callable[[int], int]) -> Shared:
    """Blocks of the multipliers of the first slot, as wide as their widest product; `price` is that of a constant."""
    prices = {constant: price(constant) for constant in {*slots.first, *slots.second}}
    unpaired, rest = Counter(slots.first), []
    for constant in slots.second:
        if unpaired[constant]:
            unpaired[constant] -= 1
        else:
            rest.append(prices[constant])
    free = sorted(prices[constant] for constant in unpaired.elements())
    own = sum(prices[constant] for constant in slots.first)
    if not free:
        return Shared(Bound.exactly(own), float(own))
    rest.sort(reverse=True)
    least = sum(max(0, one - other) for one, other in zip(rest, reversed(free), strict=False))
    most = sum(max(0, one - other) for one, other in zip(rest, free, strict=False))
    pairs = ((one, other, n * m) for one, n in Counter(rest).items() for other, m in Counter(free).items())
    mean = sum(max(0, one - other) * ways for one, other, ways in pairs) / len(free)
    return Shared(Bound(own + least, own + most), own + mean)


def steps_after(codes: NDArray[np.int64], digits: NDArray[np.int_], sums: Sums) -> NDArray[np.int64]:
    """Steps of addition from each product to its output, same shape; 0 where there is no product."""
    found = np.zeros(codes.shape, dtype=np.int64)
    for output in range(codes.shape[1]):
        column, weights = codes[:, output], digits[:, output]
        shifted = (column > 0) & (weights == 1)
        order = [int(row) for row in np.flatnonzero((column != 0) & ~shifted)]
        operands = [_product(int(column[row]), sums) for row in order]
        last = [(_product(int(column[row]), sums, shifted=True), int(row)) for row in np.flatnonzero(shifted)]
        bias = int(sums.bias[output])
        if bias:
            last.insert(0, ((bias, bias), -1))
        for operand, row in sorted(last, key=lambda entry: -_bits(*entry[0])):
            operands.append(operand)
            order.append(row)
        for row, steps in zip(order, _tree(operands, sums), strict=True):
            if row >= 0:
                found[row, output] = steps
    return found


def _product(code: int, sums: Sums, *, shifted: bool = False) -> tuple[int, int]:
    """Least and greatest value of a product by one constant, as far as its bits tell."""
    bits = code.bit_length() - 1 if shifted else _bits(code, code)
    width = min(sums.width, max(1, sums.data_width + bits - sums.dropped))
    return -(1 << (width - 1)), (1 << (width - 1)) - 1


def _bits(low: int, high: int) -> int:
    """Bits of values from `low` to `high`, with their sign."""
    return max(max(high, 0).bit_length(), max(-low - 1, 0).bit_length()) + 1


def _tree(operands: Sequence[tuple[int, int]], sums: Sums) -> list[int]:
    """Steps after each operand of one output."""
    lows = list(accumulate((low for low, _ in operands), initial=0))
    highs = list(accumulate((high for _, high in operands), initial=0))

    def width(start: int, stop: int) -> int:
        return min(sums.width, _bits(lows[stop] - lows[start], highs[stop] - highs[start]))

    steps = [0] * len(operands)
    open_parts = [(0, len(operands), 0, False)] if operands else []
    while open_parts:
        start, stop, after, taken = open_parts.pop()
        if stop - start == 1:
            steps[start] = after
            continue
        middle = start + (stop - start) // 2
        halves = [(start, middle), (middle, stop)]
        third = None
        if not taken:
            after += 1
            preferred = halves if sums.packed else halves[::-1]
            wide = width(start, stop)
            third = next((half for half in preferred if half[1] - half[0] > 1 and width(*half) == wide), None)
        open_parts += [(*half, after, half == third) for half in halves]
    return steps
