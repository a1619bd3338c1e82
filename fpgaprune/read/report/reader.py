"""One report of any kind, whole: the modules a C-synthesis report is made of are read with it."""

import re
from dataclasses import replace
from logging import getLogger
from pathlib import Path
from typing import Final

from fpgaprune.errors import ReportError
from fpgaprune.read.report.agreement import APART, check_top
from fpgaprune.read.report.cosim import is_cosim, read_cosim
from fpgaprune.read.report.lines import read_lines
from fpgaprune.read.report.locate import find_reports, report_in
from fpgaprune.read.report.rpt import RptReport, read_rpt
from fpgaprune.read.report.saved import is_saved_report, load_report
from fpgaprune.read.report.timing import is_timing, read_timing
from fpgaprune.read.report.vivado import read_utilization
from fpgaprune.read.report.vivado_tables import is_vivado
from fpgaprune.read.report.xml import XmlReport, read_xml
from fpgaprune.read.report.yosys import read_stat_json, read_stat_text
from fpgaprune.results import ModuleReport, Stage, SynthesisReport

_log = getLogger(__name__)
_TEXTS: Final = {".rpt", ".txt", ".log", ".stat"}


def find_report(project: Path) -> Path | None:
    """The C-synthesis report in the usual places of a project; None where there is none, the newest of several."""
    if not project.is_dir():
        message = f"{project} is not a folder, so no synthesis report can be looked for in it"
        raise ReportError(message)
    found = find_reports(project)
    if len(found) > 1:
        _log.warning("%s holds %d synthesis reports; the newest is read: %s", project, len(found), found[0])
    return found[0] if found else None


def read_report(path: Path) -> SynthesisReport:
    """Read an `.xml` or `.rpt` report, or the one in a report folder or project, with the modules it is made of.

    Per-module text reports beside it are read too, as far as they belong to it. Raises ReportError, with file and
    line, for a report that is missing, truncated, foreign or malformed.
    """
    if path.is_dir():
        inside = report_in(path) or find_report(path)
        if inside is None:
            message = f"{path} holds no C-synthesis report (csynth.xml, *_csynth.xml or *_csynth.rpt): run C synthesis"
            raise ReportError(message)
        path = inside
    if not path.is_file():
        message = f"{path}: no such report"
        raise ReportError(message)
    if path.stat().st_size == 0:
        message = f"{path}, line 1: the report is empty"
        raise ReportError(message)
    if path.suffix == ".json":
        return load_report(path) if is_saved_report(path) else read_stat_json(path)
    if path.suffix == ".xml":
        return _from_xml(read_xml(path))
    if path.suffix in _TEXTS:
        return _from_text(path)
    message = f"{path}: a synthesis report is an .xml, .rpt, .json or .txt file, or a folder that holds one"
    raise ReportError(message)


def _from_text(path: Path) -> SynthesisReport:
    """Whatever text report this is, by what it says first."""
    lines = read_lines(path)
    if is_vivado(lines):
        return read_timing(path) if is_timing(lines) else read_utilization(path)
    if is_cosim(lines):
        return read_cosim(path)
    if path.suffix != ".rpt":
        return read_stat_text(path)
    return _from_rpt(path)


def _from_rpt(path: Path) -> SynthesisReport:
    if path.name == "csynth.rpt":  # Vitis' summary repeats what its neighbours say, in percent and with names cut
        whole = report_in(path.parent)
        if whole is None:
            message = f"{path} is the summary of a run; give the csynth.xml or the <top>_csynth.rpt of the same run"
            raise ReportError(message)
        return read_report(whole)
    report = read_rpt(path)
    modules, notes = _walk(path.parent, report)
    return SynthesisReport(
        stage=Stage.CSYNTH,
        tool=report.tool,
        tool_version=report.version,
        top=report.module.name,
        part=report.part,
        clock_ns=report.clock_ns,
        used=report.module.used,
        available=report.available,
        latency_cycles=report.module.latency_cycles,
        ii=report.module.ii,
        modules=modules,
        written=report.written,
        path=path,
        notes=notes,
        latency_min_cycles=report.module.latency_min_cycles,
        clock_estimated_ns=report.clock_estimated_ns,
        clock_uncertainty_ns=report.clock_uncertainty_ns,
    )


