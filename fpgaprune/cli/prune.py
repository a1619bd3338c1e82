"""`fpgaprune prune`: a model with fewer or cheaper weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from fpgaprune.cli.compression import (
    DataOption,
    ExcludeOption,
    LossOption,
    MaxDspOption,
    MaxLutOption,
    MixingOption,
    ModelArgument,
    ModelPartOption,
    NewModelOption,
    RecipeOption,
    ScoreOption,
    SettingOption,
    TeacherOption,
    TeacherWeightsOption,
    TemperatureOption,
    answer,
    teacher_from,
)
from fpgaprune.cli.options import WeightsOption
from fpgaprune.cli.output import Format, FormatOption
from fpgaprune.cli.progress import StoppableProgress, show_epoch
from fpgaprune.compress.constants import constants_methods
from fpgaprune.config.recipe import costed_settings
from fpgaprune.config.settings import parse_settings
from fpgaprune.errors import ConfigError
from fpgaprune.flow.prune import method_config, method_settings, prune_file

EXAMPLE = "fpgaprune prune model.h5 --method polynomial --target-sparsity 0.8 --data train.npz -o pruned.h5"


def run(
    model: ModelArgument,
    *,
    data: DataOption,
    output: NewModelOption,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            help="iterative_l1, polynomial, l0, n_m, blocks, lanes, clusters (all of these train); "
            "budget, csd_rounding (these do not).",
        ),
    ] = "iterative_l1",
    target_sparsity: Annotated[
        float | None, typer.Option("--target-sparsity", metavar="F", help="Fraction of weights to remove, as 0.8.")
    ] = None,
    max_dsp: MaxDspOption = None,
    max_lut: MaxLutOption = None,
    digits: Annotated[
        int | None, typer.Option("--digits", metavar="K", help="csd_rounding: signed digits per weight, default 2.")
    ] = None,
    exclude: ExcludeOption = None,
    epochs: Annotated[
        int | None,
        typer.Option("--epochs", metavar="N", help="polynomial, n_m, blocks: epochs in all. budget: train, too."),
    ] = None,
    loss: LossOption = None,
    score: ScoreOption = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Of splits and shuffles, default 0.")] = None,
    shrink: Annotated[
        bool,
        typer.Option("--shrink", help="Take out the neurons and filters that nothing reads, or that never change."),
    ] = False,
    setting: SettingOption = None,
    config: RecipeOption = None,
    part: ModelPartOption = None,
    precision: Annotated[
        str | None,
        typer.Option("--precision", metavar="TYPE", help='Type of what the model leaves open, as "ap_fixed<16,6>".'),
    ] = None,
    width: Annotated[
        int | None, typer.Option("--width", metavar="BITS", help="Bits of the types that are chosen from the data.")
    ] = None,
    weights: WeightsOption = None,
    teacher: TeacherOption = None,
    teacher_weights: TeacherWeightsOption = None,
    temperature: TemperatureOption = 4.0,
    mixing: MixingOption = 0.5,
    form: FormatOption = Format.TEXT,
) -> None:
    """Remove weights, or make them cheaper, and count the DSPs and LUTs the result needs.

    budget chooses for every weight whether to keep it, make it equal to another on the same input, round it to fewer
    signed digits or zero it, so that the whole design needs at most --max-dsp DSPs and --max-lut LUTs, which may stand
    in the recipe, too; with --epochs the budget closes while the network trains, and weights train within their digits.
    csd_rounding rounds every weight to the nearest one of --digits signed digits, of which two need no multiplier, and
    trains nothing; the other methods train on the data.

    Of their own the methods have, with --set: iterative_l1 steps, l1, rewind; polynomial scope=layer; l0 group=output
    for whole neurons and filters, or group=input; n_m n and m, of every m weights n stay; blocks rows and columns;
    lanes reuse_factor; clusters clusters, scope=input. With --shrink emptied neurons and filters make layers smaller.

    The model is written as an ordinary file, its record beside it as
    NAME.pruning.json.
    """
    given: dict[str, Any] = {
        "target_sparsity": target_sparsity,
        "max_dsp": max_dsp,
        "max_lut": max_lut,
        "digits": digits,
        "exclude": tuple(exclude) if exclude else None,
        "epochs": epochs,
        "loss": loss,
        "seed": seed,
    }
    asked = parse_settings(setting or ()) | {name: value for name, value in given.items() if value is not None}
    judged_by = asked.pop("loss", None)
    trained = asked.pop("epochs", 0) if method in constants_methods() else 0
    limits = {name: asked.pop(name, None) for name in ("max_dsp", "max_lut")}
    settings, amounts = costed_settings(config, {"part": part, "precision": precision, "width": width}, limits)
    _refuse_unused(method, config, amounts, limits)
    chosen = method_config(method, asked | amounts)
    with StoppableProgress(output) as progress:
        progress.begin(f"{model.name}: {method}")
        found = prune_file(
            model,
            output,
            chosen,
            data,
            settings,
            weights=weights,
            loss=judged_by,
            score=score,
            epochs=trained,
            smaller=shrink,
            teacher=teacher_from(teacher, teacher_weights, temperature, mixing),
            on_epoch=show_epoch(progress),
        )
    answer(found, form)


def _refuse_unused(method: str, recipe: Path | None, amounts: Mapping[str, int], given: Mapping[str, Any]) -> None:
    """A limit that a recipe has and the method has not would be ignored without a word."""
    unused = [name for name in amounts if given[name] is None and name not in method_settings(method)]
    if unused:
        message = (
            f"{recipe} has {' and '.join(unused)}, which the method {method} does not aim at: --method budget and fit "
            "do. Leave it out of the recipe here"
        )
        raise ConfigError(message)
