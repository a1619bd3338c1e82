"""Estimates of a project or model, and their comparison with its synthesis report."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Unpack

from fpgaprune.compare import DEFAULT_TOLERANCE, compare
from fpgaprune.compare.wrapping import at_clock_of
from fpgaprune.config.rules_file import read_rules
from fpgaprune.design import Design
from fpgaprune.device import find_device
from fpgaprune.errors import ConfigError, ReportError
from fpgaprune.estimate import MappingRules, estimate_design, rules_for
from fpgaprune.estimate.network import implementation_asked
from fpgaprune.flow.designs import ModelSettings, design_of, is_model
from fpgaprune.read.report import find_reports, read_report, read_stages
from fpgaprune.results import Comparison, Estimate, Stage, SynthesisReport

_VIVADO_BACKENDS: Final = {"vivado", "vivadoaccelerator"}
# What hls4ml 1.3.0's own build runs in a project folder.
_SYNTHESIS: Final = {
    "vitis_hls": "vitis-run --mode hls --tcl build_prj.tcl",
    "vivado_hls": 'vivado_hls -f build_prj.tcl "reset=1 csim=0 synth=1 cosim=0 validation=0 export=0 vsynth=0"',
}
_LATER_S: Final = 60.0  # seconds between files of one checkout or copy
_ZONES: Final = timedelta(hours=26)  # between the time zones that lie furthest apart
_BASIS: Final = (Stage.CSYNTH, Stage.OPEN, Stage.IMPL, Stage.VSYNTH)


def parse_tool(text: str) -> MappingRules:
    """The rules named by `NAME` or `NAME:VERSION`; raises ConfigError for an unknown tool or a malformed version."""
    name, colon, version = text.partition(":")
    if colon and not version.strip():
        message = f"the tool {text!r} ends in a colon: give its version, as in {name}:2023.2, or leave the colon out"
        raise ConfigError(message)
    return rules_for(name, version or None)


def choose_rules(tool: str | None, rules: Path | None, default: str) -> MappingRules:
    """The rules of `tool` (`NAME[:VERSION]`, else `default` in the same form), changed by a rule file if one is named.

    Raises ConfigError for an unknown tool, a malformed version or file, or a file of another tool than the one asked
    for.
    """
    named = parse_tool(tool or default)
    if rules is None:
        return named
    file = read_rules(rules)
    if tool is not None and file.tool != named.tool:
        message = f"{rules} changes the rules of {file.tool}, but {named.tool} was asked for: name one of the two"
        raise ConfigError(message)
    return file.rules(named.version if file.tool == named.tool else None)


def default_tool(design: Design) -> str:
    """The synthesis tool a design's backend writes for; Vitis HLS where it has none."""
    return "vivado_hls" if (design.target.backend or "").lower() in _VIVADO_BACKENDS else "vitis_hls"


def estimate_for(
    design: Design, *, part: str | None = None, tool: str | None = None, rules: Path | None = None
) -> Estimate:
    """The estimate of a design for `part` (its own by default) and `tool` (`NAME[:VERSION]`), by a rule file's values.

    Raises DeviceError for an unknown part, ConfigError for an unknown tool or a wrong rule file.
    """
    chosen = choose_rules(tool, rules, default_tool(design))
    return estimate_design(design, chosen, None if part is None else find_device(part))


def estimate_source(
    source: Path,
    *,
    part: str | None = None,
    tool: str | None = None,
    rules: Path | None = None,
    **settings: Unpack[ModelSettings],
) -> Estimate:
    """The estimate of a model file, project folder or saved design; a model is converted with the given settings.

    `rules` is a rule file (see `fpgaprune.config.rules_file`). Raises what `design_of` and `estimate_for` raise; a
    wrong part, tool or rule file is found before a model is loaded.
    """
    asked = None if tool is None and rules is None else choose_rules(tool, rules, "vitis_hls")
    if part is not None:
        find_device(part)
    model = is_model(source)
    if model and asked is not None and asked.tool == "vivado_hls" and settings.get("backend") is None:
        settings["backend"] = "Vivado"
    design = design_of(source, part=part, **settings)
    estimate = estimate_for(design, part=part, tool=tool, rules=rules)
    if model and part is None:
        estimate = replace(estimate, notes=(*estimate.notes, f"no part given: hls4ml's default, {estimate.device}"))
    return estimate


