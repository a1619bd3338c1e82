"""Synthesis by AMD's tools: run what is not done yet, read the reports, hold C synthesis to the estimate."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from fpgaprune.errors import ProjectError, ToolError
from fpgaprune.flow.estimation import compare_project
from fpgaprune.generate.project import EXTRAS
from fpgaprune.read.project import read_project
from fpgaprune.read.report import read_report
from fpgaprune.results import Comparison, SynthesisReport
from fpgaprune.synth import Plan, execute, failures
from fpgaprune.synth.amd import AmdStage, plan_amd, report_paths
from fpgaprune.synth.execute import Watcher

FOLDER: Final = Path(EXTRAS) / "synth" / "amd"


@dataclass(frozen=True)
class AmdSettings:
    """How far to go, and for what part (None: the project's own)."""

    stage: AmdStage = AmdStage.CSYNTH
    cosim: bool = False
    part: str | None = None


@dataclass(frozen=True)
class AmdSynthesis:
    """The reports of all stages in order, and the comparison of C synthesis with the estimate."""

    reports: tuple[SynthesisReport, ...]
    comparison: Comparison

    def json(self) -> dict[str, Any]:
        """The result as JSON-ready data."""
        return {
            "stages": [
                {
                    "stage": report.stage.value,
                    "tool": report.tool,
                    "tool_version": report.tool_version,
                    "part": report.part,
                    "used": report.used.json(),
                    "latency_cycles": report.latency_cycles,
                    "ii": report.ii,
                    "clock_estimated_ns": report.clock_estimated_ns,
                    "wns_ns": report.wns_ns,
                    "passed": report.passed,
                    "path": None if report.path is None else str(report.path),
                    "notes": list(report.notes),
                }
                for report in self.reports
            ],
            "comparison": self.comparison.json(),
        }


def amd_plan(project: Path, settings: AmdSettings) -> Plan:
    """What would be run; raises ProjectError, and ToolError for a tool that is missing."""
    if not project.is_dir():
        message = f"there is no project folder {project}"
        raise ProjectError(message)
    folder = project / FOLDER
    return plan_amd(
        project, read_project(project), folder, stage=settings.stage, cosim=settings.cosim, part=settings.part
    )


def synthesize_amd(project: Path, settings: AmdSettings, *, watch: Watcher | None = None) -> AmdSynthesis:
    """Run AMD's tools on `project`; raises ToolError when one is missing or fails, with what is finished kept."""
    plan = amd_plan(project, settings)
    failed = failures(execute(plan, jobs=1, watch=watch))
    if failed:
        message = f"{failed[0].error}; the log is in {plan.folder / failed[0].step.folder}, finished steps are kept"
        raise ToolError(message)
    paths = report_paths(plan)
    reports = tuple(_read(files) for files in paths.values())
    return AmdSynthesis(reports, compare_project(project, paths[AmdStage.CSYNTH][0], part=settings.part))


def _read(paths: tuple[Path, ...]) -> SynthesisReport:
    """A report, with what the timing report beside it says of the clock."""
    report = read_report(paths[0])
    for path in paths[1:]:
        timing = read_report(path)
        report = replace(
            report,
            clock_ns=timing.clock_ns,
            clock_estimated_ns=timing.clock_estimated_ns,
            wns_ns=timing.wns_ns,
            notes=(*report.notes, *timing.notes),
        )
    return report
