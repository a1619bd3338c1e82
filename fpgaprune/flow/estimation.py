"""Estimates of a project or model, and their comparison with its synthesis report."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Unpack

from fpgaprune.compare import DEFAULT_TOLERANCE, compare
from fpgaprune.config.rules_file import read_rules
from fpgaprune.design import Design
from fpgaprune.device import find_device
from fpgaprune.errors import ConfigError, ReportError
from fpgaprune.estimate import MappingRules, estimate_design, rules_for
from fpgaprune.flow.designs import ModelSettings, design_of, is_model
from fpgaprune.read.report import find_reports, read_report
from fpgaprune.results import Comparison, Estimate, SynthesisReport

_VIVADO_BACKENDS: Final = {"vivado", "vivadoaccelerator"}
# What hls4ml 1.3.0's own build runs in a project folder.
_SYNTHESIS: Final = {
    "vitis_hls": "vitis-run --mode hls --tcl build_prj.tcl",
    "vivado_hls": 'vivado_hls -f build_prj.tcl "reset=1 csim=0 synth=1 cosim=0 validation=0 export=0 vsynth=0"',
}
_LATER_S: Final = 60.0  # seconds between files of one checkout or copy


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
    report: Path | None = None,
    *,
    part: str | None = None,
    tool: str | None = None,
    tolerance: float = DEFAULT_TOLERANCE,
) -> Comparison:
    """Hold the estimate of `project` against `report`, by default the newest one found in the project.

    The rules are those of the report's own tool and version unless `tool` says otherwise. Without a report the
    verdict is unknown and the reason says what to run. Raises ProjectError, ReportError, DeviceError or ConfigError.
    """
    design = design_of(project)
    found, reasons = (read_report(report), ()) if report is not None else _found(project, design)
    if tool is None and found is not None:
        tool = f"{found.tool}:{found.tool_version}" if found.tool_version else found.tool
    if part is None and design.target.part is None and found is not None:
        part = found.part
    estimate = estimate_for(design, part=part, tool=tool)
    more = () if found is None else _age(project, found)
    return compare(design, estimate, found, tolerance, (*reasons, *more))


def _found(project: Path, design: Design) -> tuple[SynthesisReport | None, tuple[str, ...]]:
    reports: Sequence[Path] = find_reports(project) if project.is_dir() else ()
    if not project.is_dir():
        message = f"{project} is no project folder, so the synthesis report to compare with has to be named"
        raise ReportError(message)
    if not reports:
        command = _SYNTHESIS[default_tool(design)]
        return None, (f"no C-synthesis report in {project}: run there `{command}`, then compare again",)
    if len(reports) > 1:
        said = f"{len(reports)} synthesis reports found, the newest is read; name another one to use it"
        return read_report(reports[0]), (said,)
    return read_report(reports[0]), ()


def _age(project: Path, report: SynthesisReport) -> tuple[str, ...]:
    """A report file older than the sources it should be about, as far as the times of files can tell."""
    firmware = project / "firmware"
    if report.path is None or not firmware.is_dir():
        return ()
    sources = [path for pattern in ("*.h", "*.cpp", "weights/*") for path in firmware.glob(pattern) if path.is_file()]
    newest = max((path.stat().st_mtime for path in sources), default=0.0)
    if newest > report.path.stat().st_mtime + _LATER_S:
        return ("the report is older than the project's sources (stale?): run C synthesis again to be sure",)
    return ()
