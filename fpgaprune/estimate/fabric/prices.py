"""What C synthesis charges in LUTs, flip-flops and block RAM for one operator of given widths.

Read off the operator tables of the per-module reports (`*_csynth.rpt`, sections Expression, Instance, Multiplexer,
Register, Memory and FIFO) of 112 public hls4ml projects, Vivado HLS 2016.4-2020.1 and Vitis HLS 2021.1-2024.1; the
rows the laws were read from are in the project's tests (`tests/data/operator_prices.csv`).
"""

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fpgaprune.fixed_point import FixedPoint, Overflow, Rounding

# A multiplication that stays in LUTs is priced by its wider operand alone: (bits, LUT), Vivado HLS 2019.1-2020.1 on
# UltraScale+ and Vitis HLS 2021.1-2024.1; 7-series takes 1 to 3 LUTs more at 6 and 8 bits.
_FABRIC_MULTIPLIER = ((1, 1), (4, 13), (6, 23), (7, 33), (8, 40), (9, 49), (10, 62), (18, 366))
_VITIS_7SERIES_8 = 62  # Vitis HLS 2021.1, 7-series: 8 x 5 to 9 x 8 bits alike

# Comparison of 16 bits with a constant or with each other; the tools and families differ in it.
_COMPARE_VIVADO = ((2, 8), (4, 9), (8, 11), (16, 13), (25, 18), (32, 20), (64, 29))

_SELECTOR = ((2, 8), (3, 13), (4, 21), (5, 27), (10, 55), (16, 65), (32, 145), (64, 273), (128, 545))

# A BRAM18 as a memory, AMD UG473: words x bits.
_BRAM_SHAPES = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))
_SMALL_MEMORY = 1024  # bits up to which memories stay out of block RAM


# Blocks of a multiplication with registers between them, and those: 165 in Vivado HLS 2018.2, 215 in 2019.2.
WIDE_BLOCKS, WIDE_MULTIPLIER_FF = 4, 165.0


@dataclass(frozen=True)
class AdderPrice:
    """LUTs of the adders of a tree: `per_bit` for every bit of a result, `each` besides; of shift-adds: `each_shift`.

    An adder on its own and one that became part of an adder of three operands are priced apart; about two of three in
    a balanced tree do. (single, paired) at 16 bits are (23, 16) in most versions, (16, 18) in Vivado HLS 2019.2 on
    UltraScale+, (23, 8) there on Zynq-7000, (16, 16) in Vitis HLS 2021.1 on Zynq-7000, and (16, 8) before 2019.
    """

    per_bit: float
    each: float
    each_shift: float
    growing: float = 0.0

    def unpaired(self) -> "AdderPrice":
        """The price where every adder stands alone: each takes its carry chain."""
        return AdderPrice(self.per_bit, _CHAIN_LUT, _CHAIN_LUT) if self.growing else self

    def shift_lut(self, bits: float, count: float) -> float:
        """LUTs of `count` additions and subtractions of shifted data, `bits` result bits in all."""
        return bits + self.each_shift * count

    def lut(self, bits: float, count: float, growing: float = 0.0) -> float:
        """LUTs of `count` adders of `bits` result bits in all, `growing` of them narrower than their sum's type."""
        return self.per_bit * bits + self.each * count + self.growing * growing


_CHAIN_LUT = 7.0  # beside the bits of an adder on its own
# Adders that are as wide as the type of the sum pair, narrower ones hardly ever: 25 % and 85 % of 45 000 are on their
# own (Vitis HLS 2022.2 and 2024.1, sums of 16 bits).
_USUAL_ADDER = AdderPrice(1.0, _CHAIN_LUT / 3, _CHAIN_LUT / 3, 4.3)


