"""Counts of hardware: known or bounded; what a design uses or a part has is `Resources`, defined with the devices."""

from dataclasses import dataclass

from fpgaprune.device.resources import Resources

__all__ = ["Bound", "Expected", "Resources"]


@dataclass(frozen=True, slots=True)
class Bound:
    """A count known to lie in low..high, both included; an exact count has low == high."""

    low: int
    high: int

    @classmethod
    def exactly(cls, count: int) -> "Bound":
        """A count known exactly."""
        return cls(count, count)

    @property
    def is_exact(self) -> bool:
        """Whether only one value is possible."""
        return self.low == self.high

    def __add__(self, other: "Bound") -> "Bound":
        return Bound(self.low + other.low, self.high + other.high)

    def __contains__(self, count: int) -> bool:
        return self.low <= count <= self.high

    def json(self) -> int | dict[str, int]:
        """The count, or {"low": ..., "high": ...} where it is only bounded."""
        return self.low if self.is_exact else {"low": self.low, "high": self.high}

    def __str__(self) -> str:
        return f"{self.low}" if self.is_exact else f"{self.low}–{self.high}"


@dataclass(frozen=True, slots=True)
class Expected:
    """A count that a fitted model expects, with the range that most recorded reports would lie in.

    `coverage` is the share of them; where no report tells, low and high are as wide as the thinnest data.
    """

    value: int
    low: int
    high: int
    coverage: float = 0.9

    @property
    def is_exact(self) -> bool:
        """Whether only one value is possible."""
        return self.low == self.high

    def json(self) -> dict[str, int | float]:
        """The count and its range."""
        return {"value": self.value, "low": self.low, "high": self.high, "coverage": self.coverage}

    def __str__(self) -> str:
        return f"{self.value}"
