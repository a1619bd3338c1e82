"""Options that several verbs share, each with the same words everywhere."""

from pathlib import Path
from typing import Annotated

import typer

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
