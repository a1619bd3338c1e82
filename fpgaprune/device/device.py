"""A part as a value: its family, its DSP block, what it offers."""

from dataclasses import dataclass, fields
from typing import Any

from fpgaprune.device.resources import Resources


@dataclass(frozen=True, slots=True)
class DspBlock:
    """The hardware multiplier of a family: two's complement operands of `a_bits` x `b_bits`."""

    name: str
    a_bits: int
    b_bits: int
    source: str
    unconfirmed: bool = False  # no synthesis report for this block has been compared with the rules

    def __str__(self) -> str:
        size = f"{self.name} ({self.a_bits}x{self.b_bits})"
        return f"{size}, unconfirmed" if self.unconfirmed else size


@dataclass(frozen=True, slots=True)
class Device:
    """A part. `name` is None, and `available` holds only None, where just the family is known."""

    part: str
    family: str
    dsp_block: DspBlock
    available: Resources
    name: str | None = None
    source: str | None = None  # number of the data sheet that states `available`
    slrs: int | None = None  # dies (super logic regions) side by side in the package; None where that is not known

    @property
    def speed_grade(self) -> int | None:
        """The speed grade (1 slowest) as the part string states it; None where it does not."""
        # xc7z020clg400-1, xcu250-figd2104-2L-e, xcvc1902-vsva2197-2MP-e-S, XC7Z020-1CLG400C
        marks = [text[0] for text in self.part.split("-")[1:] if text[:1] in {"1", "2", "3"}]
        return int(marks[-1]) if marks else None

    @property
    def available_in_slr(self) -> Resources | None:
        """What one super logic region offers: an equal share of the whole, as HLS reports state it; None if unknown."""
        if self.slrs is None:
            return None
        shares = {f.name: None if (n := getattr(self.available, f.name)) is None else n // self.slrs
                  for f in fields(Resources)}  # fmt: skip
        return Resources(**shares)

    def json(self) -> dict[str, Any]:
        """The device as JSON-ready data."""
        return {
            "part": self.part,
            "name": self.name,
            "family": self.family,
            "dsp_block": str(self.dsp_block),
            "available": self.available.json(),
            "slrs": self.slrs,
            "source": self.source,
        }
