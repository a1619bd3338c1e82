"""`fpgaprune quantize`: a float model in few bits."""

from typing import Annotated, Any

import typer

from fpgaprune.cli.compression import (
    DataOption,
    ExcludeOption,
    LearningRateOption,
    LossOption,
    MaxDspOption,
    MaxLutOption,
    ModelArgument,
    ModelPartOption,
    NewModelOption,
    RecipeOption,
    ScoreOption,
    SeedOption,
    answer,
)
from fpgaprune.cli.options import WeightsOption
from fpgaprune.cli.output import Format, FormatOption, emit, show, tell
from fpgaprune.cli.progress import StoppableProgress, show_epoch, show_step
from fpgaprune.compress.quantization import PostTraining
from fpgaprune.config.recipe import parse_amount, settings_from
from fpgaprune.config.settings import parse_layer_settings
from fpgaprune.errors import ConfigError
from fpgaprune.flow.bits import NARROWER
from fpgaprune.flow.quantize import quantize_file, quantize_within
from fpgaprune.render import bits_sheet, compression_sheet, to_text
from fpgaprune.results.bits import BitLimits, BitsResult

EXAMPLE = "fpgaprune quantize model.h5 --bits 8 --data train.npz -o quantized.h5"


def run(
    model: ModelArgument,
    *,
    data: DataOption,
    output: NewModelOption,
    bits: Annotated[
        int | None,
        typer.Option(
            "--bits", metavar="N", help="Bits of weights and values between layers, default 8; a search starts at 16."
        ),
    ] = None,
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
    exclude: ExcludeOption = None,
    max_dsp: MaxDspOption = None,
    max_lut: MaxLutOption = None,
    max_bops: Annotated[
        int | None, typer.Option("--max-bops", metavar="N", min=0, help="Search: bit operations, as estimate has them.")
    ] = None,
    max_ebops: Annotated[
        int | None, typer.Option("--max-ebops", metavar="N", min=0, help="Search: effective bit operations.")
    ] = None,
    min_score: Annotated[
        float | None,
        typer.Option("--min-score", metavar="A", help="Search: the least score on the validation samples."),
    ] = None,
    widths: Annotated[
        str | None,
        typer.Option("--widths", metavar="N,...", help="Search: the bits to try, default 12,10,8,7,6,5,4,3,2."),
    ] = None,
    epochs: Annotated[
        int, typer.Option("--epochs", metavar="N", help="Epochs of quantization-aware fine-tuning, zeros held.")
    ] = 0,
    learning_rate: LearningRateOption = 1e-3,
    loss: LossOption = None,
    score: ScoreOption = None,
    seed: SeedOption = 0,
    config: RecipeOption = None,
    part: ModelPartOption = None,
    weights: WeightsOption = None,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Turn dense, convolution and recurrent layers into QKeras layers of types that fit the data; count DSPs and LUTs.

    Integer bits and scales are chosen array by array for the least square error on the data. Batch normalizations
    are folded into the layer before. The network's inputs and everything else that goes into a quantized layer get a
    type too.
    With a limit (--max-dsp, --max-lut, --max-bops, --max-ebops) every layer gets bits of its own: what fewer bits of
    its weights and of its values lose is measured on the validation samples, what they save follows from the estimate,
    and the narrowing that saves most for what it loses comes first, until the limits hold or --min-score is reached.
    --epochs trains afterwards. Exit code 1: the limits cannot be met; the answer says by how much.
    The record beside the model, NAME.pruning.json, says which type everything got and what stayed float.
    """
    settings = settings_from(config, {"part": part})
    limits = BitLimits(
        parse_amount("max_dsp", max_dsp, settings.part),
        parse_amount("max_lut", max_lut, settings.part),
        max_bops,
        max_ebops,
        min_score,
    )
    search = limits != BitLimits()
    start = (16 if search else 8) if bits is None else bits
    asked = PostTraining(
        start,
        weight_bits,
        activation_bits,
        bias_bits,
        tuple(exclude or ()),
        form,
        per_channel,
        PostTraining.layers_from(parse_layer_settings(layer or ())),
    )
    common: dict[str, Any] = {
        "settings": settings,
        "weights": weights,
        "loss": loss,
        "score": score,
        "epochs": epochs,
        "learning_rate": learning_rate,
        "seed": seed,
    }
    with StoppableProgress(output) as progress:
        progress.begin(f"{model.name}: {f'search from {start} bits' if search else _widths_of(asked)}")
        common["on_epoch"] = show_epoch(progress)
        if search:
            seen = show_step(progress, model.name)
            found = quantize_within(
                model, output, asked, limits, data, narrower=_widths(widths), on_step=seen, **common
            )
        else:
            written = quantize_file(model, output, asked, data, **common)
    if search:
        _answer(found, output_format)
        return
    answer(written, output_format)


def _widths_of(asked: PostTraining) -> str:
    """What is asked for all layers, in words."""
    weights, values = asked.weight_bits or asked.bits, asked.activation_bits or asked.bits
    if asked.weights == "fixed" and weights == values:
        return f"{values} bits"
    wide = {"fixed": f"{weights}-bit", "po2": f"{weights}-bit po2"}.get(asked.weights, asked.weights)
    return f"{wide} weights, {values}-bit values"


def _widths(text: str | None) -> tuple[int, ...]:
    if text is None:
        return NARROWER
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        message = f"the widths {text!r} must be whole numbers with commas between them, as in 10,8,6"
        raise ConfigError(message) from error


def _answer(found: BitsResult, form: Format) -> None:
    for note in (found.record or {}).get("notes", ()):
        tell(f"note: {note}")
    if form is Format.TEXT and found.record is not None:
        show(to_text(compression_sheet(found.record)))
        show("")
    emit(form, bits_sheet(found), found.json)
    if found.output is None:
        raise typer.Exit(1)
    tell(f"The model is in {found.output}, its record in {found.output.stem}.pruning.json beside it.")
