"""`fpgaprune audit`: model, graph and written project compared."""

from pathlib import Path
from typing import Annotated

import typer

from fpgaprune.cli.options import WeightsOption
from fpgaprune.cli.output import Format, FormatOption, emit
from fpgaprune.cli.progress import working
from fpgaprune.flow.audit import audit
from fpgaprune.flow.synthesis_audit import audit_synthesis
from fpgaprune.read.model import load_model
from fpgaprune.render.audit import audit_sheet
from fpgaprune.synth.open.front_ends import find_front_end

EXAMPLE = "fpgaprune audit my_project"


def run(
    project: Annotated[Path, typer.Argument(metavar="DIR", help="A generated project folder.", show_default=False)],
    *,
    model: Annotated[
        Path | None,
        typer.Option("--model", metavar="FILE", help="The model to hold it against. Default: the one stored in it."),
    ] = None,
    weights: WeightsOption = None,
    synth: Annotated[
        bool,
        typer.Option("--synth", help="Synthesize openly as well: no layer may have more multipliers than it needs."),
    ] = False,
    form: FormatOption = Format.TEXT,
) -> None:
    """Compare what the model says, what was converted, and what was written: every constant, type and reuse factor.

    The model's own quantizers give the first look, without hls4ml; the graph saved at generation the second; the
    project's text the third; with --synth the multipliers in the compiled C++ the fourth. Exit code 1 with the exact
    differences where they disagree.
    """
    with working("reading model and project"):
        loaded = None if model is None else load_model(model, weights).model
        result = audit(project, loaded) if not synth else audit_synthesis(project, find_front_end(), loaded)
    emit(form, audit_sheet(result), result.json)
    if not result.agrees:
        raise typer.Exit(1)
