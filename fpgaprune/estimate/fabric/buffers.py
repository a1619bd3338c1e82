"""What C synthesis charges for FIFOs between layers and for the line buffers of windows.

Read off the FIFO and Memory sections of the per-module reports of 112 public hls4ml projects (`tests/data/
operator_prices.csv`, operations fifo_bram, fifo_ff and line_buffer). LUTs of single FIFOs are not reported, their sum
is: laws were solved for from designs with FIFOs of one size.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np

from fpgaprune.estimate.fabric.structure import Structure

_SHIFT_REGISTER = 512  # bits up to which a FIFO is a shift register: 121 x 4 and 32 x 16 are, 36 x 16 is not
_SHALLOW = 1  # values up to which it is one at any width: 1 x 256 is, 2 x 1400 and 16 x 256 are not
# A BRAM18 as a FIFO, AMD UG473: words x bits.
_FIFO_SHAPES = ((1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))
# Vitis HLS on Virtex UltraScale+ (45 FIFOs of three projects, 2022.2 to 2024.1) has another library of FIFOs than on
# any other device (57 of five projects, 2022.1 to 2024.2: Zynq UltraScale+, Kintex UltraScale, Artix-7).
PADDED = frozenset({"virtexuplus", "alveo"})
_WIDE_FIFO = (1024, 36)  # of those: words x bits of a block
_DEEP_REGISTER = (64, 8192)  # ... and words and bits up to which they stay out of block RAM: 48 x 128, not 36 x 256
_WIDEST = 1024  # ... and bits beyond which registers are no more: 1264 take those of 1024
_SHORT = 2  # ... and words of one without addresses
_VITIS_REGISTER = 1024  # bits up to which others do: 25 x 30 and 16 x 64, not 9 x 114
_VITIS_FF = (99, 158)  # of others, in a shift register and in block RAM, whatever their bits
# LUTs beside the bits of one in block RAM, by the bits of its addresses.
_FIFO_LUT = ((6, 24), (7, 27), (8, 38), (10, 67), (12, 120), (13, 346))
_LINE_FF = 64  # of a line buffer, whatever its width; none on UltraScale (xcku035, Vivado HLS 2019.1)
_LINE_LUT = 32  # of 32 values


def fifo_bram(depth: int, bits: int) -> int:
    """BRAM18 blocks of a FIFO of `depth` values of `bits` bits."""
    if depth <= _SHALLOW or depth * bits <= _SHIFT_REGISTER:
        return 0
    deep, wide = next((shape for shape in _FIFO_SHAPES if depth <= shape[0]), _FIFO_SHAPES[-1])
    return ceil(bits / wide) * ceil(depth / deep)


def fifo_ff(depth: int, bits: int) -> int:
    """Flip-flops of a FIFO of Vivado HLS: 5 to 10 of a shift register; two addresses and a count in block RAM."""
    if fifo_bram(depth, bits) == 0:
        return 5 + max(0, depth.bit_length() - 3)
    return bits + 3 * (depth - 1).bit_length() + (depth // 150 if depth > _FIFO_SHAPES[0][0] else 0)


def fifo_lut(depth: int, bits: int) -> float:
    """LUTs of a FIFO: 28 of a shift register of 16 bits, 40 to 83 of one in a block RAM of 16 bits."""
    if fifo_bram(depth, bits) == 0:
        return 12.0 + bits
    addresses, luts = zip(*_FIFO_LUT, strict=True)
    return bits + float(np.interp((depth - 1).bit_length(), addresses, luts))


def packed_fifo(depth: int, bits: int, family: str) -> Structure:
    """A FIFO of Vitis HLS, which holds the values of all channels side by side in `bits` bits.

    On Virtex UltraScale+ they are rounded up to a power of two and kept twice, three times where more than one word
    waits in a shift register.
    """
    if family not in PADDED:
        blocks = 0 if depth * bits <= _VITIS_REGISTER else fifo_bram(depth, bits)
        ff = _VITIS_FF[blocks > 0]
        return Structure(buffer_lut=fifo_lut(depth, bits), buffer_ff=float(ff), bram_18k=float(blocks))
    padded = 1 << max(0, bits - 1).bit_length()
    copies, addresses = 2, 3 * max(0, (depth - 1).bit_length()) if depth > _SHORT else 0
    blocks = 0
    if depth > _DEEP_REGISTER[0] or depth * padded > _DEEP_REGISTER[1]:
        blocks = ceil(padded / _WIDE_FIFO[1]) * ceil(depth / _WIDE_FIFO[0])
    elif depth > _SHORT:
        copies = 3
    ff = copies * min(padded, _WIDEST) + 4 + addresses
    return Structure(buffer_lut=fifo_lut(depth, padded), buffer_ff=float(ff), bram_18k=float(blocks))


@dataclass(frozen=True)
class LineBuffers:
    """The memories of a window over rows: for every row but the first one a channel, `depth` values of `bits` bits."""

    rows: int
    channels: int
    depth: int
    bits: int

    def structure(self, series: str) -> Structure:
        """Their flip-flops and LUTs on a series of devices."""
        count = self.channels * max(0, self.rows - 1)
        if series == "ultrascale":
            each = self.bits / 2 if self.depth <= 16 else self.bits * ceil(self.depth / 32)
            return Structure(buffer_lut=count * each)
        return Structure(buffer_ff=float(count * _LINE_FF), buffer_lut=float(count * _LINE_LUT * ceil(self.depth / 32)))
