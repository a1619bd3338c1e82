"""An estimate held against synthesis reports, row by row, with a verdict."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from fpgaprune.results.resources import Bound, Expected
from fpgaprune.results.synthesis import Stage, SynthesisReport


class Verdict(StrEnum):
    """Three values: a missing report is never an agreement, nor is a stale one a disagreement."""

    AGREES = "agrees"
    DISAGREES = "disagrees"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric of a layer or of the whole design: what was estimated, and what each stage reports."""

    metric: str
    estimated: Bound | Expected | None
    reported: Mapping[Stage, int | float] = field(default_factory=dict)
    about: tuple[Stage, ...] = tuple(Stage)  # the stages the estimate is one of

    def error(self, stage: Stage) -> int | float | None:
        """Estimated minus reported; 0 inside an exact bound's range; a fitted value counts by itself.

        None where either is absent, or the estimate is not of this stage.
        """
        reported = self.reported.get(stage) if stage in self.about else None
        if self.estimated is None or reported is None:
            return None
        if isinstance(self.estimated, Expected):
            return self.estimated.value - reported
        nearest = min(max(reported, self.estimated.low), self.estimated.high)
        return nearest - reported

    def relative_error(self, stage: Stage) -> float | None:
        """The error as a share of what is reported; None where that is nothing and the estimate is not."""
        error, reported = self.error(stage), self.reported.get(stage)
        if error is None or (not reported and error):
            return None
        return error / reported if reported else 0.0

    def json(self) -> dict[str, Any]:
        """Estimated, reported by stage, errors by stage."""
        errors = {stage.value: self.error(stage) for stage in self.reported}
        shares = {stage.value: self.relative_error(stage) for stage in self.reported}
        return {
            "estimated": None if self.estimated is None else self.estimated.json(),
            "reported": {stage.value: value for stage, value in self.reported.items()},
            "error": errors,
            "relative_error": {stage: None if share is None else round(share, 4) for stage, share in shares.items()},
        }


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One layer, or the total: DSPs expected and DSPs reported, and whatever else is known by stage."""

    name: str
    kind: str
    estimated: Bound | None
    reported: int | None
    first_order: int | None
    module: str | None  # the report's module this layer was matched to
    evidence: str | None  # how it was matched
    verdict: Verdict
    note: str | None = None
    figures: Mapping[str, Figure] = field(default_factory=dict)  # by metric; DSP among them

    @property
    def error(self) -> int | None:
        """Estimated minus reported DSPs; 0 inside the bounds, None where either is absent."""
        if self.estimated is None or self.reported is None:
            return None
        if self.reported in self.estimated:
            return 0
        nearest = self.estimated.high if self.reported > self.estimated.high else self.estimated.low
        return nearest - self.reported

    def reported_by(self, metric: str, stage: Stage) -> int | float | None:
        """What one stage reports of one metric; None where it does not."""
        figure = self.figures.get(metric)
        return None if figure is None else figure.reported.get(stage)


@dataclass(frozen=True, slots=True)
class StageFacts:
    """Where the numbers of one stage come from."""

    stage: Stage
    tool: str
    tool_version: str | None
    part: str | None
    clock_ns: float | None
    written: datetime | None
    path: str | None
    rules: str | None = None
    passed: bool | None = None

    @classmethod
    def of(cls, report: SynthesisReport) -> "StageFacts":
        """The facts of a report."""
        return cls(
            stage=report.stage,
            tool=report.tool,
            tool_version=report.tool_version,
            part=report.part,
            clock_ns=report.clock_ns,
            written=report.written,
            path=None if report.path is None else str(report.path),
            rules=report.rules,
            passed=report.passed,
        )

    def json(self) -> dict[str, Any]:
        """Field by field."""
        return {
            "tool": self.tool,
            "tool_version": self.tool_version,
            "part": self.part,
            "clock_ns": self.clock_ns,
            "written": None if self.written is None else self.written.isoformat(),
            "path": self.path,
            "rules": self.rules,
            "passed": self.passed,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """All rows, the total last, and the verdict over all of them.

    The verdict is about the report of the stage `basis`; `stale` says that it is of other weights, another network or
    an earlier run, whatever the numbers. `reasons` decide or qualify the verdict, `explanations` say where differences
    come from.
    """

    design: str
    rows: tuple[ComparisonRow, ...]
    total: ComparisonRow
    verdict: Verdict
    tolerance: float  # relative error of the total up to which it agrees
    rules: str
    report: str | None  # where the report was read
    reasons: tuple[str, ...] = ()
    explanations: tuple[str, ...] = ()
    stale: bool = False
    basis: Stage | None = None
    stages: tuple[StageFacts, ...] = ()

    def json(self) -> dict[str, Any]:
        """The comparison as JSON-ready data."""
        return {
            "design": self.design,
            "verdict": self.verdict.value,
            "stale": self.stale,
            "tolerance": self.tolerance,
            "rules": self.rules,
            "report": self.report,
            "basis": None if self.basis is None else self.basis.value,
            "stages": {facts.stage.value: facts.json() for facts in self.stages},
            "reasons": list(self.reasons),
            "explanations": list(self.explanations),
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
        "figures": {name: figure.json() for name, figure in row.figures.items()},
    }
