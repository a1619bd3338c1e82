"""Reports of Vivado: `report_utilization`, flat and hierarchical, after synthesis and implementation.

Formats as Vivado 2018.2 to 2024.1 write them (AMD UG906). The flat form is checked against recorded reports of 2019.1
to 2024.1; the hierarchical one against its documentation and published excerpts.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from typing import Final

from fpgaprune.errors import ReportError
from fpgaprune.read.report.cells import count, date, version
from fpgaprune.read.report.lines import read_lines
from fpgaprune.results import ModuleReport, Resources, Stage, SynthesisReport

_FIELD: Final = re.compile(r"\| (Tool Version|Date|Command|Design|Device|Speed File|Design State) *: (.*)$")
_HEADING: Final = re.compile(r"(\d+(?:\.\d+)?)\.? (\S.*)$")
_FIELD_LINES: Final = 60
_LUT: Final = ("Slice LUTs", "CLB LUTs")
_FF: Final = ("Slice Registers", "CLB Registers", "Registers")
_DSP: Final = ("DSPs", "DSP Slices", "DSP")


@dataclass(frozen=True, slots=True)
class Header:
    """What every report of Vivado says first."""

    title: str
    version: str | None
    design: str
    part: str | None
    stage: Stage
    state: str
    written: datetime | None


@dataclass(slots=True)
class _Table:
    section: str
    line: int
    columns: list[str] = field(default_factory=list)
    rows: list[tuple[int, list[str]]] = field(default_factory=list)
    borders: int = 0


def is_vivado(lines: Sequence[str]) -> bool:
    """Whether the lines are those of a Vivado report."""
    return any(line.startswith("| Tool Version : Vivado") for line in lines[:_FIELD_LINES])


def read_header(path: Path, lines: Sequence[str]) -> Header:
    """The fields between the first two rules of a Vivado report, and its title."""
    facts = {found[1]: found[2] for line in lines[:_FIELD_LINES] if (found := _FIELD.match(line.rstrip(" |")))}
    missing = [name for name in ("Tool Version", "Design", "Design State") if not facts.get(name)]
    if missing:
        message = f"{path}, line 1: the report of Vivado does not say its {missing[0]!r}: damaged or foreign"
        raise ReportError(message)
    rules = [number for number, line in enumerate(lines[:_FIELD_LINES]) if re.fullmatch(r"-{20,}", line)]
    rest = lines[rules[1] + 1 :] if len(rules) > 1 else []
    title = next((line.strip() for line in rest if line.strip()), "")
    state = facts["Design State"]
    return Header(
        title=title,
        version=version(facts["Tool Version"].removeprefix("Vivado v.")),
        design=facts["Design"],
        part=_part(facts.get("Device"), facts.get("Speed File")),
        stage=_stage(path, state),
        state=state,
        written=date(facts.get("Date")),
    )


def _stage(path: Path, state: str) -> Stage:
    """`Synthesized` and `Optimized` are logic synthesis; placed, routed and what follows are implementation."""
    if re.search("plac|rout", state, re.IGNORECASE):
        return Stage.IMPL
    if re.match("synth|optim", state, re.IGNORECASE):
        return Stage.VSYNTH
    message = f"{path}, line 1: the design state {state[:40]!r} is none this project knows"
    raise ReportError(message)


def _part(device: str | None, speed: str | None) -> str | None:
    """`7z020clg400-1`, or `7z020-clg400` and its speed file's `-1`, with the letters Vivado drops put back."""
    if not device:
        return None
    part = device if device.startswith(("xc", "xa", "xq")) else f"xc{device}"
    grade = re.match(r"-\d\w*", speed or "")
    return part if grade is None or re.search(r"-\d\w*", part) else f"{part}{grade[0]}"


def read_utilization(path: Path) -> SynthesisReport:
    """Read one report of `report_utilization`; ReportError, with the line, where truncated, foreign or inconsistent."""
    lines = read_lines(path)
    if not is_vivado(lines):
        message = f"{path}, line 1: not a report of Vivado"
        raise ReportError(message)
    header = read_header(path, lines)
    if not header.title.startswith("Utilization Design Information"):
        message = f"{path}, line 1: a report of Vivado, but not of utilization: {header.title[:60]!r}"
        raise ReportError(message)
    tables = list(_tables(path, lines))
    _check_contents(path, lines)
    by_hierarchy = next((table for table in tables if table.columns[:2] == ["Instance", "Module"]), None)
    sites = _Sites(path, tables)
    modules: tuple[ModuleReport, ...] = ()
    used, available = Resources(), Resources()
    if sites.found:
        used, available = sites.resources()
    if by_hierarchy is not None:
        modules = _hierarchy(path, by_hierarchy)
        used = used if sites.found else modules[0].used
    elif not sites.found:
        message = f"{path}, line {len(lines)}: the report ends without a table of LUTs and registers: truncated"
        raise ReportError(message)
    return SynthesisReport(
        stage=header.stage,
        tool="vivado",
        tool_version=header.version,
        top=modules[0].name if modules else header.design,
        part=header.part,
        clock_ns=None,
        used=used,
        available=available,
        modules=modules,
        written=header.written,
        path=path,
    )


