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
_WIDE_FIFO = (512, 36)  # ... of Vitis HLS 2024.1
_PADDED_SINCE = "2023"
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


def packed_fifo(depth: int, bits: int, version: str | None) -> Structure:
    """A FIFO of Vitis HLS, which holds the values of all channels side by side in `bits` bits.

    2024.1 rounds them up to a power of two and keeps each twice, and so do versions not known; 2022.1 takes the same
    flip-flops for any.
    """
    if version is not None and version < _PADDED_SINCE:
        ff = 99 if fifo_bram(depth, bits) == 0 else 160
        return Structure(buffer_lut=fifo_lut(depth, bits), buffer_ff=float(ff), bram_18k=float(fifo_bram(depth, bits)))
    padded = 1 << (bits - 1).bit_length()
    blocks = fifo_bram(depth, padded)
    if blocks and depth <= _WIDE_FIFO[0]:
        blocks = ceil(padded / _WIDE_FIFO[1])
    ff = 2 * padded + (25 if blocks else 4)
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
