"""`fpgaprune doctor`: what is installed here, and what is missing for which verb."""

import os
import platform
import shlex
import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer
from rich.table import Table

from fpgaprune import __version__
from fpgaprune.clang import VARIABLE as CLANG
from fpgaprune.cli.output import show, write_json
from fpgaprune.synth.amd.tools import TOOLS, locate, version_of
from fpgaprune.synth.open.verilator import VARIABLE as VERILATOR
from fpgaprune.synth.open.yosys import VARIABLE as YOSYS

EXAMPLE = "fpgaprune doctor"

_CORE: Final = ("numpy", "defusedxml", "typer", "rich", "pydantic", "pyyaml")
_KERAS: Final = ("tensorflow", "tf-keras", "qkeras", "pyparsing", "tensorflow-model-optimization", "hls4ml")
_AMD_TOOLS: Final = {
    "vitis_hls": "C synthesis (until 2024.1)",
    "vitis-run": "C synthesis (from 2024.2)",
    "vivado_hls": "C synthesis (until 2020.1)",
    "vivado": "logic synthesis, implementation",
}
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
    open_tools = [
        _located("ziglang", f"open synthesis and fast C simulation: clang; override: {CLANG}", CLANG, "clang++"),
        _located("pyosys", f"open synthesis: mapping; override: {YOSYS}", YOSYS, "yosys"),
        _located(
            "verilator", f"open synthesis: running the Verilog; override: {VERILATOR}", VERILATOR, "verilator_bin"
        ),
    ]
    return [*open_tools, *(_amd(name) for name in _AMD_TOOLS)]


def _located(package: str, purpose: str, variable: str, program: str) -> Finding:
    """A tool that a variable names, else a wheel brings, else the path has."""
    named = os.environ.get(variable, "").strip()
    if named:
        words = shlex.split(named)
        there = bool(words) and (shutil.which(words[0]) is not None or Path(words[0]).is_dir())
        problem = None if there else f"{variable} names {named!r}, which is not there"
        return Finding("open synthesis", package, f"as {variable} says: {named}" if there else None, purpose, problem)
    wheel = _package(package, "open synthesis", purpose)
    return wheel if wheel.found is not None else wheel._replace(found=shutil.which(program))


def _amd(program: str) -> Finding:
    """A program of AMD's: as its variable says, on the path, or where AMD's settings script says."""
    wanted = next(wanted for wanted in TOOLS.values() if program in wanted.programs)
    purpose = f"{_AMD_TOOLS[program]}; override: {wanted.variable}"
    named = os.environ.get(wanted.variable, "").strip()
    path = shutil.which(named) if named else locate(wanted, program)
    if path is None:
        problem = f"{wanted.variable} names {named!r}, which is not a program" if named else None
        return Finding("AMD", program, None, purpose, problem)
    version = version_of(path)
    return Finding("AMD", program, f"{version} ({path})" if version else path, purpose)


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
