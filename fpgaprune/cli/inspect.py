"""`fpgaprune inspect`: what a model or project consists of."""

from pathlib import Path
from typing import Annotated

import typer

from fpgaprune.cli.options import (
    IoTypeOption,
    PrecisionOption,
    ReuseFactorOption,
    Source,
    StrategyOption,
    WeightsOption,
)
from fpgaprune.cli.output import Format, FormatOption, emit, tell
from fpgaprune.design import save_design
from fpgaprune.flow.designs import design_of
from fpgaprune.render import design_json, design_sheet

EXAMPLE = "fpgaprune inspect my_project --save my_project.design.npz"


def run(
    source: Source,
    *,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="FILE", help="Also save the design, to be read without TensorFlow.")
    ] = None,
    part: Annotated[str | None, typer.Option("--part", help="For a model: the FPGA part to convert for.")] = None,
    backend: Annotated[str | None, typer.Option("--backend", help="For a model: Vitis or Vivado.")] = None,
    precision: PrecisionOption = None,
    strategy: StrategyOption = None,
    reuse_factor: ReuseFactorOption = None,
    io_type: IoTypeOption = None,
    weights: WeightsOption = None,
    form: FormatOption = Format.TEXT,
) -> None:
    """Show the layers of a model, HLS project or saved design: shapes, types, zeros, strategy, reuse factor."""
    design = design_of(
        source,
        part=part,
        backend=backend,
        precision=precision,
        strategy=strategy,
        reuse_factor=reuse_factor,
        io_type=io_type,
        weights=weights,
    )
    if save is not None:
        tell(f"saved to {save_design(design, save)}")
    emit(form, design_sheet(design), lambda: design_json(design))
