"""The text reports of C synthesis, one per module: `<module>_csynth.rpt` of Vivado HLS and Vitis HLS."""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from fpgaprune.errors import ReportError
from fpgaprune.read.report.agreement import check_time
from fpgaprune.read.report.cells import count, date, period_ns, version
from fpgaprune.read.report.lines import read_lines
from fpgaprune.read.report.rpt_lists import read_children, read_instances, read_multipliers, read_ports
from fpgaprune.read.report.rpt_tables import Table, check_shares, check_sums, named_resources, read_tables
from fpgaprune.results import ModuleReport, Resources

_TITLE: Final = re.compile(r"== (Vivado|Vitis) HLS Report for '([^']+)'")
_FIELD: Final = re.compile(r"\* (Date|Version|Target device):\s+(.*)")


@dataclass(frozen=True, slots=True)
class RptReport:
    """One text report: its module and what it says about the run."""

    module: ModuleReport
    available: Resources
    tool: str
    version: str | None
    part: str | None
    clock_ns: float | None
    clock_estimated_ns: float | None
    clock_uncertainty_ns: float | None
    written: datetime | None
    children: dict[str, Resources]  # what the instance table says each instantiated module uses


def read_rpt(path: Path) -> RptReport:
    """Read one `*_csynth.rpt`; raises ReportError with the line where it is truncated, foreign or malformed."""
    lines = read_lines(path)
    title = next((found for line in lines[:20] if (found := _TITLE.match(line))), None)
    if title is None:
        first = next((line for line in lines if line.strip(" =")), "")
        message = f"{path}, line 1: not a C-synthesis report of Vivado HLS or Vitis HLS (it starts with {first[:60]!r})"
        raise ReportError(message)
    return _Reader(path, lines).read(title[1], title[2])


class _Reader:
    def __init__(self, path: Path, lines: list[str]) -> None:
        self._path = path
        self._lines = lines

    def read(self, tool: str, name: str) -> RptReport:
        tables = {(t.section, t.group, t.title): t for t in read_tables(self._path, self._lines)}
        utilization = self._need(tables, "Utilization Estimates", "", "Summary")
        if not {"BRAM_18K", "FF", "LUT"} <= set(utilization.columns) or not {"DSP", "DSP48E"} & set(
            utilization.columns
        ):
            message = (
                f"{utilization.where(utilization.rows[0][0])}: the utilization table lacks a column: damaged or foreign"
            )
            raise ReportError(message)
        interface = self._need(tables, "Interface", "", "Summary")
        last = next((line for line in reversed(self._lines) if line.strip()), "")
        if not last.lstrip().startswith("+-"):
            message = f"{self._path}, line {len(self._lines)}: the report is truncated"
            raise ReportError(message)
        check_sums(utilization, "Total")
        check_shares(utilization)
        timing = tables.get(("Performance Estimates", "Timing", "Summary"))
        clock_ns, reached_ns = self._clock(timing, "Target"), self._clock(timing, "Estimated")
        latency_min, latency, ii = self._latency(
            tables.get(("Performance Estimates", "Latency", "Summary")), (clock_ns, reached_ns)
        )
        instances = tables.get(("Utilization Estimates", "Detail", "Instance"))
        if instances is not None and any(cells[0] == "Total" for _, cells in instances.rows):
            check_sums(instances, "Total")
        facts = {found[1]: found[2] for line in self._lines[:40] if (found := _FIELD.match(line))}
        inputs, outputs, output_ports = read_ports(interface)
        module = ModuleReport(
            name=name,
            used=named_resources(utilization, "Total"),
            latency_cycles=latency,
            ii=ii,
            instances=read_instances(instances),
            multipliers=tuple(read_multipliers(tables)),
            path=self._path,
            input_bits=inputs,
            output_bits=outputs,
            output_ports=output_ports,
            latency_min_cycles=latency_min,
        )
        return RptReport(
            module=module,
            available=named_resources(utilization, "Available"),
            tool="vivado_hls" if tool == "Vivado" else "vitis_hls",
            version=version(facts.get("Version")),
            part=facts.get("Target device", "").strip() or None,
            clock_ns=clock_ns,
            clock_estimated_ns=reached_ns,
            clock_uncertainty_ns=self._clock(timing, "Uncertainty"),
            written=date(facts.get("Date")),
            children=read_children(instances),
        )

    def _need(self, tables: dict[tuple[str, str, str], Table], *key: str) -> Table:
        table = tables.get((key[0], key[1], key[2]))
        if table is None or not table.rows:
            message = f"{self._path}, line {len(self._lines)}: the report ends without its table {key[0]!r}: truncated"
            raise ReportError(message)
        return table

    def _latency(
        self, table: Table | None, periods: tuple[float | None, float | None]
    ) -> tuple[int | None, int | None, int | None]:
        """Least and most cycles of latency, most cycles between two inputs."""
        if table is None or not table.rows:
            return None, None, None
        number, cells = table.rows[0]
        where = table.where(number)
        low, high = (
            [cell for column, cell in zip(table.columns, cells, strict=True) if column == name]
            for name in ("min", "max")
        )
        if not low or not high:
            return None, None, None
        found = count(low[0], where), count(high[0], where), count(high[-1], where)
        pairs = (found[:2], (count(low[-1], where), found[2]))
        if any(least is not None and most is not None and least > most for least, most in pairs):
            message = f"{where}: more cycles at least than at most: damaged"
            raise ReportError(message)
        if len(low) == len(high) == 3:  # since Vitis HLS, and in the last versions of Vivado HLS, in time as well
            check_time(low[1], found[0], periods, where)
            check_time(high[1], found[1], periods, where)
        return found

    def _clock(self, table: Table | None, column: str) -> float | None:
        if table is None or not table.rows or column not in table.columns:
            return None
        number, cells = table.rows[0]
        return period_ns(cells[table.columns.index(column)], table.where(number))