def _check_contents(path: Path, lines: Sequence[str]) -> None:
    """Every section that the table of contents lists has to follow: without the last one the file is cut."""
    start = next((i for i, line in enumerate(lines) if line == "Table of Contents"), None)
    if start is None:
        message = f"{path}, line {len(lines)}: the report has no table of contents: truncated or damaged"
        raise ReportError(message)
    listed = []
    for line in lines[start + 2 :]:
        if not _HEADING.match(line):
            break
        listed.append(line)
    body = {line for line, after in pairwise(lines) if re.fullmatch(r"-+", after)}
    missing = next((line for line in listed if line not in body), None)
    if missing is not None or not listed:
        message = f"{path}, line {len(lines)}: the report ends without its section {missing!r}: truncated or damaged"
        raise ReportError(message)


def _tables(path: Path, lines: Sequence[str]) -> Iterator[_Table]:
    section = ""
    table: _Table | None = None
    for number, line in enumerate(lines, start=1):
        if line.startswith("+-"):
            table = table or _Table(section, number)
            table.borders += 1
        elif line.startswith("|") and table is not None:
            _add(path, table, number, line)
        else:
            if table is not None:
                yield _closed(path, table, number)
                table = None
            if heading := _HEADING.match(line):
                section = heading[2]
    if table is not None:
        yield _closed(path, table, len(lines))


def _closed(path: Path, table: _Table, number: int) -> _Table:
    if table.borders < (3 if table.rows else 2):  # an empty table ends with its heading
        message = f"{path}, line {number}: the table that begins in line {table.line} does not end: truncated"
        raise ReportError(message)
    return table


def _add(path: Path, table: _Table, number: int, line: str) -> None:
    if not line.endswith("|") or len(line) < 2:
        message = f"{path}, line {number}: the row is cut off"
        raise ReportError(message)
    cells = line[1:-1].split("|")
    if table.borders == 1:
        table.columns = [cell.strip() for cell in cells]
    elif len(cells) != len(table.columns):
        message = f"{path}, line {number}: {len(cells)} cells under {len(table.columns)} columns"
        raise ReportError(message)
    else:
        table.rows.append((number, cells))


class _Sites:
    """The rows of the flat tables: how many of each kind of site are used and available."""

    def __init__(self, path: Path, tables: Sequence[_Table]) -> None:
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

    def _take(self, table: _Table) -> None:
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


def _hierarchy(path: Path, table: _Table) -> tuple[ModuleReport, ...]:
    """One module per row, the children included, the top first; rows in parentheses are a module's own share."""
    entries: list[tuple[int, str, ModuleReport]] = []
    own: dict[int, Resources] = {}
    names: dict[str, Resources] = {}
    children: dict[int, list[int]] = {}
    open_: list[int] = []
    for number, cells in table.rows:
        instance, depth = cells[0].strip(), len(cells[0]) - len(cells[0].lstrip())
        used = _columns(path, number, dict(zip(table.columns, cells, strict=True)))
        while open_ and entries[open_[-1]][0] >= depth:
            open_.pop()
        if instance.startswith("(") and open_:
            own[open_[-1]] = used
            continue
        module = cells[1].strip()
        name = instance if module in {"", "(top)"} else module
        if names.setdefault(name, used) != used:  # one module, optimized differently in two places
            name = f"{name} ({instance} in line {number})"
        index = len(entries)
        if open_:
            children.setdefault(open_[-1], []).append(index)
        elif entries:
            message = f"{path}, line {number}: {instance[:60]!r} lies below no other instance: damaged"
            raise ReportError(message)
        entries.append((depth, name, ModuleReport(name, used, path=path)))
        open_.append(index)
    if not entries:
        message = f"{path}, line {table.line}: the table of the hierarchy is empty: truncated"
        raise ReportError(message)
    return tuple(_unique(_assembled(path, table, entries, own, children)))


def _assembled(
    path: Path,
    table: _Table,
    entries: Sequence[tuple[int, str, ModuleReport]],
    own: Mapping[int, Resources],
    children: Mapping[int, Sequence[int]],
) -> Iterator[ModuleReport]:
    for index, (_, name, module) in enumerate(entries):
        below = children.get(index, ())
        if index in own:
            parts = [own[index], *(entries[child][2].used for child in below)]
            for kind in ("dsp", "bram_18k", "uram", "ff"):  # LUTs may be combined across modules
                counts = [getattr(part, kind) for part in parts]
                if None not in counts and getattr(module.used, kind) != sum(counts):
                    message = (
                        f"{path}, line {table.line}: the {kind} of {name[:60]!r} are not the sum of its parts: damaged"
                    )
                    raise ReportError(message)
        yield ModuleReport(name, module.used, instances=tuple(entries[child][1] for child in below), path=path)


def _unique(modules: Iterator[ModuleReport]) -> Iterator[ModuleReport]:
    seen: set[str] = set()
    for module in modules:
        if module.name not in seen:
            seen.add(module.name)
            yield module


def _columns(path: Path, number: int, row: Mapping[str, str]) -> Resources:
    def used(*names: str) -> int | None:
        for name in names:
            if name in row:  # `-hierarchical_percentages` adds the share in parentheses
                return count(re.sub(r"\(\s*<?[\d.]+%\)$", "", row[name].strip()), f"{path}, line {number}")
        return None

    large, small = used("RAMB36"), used("RAMB18")
    return Resources(
        dsp=used("DSP48 Blocks", "DSP Blocks", "DSP Slices", "DSPs"),
        lut=used("Total LUTs"),
        ff=used("FFs"),
        bram_18k=None if large is None or small is None else 2 * large + small,
        uram=used("URAM"),
    )
