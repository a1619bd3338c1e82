"""The tables of a text report of C synthesis, and what can be checked within one."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fpgaprune.errors import ReportError
from fpgaprune.read.report.cells import count
from fpgaprune.results import Resources

_COUNTED: Final = {"BRAM_18K", "DSP", "DSP48E", "FF", "LUT", "URAM"}


@dataclass(slots=True)
class Table:
    """One table: where it stands (section `==`, group `+`, title `*`), its columns, and its rows with their lines."""

    path: Path
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

    def where(self, number: int) -> str:
        """File and line, as errors name them."""
        return f"{self.path}, line {number}"

    def last_line(self) -> int:
        """Line of the last row."""
        return self.rows[-1][0]

    def named(self, cells: list[str]) -> dict[str, str]:
        """The cells of a row by column."""
        return dict(zip(self.columns, cells, strict=True))

    def add(self, number: int, text: str) -> None:
        """Take one line of the table; raises ReportError where it is cut off or has other columns."""
        if text.startswith("+-"):
            self.separators += 1
            return
        cells = [cell.strip() for cell in text.strip("|").split("|")]
        if not text.endswith("|"):
            message = f"{self.where(number)}: the row is cut off"
            raise ReportError(message)
        if self.separators < 2:
            self.header.append(cells)
        elif len(cells) != len(self.columns):
            # names of C++ operators may hold a bar; tables read below have none, so others may differ
            if self.title in {"Summary", "Instance", "Expression", "DSP", "DSP48", "DSP48E"}:
                message = f"{self.where(number)}: {len(cells)} cells under {len(self.columns)} columns"
                raise ReportError(message)
        else:
            self.rows.append((number, cells))


def read_tables(path: Path, lines: list[str]) -> Iterator[Table]:
    """All tables of a report in order."""
    section = group = title = ""
    table: Table | None = None
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text.startswith(("+-", "|")):
            if table is None:
                table = Table(path, section, group, title)
            table.add(number, text)
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


def _heading(text: str) -> str:
    """`Latency` from `Latency (clock cycles):`."""
    head = text.removesuffix(":")
    return (head.partition("(")[0] if head.endswith(")") else head).strip()


def row_resources(table: Table, number: int, cells: list[str]) -> Resources:
    """What one row counts."""
    row, where = table.named(cells), table.where(number)
    return Resources(
        dsp=count(row.get("DSP48E", row.get("DSP")), where),
        lut=count(row.get("LUT"), where),
        ff=count(row.get("FF"), where),
        bram_18k=count(row.get("BRAM_18K"), where),
        uram=count(row.get("URAM"), where),
    )


def named_resources(table: Table, name: str) -> Resources:
    """What the row called `name` counts; raises ReportError where there is none."""
    for number, cells in table.rows:
        if cells[0] == name:
            return row_resources(table, number, cells)
    message = f"{table.where(table.last_line())}: the utilization table has no row {name!r}"
    raise ReportError(message)


def check_sums(table: Table, total: str) -> None:
    """The rows above the total add up to it, column by column: in 6664 of 6664 columns of recorded reports."""
    end = next((i for i, (_, cells) in enumerate(table.rows) if cells[0] == total), None)
    if end is None:
        message = f"{table.where(table.last_line())}: the utilization table has no row {total!r}"
        raise ReportError(message)
    number, totals = table.rows[end]
    for at, column in enumerate(table.columns):
        if column not in _COUNTED:
            continue
        found = [count(cells[at], table.where(line)) or 0 for line, cells in table.rows[:end]]
        stated = count(totals[at], table.where(number)) or 0
        if sum(found) != stated:
            message = f"{table.where(number)}: the {column} are {stated}, but the rows above make {sum(found)}: damaged"
            raise ReportError(message)


def check_shares(table: Table) -> None:
    """The last rows give the total as a share of what the part has, in whole per cent rounded down."""
    rows = {cells[0]: (number, cells) for number, cells in table.rows}
    if not {"Total", "Available", "Utilization (%)"} <= set(rows):
        message = f"{table.where(table.last_line())}: the utilization table ends without what is available: truncated"
        raise ReportError(message)
    number, shares = rows["Utilization (%)"]
    for at, column in enumerate(table.columns):
        if column not in _COUNTED:
            continue
        used, available = (count(rows[name][1][at], table.where(rows[name][0])) for name in ("Total", "Available"))
        if used is None or not available:
            continue
        exact, said = 100 * used // available, shares[at]
        if not (used and exact == 0 if said == "~0" else said == str(exact)):
            message = f"{table.where(number)}: {used} of {available} {column} are not {said[:20]} per cent: damaged"
            raise ReportError(message)
