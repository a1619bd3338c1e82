"""`fpgaprune factorize`: layers of a cheaper form."""

from typing import Annotated, Any

import typer

from fpgaprune.cli.options import (
    DataOption,
    LossOption,
    MixingOption,
    ModelArgument,
    NewModelOption,
    RecipeOption,
    ScoreOption,
    TeacherOption,
    TeacherWeightsOption,
    TemperatureOption,
    WeightsOption,
    teacher_from,
)
from fpgaprune.cli.output import Format, FormatOption, emit, tell
from fpgaprune.cli.progress import EpochProgress, show_epoch
from fpgaprune.config.recipe import settings_from
from fpgaprune.config.settings import parse_settings
from fpgaprune.flow.factorize import factorize_config, factorize_file
from fpgaprune.render import compression_sheet

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
    max_dsp: Annotated[
        int | None, typer.Option("--max-dsp", metavar="N", help="low_rank: DSPs of the whole design.")
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", metavar="NAME", help="Layer, pattern or type:CLASS to leave alone; repeatable."),
    ] = None,
    epochs: Annotated[int, typer.Option("--epochs", metavar="N", help="Of training afterwards, 0: none.")] = 20,
    learning_rate: Annotated[float, typer.Option("--learning-rate", metavar="R", help="Of the training.")] = 1e-3,
    loss: LossOption = None,
    score: ScoreOption = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of splits and shuffles.")] = 0,
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any other setting of the method.")
    ] = None,
    config: RecipeOption = None,
    part: Annotated[str | None, typer.Option("--part", metavar="P", help="FPGA part.")] = None,
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
    chosen = factorize_config(method, asked)
    settings = settings_from(config, {"part": part})
    with EpochProgress() as progress:
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
    emit(form, compression_sheet(found.record), lambda: found.record)
    tell(f"The model is in {found.output}, its record in {found.record_path}.")
