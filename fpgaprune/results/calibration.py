"""What a user's own reports say about the thresholds of a synthesis tool."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Finding(StrEnum):
    """How far the reports decide a threshold."""

    FITTED = "fitted"  # one value explains what was seen
    BOUNDED = "bounded"  # several do: the tool's own value is kept where it is among them
    THIN = "thin"  # too little was seen to say anything
    CONTRADICTORY = "contradictory"  # no value explains it


@dataclass(frozen=True, slots=True)
class Fit:
    """One threshold: the value to use, the values that explain as much, and how much speaks for and against it.

    `default` is the tool's own value as the package has it; `low` and `high` are None where there is no range.
    """

    threshold: str
    finding: Finding
    value: int | bool
    default: int | bool
    supporting: int
    contradicting: int
    text: str
    low: int | None = None
    high: int | None = None

    @property
    def decided(self) -> bool:
        """Whether the value comes from the reports rather than from the package."""
        return self.finding is Finding.FITTED or self.value != self.default

    def json(self) -> dict[str, Any]:
        """Field by field."""
        return {
            "threshold": self.threshold,
            "finding": self.finding.value,
            "value": self.value,
            "default": self.default,
            "low": self.low,
            "high": self.high,
            "supporting": self.supporting,
            "contradicting": self.contradicting,
            "text": self.text,
        }


@dataclass(frozen=True, slots=True)
class Calibration:
    """The fits of one tool over its reports; `skipped` says which were left out and why.

    `layers` are those with a module of their own in a report, `exact` those of them whose DSPs the fitted rules give.
    """

    tool: str
    first_version: str | None
    last_version: str | None
    projects: tuple[str, ...]
    multipliers: int
    fits: tuple[Fit, ...]
    layers: int
    exact: int
    skipped: tuple[str, ...] = ()

    def json(self) -> dict[str, Any]:
        """The calibration as JSON-ready data."""
        return {
            "tool": self.tool,
            "first_version": self.first_version,
            "last_version": self.last_version,
            "projects": list(self.projects),
            "multipliers": self.multipliers,
            "layers": self.layers,
            "exact": self.exact,
            "fits": [fit.json() for fit in self.fits],
            "skipped": list(self.skipped),
        }
