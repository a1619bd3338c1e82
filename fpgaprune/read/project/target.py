"""What a project is generated for: its Tcl scripts and `hls4ml_config.yml`, read as data."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from fpgaprune.design import Target
from fpgaprune.errors import ProjectError
from fpgaprune.read.project.folder import ProjectFolder

BACKENDS: Mapping[str, str] = {
    "vivado": "Vivado",
    "vitis": "Vitis",
    "vivadoaccelerator": "VivadoAccelerator",
    "vitisaccelerator": "VitisAccelerator",
    "pynq": "VivadoAccelerator",  # its name while it was being made (2020 and 2021)
}
_READ = ", ".join(dict.fromkeys(BACKENDS.values()))
_SCRIPTS = ("project.tcl", "build_prj.tcl", "build_opt.tcl")
_SET = re.compile(r"^\s*set\s+(\w+)\s+\"?([^\"\n]*?)\"?\s*$", re.MULTILINE)
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")
_TOP = re.compile(r"^\s*set_top\s+(\S+)", re.MULTILINE)
_PART = re.compile(r"^\s*set_part\s+\{?([\w-]+)\}?", re.MULTILINE)
_CLOCK = re.compile(r"^\s*create_clock\s+.*?-period\s+\"?([\d.]+)", re.MULTILINE)
# A command of Vitis HLS (UG1399) that Vivado HLS does not know (UG902).
_ONLY_VITIS = re.compile(r"^[ \t]*config_op\s", re.MULTILINE)
_UNCERTAINTY = re.compile(r"^\s*set_clock_uncertainty\s+([\d.]+%?)", re.MULTILINE)
_CONFIG = re.compile(r"^[ \t]*(config_\w+[^\n;#]*)", re.MULTILINE)


class _DataLoader(yaml.SafeLoader):
    """Plain data only; a tag of any other sort gives None instead of an object."""


def _nothing(_loader: yaml.SafeLoader, _suffix: str, _node: yaml.Node) -> None:
    return None


_DataLoader.add_multi_constructor("", _nothing)


@dataclass(frozen=True)
class ProjectTarget:
    """The design's target, and what the scripts say about the sources."""

    target: Target
    top: str | None
    settings: Mapping[str, Any]  # hls4ml_config.yml, {} where there is none


def directives(script: str) -> tuple[str, ...]:
    """The `config_*` lines of a Tcl script, in order, with single spaces."""
    return tuple(" ".join(match.split()) for match in _CONFIG.findall(script))


def read_target(folder: ProjectFolder) -> ProjectTarget:
    """Part, clock, backend, directives and top function; raises ProjectError for backends other than AMD's."""
    scripts = {name: folder.text(name) for name in _SCRIPTS if folder.has(name)}
    joined = "\n".join(scripts.values())
    variables = dict(_SET.findall(joined))
    joined = _VARIABLE.sub(lambda found: variables.get(found[1] or found[2], found[0]), joined)
    settings = _settings(folder)
    backend = _backend(variables.get("backend"), settings.get("Backend"), joined)
    part = _literal(variables.get("part"), _PART.search(joined), settings.get("Part") or settings.get("XilinxPart"))
    clock = _literal(variables.get("clock_period"), _CLOCK.search(joined), settings.get("ClockPeriod"))
    top = _literal(variables.get("project_name"), _TOP.search(joined), settings.get("ProjectName"))
    kept = _literal(variables.get("clock_uncertainty"), _UNCERTAINTY.search(joined), settings.get("ClockUncertainty"))
    target = Target(
        backend,
        part,
        _number(clock),
        directives(scripts.get("build_prj.tcl", "")),
        uncertainty_share(kept, _number(clock)),
    )
    return ProjectTarget(target, top, settings)


def _settings(folder: ProjectFolder) -> Mapping[str, Any]:
    if not folder.has("hls4ml_config.yml"):
        return {}
    try:
        loaded = _DataLoader(folder.text("hls4ml_config.yml")).get_single_data()
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        message = f"{folder.root / 'hls4ml_config.yml'} is not YAML: {str(error).splitlines()[0]}"
        raise ProjectError(message) from error
    return loaded if isinstance(loaded, dict) else {}


def _backend(from_script: str | None, from_settings: object, scripts: str) -> str | None:
    if isinstance(from_settings, str) and from_settings.lower() not in BACKENDS:
        raise ProjectError(_foreign(from_settings))
    if from_script is not None and from_script.lower() not in BACKENDS:
        raise ProjectError(_foreign(from_script))
    vitis = str(from_settings).lower() == "vitis" or _ONLY_VITIS.search(scripts)
    if from_script is not None and from_script.lower() == "vivado" and vitis:
        return "Vitis"  # versions of hls4ml before 1.0 write `set backend "vivado"` for both
    if from_script is not None:
        return BACKENDS[from_script.lower()]
    if isinstance(from_settings, str):
        return BACKENDS[from_settings.lower()]
    return "Vivado" if "open_solution" in scripts or "csynth_design" in scripts else None


def _foreign(backend: str) -> str:
    return f"this project was made for hls4ml's backend {backend}; fpgaprune reads those of {_READ}"


def _literal(variable: str | None, match: re.Match[str] | None, setting: object) -> str | None:
    for candidate in (variable, match.group(1) if match else None):
        if candidate and "$" not in candidate:
            return candidate
    return str(setting) if isinstance(setting, str | int | float) else None


def uncertainty_share(text: str | None, clock_ns: float | None) -> float | None:
    """The share of the period in `27%` or, in ns of a period of `clock_ns`, `0.9`; None where it says neither."""
    value = _number(text.rstrip("%")) if text else None
    if value is None or text is None:
        return None
    share = value / 100 if text.endswith("%") else value / clock_ns if clock_ns else -1.0
    return share if 0 <= share < 1 else None


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
