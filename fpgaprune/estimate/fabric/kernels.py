"""LUTs of a sparse kernel whose multipliers take turns: what selects their operands, and what adds their products.

Counted from the structure of the text with the LUTs of the 7 series and UltraScale (AMD UG474 and UG574, "Look-Up
Table", "Multiplexers", "Carry Logic"): a LUT chooses one of four bits, holds 64 bits of a table, or adds a bit. No
report of such a kernel was seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from fpgaprune.estimate.kernels import KernelForm, multipliers_by_bits

_CHOICES = 4  # bits that one LUT chooses from
_TABLE_BITS = 64


@dataclass(frozen=True)
class KernelTurns:
    """The multipliers of one vector in a kernel, and what is around them.

    `selectors` choose an input each; `writes` counts the outputs that each multiplier adds to, over all of them.
    `table_lut` is what the tables of their constants take.
    """

    multipliers: int
    slots: int
    selectors: int
    writes: int
    table_lut: int
    marks: int

    @classmethod
    def of(cls, facts: Mapping[str, object], prefix: str, reuse_factor: int) -> "KernelTurns | None":
        """Those of the kernel whose attributes start with the prefix; None where none take turns."""
        multipliers = int(str(facts.get(f"{prefix}kernel_multipliers", 0)))
        if not multipliers or reuse_factor == 1 or f"{prefix}kernel_products" not in facts:
            return None
        lanes = facts.get(f"{prefix}kernel_form") == KernelForm.LANES
        slots = reuse_factor if lanes else ceil(int(str(facts[f"{prefix}kernel_products"])) / multipliers)
        bits = sum(count * wide for count, wide in multipliers_by_bits(str(facts[f"{prefix}kernel_bits"])))
        writes = int(str(facts.get(f"{prefix}kernel_writes", multipliers)))
        return cls(
            multipliers,
            slots,
            selectors=int(str(facts.get(f"{prefix}kernel_selectors", multipliers))),
            writes=writes,
            table_lut=bits * ceil(slots / _TABLE_BITS),
            marks=0 if lanes else writes,
        )

    def selection_lut(self, data_width: int) -> float:
        """LUTs that choose inputs and constants by the time slot, and mark the outputs."""
        inputs = self.selectors * data_width * ceil(self.slots / _CHOICES) if self.slots > 1 else 0
        return float(inputs + self.table_lut + self.marks)

    def adder_lut(self, sum_width: int, outputs: int) -> float:
        """LUTs that add the products of a slot, and them to the sums of all slots."""
        return float((self.writes + outputs) * sum_width)
