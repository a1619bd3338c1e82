"""What all reports of Vivado have in common: a head with the run's facts, a table of contents, and tables."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

from fpgaprune.errors import ReportError
from fpgaprune.read.report.cells import date, version
from fpgaprune.results import Stage

_FIELD: Final = re.compile(r"\| (Tool Version|Date|Command|Design|Device|Speed File|Design State) *: (.*)$")
_HEADING: Final = re.compile(r"(\d+(?:\.\d+)?)\.? (\S.*)$")
_FIELD_LINES: Final = 60


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
class Table:
    """One table: the section it stands in, the line it begins in, its columns and rows."""

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


def check_contents(path: Path, lines: Sequence[str]) -> None:
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


def read_tables(path: Path, lines: Sequence[str]) -> Iterator[Table]:
    """All tables in order; raises ReportError where one does not end."""
    section = ""
    table: Table | None = None
    for number, line in enumerate(lines, start=1):
        if line.startswith("+-"):
            table = table or Table(section, number)
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


def _closed(path: Path, table: Table, number: int) -> Table:
    if table.borders < (3 if table.rows else 2):  # an empty table ends with its heading
        message = f"{path}, line {number}: the table that begins in line {table.line} does not end: truncated"
        raise ReportError(message)
    return table


def _add(path: Path, table: Table, number: int, line: str) -> None:
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
