"""Vivado's timing summary: worst slack and the clock period reached.

The format is that of `report_timing_summary` (AMD UG906, "Report Timing Summary"), checked against published excerpts
of Vivado 2018.2 to 2025.2; no recorded report of the corpus has one.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from fpgaprune.errors import ReportError
from fpgaprune.read.report.lines import read_lines
from fpgaprune.read.report.vivado_tables import is_vivado, read_header
from fpgaprune.results import Resources, SynthesisReport

_TITLE_LINES: Final = 40
_MET: Final = "All user specified timing constraints are met."
_MISSED: Final = "Timing constraints are not met."
_UNCONSTRAINED: Final = "There are no user specified timing constraints."
_DECIMAL: Final = r"-?\d{1,9}\.\d{3}"
_NAMES: Final = ("WNS(ns)", "TNS(ns)", "TNS Failing Endpoints", "TNS Total Endpoints")
_CLOCK: Final = re.compile(rf"(\S+)\s+\{{{_DECIMAL} {_DECIMAL}\}}\s+({_DECIMAL})\s+{_DECIMAL}\s*$")


def is_timing(lines: Sequence[str]) -> bool:
    """Whether the lines of a Vivado report are those of a timing summary."""
    return any(line.startswith("Timing Summary Report") for line in lines[:_TITLE_LINES])


def read_timing(path: Path) -> SynthesisReport:
    """Read `report_timing_summary`: worst slack, period asked for, period reached; resources are none of its business.

    The period is known where one clock has the design's worst slack. Raises ReportError, with the line, for a report
    that is truncated, foreign or at odds with itself.
    """
    lines = read_lines(path)
    if not is_vivado(lines):
        message = f"{path}, line 1: not a report of Vivado"
        raise ReportError(message)
    header = read_header(path, lines)
    if not header.title.startswith("Timing Summary Report"):
        message = f"{path}, line 1: a report of Vivado, but not of timing: {header.title[:60]!r}"
        raise ReportError(message)
    wns, line = _worst_slack(path, lines)
    period = _period(path, lines, wns)
    notes = () if wns is not None else (f"{path.name}: the design has no timing constraints, so no slack",)
    if wns is not None and wns < 0:
        notes = (f"timing is not met after {header.state.lower()}: the worst slack is {wns:g} ns (line {line})",)
    return SynthesisReport(
        stage=header.stage,
        tool="vivado",
        tool_version=header.version,
        top=header.design,
        part=header.part,
        clock_ns=period,
        used=Resources(),
        available=Resources(),
        written=header.written,
        path=path,
        notes=notes,
        clock_estimated_ns=None if period is None or wns is None else round(period - wns, 3),
        wns_ns=wns,
    )


def _worst_slack(path: Path, lines: Sequence[str]) -> tuple[float | None, int]:
    """WNS of the design; its sign, and the number of failing endpoints, have to agree with the sentence below it."""
    start = _find(lines, 0, lambda line: line.startswith("| Design Timing Summary"))
    at = _find(lines, start, lambda line: line.split()[:1] == ["WNS(ns)"])
    verdict = _find(lines, at, lambda line: line.strip() in {_MET, _MISSED, _UNCONSTRAINED})
    clocks = _find(lines, verdict, lambda line: line.startswith("| Clock Summary"))
    if clocks >= len(lines):
        message = f"{path}, line {len(lines)}: the report ends before its clock summary: truncated"
        raise ReportError(message)
    cells = lines[at + 2].split()
    if cells and cells[0] == "NA":
        return None, at + 3
    met = lines[verdict].strip() == _MET
    if not re.fullmatch(rf"({_DECIMAL}) ({_DECIMAL}) (\d+) (\d+)", " ".join(cells[:4])):
        message = f"{path}, line {at + 3}: expected {', '.join(_NAMES)}, found {lines[at + 2][:60]!r}"
        raise ReportError(message)
    wns, tns, failing, total = float(cells[0]), float(cells[1]), int(cells[2]), int(cells[3])
    setup_fails = wns < 0
    if setup_fails != (failing > 0) or setup_fails != (tns < 0) or failing > total or (met and setup_fails):
        message = f"{path}, line {at + 3}: slack, failing endpoints and {lines[verdict].strip()!r} contradict: damaged"
        raise ReportError(message)
    return wns, at + 3


def _period(path: Path, lines: Sequence[str], wns: float | None) -> float | None:
    """The period of the clock whose own worst slack is the design's."""
    start = _find(lines, 0, lambda line: line.startswith("| Clock Summary"))
    stop = _find(lines, start, lambda line: line.startswith("| Intra Clock Table"))
    if wns is None:
        return None
    if stop >= len(lines):
        message = f"{path}, line {len(lines)}: the report ends before its table of slacks by clock: truncated"
        raise ReportError(message)
    periods = {found[1]: float(found[2]) for line in lines[start:stop] if (found := _CLOCK.match(line.strip()))}
    end = _find(lines, stop + 1, lambda line: line.startswith("| "))
    end = _find(lines, end + 1, lambda line: line.startswith("| ") and not re.match(r"\| -+$", line))
    slacks: dict[str, float] = {}
    for line in lines[stop:end]:
        cells = line.split()
        if len(cells) > 1 and cells[0] in periods and re.fullmatch(_DECIMAL, cells[1]):
            slacks[cells[0]] = float(cells[1])
    said = f"{wns:.3f}"
    if not any(said in line.split() for line in lines[stop:]):
        message = f"{path}, line {stop + 1}: no clock has the worst slack of the design, {said} ns: damaged"
        raise ReportError(message)
    worst = [name for name, slack in slacks.items() if slack == wns]
    if slacks and min(slacks.values()) < wns:
        message = f"{path}, line {stop + 1}: a clock has less slack than the whole design: damaged"
        raise ReportError(message)
    return periods[worst[0]] if len(worst) == 1 else None


def _find(lines: Sequence[str], start: int, wanted: Callable[[str], bool]) -> int:
    """The first line from `start` on that is wanted; the number of lines where there is none."""
    return next((i for i in range(start, len(lines)) if wanted(lines[i])), len(lines))
