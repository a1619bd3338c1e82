"""An estimate held against a synthesis report, row by row, with a verdict."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fpgaprune.results.resources import Bound


class Verdict(StrEnum):
    """Three values: a missing report is never an agreement."""

    AGREES = "agrees"
    DISAGREES = "disagrees"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One layer, or the total: DSPs expected and DSPs reported."""

    name: str
    kind: str
    estimated: Bound | None
    reported: int | None
    first_order: int | None
    module: str | None  # the report's module this layer was matched to
    evidence: str | None  # how it was matched
    verdict: Verdict
    note: str | None = None

    @property
    def error(self) -> int | None:
        """Estimated minus reported DSPs; 0 inside the bounds, None where either is absent."""
        if self.estimated is None or self.reported is None:
            return None
        if self.reported in self.estimated:
            return 0
        nearest = self.estimated.high if self.reported > self.estimated.high else self.estimated.low
        return nearest - self.reported


@dataclass(frozen=True, slots=True)
class Comparison:
    """All rows, the total last, and the verdict over all of them."""

    design: str
    rows: tuple[ComparisonRow, ...]
    total: ComparisonRow
    verdict: Verdict
    tolerance: float  # relative error of the total up to which it agrees
    rules: str
    report: str | None  # where the report was read
    reasons: tuple[str, ...] = ()

    def json(self) -> dict[str, Any]:
        """The comparison as JSON-ready data."""
        return {
            "design": self.design,
            "verdict": self.verdict.value,
            "tolerance": self.tolerance,
            "rules": self.rules,
            "report": self.report,
            "reasons": list(self.reasons),
            "total": _row_json(self.total),
            "layers": [_row_json(row) for row in self.rows],
        }


def _row_json(row: ComparisonRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": row.kind,
        "estimated": None if row.estimated is None else row.estimated.json(),
        "reported": row.reported,
        "error": row.error,
        "first_order": row.first_order,
        "module": row.module,
        "evidence": row.evidence,
        "verdict": row.verdict.value,
        "note": row.note,
    }