def adder_price(tool: str, version: str | None, series: str, family: str) -> AdderPrice:
    """The price of tree adders; that of most versions where the version is not known."""
    year = (version or "")[:4]
    if tool == "vivado_hls":
        if year and year < "2019":
            return AdderPrice(2 / 3, 0.0, -6.0)
        if (version or "").startswith("2019.2"):
            if series == "ultrascale+":
                return AdderPrice(1.0, 0.8, -2.0)
            if family == "zynq":
                return AdderPrice(2 / 3, 7 / 3, 7.0)
    if tool == "vitis_hls" and year and year <= "2021" and series == "7series":
        return AdderPrice(1.0, 0.5, 0.5)
    return _USUAL_ADDER


def fabric_multiplier_lut(
    width_a: int, width_b: int, *, tool: str = "vivado_hls", series: str = "ultrascale+"
) -> float:
    """LUTs of a multiplication of `width_a` by `width_b` bits that stays in LUTs."""
    widest = max(width_a, width_b)
    if tool == "vitis_hls" and series == "7series" and 8 <= widest <= 9:
        return float(_VITIS_7SERIES_8)
    bits, luts = zip(*_FABRIC_MULTIPLIER, strict=True)
    if widest > bits[-1]:
        return float(luts[-1] * (widest / bits[-1]) ** 2)
    return float(np.interp(widest, bits, luts))


def dsp_multiplier_lut(block_a_bits: int, blocks: int = 1) -> float:
    """LUTs beside a multiplication in DSPs: 6 on a 25-bit port (7-series), 5 on a 27-bit one.

    Four blocks take 49 (72 products of 32 bits, Vivado HLS 2018.2).
    """
    if blocks >= 4:
        return 49.0
    return 6.0 if block_a_bits <= 25 else 5.0


def compare_lut(width: int) -> float:
    """LUTs of one comparison of `width` bits."""
    bits, luts = zip(*_COMPARE_VIVADO, strict=True)
    return float(np.interp(width, bits, luts))


def select_lut(width: int) -> float:
    """LUTs of choosing between two values of `width` bits: one a bit, at least 2."""
    return float(max(2, width))


def cast_lut(source: FixedPoint, target: FixedPoint) -> float:
    """LUTs of turning one type into another: nothing for truncation and wrapping.

    Rounding is an adder of the result's width and the logic that decides on ties; saturation compares the bits cut
    off with all zeros and all ones, and chooses (hls4ml's generated code: comparisons, `and`, `or`, `select` of the
    reports' Expression section).
    """
    lut = 0.0
    if target.rounding is not Rounding.TRN and source.fraction > target.fraction:
        lut += target.width + compare_lut(source.fraction - target.fraction) + 4
    cut = source.integer - int(source.signed) - (target.integer - int(target.signed))
    if target.overflow is not Overflow.WRAP and cut > 0:
        lut += 2 * compare_lut(cut + 1) + select_lut(target.width) + 6
    return lut


def multiplexer_lut(inputs: ArrayLike) -> NDArray[np.float64]:
    """LUTs of a multiplexer of the state machine with so many inputs, whatever its width: 9, 15, 21, ... 38, 41, 44.

    6 an input up to 7, then 3. One input is a wire.
    """
    count = np.asarray(inputs, dtype=np.float64)
    steep = np.minimum(count, 7) - 2
    flat = np.maximum(count - 7, 0)
    return np.where(count < 2, 0.0, 9 + 6 * np.maximum(steep, 0) + 3 * flat)


def selector_lut(inputs: int) -> float:
    """LUTs of a multiplexer of values (`mux_646_16_1_1`: 64 inputs, 6 bits that choose), 8 to 20 bits wide.

    Vivado HLS charges every one of a project what one of the last layer that has any costs: 273 for 1795 of 128 inputs
    and 1679 of 64, 13 for 1439 of 128 inputs where the last layer's have 3 (24 projects, 2019.1 to 2020.1).
    """
    counts, luts = zip(*_SELECTOR, strict=True)
    return float(np.interp(inputs, counts, luts))


def memory_bram(words: int, bits: int) -> int:
    """BRAM18 blocks of a read-only table or a weight memory of `words` words of `bits` bits."""
    if words * bits <= _SMALL_MEMORY:
        return 0
    return min(ceil(bits / wide) * ceil(words / deep) for deep, wide in _BRAM_SHAPES)
