"""`fpgaprune doctor`: what is installed here, and what is missing for which verb."""

import platform
import re
import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer
from rich.table import Table

from fpgaprune import __version__
from fpgaprune.cli.output import show, write_json

EXAMPLE = "fpgaprune doctor"

_CORE: Final = ("numpy", "defusedxml", "typer", "rich", "pydantic", "pyyaml")
_KERAS: Final = ("tensorflow", "tf-keras", "qkeras", "pyparsing", "tensorflow-model-optimization", "hls4ml")
_AMD_TOOLS: Final = ("vitis_hls", "vitis-run", "vivado_hls", "vivado")
_SUPPORTED: Final = ((3, 11), (3, 13))  # the range the TensorFlow stack resolves on


class Finding(NamedTuple):
    """One thing looked for; `found` is its version or path, None where it is absent."""

    group: str
    name: str
    found: str | None
    purpose: str
    problem: str | None = None


def run(
    *, as_json: Annotated[bool, typer.Option("--json", help="Write the findings as JSON instead of a table.")] = False
) -> None:
    """Say which packages, compilers and FPGA tools are found here, and what each one is needed for."""
    findings = [_python(), *_packages(), *_compilers(), *_tools()]
    if as_json:
        write_json([_record(finding) for finding in findings])
        return
    show(_table(findings))
    for finding in findings:
        if finding.problem is not None:
            show(f"[yellow]![/] {finding.name}: {finding.problem}")


def _record(finding: Finding) -> dict[str, Any]:
    return finding._asdict()


def _python() -> Finding:
    oldest, newest = _SUPPORTED
    inside = oldest <= sys.version_info[:2] <= newest
    problem = None if inside else "fpgaprune is tried on Python 3.11 to 3.13 only"
    return Finding("python", "python", platform.python_version(), f"fpgaprune {__version__}", problem)


def _packages() -> list[Finding]:
    core = [_package(name, "core", "everything") for name in _CORE]
    keras = [_package(name, "keras", "reading, converting and training models") for name in _KERAS]
    missing = [finding.name for finding in keras if finding.found is None]
    if missing:
        hint = f"{', '.join(missing)} not installed: pip install 'fpgaprune[keras]' to read and convert models"
        keras[0] = keras[0]._replace(problem=hint)
    return [*core, *keras, _qkeras_owner()]


def _package(name: str, group: str, purpose: str) -> Finding:
    try:
        found: str | None = metadata.version(name)
    except metadata.PackageNotFoundError:
        found = None
    return Finding(group, name, found, purpose)


def _qkeras_owner() -> Finding:
    """Who provides the module `qkeras`: HGQ2's wheel installs its own over QKeras' and breaks it."""
    owners = sorted(set(metadata.packages_distributions().get("qkeras", [])))
    others = [owner for owner in owners if owner.lower() != "qkeras"]
    problem = (
        f"{' and '.join(others)} installs its own 'qkeras', which breaks QKeras: use an environment without it"
        if others
        else None
    )
    return Finding("keras", "owner of the module qkeras", ", ".join(owners) or None, "must be QKeras alone", problem)


def _compilers() -> list[Finding]:
    purpose = "C simulation (verify)"
    system = Finding("compiler", "g++", shutil.which("g++"), purpose)
    wheel = _package("ziglang", "compiler", f"{purpose}, where there is no g++")
    if system.found is None and wheel.found is None:
        system = system._replace(problem="no C++ compiler found: install g++, or pip install 'fpgaprune[compiler]'")
    return [system, wheel]


def _tools() -> list[Finding]:
    found = [Finding("synthesis", name, _tool(name), "synthesis, outside fpgaprune") for name in _AMD_TOOLS]
    return [*found, Finding("synthesis", "yosys", shutil.which("yosys"), "open synthesis, outside fpgaprune")]


def _tool(name: str) -> str | None:
    """Path of an AMD tool, with the version its folder is called by."""
    path = shutil.which(name)
    if path is None:
        return None
    version = next((part for part in Path(path).parts if re.fullmatch(r"20\d\d\.\d(\.\d)?", part)), None)
    return f"{version} ({path})" if version else path


def _table(findings: list[Finding]) -> Table:
    table = Table(title="What fpgaprune finds here", title_justify="left", show_edge=False, pad_edge=False)
    table.add_column("for")
    table.add_column("name", no_wrap=True)
    table.add_column("found", overflow="fold")
    table.add_column("needed for")
    previous = ""
    for finding in findings:
        if previous and finding.group != previous:
            table.add_section()
        found = "[dim]not found[/]" if finding.found is None else finding.found
        table.add_row(finding.group if finding.group != previous else "", finding.name, found, finding.purpose)
        previous = finding.group
    return table
