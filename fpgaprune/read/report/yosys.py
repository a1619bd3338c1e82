"""The statistics of Yosys (`stat` and `stat -json`) on a netlist mapped to Xilinx cells, as text or JSON.

Counts of a module include the modules below it. LUTs and flip-flops are known only where everything is mapped: as long
as word-level cells such as `$add` are left, they are None.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from fpgaprune.errors import ReportError
from fpgaprune.read.report.lines import read_lines
from fpgaprune.read.report.saved import read_json
from fpgaprune.results import ModuleReport, Resources, Stage, SynthesisReport

# Cells of the unified libraries (AMD UG953 and UG974): LUTs a cell takes, memories in RAMB18 units.
_LUTS: Final = {
    **dict.fromkeys(("LUT1", "LUT2", "LUT3", "LUT4", "LUT5", "LUT6", "LUT6_2", "CFGLUT5", "SRL16E", "SRLC32E"), 1),
    **dict.fromkeys(("RAM32X1S", "RAM64X1S"), 1),
    **dict.fromkeys(("RAM32X1D", "RAM64X1D", "RAM128X1S"), 2),
    **dict.fromkeys(("RAM32M", "RAM64M", "RAM128X1D", "RAM256X1S"), 4),
    **dict.fromkeys(("RAM32M16", "RAM64M8"), 8),
}
_FLIP_FLOP: Final = re.compile(r"FD[RSCP]E(_1)?|LD[CP]E")
_DSP: Final = re.compile(r"DSP(48E[12]?|58)")
_BRAM_18K: Final = {"RAMB18E1": 1, "RAMB18E2": 1, "RAMB36E1": 2, "RAMB36E2": 2}
_NO_CELLS: Final = {"$scopeinfo"}  # names for people, no hardware

_SECTION: Final = re.compile(r"=== (.+) ===$")
_COUNT_FIRST: Final = re.compile(r"\s+(\d{1,12})\s+(?:[\d.]+(?:E[+-]?\d+)?\s+)?(\S.*)$")
_NAME_FIRST: Final = re.compile(r"     (\S+)\s+(\d{1,12})$")
_OLD_TOTAL: Final = re.compile(r"   Number of cells:\s+(\d{1,12})$")
_HIERARCHY: Final = "design hierarchy"


@dataclass(slots=True)
class _Module:
    """Cells directly in one module, by type; `stated` is how many the report says there are."""

    cells: Counter[str] = field(default_factory=Counter)
    stated: int | None = None
    line: int = 0


def read_stat_json(path: Path) -> SynthesisReport:
    """Read the JSON of `stat -json`; raises ReportError where it is truncated, foreign or inconsistent."""
    data = read_json(path)
    creator = data.get("creator") if isinstance(data, dict) else None
    listed = data.get("modules") if isinstance(data, dict) else None
    if not isinstance(creator, str) or not creator.startswith("Yosys ") or not isinstance(listed, dict) or not listed:
        message = f"{path}, line 1: not the statistics of Yosys: written by `stat -json` they name their creator"
        raise ReportError(message)
    modules = {name.removeprefix("\\"): _from_json(path, name, entry) for name, entry in listed.items()}
    whole = None if "design" not in data else _from_json(path, "design", data["design"])
    return _report(path, modules, whole, creator.split()[1])


def _from_json(path: Path, name: str, entry: Any) -> _Module:
    entry = entry if isinstance(entry, dict) else {}
    cells, total, below = entry.get("num_cells_by_type"), entry.get("num_cells"), entry.get("num_submodules", 0)
    if not isinstance(cells, dict) or not all(type(n) is int and n >= 0 for n in (total, below, *cells.values())):
        message = f"{path}: the module {name[:60]!r} does not state its cells as counts"
        raise ReportError(message)
    return _Module(Counter({cell.removeprefix("\\"): number for cell, number in cells.items()}), total + below)


def read_stat_text(path: Path) -> SynthesisReport:
    """Read what `stat` prints, before and since Yosys 0.56; raises ReportError with the line where it is damaged.

    The statistics of one module alone cannot be told from the beginning of longer ones; `stat -json` can.
    """
    lines = read_lines(path)
    modules: dict[str, _Module] = {}
    for number, line in enumerate(lines, start=1):
        if section := _SECTION.match(line):
            if section[1] in modules:
                message = f"{path}, line {number}: the module {section[1][:60]!r} occurs twice"
                raise ReportError(message)
            modules[section[1]] = _Module(line=number)
        elif modules:
            _take(path, modules[next(reversed(modules))], number, line)
    whole = modules.pop(_HIERARCHY, None)
    if not modules:
        message = f"{path}, line 1: not the statistics of Yosys: no module is named in lines such as `=== top ===`"
        raise ReportError(message)
    if whole is None and len(modules) > 1:
        message = f"{path}, line {len(lines)}: the statistics end without the design hierarchy: truncated"
        raise ReportError(message)
    return _report(path, modules, whole, None)


def _take(path: Path, module: _Module, number: int, line: str) -> None:
    if total := _OLD_TOTAL.match(line):
        module.stated = int(total[1])
    elif module.stated is not None and (old := _NAME_FIRST.match(line)):
        _add(path, module, old[1], int(old[2]), number)
    elif new := _COUNT_FIRST.match(line):
        count, what = int(new[1]), new[2]
        if what in {"cells", "submodules"}:
            module.stated = (module.stated or 0) + count
        elif module.stated is not None and " " not in what:
            _add(path, module, what, count, number)


def _add(path: Path, module: _Module, cell: str, count: int, number: int) -> None:
    if cell in module.cells:
        message = f"{path}, line {number}: the cell {cell[:60]!r} is counted twice"
        raise ReportError(message)
    module.cells[cell] = count


def _report(path: Path, modules: Mapping[str, _Module], whole: _Module | None, version: str | None) -> SynthesisReport:
    for name, module in modules.items():
        _check_sum(path, name, module)
    below = {cell for module in modules.values() for cell in module.cells if cell in modules}
    roots = [name for name in modules if name not in below]
    if len(roots) != 1:
        message = f"{path}: {len(roots)} modules are instantiated by no other one, so there is no single top"
        raise ReportError(message)
    flat = _flatten(path, modules)
    top = roots[0]
    if whole is not None and (whole.stated is not None or whole.cells):
        _check_sum(path, _HIERARCHY, whole)
        said = Counter({cell: number for cell, number in whole.cells.items() if cell not in modules and number})
        if said != +flat[top]:
            message = f"{path}: the cells of the design hierarchy are not the sum of its modules': damaged"
            raise ReportError(message)
    notes: tuple[str, ...] = ()
    if version is None and whole is None:
        notes = ("the statistics name one module; whether the file is whole only `stat -json` can tell",)
    return SynthesisReport(
        stage=Stage.OPEN,
        tool="yosys",
        tool_version=version,
        top=top,
        part=None,
        clock_ns=None,
        used=_resources(flat[top]),
        available=Resources(),
        modules=tuple(
            ModuleReport(name, _resources(flat[name]), instances=_instances(module, modules), path=path)
            for name, module in modules.items()
        ),
        path=path,
        notes=notes,
        rules="yosys",
    )


def _check_sum(path: Path, name: str, module: _Module) -> None:
    if module.stated is None or module.cells.total() != module.stated:
        message = (
            f"{path}, line {module.line or 1}: the cells of {name[:60]!r} by type do not add up to the number stated: "
            "truncated or damaged"
        )
        raise ReportError(message)


def _instances(module: _Module, modules: Mapping[str, _Module]) -> tuple[str, ...]:
    """Names of the modules below, each once: the statistics tell no order, and repeating a million tells nothing."""
    return tuple(cell for cell in module.cells if cell in modules)


def _flatten(path: Path, modules: Mapping[str, _Module]) -> dict[str, Counter[str]]:
    """The cells of each module and of all below it."""
    flat: dict[str, Counter[str]] = {}
    open_: list[str] = []
    stack = list(modules)
    while stack:
        name = stack[-1]
        if name in flat:
            stack.pop()
            continue
        children = [cell for cell in modules[name].cells if cell in modules]
        missing = [child for child in children if child not in flat]
        if missing:
            if name in open_:
                message = f"{path}: the module {name[:60]!r} instantiates itself"
                raise ReportError(message)
            open_.append(name)
            stack.extend(missing)
            continue
        total = Counter({cell: number for cell, number in modules[name].cells.items() if cell not in modules})
        for child in children:
            for cell, number in flat[child].items():
                total[cell] += number * modules[name].cells[child]
        flat[name] = total
        if name in open_:
            open_.remove(name)
        stack.pop()
    return flat


def _resources(cells: Mapping[str, int]) -> Resources:
    mapped = not any(cell.startswith("$") and cell not in _NO_CELLS for cell in cells)
    return Resources(
        dsp=sum(number for cell, number in cells.items() if _DSP.fullmatch(cell)),
        lut=sum(_LUTS.get(cell, 0) * number for cell, number in cells.items()) if mapped else None,
        ff=sum(number for cell, number in cells.items() if _FLIP_FLOP.fullmatch(cell)) if mapped else None,
        bram_18k=sum(_BRAM_18K.get(cell, 0) * number for cell, number in cells.items()),
        uram=cells.get("URAM288", 0),
    )
