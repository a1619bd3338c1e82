"""The text reports of C synthesis, one per module: `<module>_csynth.rpt` of Vivado HLS and Vitis HLS."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from fpgaprune.errors import ReportError
from fpgaprune.read.report.agreement import check_time
from fpgaprune.read.report.cells import count, date, is_multiplier, is_operator, operand_widths, period_ns, version
from fpgaprune.read.report.lines import read_lines
from fpgaprune.results import ModuleReport, MultiplyOperator, Resources

_TITLE: Final = re.compile(r"== (Vivado|Vitis) HLS Report for '([^']+)'")
_FIELD: Final = re.compile(r"\* (Date|Version|Target device):\s+(.*)")
_COUNTED: Final = {"BRAM_18K", "DSP", "DSP48E", "FF", "LUT", "URAM"}
# Handshakes, each one bit wide; Vivado HLS also ends the names of data ports with `_read`.
_CONTROL: Final = re.compile(
    r"ap_(clk|rst|rst_n|start|done|idle|ready|continue|ce)|start_(out|write|full_n)"
    r"|.*_(ap_vld|ap_ack|full_n|empty_n|write|read|blk_n|TVALID|TREADY|TLAST)"
)


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
    written: datetime | None
    children: dict[str, Resources]  # what the instance table says each instantiated module uses


@dataclass(slots=True)
class _Table:
    section: str
    group: str
    title: str
    header: list[list[str]] = field(default_factory=list)
    rows: list[tuple[int, list[str]]] = field(default_factory=list)
    separators: int = 0

    @property
    def columns(self) -> list[str]:
        """The last line of the header names the columns."""
        return self.header[-1] if self.header else []


def read_rpt(path: Path) -> RptReport:
    """Read one `*_csynth.rpt`; raises ReportError with the line where it is truncated, foreign or malformed."""
    lines = read_lines(path)
    title = next((found for line in lines[:20] if (found := _TITLE.match(line))), None)
    if title is None:
        first = next((line for line in lines if line.strip(" =")), "")
        message = f"{path}, line 1: not a C-synthesis report of Vivado HLS or Vitis HLS (it starts with {first[:60]!r})"
        raise ReportError(message)
    return _Reader(path, lines).read(title[1], title[2])


def _heading(text: str) -> str:
    """`Latency` from `Latency (clock cycles):`."""
    head = text.removesuffix(":")
    return (head.partition("(")[0] if head.endswith(")") else head).strip()


class _Reader:
    def __init__(self, path: Path, lines: list[str]) -> None:
        self._path = path
        self._lines = lines

    def read(self, tool: str, name: str) -> RptReport:
        tables = {(t.section, t.group, t.title): t for t in self._tables()}
        utilization = self._need(tables, "Utilization Estimates", "", "Summary")
        if not {"BRAM_18K", "FF", "LUT"} <= set(utilization.columns) or not {"DSP", "DSP48E"} & set(
            utilization.columns
        ):
            message = f"{self._where(utilization.rows[0][0])}: the utilization table lacks a column: damaged or foreign"
            raise ReportError(message)
        interface = self._need(tables, "Interface", "", "Summary")
        last = next((line for line in reversed(self._lines) if line.strip()), "")
        if not last.lstrip().startswith("+-"):
            message = f"{self._path}, line {len(self._lines)}: the report is truncated"
            raise ReportError(message)
        self._check_sums(utilization, "Total")
        self._check_shares(utilization)
        timing = tables.get(("Performance Estimates", "Timing", "Summary"))
        clock_ns, reached_ns = self._clock(timing, "Target"), self._clock(timing, "Estimated")
        latency_min, latency, ii = self._latency(
            tables.get(("Performance Estimates", "Latency", "Summary")), (clock_ns, reached_ns)
        )
        instances = tables.get(("Utilization Estimates", "Detail", "Instance"))
        if instances is not None and any(cells[0] == "Total" for _, cells in instances.rows):
            self._check_sums(instances, "Total")
        facts = {found[1]: found[2] for line in self._lines[:40] if (found := _FIELD.match(line))}
        inputs, outputs, output_ports = self._ports(interface)
        module = ModuleReport(
            name=name,
            used=self._resources(utilization, "Total"),
            latency_cycles=latency,
            ii=ii,
            instances=self._instances(instances),
            multipliers=tuple(self._multipliers(tables)),
            path=self._path,
            input_bits=inputs,
            output_bits=outputs,
            output_ports=output_ports,
            latency_min_cycles=latency_min,
        )
        return RptReport(
            module=module,
            available=self._resources(utilization, "Available"),
            tool="vivado_hls" if tool == "Vivado" else "vitis_hls",
            version=version(facts.get("Version")),
            part=facts.get("Target device", "").strip() or None,
            clock_ns=clock_ns,
            clock_estimated_ns=reached_ns,
            written=date(facts.get("Date")),
            children=self._children(instances),
        )

    def _where(self, number: int) -> str:
        return f"{self._path}, line {number}"

    def _need(self, tables: dict[tuple[str, str, str], _Table], *key: str) -> _Table:
        table = tables.get((key[0], key[1], key[2]))
        if table is None or not table.rows:
            message = f"{self._path}, line {len(self._lines)}: the report ends without its table {key[0]!r}: truncated"
            raise ReportError(message)
        return table

    def _tables(self) -> Iterator[_Table]:
        section = group = title = ""
        table: _Table | None = None
        for number, line in enumerate(self._lines, start=1):
            text = line.strip()
            if text.startswith(("+-", "|")):
                if table is None:
                    table = _Table(section, group, title)
                self._add(table, number, text)
                continue
            if table is not None:
                yield table
                table = None
            if text.startswith("== "):
                section, group, title = text[3:].strip(), "", ""
            elif text.startswith("+ "):
                group, title = _heading(text[2:]), ""
            elif text.startswith("* "):
                title = text[2:].rstrip(": ")
        if table is not None:
            yield table

    def _add(self, table: _Table, number: int, text: str) -> None:
        if text.startswith("+-"):
            table.separators += 1
            return
        cells = [cell.strip() for cell in text.strip("|").split("|")]
        if not text.endswith("|"):
            message = f"{self._where(number)}: the row is cut off"
            raise ReportError(message)
        if table.separators < 2:
            table.header.append(cells)
        elif len(cells) != len(table.columns):
            # names of C++ operators may hold a bar; tables read below have none, so others may differ
            if table.title in {"Summary", "Instance", "Expression", "DSP", "DSP48", "DSP48E"}:
                message = f"{self._where(number)}: {len(cells)} cells under {len(table.columns)} columns"
                raise ReportError(message)
        else:
            table.rows.append((number, cells))

    def _resources(self, table: _Table, row_name: str) -> Resources:
        for number, cells in table.rows:
            if cells[0] == row_name:
                return self._row_resources(table, number, cells)
        message = f"{self._where(len(self._lines))}: the utilization table has no row {row_name!r}"
        raise ReportError(message)

    def _row_resources(self, table: _Table, number: int, cells: list[str]) -> Resources:
        row = dict(zip(table.columns, cells, strict=True))
        where = self._where(number)
        return Resources(
            dsp=count(row.get("DSP48E", row.get("DSP")), where),
            lut=count(row.get("LUT"), where),
            ff=count(row.get("FF"), where),
            bram_18k=count(row.get("BRAM_18K"), where),
            uram=count(row.get("URAM"), where),
        )

    def _check_sums(self, table: _Table, total: str) -> None:
        """The rows above the total add up to it, column by column: in 6664 of 6664 columns of recorded reports."""
        end = next((i for i, (_, cells) in enumerate(table.rows) if cells[0] == total), None)
        if end is None:
            message = f"{self._where(table.rows[-1][0])}: the utilization table has no row {total!r}"
            raise ReportError(message)
        number, totals = table.rows[end]
        for at, column in enumerate(table.columns):
            if column not in _COUNTED:
                continue
            found = [count(cells[at], self._where(line)) or 0 for line, cells in table.rows[:end]]
            stated = count(totals[at], self._where(number)) or 0
            if sum(found) != stated:
                message = (
                    f"{self._where(number)}: the {column} are {stated}, but the rows above make {sum(found)}: damaged"
                )
                raise ReportError(message)

    def _check_shares(self, table: _Table) -> None:
        """The last rows give the total as a share of what the part has, in whole per cent rounded down."""
        rows = {cells[0]: (number, cells) for number, cells in table.rows}
        if not {"Total", "Available", "Utilization (%)"} <= set(rows):
            message = (
                f"{self._where(table.rows[-1][0])}: the utilization table ends without what is available: truncated"
            )
            raise ReportError(message)
        number, shares = rows["Utilization (%)"]
        for at, column in enumerate(table.columns):
            if column not in _COUNTED:
                continue
            used, available = (count(rows[name][1][at], self._where(rows[name][0])) for name in ("Total", "Available"))
            if used is None or not available:
                continue
            exact, said = 100 * used // available, shares[at]
            if not (used and exact == 0 if said == "~0" else said == str(exact)):
                message = f"{self._where(number)}: {used} of {available} {column} are not {said[:20]} per cent: damaged"
                raise ReportError(message)

    def _latency(
        self, table: _Table | None, periods: tuple[float | None, float | None]
    ) -> tuple[int | None, int | None, int | None]:
        """Least and most cycles of latency, most cycles between two inputs."""
        if table is None or not table.rows:
            return None, None, None
        number, cells = table.rows[0]
        where = self._where(number)
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

    def _clock(self, table: _Table | None, column: str) -> float | None:
        if table is None or not table.rows or column not in table.columns:
            return None
        number, cells = table.rows[0]
        return period_ns(cells[table.columns.index(column)], self._where(number))

    def _instances(self, table: _Table | None) -> tuple[str, ...]:
        """Modules in the order the compiler met their calls: the number at the end of an instance's name grows."""
        if table is None:
            return ()
        found = []
        for _, cells in table.rows:
            instance, module = cells[0], cells[1]
            if module and not is_operator(module):
                order = re.search(r"_(?:fu_|U)(\d+)$", instance)
                found.append((int(order[1]) if order else 0, module))
        return tuple(module for _, module in sorted(found, key=lambda pair: pair[0]))

    def _children(self, table: _Table | None) -> dict[str, Resources]:
        if table is None:
            return {}
        return {
            cells[1]: self._row_resources(table, number, cells)
            for number, cells in table.rows
            if cells[1] and not is_operator(cells[1])
        }

    def _multipliers(self, tables: dict[tuple[str, str, str], _Table]) -> Iterator[MultiplyOperator]:
        yield from self._instance_multipliers(tables.get(("Utilization Estimates", "Detail", "Instance")))
        yield from self._expression_multipliers(tables.get(("Utilization Estimates", "Detail", "Expression")))
        for title in ("DSP", "DSP48", "DSP48E"):
            table = tables.get(("Utilization Estimates", "Detail", title))
            for _, cells in table.rows if table else ():
                if "*" in cells[-1]:  # each row is one block by construction
                    yield MultiplyOperator(cells[0], *operand_widths(cells[1]), dsp=1, lut=0)

    def _instance_multipliers(self, table: _Table | None) -> Iterator[MultiplyOperator]:
        for number, cells in table.rows if table else ():
            if is_multiplier(cells[1]):
                used = self._row_resources(table, number, cells) if table else Resources()
                yield MultiplyOperator(cells[0], *operand_widths(cells[1]), dsp=used.dsp, lut=used.lut)

    def _expression_multipliers(self, table: _Table | None) -> Iterator[MultiplyOperator]:
        for number, cells in table.rows if table else ():
            row = dict(zip(table.columns if table else (), cells, strict=True))
            if row.get("Operation") == "*":
                where = self._where(number)
                widths = (count(row.get("Bitwidth P0"), where), count(row.get("Bitwidth P1"), where))
                yield MultiplyOperator(
                    cells[0],
                    *widths,
                    dsp=count(row.get("DSP48E", row.get("DSP")), where),
                    lut=count(row.get("LUT"), where),
                )

    def _ports(self, table: _Table) -> tuple[int | None, int | None, int | None]:
        """Bits in, bits out and number of ports out, of the data ports alone."""
        if not {"RTL Ports", "Dir", "Bits"} <= set(table.columns):
            return None, None, None
        bits = {"in": 0, "out": 0}
        ports = 0
        for number, cells in table.rows:
            row = dict(zip(table.columns, cells, strict=True))
            width = count(row["Bits"], self._where(number)) or 0
            if row["Dir"] in bits and not (width <= 1 and _CONTROL.fullmatch(row["RTL Ports"])):
                bits[row["Dir"]] += width
                ports += row["Dir"] == "out"
        return bits["in"], bits["out"], ports
