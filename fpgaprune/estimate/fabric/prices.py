"""What C synthesis charges in LUTs, flip-flops and block RAM for one operator of given widths.

Read off the operator tables of the per-module reports (`*_csynth.rpt`, sections Expression, Instance, Multiplexer,
Register, Memory and FIFO) of 112 public hls4ml projects, Vivado HLS 2016.4-2020.1 and Vitis HLS 2021.1-2024.1; the
rows the laws were read from are in the project's tests (`tests/data/operator_prices.csv`).
"""

from math import ceil

import numpy as np
from numpy.typing import ArrayLike, NDArray

# A multiplication that stays in LUTs is priced by its wider operand alone: (bits, LUT), Vivado HLS 2019.1-2020.1 on
# UltraScale+ and Vitis HLS 2021.1-2024.1; 7-series takes 1 to 3 LUTs more at 6 and 8 bits.
_FABRIC_MULTIPLIER = ((1, 1), (4, 13), (6, 23), (7, 33), (8, 40), (9, 49), (10, 62), (18, 366))
_VITIS_7SERIES_8 = 62  # Vitis HLS 2021.1, 7-series: 8 x 5 to 9 x 8 bits alike

# Comparison of 16 bits with a constant or with each other; the tools and families differ in it.
_COMPARE_VIVADO = ((2, 8), (4, 9), (8, 11), (16, 13), (25, 18), (32, 20), (64, 29))

_BRAM_BITS, _BRAM_WORDS = 36, 512  # a BRAM18 as a single-port memory, AMD UG473: 512 x 36 up to 16 K x 1
_FIFO_BITS, _FIFO_WORDS = 18, 1024
_SMALL_MEMORY = 1024  # bits up to which memories and FIFOs stay out of block RAM


def adder_lut(width: ArrayLike) -> NDArray[np.float64]:
    """LUTs of one addition or subtraction of `width` result bits on its own: one a bit.

    What a tool adds or takes off (7 LUTs where it prices a carry chain alone, half where two adders become one of
    three operands) depends on its version and on how it pairs adders, and is part of the fitted model.
    """
    return np.asarray(width, dtype=np.float64)


def fabric_multiplier_lut(width_a: int, width_b: int) -> float:
    """LUTs of a multiplication of `width_a` by `width_b` bits that stays in LUTs."""
    widest = max(width_a, width_b)
    bits, luts = zip(*_FABRIC_MULTIPLIER, strict=True)
    if widest > bits[-1]:
        return float(luts[-1] * (widest / bits[-1]) ** 2)
    return float(np.interp(widest, bits, luts))


def dsp_multiplier_lut(block_a_bits: int) -> float:
    """LUTs beside a combinational multiplication in DSPs: 6 on a 25-bit port (7-series), 5 on a 27-bit one."""
    return 6.0 if block_a_bits <= 25 else 5.0


def compare_lut(width: int) -> float:
    """LUTs of one comparison of `width` bits."""
    bits, luts = zip(*_COMPARE_VIVADO, strict=True)
    return float(np.interp(width, bits, luts))


def select_lut(width: int) -> float:
    """LUTs of choosing between two values of `width` bits: one a bit, at least 2."""
    return float(max(2, width))


def multiplexer_lut(inputs: ArrayLike) -> NDArray[np.float64]:
    """LUTs of a multiplexer of the state machine with so many inputs, whatever its width: 9, 15, 21, ... 38, 41, 44.

    6 an input up to 7, then 3. One input is a wire.
    """
    count = np.asarray(inputs, dtype=np.float64)
    steep = np.minimum(count, 7) - 2
    flat = np.maximum(count - 7, 0)
    return np.where(count < 2, 0.0, 9 + 6 * np.maximum(steep, 0) + 3 * flat)


def memory_bram(words: int, bits: int) -> int:
    """BRAM18 blocks of a read-only table or a weight memory of `words` words of `bits` bits."""
    if words * bits <= _SMALL_MEMORY:
        return 0
    return ceil(bits / _BRAM_BITS) * ceil(words / _BRAM_WORDS)


def fifo_bram(depth: int, bits: int) -> int:
    """BRAM18 blocks of a FIFO of `depth` values of `bits` bits."""
    if depth * bits <= _SMALL_MEMORY:
        return 0
    return ceil(bits / _FIFO_BITS) * ceil(depth / _FIFO_WORDS)


def fifo_ff(depth: int, bits: int) -> int:
    """Flip-flops of a FIFO: 5 for a shift register of a few values, about 25 and its width in block RAM."""
    if fifo_bram(depth, bits) == 0:
        return 5 + max(0, depth.bit_length() - 3)
    return 18 + bits + max(0, depth.bit_length() - 4)
