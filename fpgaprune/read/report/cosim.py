"""The co-simulation report of Vivado HLS and Vitis HLS, `<top>_cosim.rpt`: measured latency and interval, pass or fail.

The format is checked against published excerpts of Vivado HLS 2019 and Vitis HLS 2021 to 2024.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fpgaprune.errors import ReportError
from fpgaprune.read.report.cells import count, date
from fpgaprune.read.report.lines import read_lines
from fpgaprune.results import Resources, Stage, SynthesisReport

_ROW: Final = re.compile(r"\|\s*(Verilog|VHDL|SystemC)\s*\|(.*)\|$")
_LANGUAGES: Final = ("Verilog", "VHDL", "SystemC")
_CELLS: Final = (7, 8)  # status, three of latency, three of interval; Vitis HLS adds the total time


def is_cosim(lines: Sequence[str]) -> bool:
    """Whether the lines are those of a co-simulation report."""
    return any(line.startswith("Simulation tool") for line in lines[:20])


def read_cosim(path: Path) -> SynthesisReport:
    """Read a co-simulation report; raises ReportError, with the line, where it is truncated, foreign or at odds."""
    lines = read_lines(path)
    if not is_cosim(lines):
        message = f"{path}, line 1: not a co-simulation report (it names no simulation tool)"
        raise ReportError(message)
    rows = {}
    for number, line in enumerate(lines, start=1):
        if found := _ROW.match(line.strip()):
            rows[found[1]] = (number, [cell.strip() for cell in found[2].split("|")])
    last = next((line for line in reversed(lines) if line.strip()), "")
    if not rows or not last.strip().startswith("+-"):
        message = f"{path}, line {len(lines)}: the table of the co-simulation does not end: truncated"
        raise ReportError(message)
    run = [rows[name] for name in _LANGUAGES if name in rows and rows[name][1][0] != "NA"]
    if not run:
        message = f"{path}, line {len(lines)}: no language was simulated, every row says NA"
        raise ReportError(message)
    number, cells = run[0]
    where = f"{path}, line {number}"
    if len(cells) not in _CELLS or cells[0] not in {"Pass", "Fail"}:
        message = f"{where}: expected Pass or Fail and {_CELLS[0] - 1} numbers, found {'|'.join(cells)[:60]!r}"
        raise ReportError(message)
    latency, ii = _ordered(cells[1:4], where), _ordered(cells[4:7], where)
    written = re.match(r"Report time\s*:\s*(.*?)\.?$", next((li for li in lines if li.startswith("Report time")), ""))
    return SynthesisReport(
        stage=Stage.COSIM,
        tool="cosim",
        tool_version=None,
        top=path.stem.removesuffix("_cosim"),
        part=None,
        clock_ns=None,
        used=Resources(),
        available=Resources(),
        latency_cycles=latency[1],
        latency_min_cycles=latency[0],
        ii=ii[1],
        written=date(written[1]) if written else None,
        path=path,
        passed=cells[0] == "Pass",
    )


def _ordered(cells: Sequence[str], where: str) -> tuple[int | None, int | None]:
    """Least and most cycles, with the mean between; None where the tool says NA."""
    low, mean, high = (None if cell == "NA" else count(cell, where) for cell in cells)
    if (low is None) != (high is None) or (low is not None and high is not None and not low <= (mean or 0) <= high):
        message = f"{where}: least, mean and most cycles {'/'.join(cells)[:40]} contradict: damaged"
        raise ReportError(message)
    return low, high
