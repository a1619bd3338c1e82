"""Options that several verbs share, each with the same words everywhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from fpgaprune.flow.compression import Teacher

Source = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL|PROJECT|DESIGN",
        help="A Keras or QKeras model (.h5, .keras, .json), an HLS project folder, or a saved design (.npz).",
        show_default=False,
    ),
]
PartOption = Annotated[
    str | None,
    typer.Option("--part", metavar="P", help="FPGA part, such as xcvu13p-flga2577-2-e. Default: the project's own."),
]
ToolOption = Annotated[
    str | None,
    typer.Option("--tool", metavar="NAME[:VERSION]", help="vitis_hls, vivado_hls or yosys, as in vitis_hls:2023.2."),
]
RulesOption = Annotated[
    Path | None,
    typer.Option("--rules", metavar="FILE", help="A TOML file that changes the tool's rules, as calibrate writes it."),
]
PrecisionOption = Annotated[
    str | None,
    typer.Option("--precision", metavar="TYPE", help='For a model: type of all values, such as "ap_fixed<16,6>".'),
]
StrategyOption = Annotated[
    str | None,
    typer.Option(
        "--strategy",
        metavar="S",
        help="For a model: latency, resource, resource_unrolled or distributed_arithmetic.",
    ),
]
ReuseFactorOption = Annotated[
    int | None,
    typer.Option("--reuse-factor", metavar="N", help="For a model: products that share one multiplier."),
]
IoTypeOption = Annotated[
    str | None, typer.Option("--io-type", metavar="T", help="For a model: io_parallel or io_stream.")
]
WeightsOption = Annotated[
    Path | None, typer.Option("--weights", metavar="FILE", help="The weights that go with a .json model.")
]
StorageOption = Annotated[
    str | None,
    typer.Option("--storage", metavar="URL", help="Database of the points. Default: study.db in the output folder."),
]
DataOption = Annotated[
    Path,
    typer.Option(
        "--data",
        metavar="FILE",
        help="Inputs and targets: .npz with x and y (and x_test, y_test), a .csv or .npy table with the target last, "
        "or your own task.py (or its folder) with load_data and score, which is run.",
    ),
]
ModelArgument = Annotated[
    Path, typer.Argument(metavar="MODEL", help="A Keras or QKeras model: .h5, .keras, or .json with its weights.")
]
NewModelOption = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The new model, .h5 or .keras.")]
RecipeOption = Annotated[
    Path | None, typer.Option("--config", "-c", metavar="FILE", help="A recipe of `generate` to count DSPs for.")
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


def teacher_from(path: Path | None, weights: Path | None, temperature: float, mixing: float) -> "Teacher | None":
    """The teacher these options name, if any."""
    from fpgaprune.compress.distillation import Distillation  # noqa: PLC0415 - only verbs that train know teachers
    from fpgaprune.flow.compression import Teacher  # noqa: PLC0415

    return None if path is None else Teacher(path, Distillation(temperature, mixing), weights)
