"""What one multiplication costs in DSP blocks, and whether it goes there at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor

from fpgaprune.device import Device, DspBlock
from fpgaprune.estimate.rules import MappingRules

# Yosys' mul2dsp cuts every tile after the first to 17 bits (techmap parameters of synth_xilinx for DSP48E1 and E2).
_YOSYS_STEP = 17
# A product of this many blocks chains them; taken to be twice as slow as a single one.
_CHAINED = 4

_ARCHITECTURE = {
    "spartan7": "7series",
    "artix7": "7series",
    "kintex7": "7series",
    "virtex7": "7series",
    "zynq": "7series",
    "kintexu": "ultrascale",
    "virtexu": "ultrascale",
    "versal": "versal",
}


@dataclass(frozen=True)
class Pricing:
    """The rules of a tool on one DSP block.

    `implementation` is a project's own wish for all multiplications (`dsp` or `fabric`). `combinational_ns` against
    `usable_ns` decides whether a multiplier is pipelined; None where the part or the clock does not tell. `adder_ns`
    is the delay of an addition of two or three, None where it is not known.
    """

    rules: MappingRules
    block: DspBlock
    implementation: str | None = None
    combinational_ns: float | None = None
    usable_ns: float | None = None
    adder_ns: float | None = None

    @property
    def fitting_steps(self) -> int | None:
        """Additions one after the other that fit into a clock period behind a combinational multiplication.

        None where there is no such multiplication, or its delay, that of an addition or the clock is not known.
        """
        if self.combinational_ns is None or self.usable_ns is None or self.adder_ns is None:
            return None
        left = self.usable_ns - self.combinational_ns
        return None if left < 0 else floor(left / self.adder_ns)

    def dsp(self, width_a: int, width_b: int, *, pipelined: bool = False) -> int:
        """DSP blocks of a multiplication of operands this wide; 0 when it stays in LUTs."""
        if self.implementation == "fabric":
            return 0
        if self.implementation != "dsp":
            narrow, wide = sorted((width_a, width_b))
            if wide < self.rules.min_wide or narrow < self.rules.min_narrow or narrow + wide < self.rules.min_product:
                return 0
        return self.tiles(width_a, width_b, pipelined=pipelined)

    def tiles(self, width_a: int, width_b: int, *, pipelined: bool = False) -> int:
        """DSP blocks one multiplication takes once it goes there.

        Either operand may take the wide port. Yosys always puts the wider one there, and so do Vivado HLS' pipelined
        multipliers (72 products of 32 bits by constants of 21 to 25 bits: 4 blocks each).
        """
        wide, narrow = max(width_a, width_b), min(width_a, width_b)
        tile = self._overlapped if self.rules.splits_with_overlap else self._stepped
        if not self.rules.splits_with_overlap or (pipelined and self.rules.unsigned_positive):
            return tile(wide, narrow)
        return min(tile(wide, narrow), tile(narrow, wide))

    def constant(self, data_width: int, bits: int, *, positive: bool, sign_added: bool = False) -> tuple[int, int]:
        """Fewest and most DSP blocks of data times a constant of `bits` bits (a positive one without its sign).

        `sign_added`: the data have no sign of their own, and one bit of `data_width` is the one they are given.
        """
        signed = bits + int(positive)
        if not self.rules.unsigned_positive:
            price = self.dsp(data_width, signed)
            # Yosys' wreduce makes products without any sign unsigned: data and result are one bit shorter.
            short = data_width <= self.rules.min_narrow or data_width + signed <= self.rules.min_product
            if positive and sign_added and short:
                price = 0
            return price, price
        combinational = self.dsp(data_width, bits)
        pipelined = self.dsp(data_width, signed, pipelined=True)
        known = self.pipelines(data_width, signed)
        if known is None:
            return min(combinational, pipelined), max(combinational, pipelined)
        price = pipelined if known else combinational
        return price, price

    def pipelines(self, width_a: int, width_b: int) -> bool | None:
        """Whether the tool pipelines a multiplication of operands this wide; None where part or clock do not tell."""
        if self.combinational_ns is None or self.usable_ns is None:
            return None
        blocks = self.tiles(width_a, width_b, pipelined=True)
        return self.combinational_ns * (2 if blocks >= _CHAINED else 1) > self.usable_ns

    def _overlapped(self, wide_port: int, narrow_port: int) -> int:
        columns = max(1, ceil((wide_port - 1) / (self.block.a_bits - 1)))
        rows = max(1, ceil((narrow_port - 1) / (self.block.b_bits - 1)))
        return columns * rows

    def _stepped(self, wide_port: int, narrow_port: int) -> int:
        columns = 1 + max(0, ceil((wide_port - self.block.a_bits) / _YOSYS_STEP))
        rows = 1 + max(0, ceil((narrow_port - self.block.b_bits) / _YOSYS_STEP))
        return columns * rows


def combinational_delay(rules: MappingRules, device: Device) -> float | None:
    """Delay in ns of the tool's combinational multipliers on this part; None where no report tells."""
    return _delay(rules.combinational_ns, device)


def adder_delay(rules: MappingRules, device: Device) -> float | None:
    """Delay in ns of one of the tool's additions of two or three operands; None where no report tells."""
    return _delay(rules.adder_ns, device)


def _delay(delays: Mapping[tuple[str, int], float], device: Device) -> float | None:
    architecture = _ARCHITECTURE.get(device.family, "ultrascale+")
    grade = device.speed_grade
    return None if grade is None else delays.get((architecture, min(grade, 2)))