def _from_xml(xml: XmlReport) -> SynthesisReport:
    top, used = xml.top or "", xml.used
    if used is None:
        message = f"{xml.path}: the report has no resources"
        raise ReportError(message)
    beside, notes = _text_beside(xml)
    # What the text beside says as well is the design's, whatever its module says.
    check_top(top, used, xml.modules, str(xml.path), APART if beside is not None else 0)
    modules = {module.name: module for module in _xml_modules(xml)}
    if beside is not None:
        texts, more = _walk(xml.path.parent, beside)
        notes += more
        for module in texts:
            modules[module.name] = _merge(modules.get(module.name), module)
    whole = ModuleReport(
        top, used, xml.latency_cycles, xml.ii, xml.instances.get(top, ()), latency_min_cycles=xml.latency_min_cycles
    )
    modules[top] = replace(modules[top], used=used) if top in modules else whole
    return SynthesisReport(
        stage=Stage.CSYNTH,
        tool=beside.tool if beside else xml.tool,
        tool_version=xml.version,
        top=top,
        part=xml.part,
        clock_ns=xml.clock_ns,
        used=used,
        available=xml.available,
        latency_cycles=xml.latency_cycles,
        ii=beside.module.ii if beside and beside.module.ii is not None else xml.ii,
        modules=tuple(modules.values()),
        written=beside.written if beside else None,
        path=xml.path,
        notes=notes,
        directives=tuple(xml.directives),
        latency_min_cycles=xml.latency_min_cycles,
        clock_estimated_ns=xml.clock_estimated_ns,
        clock_uncertainty_ns=xml.clock_uncertainty_ns,
    )


def _xml_modules(xml: XmlReport) -> list[ModuleReport]:
    return [replace(module, instances=xml.instances.get(module.name, ())) for module in xml.modules if module.name]


def _text_beside(xml: XmlReport) -> tuple[RptReport | None, tuple[str, ...]]:
    """The text report of the same run beside an XML one, or why it is left out."""
    path = _module_path(xml.path.parent, xml.top or "")
    if path is None:
        return None, ()
    text = read_rpt(path)
    same = (text.module.used, text.version, text.part) == (xml.used, xml.version, xml.part)
    if same or _without_uram(text) == (xml.used, xml.version, xml.part):
        return text, ()
    return None, (f"the text reports beside {xml.path.name} are of another run and were left out",)


def _without_uram(text: RptReport) -> tuple[object, str | None, str | None]:
    return replace(text.module.used, uram=None), text.version, text.part


def _merge(listed: ModuleReport | None, text: ModuleReport) -> ModuleReport:
    """One module from both sources: the numbers of the XML report, the structure of the text report."""
    if listed is None:
        return text
    return replace(
        text,
        used=listed.used,
        latency_cycles=listed.latency_cycles,
        latency_min_cycles=listed.latency_min_cycles,
        ii=listed.ii,
    )


def _walk(folder: Path, top: RptReport) -> tuple[tuple[ModuleReport, ...], tuple[str, ...]]:
    """The text reports reachable from the top through its instances; those of another run are left out, with a note."""
    found = {top.module.name: top.module}
    notes: list[str] = []
    queue = [top]
    while queue:
        parent = queue.pop(0)
        for name, used in parent.children.items():
            path = _module_path(folder, name)
            if name in found:
                continue
            if path is None:  # known by what its parent says of it
                found[name] = ModuleReport(name, used)
                continue
            child = read_rpt(path)
            if (child.module.used.dsp, child.module.used.lut) != (used.dsp, used.lut):
                notes.append(f"{path.name} does not say what {parent.module.name} says of it, and was left out")
                continue
            found[name] = child.module
            queue.append(child)
    return tuple(found.values()), tuple(notes)


def _module_path(folder: Path, module: str) -> Path | None:
    """The text report of a module, if there is one; a name that is no identifier never becomes a path."""
    if not re.fullmatch(r"\w{1,240}", module, re.ASCII):
        return None
    path = folder / f"{module}_csynth.rpt"
    return path if path.is_file() else None
