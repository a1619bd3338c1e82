"""`fpgaprune export`: one point of a sweep as its model and HLS project."""

from pathlib import Path
from typing import Annotated

import typer

from fpgaprune.cli.options import StorageOption
from fpgaprune.cli.output import tell, write
from fpgaprune.cli.progress import working
from fpgaprune.cli.sweep_progress import SweepProgress
from fpgaprune.config.study import study_name
from fpgaprune.generate.project import check_output
from fpgaprune.sweep.export import export_point
from fpgaprune.sweep.run import evaluation_of, find_point, open_sweep

EXAMPLE = "fpgaprune export bits8_sparsity0.5_latency_reuse1 --study projects/digits_mlp -o build/best"


def run(
    point: Annotated[
        str, typer.Argument(metavar="POINT", help="A point's name, or the beginning of its digest.", show_default=False)
    ],
    *,
    study: Annotated[
        Path,
        typer.Option(
            "--study", metavar="STUDY", help="The folder that was swept, or its TOML file.", show_default=False
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="A new folder for the point.", show_default=False)
    ],
    sweep: Annotated[
        Path | None,
        typer.Option("--sweep", metavar="DIR", help="The output folder of the sweep. Default: build/NAME."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="N", help="The point as trained under this seed. Default: the best score."),
    ] = None,
    storage: StorageOption = None,
) -> None:
    """Write a point's trained model and its HLS project, and verify the project by C simulation on the test data.

    Exit code 1 when the simulation disagrees with the model, or the project is not the design that was counted.
    """
    source = sweep if sweep is not None else Path("build") / study_name(study)
    check_output(output)
    with SweepProgress() as progress:
        opened = open_sweep(study, source, progress, storage)
    found = find_point(opened, point, seed)
    with working("converting and verifying"):
        exported = export_point(found, evaluation_of(opened), output)
    agrees = exported.verification.agrees
    under = "" if opened.seeds == 1 else f" under seed {found.recipe.seed}"
    write(f"{output}: {found.recipe.name}{under}, score {found.score:.4f}, {found.dsp_high} DSPs, {found.lut} LUTs")
    write(f"C simulation {'agrees with' if agrees else 'DISAGREES with'} the model: {exported.verification.reason}")
    if not exported.same_design:
        tell("The project is NOT the design that the sweep counted: model, data or versions changed since.")
    if not agrees or not exported.same_design:
        raise typer.Exit(1)
