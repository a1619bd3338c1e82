"""The adder trees of a matrix product by constants: how many adders, how wide, how many levels.

Every output sums its nonzero products and its bias. The tools narrow each adder to what its operands can be, up to
the accumulator's width, and pair the operands in the order they come: the widths follow from the distribution of the
operands' widths, level by level. On 60 dense layers (Latency, reuse factor 1) the number of adders is that of the
report, their mean width within 5 % for most.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fpgaprune.csd import csd_digits

_TABLE_WIDTH = 18


@dataclass(frozen=True)
class Trees:
    """Adders of all outputs together.

    `count` and `bits` sum over all adders; `levels` is the depth of the deepest tree; `live_bits[k]` the bits of all
    values after k levels, the operands themselves at k = 0.
    """

    count: float
    bits: float
    levels: int
    live_bits: tuple[float, ...]
    count_deepest: int = 0  # adders of the output with the most
    growing: float = 0.0  # adders narrower than the accumulator: each result has a bit more than its operands


NO_TREES = Trees(0.0, 0.0, 0, (0.0,))


def operand_widths(codes: NDArray[np.int64], width: int, *, signed: bool) -> NDArray[np.int8]:
    """Bits of each product of data of `width` bits by a constant, same shape; 0 where the constant is zero.

    A power of two only shifts; other constants add the bits of their magnitude and a sign.
    """
    bound = int(np.abs(codes).max(initial=0))
    if bound < 1 << (_TABLE_WIDTH - 1):
        span = max(1, bound)
        table = _widths(np.arange(-span, span + 1), width, signed=signed)
        return table[codes + span]
    return _widths(codes, width, signed=signed)


def _widths(codes: NDArray[np.int64], width: int, *, signed: bool) -> NDArray[np.int8]:
    magnitude = np.abs(codes)
    length = np.frexp(magnitude.astype(np.float64))[1]
    single = csd_digits(codes) == 1
    negative = codes < 0
    sign = int(not signed)
    shifted = width + length - 1 + (negative | (sign and negative))
    widths = np.where(single, shifted, width + length + int(signed) + (negative * sign))
    return np.where(codes == 0, 0, np.clip(widths, 1, 127)).astype(np.int8)


def grow_trees(operands: NDArray[np.int8], bias_widths: NDArray[np.int64] | None, *, dropped: int, cap: int) -> Trees:
    """Trees over `operands` (inputs, outputs), the widths of the products, of which `dropped` low bits are cut.

    `bias_widths` holds one more operand per output, 0 for none. No adder is wider than `cap`, the accumulator.
    """
    outputs = operands.shape[1] if operands.ndim == 2 else 0
    if not outputs or not operands.size:
        return NO_TREES
    histogram = _histogram(operands, dropped, cap)
    if bias_widths is not None and bias_widths.size == outputs:
        present = np.flatnonzero(bias_widths)
        histogram[present, np.clip(bias_widths[present], 1, cap)] += 1
    histogram[:, 0] = 0
    return _grown(histogram)


def _histogram(operands: NDArray[np.int8], dropped: int, cap: int) -> NDArray[np.float64]:
    """Operands of every output by width."""
    outputs = operands.shape[1]
    clipped = np.arange(-128, 128)
    kept = np.where(clipped > 0, np.clip(clipped - dropped, 1, cap), 0).astype(np.int64)
    size = cap + 1
    index = kept[operands.astype(np.int64) + 128] + size * np.arange(outputs)
    return np.bincount(index.ravel(), minlength=size * outputs).reshape(outputs, size).astype(np.float64)


def _grown(histogram: NDArray[np.float64]) -> Trees:
    count = histogram.sum(axis=1)
    histogram, count = histogram[count > 0], count[count > 0]
    if not count.size:
        return NO_TREES
    widths = np.arange(histogram.shape[1], dtype=np.float64)
    share = histogram / count[:, None]
    live = [float(histogram.sum(axis=0) @ widths)]
    deepest = int(count.max()) - 1
    adders = bits = widest = 0.0
    while (count > 1).any():
        pairs = count // 2
        sums = _sum_of_two(share)
        at_level = pairs @ sums
        adders += float(pairs.sum())
        bits += float(at_level @ widths)
        widest += float(at_level[-1])
        left = count - 2 * pairs
        count = pairs + left
        share = (pairs[:, None] * sums + left[:, None] * share) / count[:, None]
        live.append(float((count @ share) @ widths))
    return Trees(adders, bits, len(live) - 1, tuple(live), deepest, adders - widest)


def _sum_of_two(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distribution of the width of a sum of two values distributed as `share`: one more than the wider."""
    below = np.cumsum(share, axis=1) ** 2
    wider = np.diff(below, axis=1, prepend=0.0)
    sums = np.zeros_like(wider)
    sums[:, 1:] = wider[:, :-1]
    sums[:, -1] += wider[:, -1]
    return sums
