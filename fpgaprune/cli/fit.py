"""`fpgaprune fit`: the best model within limits."""

from typing import Annotated

import typer

from fpgaprune.cli.compression import (
    DataOption,
    LossOption,
    MaxDspOption,
    MaxLutOption,
    ModelArgument,
    ModelPartOption,
    NewModelOption,
    RecipeOption,
    ScoreOption,
    SeedOption,
)
from fpgaprune.cli.fit_progress import FitProgress
from fpgaprune.cli.options import WeightsOption
from fpgaprune.cli.output import Format, FormatOption, emit, tell
from fpgaprune.config.recipe import costed_settings
from fpgaprune.flow.fit import FitConfig, fit_file
from fpgaprune.render.fit import fit_sheet
from fpgaprune.results.fit import FitLimits

EXAMPLE = "fpgaprune fit model.h5 --data train.npz --max-dsp 20 --max-lut 20000 --min-score 0.95 -o fitted.h5"


def run(
    model: ModelArgument,
    *,
    data: DataOption,
    output: NewModelOption,
    max_dsp: MaxDspOption = None,
    max_lut: MaxLutOption = None,
    min_score: Annotated[
        float | None,
        typer.Option(
            "--min-score",
            metavar="A",
            help="The least score on the validation samples. Default: nine tenths of what that of MODEL is above a "
            "constant answer's.",
        ),
    ] = None,
    score: ScoreOption = None,
    loss: LossOption = None,
    epochs: Annotated[
        int, typer.Option("--epochs", metavar="N", help="Of training in every step; 0: nothing is trained.")
    ] = 20,
    tries: Annotated[
        int, typer.Option("--tries", metavar="N", help="At most so many combinations that are worth training.")
    ] = 12,
    seed: SeedOption = 0,
    config: RecipeOption = None,
    part: ModelPartOption = None,
    weights: WeightsOption = None,
    form: FormatOption = Format.TEXT,
) -> None:
    """Combine fewer bits, fewer, shared and cheaper weights and low rank; keep the best model within the limits.

    What every combination costs is counted first without training; what lies far outside the limits is not trained.
    What was tried is kept in the folder NAME.fit beside the output: started again after Ctrl-C, or with more --tries,
    the search goes on there. max_dsp and max_lut may stand in the recipe, too. Exit code 1: nothing meets the limits;
    the answer says how near the best came.
    """
    settings, amounts = costed_settings(config, {"part": part}, {"max_dsp": max_dsp, "max_lut": max_lut})
    limits = FitLimits(amounts.get("max_dsp"), amounts.get("max_lut"), min_score)
    with FitProgress() as progress:
        found = fit_file(
            model,
            output,
            limits,
            data,
            settings,
            FitConfig(epochs, tries, seed),
            weights=weights,
            loss=loss,
            score=score,
            watcher=progress,
        )
    for note in (found.record or {}).get("notes", ()):
        tell(f"note: {note}")
    emit(form, fit_sheet(found), found.json)
    if found.output is None:
        raise typer.Exit(1)
    tell(f"The model is in {found.output}; what was tried is in {found.output.stem}.fit beside it.")
