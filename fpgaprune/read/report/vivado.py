"""Reports of Vivado: `report_utilization`, flat and hierarchical, after synthesis and implementation.

Formats as Vivado 2018.2 to 2024.1 write them (AMD UG906). The flat form is checked against recorded reports of 2019.1
to 2024.1; the hierarchical one against its documentation and published excerpts.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from fpgaprune.errors import ReportError
from fpgaprune.read.report.cells import count
from fpgaprune.read.report.lines import read_lines
from fpgaprune.read.report.vivado_sites import Sites
from fpgaprune.read.report.vivado_tables import Table, check_contents, is_vivado, read_header, read_tables
from fpgaprune.results import ModuleReport, Resources, SynthesisReport


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
    tables = list(read_tables(path, lines))
    check_contents(path, lines)
    by_hierarchy = next((table for table in tables if table.columns[:2] == ["Instance", "Module"]), None)
    sites = Sites(path, tables)
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


def _hierarchy(path: Path, table: Table) -> tuple[ModuleReport, ...]:
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
    table: Table,
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
