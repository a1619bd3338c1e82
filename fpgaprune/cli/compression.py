"""What the verbs that change a model share: options with the same words, and how the answer is told."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from fpgaprune.cli.output import Format, emit, tell
from fpgaprune.compress.distillation import Distillation
from fpgaprune.config.recipe import parse_amount
from fpgaprune.flow.compression import Compressed, Teacher
from fpgaprune.render import compression_sheet

_LIMITS: Final = ("max_dsp", "max_lut")

DataOption = Annotated[
    Path,
    typer.Option(
        "--data",
        metavar="FILE",
        help="Inputs and targets: .npz with x and y (and x_test, y_test), a .csv or .npy table with the target last, "
        "or your own task.py (or its folder) with load_data and score, which is run. Several inputs or outputs: arrays "
        "called as the model's.",
    ),
]
ModelArgument = Annotated[
    Path, typer.Argument(metavar="MODEL", help="A Keras or QKeras model: .h5, .keras, or .json with its weights.")
]
NewModelOption = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The new model, .h5 or .keras.")]
RecipeOption = Annotated[
    Path | None, typer.Option("--config", "-c", metavar="FILE", help="A recipe of `generate` to count DSPs for.")
]
ModelPartOption = Annotated[str | None, typer.Option("--part", metavar="P", help="FPGA part.")]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="NAME", help="Layer, pattern or type:CLASS to leave as it is; repeatable."),
]
SettingOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any other setting of the method, as batch_size=128; repeatable."),
]
SeedOption = Annotated[int, typer.Option("--seed", metavar="N", help="Of splits and shuffles.")]
LearningRateOption = Annotated[float, typer.Option("--learning-rate", metavar="R", help="Of the training.")]
MaxDspOption = Annotated[
    str | None,
    typer.Option(
        "--max-dsp",
        metavar="N|P%|Xslr",
        help="DSPs of the whole design: a count, a share of the part's (40%), or of one SLR's (0.5slr).",
    ),
]
MaxLutOption = Annotated[
    str | None, typer.Option("--max-lut", metavar="N|P%|Xslr", help="LUTs of the whole design, or such a share.")
]
TeacherOption = Annotated[
    Path | None, typer.Option("--teacher", metavar="FILE", help="A model to learn from while training, as `distill`.")
]
TeacherWeightsOption = Annotated[
    Path | None, typer.Option("--teacher-weights", metavar="FILE", help="The weights that go with a .json teacher.")
]
TemperatureOption = Annotated[
    float, typer.Option("--temperature", metavar="T", help="Softens the answers of teacher and student.")
]
MixingOption = Annotated[float, typer.Option("--mixing", metavar="F", help="Share of the teacher in the loss, 0..1.")]
LossOption = Annotated[
    str | None, typer.Option("--loss", help="Keras loss to train and judge by. Default: what the targets suggest.")
]
ScoreOption = Annotated[
    str | None,
    typer.Option(
        "--score",
        metavar="NAME",
        help="What models are chosen and judged by: accuracy, auc, efficiency@RATE (of the signal, at that background "
        "rate), r2, or task, the function score of your task.py. Default: that function, else accuracy, else the loss.",
    ),
]


def teacher_from(path: Path | None, weights: Path | None, temperature: float, mixing: float) -> Teacher | None:
    """The teacher these options name, if any."""
    return None if path is None else Teacher(path, Distillation(temperature, mixing), weights)


def with_amounts(settings: Mapping[str, Any], part: str) -> dict[str, Any]:
    """The settings of a method with its limits of DSPs and LUTs as counts, shares being those of the part."""
    limits = {name: parse_amount(name, settings[name], part) for name in _LIMITS if name in settings}
    return {**settings, **limits}


def answer(found: Compressed, form: Format) -> None:
    """The figures before and after on standard output, where the files are on standard error."""
    emit(form, compression_sheet(found.record), lambda: found.record)
    tell(f"The model is in {found.output}, its record in {found.record_path}.")
