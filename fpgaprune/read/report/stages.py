"""All reports of one project by how far the design went: what `compare` shows side by side."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from fpgaprune.errors import ReportError
from fpgaprune.read.report.lines import MAX_BYTES
from fpgaprune.read.report.reader import read_report
from fpgaprune.read.report.saved import is_saved_report
from fpgaprune.results import Stage, SynthesisReport

# Folders below a project in which the tools, hls4ml's own scripts and people leave reports beside those of C
# synthesis: hls4ml's vivado_synth.tcl writes into the project, its accelerator flow into Vivado runs.
_VIVADO: Final = (
    "*.rpt",
    "vsynth/*.rpt",
    "impl/*.rpt",
    "report/*util*.rpt",
    "report/*timing*.rpt",
    "reports/*.rpt",
    "*.runs/*/*.rpt",
    "*/*.runs/*/*.rpt",
    "*_prj/*/impl/*/*.rpt",
    "*_prj/*/impl/*/*.runs/*/*.rpt",
    "fpgaprune/synth/amd/*/*.rpt",
)
_COSIM: Final = ("*_prj/*/sim/report/*_cosim.rpt", "report/*_cosim.rpt", "reports/*_cosim.rpt", "*_cosim.rpt")
# Open synthesis keeps a report per rule set and depth in the project's own folder (fpgaprune/synth/open).
_SAVED: Final = ("*.json", "*/*.json", "*/*/*.json", "fpgaprune/synth/open/*/report.json")
_HEAD_BYTES: Final = 4096
_MOST_FILES: Final = 1000  # of one kind; a project has a dozen


@dataclass(frozen=True, slots=True)
class Found:
    """Reports of one project, at most one per stage, and what was left out and why."""

    reports: tuple[SynthesisReport, ...] = ()
    notes: tuple[str, ...] = ()


def read_stages(project: Path, top: str) -> Found:
    """The reports beside those of C synthesis: co-simulation, logic synthesis, implementation and open synthesis.

    Of several for one stage, the newest of the design named `top` counts. A Vivado accelerator's block design is
    `top` under another name (`design_1_<top>_…`); its wrapper, with processor and DMA, counts after implementation
    only, with a note. What cannot be read is left out, with a note.
    """
    found: dict[Stage, list[tuple[int, SynthesisReport]]] = {}
    notes: list[str] = []
    for path in _candidates(project):
        try:
            report = read_report(path)
        except (ReportError, OSError) as error:
            notes.append(f"left out, for it cannot be read: {error}")
            continue
        rank = _rank(report, top)
        if rank is not None:
            found.setdefault(report.stage, []).append((rank, report))
    reports = []
    for stage in Stage:
        if stage in found:
            report, more = _choose(stage, found[stage])
            reports.append(report)
            notes += more
    return Found(tuple(reports), tuple(notes))


def _candidates(project: Path) -> Iterator[Path]:
    """Files that begin as a report of Vivado, a co-simulation or a saved report."""
    for patterns, begins in ((_VIVADO, _is_vivado), (_COSIM, _is_any), (_SAVED, is_saved_report)):
        paths = sorted({path for pattern in patterns for path in project.glob(pattern) if path.is_file()})
        for path in paths[:_MOST_FILES]:
            if path.stat().st_size <= MAX_BYTES and begins(path):
                yield path


def _is_any(path: Path) -> bool:
    return path.is_file()


def _is_vivado(path: Path) -> bool:
    """Reports of clocks, power and the like are Vivado's as well, and none of ours."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    return b"| Tool Version : Vivado" in head and (
        b"\nUtilization Design Information" in head or b"\nTiming Summary Report" in head
    )


def _rank(report: SynthesisReport, top: str) -> int | None:
    """How surely a report is of the design: 0 by its name, 1 as a block of it, 2 as what is around; None: of others."""
    if report.stage in {Stage.OPEN, Stage.COSIM} or report.top == top:
        return 0
    if top and f"_{top}_" in f"_{report.top}_":
        return 1
    return 2 if report.top.endswith("_wrapper") and report.stage is Stage.IMPL else None


def _choose(stage: Stage, ranked: list[tuple[int, SynthesisReport]]) -> tuple[SynthesisReport, list[str]]:
    """The newest of the surest ones with resources, completed by the timing summary of the same design."""
    least = min(rank for rank, _ in ranked)
    reports = sorted((report for rank, report in ranked if rank == least), key=_age, reverse=True)
    notes = []
    if least == 2:
        notes.append(f"{stage.value} is of {reports[0].top}: processor, DMA and other IP around the design included")
    area = [report for report in reports if report.used.lut is not None or report.stage in {Stage.OPEN, Stage.COSIM}]
    times = [report for report in reports if report.wns_ns is not None]
    chosen = (area or reports)[0]
    if len(area) > 1:
        notes.append(f"{len(area)} {stage.value} reports found, the newest is read: {chosen.path}")
    if times and times[0] is not chosen:
        timing = times[0]
        chosen = replace(
            chosen,
            clock_ns=timing.clock_ns,
            clock_estimated_ns=timing.clock_estimated_ns,
            wns_ns=timing.wns_ns,
            notes=(*chosen.notes, *timing.notes),
        )
    return chosen, notes


def _age(report: SynthesisReport) -> datetime:
    return report.written or datetime.min
