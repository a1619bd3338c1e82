"""Counts of hardware: what a design uses, what a part has."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Resources:
    """What a design uses or a part has; absent is None. A RAMB36 is two `bram_18k`."""

    dsp: int | None = None
    lut: int | None = None
    ff: int | None = None
    bram_18k: int | None = None
    uram: int | None = None

    def json(self) -> dict[str, int | None]:
        """Field by field."""
        return {f.name: getattr(self, f.name) for f in fields(self)}
