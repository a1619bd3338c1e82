"""The flat tables of `report_utilization`: sites used and available, and what they say of each other."""

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from fpgaprune.errors import ReportError
from fpgaprune.read.report.cells import count
from fpgaprune.read.report.vivado_tables import Table
from fpgaprune.results import Resources

_LUT: Final = ("Slice LUTs", "CLB LUTs")
_FF: Final = ("Slice Registers", "CLB Registers", "Registers")
_DSP: Final = ("DSPs", "DSP Slices", "DSP")


class Sites:
    """The rows of the flat tables: how many of each kind of site are used and available."""

    def __init__(self, path: Path, tables: Sequence[Table]) -> None:
        self._path = path
        self._rows: dict[str, tuple[int, Decimal | None, Decimal | None]] = {}
        self._primitives: dict[str, int] | None = None
        for table in tables:
            if table.columns[:2] == ["Site Type", "Used"] and "Available" in table.columns:
                self._take(table)
            elif table.columns[:2] == ["Ref Name", "Used"] and table.section == "Primitives":
                self._primitives = {cells[0].strip(): self._whole(cells[1], line) for line, cells in table.rows}

    @property
    def found(self) -> bool:
        """Whether there are tables of sites. Raises ReportError where some are and the ones that count are not."""
        kinds = {"LUTs": _LUT, "registers": _FF, "DSPs": _DSP, "block RAM": ("Block RAM Tile",)}
        missing = [kind for kind, names in kinds.items() if not any(name in self._rows for name in names)]
        if self._rows and missing:
            message = f"{self._path}: the utilization tables have no row for {' and '.join(missing)}: damaged"
            raise ReportError(message)
        return not missing

    def _whole(self, text: str, line: int) -> int:
        return count(text, f"{self._path}, line {line}") or 0

    def _take(self, table: Table) -> None:
        at, share = table.columns.index("Available"), table.columns.index("Util%") if "Util%" in table.columns else None
        for number, cells in table.rows:
            name = cells[0].strip().rstrip("*")
            used, available = self._decimal(cells[1], number), self._decimal(cells[at], number)
            if share is not None:
                self._check_share(number, used, available, cells[share].strip())
            known = self._rows.get(name)
            if known is not None and available is not None and known[1] != used:
                message = f"{self._path}, line {number}: {name!r} is said to be {used} and, before, {known[1]}"
                raise ReportError(message)
            self._rows.setdefault(name, (number, used, available))

    def _decimal(self, cell: str, line: int) -> Decimal | None:
        text = cell.strip()
        if not text:
            return None
        try:
            value = Decimal(text) if re.fullmatch(r"\d{1,12}(\.\d)?", text, re.ASCII) else None
        except InvalidOperation:
            value = None
        if value is None:
            message = f"{self._path}, line {line}: expected a count, found {text[:40]!r}"
            raise ReportError(message)
        return value

    def _check_share(self, line: int, used: Decimal | None, available: Decimal | None, share: str) -> None:
        """Util% is 100 used / available with two decimals; it has to agree with the counts beside it."""
        if not share or used is None or not available:
            return
        exact = 100 * used / available
        close = exact < Decimal("0.01") if share == "<0.01" else _near(exact, share)
        if not close:
            message = f"{self._path}, line {line}: {used} of {available} are not {share[:20]} per cent: damaged"
            raise ReportError(message)

    def _row(self, *names: str) -> tuple[int, Decimal | None, Decimal | None]:
        return next((self._rows[name] for name in names if name in self._rows), (0, None, None))

    def resources(self) -> tuple[Resources, Resources]:
        """Used and available; checked against the sums and the primitives the report lists."""
        self._check_sum(_LUT, ("LUT as Logic", "LUT as Memory"))
        self._check_sum(_FF, ("Register as Flip Flop", "Register as Latch"))
        self._check_sum(("Block RAM Tile",), ("RAMB36/FIFO",), halves=("RAMB18",))
        self._check_primitives()
        rows = {
            "dsp": self._row(*_DSP),
            "lut": self._row(*_LUT),
            "ff": self._row(*_FF),
            "bram_18k": self._row("Block RAM Tile"),
            "uram": self._row("URAM"),
        }
        used = {name: self._integer(name, row[0], row[1]) for name, row in rows.items()}
        available = {name: self._integer(name, row[0], row[2]) for name, row in rows.items()}
        return Resources(**used), Resources(**available)

    def _integer(self, name: str, line: int, value: Decimal | None) -> int | None:
        """Whole numbers; a block RAM tile is two RAMB18, of which half a tile is one."""
        if value is None:
            return None
        scaled = 2 * value if name == "bram_18k" else value
        if scaled != int(scaled):
            message = f"{self._path}, line {line}: {value} is no whole number of {name}"
            raise ReportError(message)
        return int(scaled)

    def _check_sum(self, total: Sequence[str], parts: Sequence[str], halves: Sequence[str] = ()) -> None:
        line, value, _ = self._row(*total)
        found = [self._row(name)[1] for name in (*parts, *halves)]
        if value is None or any(part is None for part in found):
            return
        counts = [part or Decimal(0) for part in found]
        whole, half = counts[: len(parts)], counts[len(parts) :]
        if value != sum(whole, Decimal(0)) + sum(half, Decimal(0)) / 2:
            message = f"{self._path}, line {line}: {total[0]!r} is {value}, which is not the sum of its parts: damaged"
            raise ReportError(message)

    def _check_primitives(self) -> None:
        if self._primitives is None:
            return
        for names, pattern in ((_DSP, r"DSP48E[12]|DSP48|DSP58\w*"), (("URAM",), r"URAM288\w*")):
            line, value, _ = self._row(*names)
            listed = sum(number for name, number in self._primitives.items() if re.fullmatch(pattern, name))
            if value is not None and value != listed:
                message = f"{self._path}, line {line}: {names[0]} are {value}, the primitives say {listed}: damaged"
                raise ReportError(message)


def _near(exact: Decimal, share: str) -> bool:
    try:
        return abs(exact - Decimal(share)) <= Decimal("0.011")
    except InvalidOperation:
        return False
