"""`fpgaprune compare`: the estimate against what synthesis reported."""

from pathlib import Path
from typing import Annotated

import typer

from fpgaprune.cli.options import PartOption, RulesOption, ToolOption
from fpgaprune.cli.output import Format, FormatOption, emit
from fpgaprune.compare import DEFAULT_TOLERANCE
from fpgaprune.flow.estimation import compare_project
from fpgaprune.render import comparison_sheet
from fpgaprune.results import Verdict

EXAMPLE = "fpgaprune compare my_project my_project/myproject_prj/solution1/syn/report/csynth.xml"


def run(
    project: Annotated[
        Path,
        typer.Argument(metavar="PROJECT", help="An HLS project folder, or a saved design (.npz).", show_default=False),
    ],
    reports: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[REPORT]...",
            help="Reports to use: C synthesis (.xml, .rpt or their folder), Vivado utilization or timing, "
            "co-simulation, Yosys statistics, a saved report (.json); one per stage. Default: those in the project.",
            show_default=False,
        ),
    ] = None,
    *,
    part: PartOption = None,
    tool: ToolOption = None,
    rules: RulesOption = None,
    tolerance: Annotated[
        float, typer.Option("--tolerance", metavar="SHARE", help="Relative error up to which the total agrees.")
    ] = DEFAULT_TOLERANCE,
    form: FormatOption = Format.TEXT,
) -> None:
    """Hold the estimate of a project against its synthesis reports, per layer and in total.

    C synthesis decides the verdict; logic synthesis, implementation, co-simulation and open synthesis are shown beside
    it, with what the differences come from. The rules are those of the tool and version that wrote the report, unless
    --tool or --rules say otherwise. Exit code 1 where they disagree beyond the tolerance; 0 where they agree, or where
    there is no report to tell, or a stale one (verdict unknown).
    """
    comparison = compare_project(project, *(reports or ()), part=part, tool=tool, rules=rules, tolerance=tolerance)
    emit(form, comparison_sheet(comparison), comparison.json)
    if comparison.verdict is Verdict.DISAGREES:
        raise typer.Exit(1)
