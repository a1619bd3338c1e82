"""`fpgaprune emulate`: what a project computes, without compiling it."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from fpgaprune.cli.output import show
from fpgaprune.cli.progress import working
from fpgaprune.errors import ConfigError
from fpgaprune.flow.emulate import emulate_file

EXAMPLE = "fpgaprune emulate my_project --data test_inputs.npz -o outputs.npy"


def run(
    source: Annotated[Path, typer.Argument(metavar="PATH", help="A project folder, or a saved design (.npz).")],
    *,
    data: Annotated[Path, typer.Option("--data", metavar="FILE", help="Inputs: .npy, .npz or .csv.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where outputs go: .npy, or .npz for several.")
    ],
) -> None:
    """Compute what the project's C simulation computes, bit for bit, in NumPy and without a compiler.

    Writes one array (samples, values) as .npy, or one per output, by the name of its layer, as .npz.
    """
    if output.suffix not in (".npy", ".npz"):
        message = f"{output} cannot hold arrays: give a .npy or .npz file"
        raise ConfigError(message)
    with working("computing the design"):
        design, outputs = emulate_file(source, data)
    if output.suffix == ".npy" and len(outputs) > 1:
        message = f"the design has {len(outputs)} outputs ({', '.join(design.outputs)}): give a .npz file"
        raise ConfigError(message)
    if output.suffix == ".npy":
        np.save(output, outputs[0])
    else:
        np.savez(output, **dict(zip(design.outputs, outputs, strict=True)))  # type: ignore[arg-type]
    shapes = ", ".join(f"{name} {array.shape}" for name, array in zip(design.outputs, outputs, strict=True))
    show(f"{output}: {shapes}")
