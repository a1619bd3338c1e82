"""`fpgaprune synth`: from the generated C++ to counts of hardware, by open or by AMD's tools."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fpgaprune.cli.options import PartOption
from fpgaprune.cli.output import Format, FormatOption, emit, show, tell, write_json
from fpgaprune.errors import ConfigError
from fpgaprune.flow.amd_synthesis import AmdSettings, AmdSynthesis, amd_plan, synthesize_amd
from fpgaprune.flow.open_job import OpenSettings
from fpgaprune.flow.open_synthesis import plan_open, synthesize_open
from fpgaprune.render.comparison import comparison_sheet
from fpgaprune.render.open_synthesis import open_synthesis_sheet
from fpgaprune.results import Verdict
from fpgaprune.synth import Outcome, Plan, State, Step
from fpgaprune.synth.amd import AmdStage, is_installed
from fpgaprune.synth.open.front_ends import find_front_end
from fpgaprune.synth.open.yosys import Depth

EXAMPLE = "fpgaprune synth my_project --depth full --rules vitis_hls"


class SynthTool(StrEnum):
    """Who synthesizes."""

    OPEN = "open"
    VITIS = "vitis"
    VIVADO = "vivado"


def run(
    project: Annotated[
        Path, typer.Argument(metavar="PROJECT", help="An HLS project folder written by hls4ml.", show_default=False)
    ],
    *,
    tool: Annotated[
        SynthTool | None,
        typer.Option(
            "--tool",
            help="open: clang and Yosys. vitis: C synthesis by Vitis or Vivado HLS. vivado: that and logic synthesis. "
            "Default: vitis where it is installed, else open.",
            show_default=False,
        ),
    ] = None,
    depth: Annotated[
        Depth | None,
        typer.Option("--depth", help="open: dsp (default) counts DSPs, full maps LUTs, FFs and carries as well."),
    ] = None,
    rules: Annotated[
        str | None,
        typer.Option(
            "--rules",
            metavar="NAME",
            help="open: vitis_hls, vivado_hls, or yosys for Yosys' own mapping. Default: the project's backend.",
        ),
    ] = None,
    stage: Annotated[
        AmdStage | None, typer.Option("--stage", help="vitis, vivado: how far to go: csynth, vsynth or impl.")
    ] = None,
    cosim: Annotated[bool, typer.Option("--cosim", help="vitis, vivado: co-simulate after C synthesis.")] = False,
    part: PartOption = None,
    verilator: Annotated[
        bool, typer.Option("--verilator", help="open: run the Verilog and compare it with the netlists.")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option("--jobs", metavar="N", min=1, help="open: layers at once. Default: one per processor.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be run, and run nothing.")] = False,
    form: FormatOption = Format.TEXT,
) -> None:
    """Synthesize the generated C++ of a project and hold every layer to the estimate under the same rules.

    Needs no licence: clang compiles the C++, Yosys maps it. Every step keeps its command, log and output below
    fpgaprune/synth in the project; what is unchanged is not run again.

    Exit code 1 where a layer's DSPs are not those estimated or its multipliers more than its weights need, or AMD's
    report disagrees with the estimate.
    """
    chosen = tool or _default_tool(wants_open=bool(depth or rules or verilator))
    _refuse_foreign_options(chosen, depth=depth, rules=rules, stage=stage, verilator=verilator, cosim=cosim)
    if chosen is SynthTool.OPEN:
        settings = OpenSettings(rules, part, depth or Depth.DSP, jobs, verilator)
        if dry_run:
            _show_plan(plan_open(project, settings, find_front_end()), form)
            return
        result = synthesize_open(project, settings, find_front_end(), watch=_watch)
        emit(form, open_synthesis_sheet(result), result.json)
        if result.disagreeing or result.breaking:
            raise typer.Exit(1)
        return
    default = AmdStage.CSYNTH if chosen is SynthTool.VITIS else AmdStage.VSYNTH
    asked = AmdSettings(stage or default, cosim, part)
    if dry_run:
        _show_plan(amd_plan(project, asked), form)
        return
    _finish_amd(synthesize_amd(project, asked, watch=_watch), form)


def _default_tool(*, wants_open: bool) -> SynthTool:
    """AMD's C synthesis where one of its tools is installed and nothing of open synthesis is asked for."""
    amd = not wants_open and (is_installed("vitis_hls") or is_installed("vivado_hls"))
    return SynthTool.VITIS if amd else SynthTool.OPEN


def _finish_amd(found: AmdSynthesis, form: Format) -> None:
    emit(form, comparison_sheet(found.comparison), found.json)
    for report in found.reports[1:]:
        counts = ", ".join(f"{name} {count}" for name, count in report.used.json().items() if count is not None)
        tell(f"{report.stage.value}: {counts or 'no counts'} ({report.path})")
    if found.comparison.verdict is Verdict.DISAGREES:
        raise typer.Exit(1)


def _refuse_foreign_options(chosen: SynthTool, **given: object) -> None:
    of_open = {"depth", "rules", "verilator"}
    foreign = [name for name, value in given.items() if value and (name in of_open) != (chosen is SynthTool.OPEN)]
    if foreign:
        others = "vitis or vivado" if chosen is SynthTool.OPEN else "open"
        message = f"--{foreign[0]} is for --tool {others}, and this is --tool {chosen.value}"
        raise ConfigError(message)


def _show_plan(plan: Plan, form: Format) -> None:
    if form is Format.JSON:
        write_json(plan.json())
    else:
        show("\n".join(plan.lines()))


def _watch(step: Step, outcome: Outcome | None) -> None:
    """A line on standard error per step that ends; where that is a terminal also when one begins."""
    if outcome is None:
        if sys.stderr.isatty():
            tell(f"{step.what} ...")
        return
    taken = "unchanged" if outcome.state is State.KEPT else f"{outcome.seconds:.1f} s"
    tell(f"{step.name}: {outcome.state.value}, {taken}" if outcome.error is None else f"{step.name}: {outcome.error}")
