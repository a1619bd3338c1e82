"""`fpgaprune generate`: from a model to a verified HLS project."""

from pathlib import Path
from typing import Annotated

import typer

from fpgaprune.cli.options import WeightsOption
from fpgaprune.cli.output import show, tell
from fpgaprune.cli.progress import working
from fpgaprune.config.recipe import settings_from
from fpgaprune.flow.generate import generate
from fpgaprune.render.choice import choice_sheet
from fpgaprune.render.sheet import to_text
from fpgaprune.render.verification import verification_lines

EXAMPLE = "fpgaprune generate model.h5 -o my_project --part xc7z020clg400-1 --data test_inputs.npy"


def run(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A Keras or QKeras model: .h5, .keras, or .json with its weights.")
    ],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The new project folder.")],
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="FILE", help="Inputs (.npy, .npz, .csv) to place types by and to simulate."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", metavar="FILE", help="A TOML recipe with the same keys as flags.")
    ] = None,
    backend: Annotated[str | None, typer.Option("--backend", help="Vitis (default) or Vivado.")] = None,
    part: Annotated[str | None, typer.Option("--part", metavar="P", help="FPGA part.")] = None,
    clock_ns: Annotated[float | None, typer.Option("--clock-ns", metavar="T", help="Clock period, default 5.")] = None,
    io_type: Annotated[str | None, typer.Option("--io-type", help="io_parallel (default) or io_stream.")] = None,
    strategy: Annotated[
        str | None,
        typer.Option("--strategy", help="latency (default), resource, resource_unrolled, distributed_arithmetic."),
    ] = None,
    reuse_factor: Annotated[
        int | None, typer.Option("--reuse-factor", metavar="N", help="Products per multiplier, default 1.")
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option("--precision", metavar="TYPE", help='Type of what the model leaves open, as "ap_fixed<16,6>".'),
    ] = None,
    width: Annotated[
        int | None, typer.Option("--width", metavar="BITS", help="Bits of the types that are chosen from the data.")
    ] = None,
    sparse_kernels: Annotated[
        str | None,
        typer.Option(
            "--sparse-kernels",
            help="Kernels that hold only the products the weights need: never (default), auto, always, or adders, "
            "which need no DSP.",
        ),
    ] = None,
    multipliers: Annotated[
        str | None, typer.Option("--multipliers", help="Where Vitis HLS puts multiplications: dsp, fabric (LUTs).")
    ] = None,
    max_dsp: Annotated[
        str | None,
        typer.Option(
            "--max-dsp",
            metavar="N|P%|Xslr",
            help="Choose strategies within so many DSPs, a share of the part's (40%), or of one SLR's (0.5slr).",
        ),
    ] = None,
    max_lut: Annotated[
        str | None, typer.Option("--max-lut", metavar="N|P%|Xslr", help="... within so many LUTs, or such a share.")
    ] = None,
    max_latency_cycles: Annotated[
        int | None, typer.Option("--max-latency-cycles", metavar="N", help="... within so many cycles of latency.")
    ] = None,
    max_latency_ns: Annotated[
        float | None, typer.Option("--max-latency-ns", metavar="T", help="... within so much time at the clock.")
    ] = None,
    max_ii: Annotated[
        int | None, typer.Option("--max-ii", metavar="N", help="... with so many cycles between two inputs at most.")
    ] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option("--layer", metavar="NAME:KEY=VALUE", help="One setting of one layer or pattern; repeatable."),
    ] = None,
    weights: WeightsOption = None,
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Run the C simulation against the model.")
    ] = True,
) -> None:
    """Write an hls4ml project that computes what the model computes, and prove it by C simulation.

    Types the model's quantizers decide are kept exactly; the others are placed by the data (or by seeded random
    inputs) and never wrap. Test-bench inputs and the model's outputs are written beside for co-simulation.
    With a limit, strategy, reuse factor and kernel of every layer are chosen within it, and the table of what was
    chosen and why comes first; what cannot be met is said, with the least there is.
    Exit code 1 when the simulation disagrees with the model.
    """
    flags = {
        "backend": backend,
        "part": part,
        "clock_ns": clock_ns,
        "io_type": io_type,
        "strategy": strategy,
        "reuse_factor": reuse_factor,
        "precision": precision,
        "width": width,
        "sparse_kernels": sparse_kernels,
        "multipliers": multipliers,
        "max_dsp": max_dsp,
        "max_lut": max_lut,
        "max_latency_cycles": max_latency_cycles,
        "max_latency_ns": max_latency_ns,
        "max_ii": max_ii,
    }
    settings = settings_from(config, flags, layer or [])
    with working("reading the model, writing the project" + (", simulating" if verify else "")):
        generated = generate(model, output, settings, weights=weights, data=data, run_verify=verify)
    for note in generated.notes:
        tell(f"note: {note}")
    if generated.choice is not None:
        show(to_text(choice_sheet(generated.choice)))
    lines = [f"Wrote {output} for {settings.backend}, {settings.part}, {settings.clock_ns:g} ns, {settings.io_type}."]
    if generated.verification is not None:
        lines += verification_lines(generated.verification)
    show("\n".join(lines))
    if generated.verification is not None and not generated.verification.agrees:
        raise typer.Exit(1)
