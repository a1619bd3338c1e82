"""`fpgaprune distill`: a compressed model that learns from a larger one."""

from pathlib import Path
from typing import Annotated

import typer

from fpgaprune.cli.compression import (
    DataOption,
    LearningRateOption,
    LossOption,
    MixingOption,
    ModelArgument,
    ModelPartOption,
    NewModelOption,
    RecipeOption,
    ScoreOption,
    SeedOption,
    TeacherWeightsOption,
    TemperatureOption,
    answer,
)
from fpgaprune.cli.options import WeightsOption
from fpgaprune.cli.output import Format, FormatOption
from fpgaprune.cli.progress import StoppableProgress, show_epoch
from fpgaprune.compress.distillation import Distillation
from fpgaprune.config.recipe import settings_from
from fpgaprune.flow.compression import Teacher
from fpgaprune.flow.distill import distill_file

EXAMPLE = "fpgaprune distill pruned.h5 --teacher model.h5 --data train.npz -o student.h5"


def run(
    model: ModelArgument,
    *,
    teacher: Annotated[Path, typer.Option("--teacher", metavar="FILE", help="The model to learn from.")],
    data: DataOption,
    output: NewModelOption,
    temperature: TemperatureOption = 4.0,
    mixing: MixingOption = 0.5,
    epochs: Annotated[int, typer.Option("--epochs", metavar="N", help="Epochs; the best one is kept.")] = 20,
    learning_rate: LearningRateOption = 1e-3,
    loss: LossOption = None,
    score: ScoreOption = None,
    seed: SeedOption = 0,
    config: RecipeOption = None,
    part: ModelPartOption = None,
    weights: WeightsOption = None,
    teacher_weights: TeacherWeightsOption = None,
    form: FormatOption = Format.TEXT,
) -> None:
    """Train MODEL, a compressed network, on the data and on what a larger one answers; its zeros stay zero.

    The loss is that on the labels times 1 - mixing, plus mixing times the distance from the teacher: the divergence
    of the two answers, softened by the temperature; for other losses than cross-entropies the mean squared difference.
    Every method of prune that trains takes a --teacher in the same way.
    """
    asked = Teacher(teacher, Distillation(temperature, mixing), teacher_weights)
    settings = settings_from(config, {"part": part})
    with StoppableProgress(output) as progress:
        progress.begin(f"{model.name}: learning from {teacher.name}")
        found = distill_file(
            model,
            output,
            asked,
            data,
            settings,
            weights=weights,
            loss=loss,
            score=score,
            epochs=epochs,
            learning_rate=learning_rate,
            seed=seed,
            on_epoch=show_epoch(progress),
        )
    answer(found, form)
