"""`fpgaprune verify`: C simulation of a project against its model."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fpgaprune.cli.options import WeightsOption
from fpgaprune.cli.output import show, write_json
from fpgaprune.cli.progress import working
from fpgaprune.csim import Headers
from fpgaprune.flow.verify import verify
from fpgaprune.read.model import load_model
from fpgaprune.render.verification import verification_lines

EXAMPLE = "fpgaprune verify my_project --data test_inputs.npy"


class VerifyFormat(StrEnum):
    """How the answer is written."""

    TEXT = "text"
    JSON = "json"


def run(
    project: Annotated[Path, typer.Argument(metavar="DIR", help="A generated project folder.")],
    *,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="FILE", help="Inputs: .npy, .npz or .csv. Default: the stored ones."),
    ] = None,
    random: Annotated[bool, typer.Option("--random", help="Use seeded random inputs, not the stored ones.")] = False,
    samples: Annotated[int | None, typer.Option("--samples", metavar="N", min=1, help="At most so many.")] = None,
    model: Annotated[
        Path | None, typer.Option("--model", metavar="FILE", help="Compare with this model, not the stored one.")
    ] = None,
    weights: WeightsOption = None,
    headers: Annotated[
        Headers,
        typer.Option("--headers", help="Whose C++ types to simulate with. auto: fpgaprune's, by clang, else hls4ml's."),
    ] = Headers.AUTO,
    form: Annotated[VerifyFormat, typer.Option("--format", help="text for reading, json for programs.")] = (
        VerifyFormat.TEXT
    ),
) -> None:
    """Build the project's C simulation, run it, and compare it with the model it was generated from.

    Reports equal samples, the largest distance in LSB, argmax agreement and the first layer that differs.
    Exit code 1 when they disagree.
    """
    with working("building and running the C simulation"):
        loaded = None if model is None else load_model(model, weights).model
        result = verify(project, model=loaded, data=data, samples=samples, random=random, headers=headers)
    if form is VerifyFormat.JSON:
        write_json(result.json())
    else:
        show("\n".join(verification_lines(result)))
    if not result.agrees:
        raise typer.Exit(1)
