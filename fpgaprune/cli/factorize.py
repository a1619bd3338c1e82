"""`fpgaprune factorize`: layers of a cheaper form."""

from typing import Annotated, Any

import typer

from fpgaprune.cli.compression import (
    DataOption,
    ExcludeOption,
    LearningRateOption,
    LossOption,
    MaxDspOption,
    MixingOption,
    ModelArgument,
    ModelPartOption,
    NewModelOption,
    RecipeOption,
    ScoreOption,
    SeedOption,
    SettingOption,
    TeacherOption,
    TeacherWeightsOption,
    TemperatureOption,
    answer,
    teacher_from,
    with_amounts,
)
from fpgaprune.cli.options import WeightsOption
from fpgaprune.cli.output import Format, FormatOption
from fpgaprune.cli.progress import StoppableProgress, show_epoch
from fpgaprune.config.recipe import settings_from
from fpgaprune.config.settings import parse_settings
from fpgaprune.flow.factorize import factorize_config, factorize_file

EXAMPLE = "fpgaprune factorize model.h5 --energy 0.95 --data train.npz -o low_rank.h5"


def run(
    model: ModelArgument,
    *,
    data: DataOption,
    output: NewModelOption,
    method: Annotated[str, typer.Option("--method", help="low_rank, depthwise_separable, equivariant.")] = "low_rank",
    energy: Annotated[
        float | None, typer.Option("--energy", metavar="F", help="low_rank: share of the energy that layers keep.")
    ] = None,
    max_dsp: MaxDspOption = None,
    exclude: ExcludeOption = None,
    epochs: Annotated[int, typer.Option("--epochs", metavar="N", help="Of training afterwards, 0: none.")] = 20,
    learning_rate: LearningRateOption = 1e-3,
    loss: LossOption = None,
    score: ScoreOption = None,
    seed: SeedOption = 0,
    setting: SettingOption = None,
    config: RecipeOption = None,
    part: ModelPartOption = None,
    weights: WeightsOption = None,
    teacher: TeacherOption = None,
    teacher_weights: TeacherWeightsOption = None,
    temperature: TemperatureOption = 4.0,
    mixing: MixingOption = 0.5,
    form: FormatOption = Format.TEXT,
) -> None:
    """Replace layers by cheaper ones that compute nearly the same, train the result, and count DSPs and LUTs.

    low_rank: a dense layer becomes two narrow ones, a Conv2D a vertical and a horizontal one; ranks keep --energy of
    the squared singular values, weighed by what matters to the outputs, or fit the whole design into --max-dsp.
    depthwise_separable: a Conv2D becomes a filter per channel and a mix of the channels. equivariant: filters are tied
    to their rotations by 90 degrees (--set group=p4), and mirror images (p4m), so that few of them are free.
    The result is an ordinary model file; prune and quantize take it from there.
    """
    given: dict[str, Any] = {"energy": energy, "max_dsp": max_dsp, "exclude": tuple(exclude) if exclude else None}
    asked = parse_settings(setting or ()) | {name: value for name, value in given.items() if value is not None}
    settings = settings_from(config, {"part": part})
    chosen = factorize_config(method, with_amounts(asked, settings.part))
    with StoppableProgress(output) as progress:
        progress.begin(f"{model.name}: {method}")
        found = factorize_file(
            model,
            output,
            chosen,
            data,
            settings,
            weights=weights,
            loss=loss,
            score=score,
            epochs=epochs,
            learning_rate=learning_rate,
            seed=seed,
            teacher=teacher_from(teacher, teacher_weights, temperature, mixing),
            on_epoch=show_epoch(progress),
        )
    answer(found, form)
