"""The plan of a synthesis by AMD's tools: C synthesis, co-simulation, logic synthesis, implementation."""

import os
import re
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from string import Template
from typing import Final

from fpgaprune.design import Design
from fpgaprune.errors import ProjectError
from fpgaprune.synth.amd.tools import AmdTool, find_tool
from fpgaprune.synth.plan import Plan, Step
from fpgaprune.synth.sources import firmware_digest
from fpgaprune.templates import read_template

_UNCERTAINTY: Final = re.compile(r"^\s*set\s+clock_uncertainty\s+([\d.]+%?)\s*$", re.MULTILINE)
_LARGEST: Final = re.compile(r"^\s*set\s+maximum_size\s+(\d+)\s*$", re.MULTILINE)
_DIRECTIVE: Final = re.compile(r"config_\w+(\s+[\w.%=-]+)*", re.ASCII)
_STANDARD: Final = re.compile(r'-cflags\s+"-std=([\w+]+)"')
_VIVADO_REPORTS: Final = {
    "vsynth": ("vsynth_utilization.rpt", "vsynth_timing.rpt"),
    "impl": ("impl_utilization.rpt", "impl_timing.rpt"),
}
_DAY: Final = 86400.0


class AmdStage(StrEnum):
    """How far to go."""

    CSYNTH = "csynth"
    VSYNTH = "vsynth"
    IMPL = "impl"


def plan_amd(
    project: Path,
    design: Design,
    folder: Path,
    *,
    stage: AmdStage = AmdStage.CSYNTH,
    cosim: bool = False,
    part: str | None = None,
    timeout_seconds: float = _DAY,
) -> Plan:
    """Steps in `folder` that synthesize `project` up to `stage`, each with its script, log and reports.

    C synthesis works in the project's own `<name>_prj/solution1`, where hls4ml's own script does. Raises ToolError
    when a tool is missing, ProjectError when the project does not say part and clock.
    """
    top = _top(project)
    hls = find_tool("vivado_hls" if (design.target.backend or "").lower().startswith("vivado") else "vitis_hls")
    root = Path(os.path.relpath(project, folder / AmdStage.CSYNTH))
    values = _values(project, design, top, part) | {"project": root.as_posix()}
    solution = root / f"{top}_prj" / "solution1"
    csynth = solution / "syn" / "report" / ("csynth.xml" if hls.name == "vitis_hls" else f"{top}_csynth.rpt")
    steps = [_step(hls, "csynth", f"C synthesis of {top} by {hls.name}", (csynth.as_posix(),), values)]
    if cosim:
        report = solution / "sim" / "report" / f"{top}_cosim.rpt"
        steps.append(_step(hls, "cosim", f"co-simulation of {top} by {hls.name}", (report.as_posix(),), values))
    if stage is not AmdStage.CSYNTH:
        vivado = find_tool("vivado")
        logic = ("vsynth.dcp", *_VIVADO_REPORTS[AmdStage.VSYNTH])
        steps.append(_step(vivado, "vsynth", f"logic synthesis of {top} by vivado", logic, values))
        if stage is AmdStage.IMPL:
            placed = _VIVADO_REPORTS[AmdStage.IMPL]
            steps.append(_step(vivado, "impl", f"implementation of {top} by vivado", placed, values))
    digest = firmware_digest(project)
    before = [(), *((step.name,) for step in steps)]
    # Each step depends on what those before it were made from, not only on what they wrote.
    facts = [f"{digest} {' '.join(''.join(step.texts.values()) for step in steps[:n])}" for n in range(len(steps))]
    return Plan(
        folder,
        tuple(
            replace(step, after=after, facts=f"{step.facts} {fact}", timeout_seconds=timeout_seconds)
            for step, after, fact in zip(steps, before, facts, strict=False)
        ),
    )


def report_paths(plan: Plan) -> dict[str, tuple[Path, ...]]:
    """The reports of each step of a plan by the step's name; Vivado's are utilization and timing, in this order."""
    return {
        step.name: tuple(
            Path(os.path.normpath(plan.folder / step.folder / name))
            for name in step.outputs
            if name.endswith((".xml", ".rpt"))
        )
        for step in plan
    }


def _step(tool: AmdTool, name: str, what: str, outputs: tuple[str, ...], values: dict[str, str]) -> Step:
    texts = {f"{name}.tcl": Template(read_template(f"synth/amd/{name}.tcl")).substitute(values)}
    if name == AmdStage.VSYNTH:
        texts["clock.xdc"] = Template(read_template("synth/amd/clock.xdc")).substitute(values)
    return Step(
        name=name,
        what=what,
        folder=Path(name),
        outputs=outputs,
        command=tool.command(f"{name}.tcl"),
        texts=texts,
        facts=tool.version or "",
    )


def _top(project: Path) -> str:
    bridges = sorted(project.glob("*_bridge.cpp"))
    if len(bridges) != 1:
        message = f"{project} is no hls4ml project: it has {len(bridges)} files *_bridge.cpp, and hls4ml writes one"
        raise ProjectError(message)
    name = bridges[0].name.removesuffix("_bridge.cpp")
    if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
        message = f"{project} names its top function {name!r}, which is no C++ name"
        raise ProjectError(message)
    return name


def _values(project: Path, design: Design, top: str, part: str | None) -> dict[str, str]:
    chosen, clock_ns = part or design.target.part, design.target.clock_ns
    if chosen is None or clock_ns is None:
        message = f"{project} does not say {'its part' if chosen is None else 'its clock period'}"
        raise ProjectError(f"{message}: give it with --part" if chosen is None else message)
    if not re.fullmatch(r"[\w-]+", chosen, re.ASCII):
        message = f"{chosen!r} is no part"
        raise ProjectError(message)
    for line in design.target.directives:
        if _DIRECTIVE.fullmatch(line.strip()) is None:
            message = f"the directive {line.strip()[:80]!r} of {project} is no plain config_ command, and is not run"
            raise ProjectError(message)
    settings = _text(project / "project.tcl")
    uncertainty, largest = _UNCERTAINTY.search(settings), _LARGEST.search(settings)
    # As in hls4ml's own script: versions that do not know it go on.
    partition = [f"catch {{config_array_partition -maximum_size {largest[1]}}}"] if largest else []
    standard = _STANDARD.search(_text(project / "build_prj.tcl"))
    return {
        "top": top,
        "part": chosen,
        "clock_ns": f"{clock_ns:g}",
        "standard": standard[1] if standard else "c++0x",
        "directives": "\n".join(line.strip() for line in (*partition, *design.target.directives)),
        "uncertainty": f"set_clock_uncertainty {uncertainty[1]} default" if uncertainty else "",
    }


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
