"""`fpgaprune calibrate`: the thresholds of a synthesis tool from one's own reports."""

from pathlib import Path
from typing import Annotated

import typer

from fpgaprune.cli.output import Format, FormatOption, emit
from fpgaprune.config.rules_file import write_rules
from fpgaprune.errors import ConfigError
from fpgaprune.flow.calibrate import calibrate
from fpgaprune.render import calibration_sheet

EXAMPLE = "fpgaprune calibrate projects/* --output rules.toml"


def run(
    projects: Annotated[
        list[Path],
        typer.Argument(
            metavar="PROJECT...",
            help="HLS project folders with their C-synthesis reports, or folders of such.",
            show_default=False,
        ),
    ],
    *,
    tool: Annotated[
        str | None, typer.Option("--tool", metavar="NAME", help="vitis_hls or vivado_hls, where reports of both are.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the rules there, as TOML.")
    ] = None,
    form: FormatOption = Format.TEXT,
) -> None:
    """Fit the thresholds that decide between DSPs and LUTs to one's own reports, with the evidence for each.

    A threshold is taken only where multiplications on either side of it were seen; where reports are too few or
    contradict each other, the package's value is kept and that is said. `estimate --rules` and `compare --rules`
    take the file.
    """
    if output is not None and output.exists():
        message = f"{output} exists; name a new file"
        raise ConfigError(message)
    calibration, rules = calibrate(projects, tool)
    if output is not None:
        write_rules(rules, output)
    emit(form, calibration_sheet(calibration, None if output is None else str(output)), calibration.json)
