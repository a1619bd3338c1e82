"""`fpgaprune quantize`: a float model in few bits."""

from pathlib import Path
from typing import Annotated

import typer

from fpgaprune.cli.options import DataOption, LossOption, ScoreOption, WeightsOption
from fpgaprune.cli.output import Format, FormatOption, emit, tell
from fpgaprune.cli.progress import EpochProgress, show_epoch
from fpgaprune.compress.quantization import PostTraining
from fpgaprune.config.recipe import settings_from
from fpgaprune.config.settings import parse_layer_settings
from fpgaprune.flow.quantize import quantize_file
from fpgaprune.render import compression_sheet

EXAMPLE = "fpgaprune quantize model.h5 --bits 8 --data train.npz -o quantized.h5"


def run(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A Keras model: .h5, .keras, or .json with its weights.")
    ],
    *,
    data: DataOption,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The new model, .h5 or .keras.")],
    bits: Annotated[int, typer.Option("--bits", metavar="N", help="Bits of weights and values between layers.")] = 8,
    weight_bits: Annotated[
        int | None, typer.Option("--weight-bits", metavar="N", help="Bits of weights, where they differ.")
    ] = None,
    activation_bits: Annotated[
        int | None, typer.Option("--activation-bits", metavar="N", help="Bits between layers, where they differ.")
    ] = None,
    bias_bits: Annotated[int, typer.Option("--bias-bits", metavar="N", help="Bits of biases.")] = 16,
    form: Annotated[
        str, typer.Option("--form", metavar="F", help="Of weights: fixed, po2 (powers of two), ternary or binary.")
    ] = "fixed",
    per_channel: Annotated[
        bool, typer.Option("--per-channel", help="A scale, a power of two, for each output channel of a layer.")
    ] = False,
    layer: Annotated[
        list[str] | None,
        typer.Option(
            "--layer",
            metavar="NAME:KEY=VALUE,...",
            help="Other types for a layer, pattern or type:CLASS: weight_bits, activation_bits, bias_bits, weights (as "
            "--form), per_channel; repeatable.",
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", metavar="NAME", help="Layer, pattern or type:CLASS to leave float; repeatable."),
    ] = None,
    epochs: Annotated[
        int, typer.Option("--epochs", metavar="N", help="Epochs of quantization-aware fine-tuning, zeros held.")
    ] = 0,
    learning_rate: Annotated[float, typer.Option("--learning-rate", metavar="R", help="Of the fine-tuning.")] = 1e-3,
    loss: LossOption = None,
    score: ScoreOption = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of splits and shuffles.")] = 0,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", metavar="FILE", help="A recipe of `generate` to count DSPs for.")
    ] = None,
    part: Annotated[str | None, typer.Option("--part", metavar="P", help="FPGA part.")] = None,
    weights: WeightsOption = None,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Turn dense, convolution and recurrent layers into QKeras layers of types that fit the data; count DSPs and LUTs.

    Integer bits and scales are chosen array by array for the least square error on the data. Batch normalizations
    are folded into the layer before. The network's inputs and everything else that goes into a quantized layer get a
    type too.
    The record beside the model, NAME.pruning.json, says which type everything got and what stayed float.
    """
    asked = PostTraining(
        bits,
        weight_bits,
        activation_bits,
        bias_bits,
        tuple(exclude or ()),
        form,
        per_channel,
        PostTraining.layers_from(parse_layer_settings(layer or ())),
    )
    settings = settings_from(config, {"part": part})
    with EpochProgress() as progress:
        progress.begin(f"{model.name}: {bits} bits")
        found = quantize_file(
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
    emit(output_format, compression_sheet(found.record), lambda: found.record)
    tell(f"The model is in {found.output}, its record in {found.record_path}.")
