"""The XML reports of C synthesis: `csynth.xml` and `<top>_csynth.xml` of Vivado HLS and Vitis HLS."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from fpgaprune.errors import ReportError
from fpgaprune.read.report.agreement import check_depth, check_shares, check_time
from fpgaprune.read.report.cells import count, operand_widths, period_ns, version
from fpgaprune.results import ModuleReport, MultiplyOperator, Resources

MAX_BYTES: Final = 256 * 2**20  # the largest real one seen has 4 MB; a row per operator could make it far larger
_WORD: Final = re.compile(r"[a-z]\w{0,19}", re.ASCII)


@dataclass(slots=True)
class XmlReport:
    """One XML report: the whole design, and its modules where the tool lists them (Vitis HLS, `csynth.xml`)."""

    path: Path
    top: str | None = None
    tool: str = "vitis_hls"
    version: str | None = None
    part: str | None = None
    clock_ns: float | None = None
    used: Resources | None = None
    available: Resources = field(default_factory=Resources)
    latency_cycles: int | None = None
    latency_min_cycles: int | None = None
    ii: int | None = None
    clock_estimated_ns: float | None = None
    clock_uncertainty_ns: float | None = None
    modules: list[ModuleReport] = field(default_factory=list)
    instances: dict[str, tuple[str, ...]] = field(default_factory=dict)
    directives: list[str] = field(default_factory=list)


def read_xml(path: Path) -> XmlReport:
    """Read one XML report; raises ReportError, with the line, where it is truncated, foreign or malformed.

    Entities and document types are refused: no tool writes any.
    """
    if path.stat().st_size > MAX_BYTES:
        message = f"{path} has more than {MAX_BYTES // 2**20} MB: that is no synthesis report"
        raise ReportError(message)
    report = XmlReport(path)
    try:
        for section in _sections(path):
            _take(report, section)
    except ParseError as error:
        message = f"{path}, line {error.position[0]}: not well-formed XML, the report is truncated or damaged ({error})"
        raise ReportError(message) from error
    except DefusedXmlException as error:
        message = f"{path}: the report defines entities or a document type, which no synthesis tool writes; refused"
        raise ReportError(message) from error
    except (UnicodeDecodeError, LookupError) as error:
        message = f"{path}, line 1: the text encoding cannot be read ({error})"
        raise ReportError(message) from error
    if report.top is None or report.used is None:
        missing = "TopModelName" if report.top is None else "AreaEstimates"
        message = f"{path}: not a C-synthesis report of Vivado HLS or Vitis HLS: it has no {missing}"
        raise ReportError(message)
    return report


def _sections(path: Path) -> Iterator[Element]:
    """The children of the root, and each `Module` by itself: memory stays small whatever the number of modules."""
    depth = 0
    for event, element in iterparse(path, events=("start", "end"), forbid_dtd=True):
        if event == "start":
            depth += 1
            if depth == 1 and element.tag != "profile":
                message = f"{path}, line 1: the root is <{element.tag[:40]}>, a C-synthesis report has <profile>"
                raise ReportError(message)
            continue
        depth -= 1
        if depth == 1 or (depth == 2 and element.tag == "Module"):
            yield element
            element.clear()


def _take(report: XmlReport, section: Element) -> None:
    match section.tag:
        case "ReportVersion":
            report.version = version(section.findtext("Version"))
        case "UserAssignments":
            report.top = _text(section, "TopModelName")
            report.part = _text(section, "Part")
            unit = (_text(section, "unit") or "ns").lower()
            report.clock_ns = period_ns(_text(section, "TargetClockPeriod"), _where(report, "TargetClockPeriod"), unit)
            kept = _text(section, "ClockUncertainty")
            report.clock_uncertainty_ns = period_ns(kept, _where(report, "ClockUncertainty"), unit)
        case "PerformanceEstimates":
            report.clock_estimated_ns = _reached(report, section)
            report.latency_min_cycles, report.latency_cycles, report.ii = _latency(report, section)
        case "AreaEstimates":
            _take_area(report, section)
        case "RTLDesignHierarchy":
            _take_hierarchy(report, section)
        case "UserConfigCommands":
            report.directives += _directives(section)
        case "Module":
            report.modules.append(_module(report, section))
        case _:
            pass


def _directives(section: Element) -> Iterator[str]:
    """The settings of operators a run was made with, as the Tcl that makes them."""
    for entry in section.iterfind("config_op/ENTRY"):
        operation, chosen = entry.get("op") or "", entry.get("impl") or ""
        if _WORD.fullmatch(operation) and _WORD.fullmatch(chosen):
            yield f"config_op {operation} -impl {chosen}"


def _take_hierarchy(report: XmlReport, section: Element) -> None:
    for node in section.iter():
        if node.find("InstancesList") is not None:
            _take_instances(report, node)


def _take_area(report: XmlReport, section: Element) -> None:
    resources, available = section.find("Resources"), section.find("AvailableResources")
    if resources is None:
        return
    report.used = _resources(report, resources)
    report.tool = "vivado_hls" if resources.find("DSP48E") is not None else "vitis_hls"
    if available is not None:
        report.available = _resources(report, available)


def _take_instances(report: XmlReport, node: Element) -> None:
    name = _text(node, "ModuleName")
    found = []
    for instance in node.iterfind("InstancesList/Instance"):
        module, number = _text(instance, "ModuleName"), _text(instance, "ID") or "0"
        if module:
            found.append((int(number) if number.isdecimal() and len(number) < 10 else 0, module))
    if name:
        report.instances[name] = tuple(module for _, module in sorted(found, key=lambda pair: pair[0]))


def _module(report: XmlReport, section: Element) -> ModuleReport:
    resources = section.find("AreaEstimates/Resources")
    performance = section.find("PerformanceEstimates")
    least, latency, ii = (None, None, None) if performance is None else _latency(report, performance)
    used = Resources() if resources is None else _resources(report, resources)
    name = _text(section, "Name") or ""
    if resources is not None:
        check_shares(resources, used, _where(report, f"Module {name[:60]}"))
    return ModuleReport(
        name=name,
        used=used,
        latency_cycles=latency,
        ii=ii,
        multipliers=tuple(_multipliers(report, section)),
        path=report.path,
        latency_min_cycles=least,
    )


def _multipliers(report: XmlReport, section: Element) -> Iterator[MultiplyOperator]:
    for node in section.iterfind("BindNodes/BindNode"):
        if node.get("OPTYPE") == "mul":
            name = node.get("RTLNAME", "")
            yield MultiplyOperator(name, *operand_widths(name), dsp=count(node.get("DSP"), _where(report, name)))


def _reached(report: XmlReport, section: Element) -> float | None:
    timing = section.find("SummaryOfTimingAnalysis")
    if timing is None:
        return None
    unit = (_text(timing, "unit") or "ns").lower()
    return period_ns(_text(timing, "EstimatedClockPeriod"), _where(report, "EstimatedClockPeriod"), unit)


def _latency(report: XmlReport, section: Element) -> tuple[int | None, int | None, int | None]:
    """Least and most cycles of latency, most cycles between two inputs."""
    summary = section.find("SummaryOfOverallLatency")
    if summary is None:
        return None, None, None
    where = _where(report, "SummaryOfOverallLatency")
    interval = _text(summary, "Interval-max") or _text(summary, "PipelineInitiationInterval")
    least, most = (_cycles(_text(summary, f"{case}-caseLatency"), where) for case in ("Best", "Worst"))
    if least is not None and most is not None and least > most:
        message = f"{where}: more cycles at best than at worst: damaged"
        raise ReportError(message)
    periods = report.clock_ns, _reached(report, section)
    for case, cycles in (("Best", least), ("Worst", most)):
        if (said := _text(summary, f"{case}-caseRealTimeLatency")) is not None:
            check_time(said, cycles, periods, where)
    check_depth(summary, most, where)
    return least, most, _cycles(interval, where)


def _cycles(text: str | None, where: str) -> int | None:
    """Cycles; a range `min ~ max`, as `csynth.xml` writes an interval, counts by its end."""
    return count(text.rsplit("~", 1)[-1] if text and text.count("~") == 1 and text.strip()[0] != "~" else text, where)


def _resources(report: XmlReport, node: Element) -> Resources:
    def used(*names: str) -> int | None:
        for name in names:
            if (text := _text(node, name)) is not None:
                return count(text, _where(report, name))
        return None

    return Resources(used("DSP", "DSP48E"), used("LUT"), used("FF"), used("BRAM_18K"), used("URAM"))


def _text(node: Element, name: str) -> str | None:
    text = node.findtext(name)
    return text.strip() or None if text else None


def _where(report: XmlReport, name: str) -> str:
    return f"{report.path}, element {name}"