def compare_project(
    project: Path,
    *named: Path,
    part: str | None = None,
    tool: str | None = None,
    rules: Path | None = None,
    tolerance: float = DEFAULT_TOLERANCE,
) -> Comparison:
    """Hold the estimate of `project` against its reports: those named, and by default the newest ones found in it.

    The verdict is about C synthesis, else about open synthesis, else about what there is; the other stages are shown
    beside it. The rules are those of the report's own tool and version unless `tool` or `rules` (a rule file) say
    otherwise. Without a report the verdict is unknown and the reason says what to run. Raises ProjectError,
    ReportError, DeviceError or ConfigError.
    """
    design = design_of(project)
    reports, reasons = _reports(project, design, named)
    basis = next((reports[stage] for stage in _BASIS if stage in reports), None)
    if tool is None and rules is None and basis is not None:
        tool = _tool_of(basis)
    default = _tool_of(basis) or default_tool(design) if basis is not None else default_tool(design)
    if part is None and design.target.part is None and basis is not None:
        part = basis.part
    chosen = choose_rules(tool, rules, default)
    if basis is not None:
        design, said = _as_run(design, basis)
        reasons = (*reasons, *said)
    estimate = estimate_design(design, chosen, None if part is None else find_device(part))
    others = [report for report in reports.values() if report is not basis]
    older = None if basis is None else _older(project, basis)
    return compare(design, estimate, basis, tolerance, reasons, others=others, older=older)


def _as_run(design: Design, report: SynthesisReport) -> tuple[Design, tuple[str, ...]]:
    """The design as its report was made: clock and settings of operators, with what is to be said of them."""
    design, reasons = at_clock_of(design, report)
    asked = implementation_asked(design.target.directives)
    used = implementation_asked(report.directives)
    if not report.directives or used == asked:
        return design, reasons
    directives = (*design.target.directives, *report.directives)
    said = f"the report was made with `{report.directives[-1]}`"
    said += ", which no Tcl script of the project says; the estimate follows the report"
    return replace(design, target=replace(design.target, directives=directives)), (*reasons, said)


def _tool_of(report: SynthesisReport) -> str | None:
    """The tool whose rules a report follows; logic synthesis has no say in them."""
    if report.stage is Stage.OPEN:
        return report.rules or report.tool
    if report.stage is not Stage.CSYNTH:
        return None
    return f"{report.tool}:{report.tool_version}" if report.tool_version else report.tool


def _reports(
    project: Path, design: Design, named: Sequence[Path]
) -> tuple[dict[Stage, SynthesisReport], tuple[str, ...]]:
    """One report per stage: the named ones before those found."""
    read = [read_report(path) for path in named]
    reports = {report.stage: report for report in read}
    if len(reports) < len(read):
        message = f"two of the reports named are of the stage {next(iter(reports)).value}: name one per stage"
        raise ReportError(message)
    if not project.is_dir():
        if not reports:
            message = f"{project} is no project folder, so the synthesis report to compare with has to be named"
            raise ReportError(message)
        return reports, ()
    reasons: tuple[str, ...] = ()
    if Stage.CSYNTH not in reports:
        found, reasons = _found(project, design)
        if found is not None:
            reports[Stage.CSYNTH] = found
    top = reports[Stage.CSYNTH].top if Stage.CSYNTH in reports else design.name
    beside = read_stages(project, top)
    for report in beside.reports:
        reports.setdefault(report.stage, report)
    if Stage.CSYNTH not in reports and reports:
        reasons = (*reasons, "there is no report of C synthesis; what is shown is of other stages")
    return reports, (*reasons, *beside.notes)


def _found(project: Path, design: Design) -> tuple[SynthesisReport | None, tuple[str, ...]]:
    reports = find_reports(project)
    if not reports:
        command = _SYNTHESIS[default_tool(design)]
        return None, (f"no C-synthesis report in {project}: run there `{command}`, then compare again",)
    if len(reports) > 1:
        said = f"{len(reports)} synthesis reports found, the newest is read; name another one to use it"
        return read_report(reports[0]), (said,)
    return read_report(reports[0]), ()


def _older(project: Path, report: SynthesisReport) -> str | None:
    """Why a report is older than the sources it should be about; None where nothing tells.

    Checkouts and copies give all files the time they were made at, so times of files count only where the report's
    own is near the moment the report says it was written, whatever the time zone.
    """
    firmware = project / "firmware"
    if report.path is None or report.written is None or not firmware.is_dir():
        return None
    sources = [path for pattern in ("*.h", "*.cpp", "weights/*") for path in firmware.glob(pattern) if path.is_file()]
    newest = max((path.stat().st_mtime for path in sources), default=0.0)
    filed = report.path.stat().st_mtime
    genuine = abs(datetime.fromtimestamp(filed) - report.written) < _ZONES
    if genuine and newest > filed + _LATER_S:
        return "the report is older than the project's sources (stale?): run C synthesis again to be sure"
    return None
