"""`fpgaprune sweep`: every point of a study's grid, and the front they make."""

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from fpgaprune.cli.options import StorageOption
from fpgaprune.cli.output import Format, FormatOption, emit, tell
from fpgaprune.cli.progress import SweepProgress
from fpgaprune.render import sweep_sheet
from fpgaprune.results.sweep import SweepResult
from fpgaprune.sweep.picture import draw_front
from fpgaprune.sweep.run import Opened, open_sweep, read_sweep, run_sweep
from fpgaprune.sweep.tables import write_points

EXAMPLE = "fpgaprune sweep projects/digits_mlp --jobs 2 --max-dsp 1000"


def run(
    folder: Annotated[
        Path,
        typer.Argument(metavar="STUDY", help="A folder with project.toml and task.py.", show_default=False),
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Where everything is kept. Default: build/NAME."),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", metavar="N", help="Worker processes.")] = 1,
    storage: StorageOption = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Compute points again that failed before.")
    ] = False,
    max_dsp: Annotated[int | None, typer.Option("--max-dsp", metavar="N", help="Name the best point within.")] = None,
    max_lut: Annotated[int | None, typer.Option("--max-lut", metavar="N", help="Name the best point within.")] = None,
    form: FormatOption = Format.TEXT,
) -> None:
    """Compute precision x sparsity for one trained network, without training or compiling for any point.

    Each point is pruned by magnitude, rounded, run bit for bit as its hardware would, and its DSPs, LUTs and latency
    are counted. What is finished stays in a database that optuna-dashboard reads: the same command computes only what
    is missing, and several may run at once. Exit code 1 when a point failed.
    """
    target = output if output is not None else Path("build") / folder.resolve().name
    with SweepProgress() as progress:
        opened = open_sweep(folder, target, progress, storage)
        try:
            result = run_sweep(opened, progress, jobs=jobs, retry_failed=retry_failed)
        except KeyboardInterrupt:
            _write(opened, read_sweep(opened), target)
            progress.say(f"Stopped; finished points are kept. Go on with: {_command(folder, target, storage, jobs)}")
            raise
    _write(opened, result, target)
    emit(form, sweep_sheet(result, max_dsp=max_dsp, max_lut=max_lut), result.json)
    tell(f"points.csv, points.parquet, front.json and pareto.png are in {target}.")
    if result.failed:
        raise typer.Exit(1)


def _write(opened: Opened, result: SweepResult, target: Path) -> None:
    write_points(result.points, target)
    knee = result.knee
    facts = {
        "study": opened.name,
        "front": [point.json() for point in result.front],
        "knee": None if knee is None else knee.json(),
    }
    (target / "front.json").write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if result.complete:
        draw_front(result, target)


def _command(folder: Path, target: Path, storage: str | None, jobs: int) -> str:
    words = ["fpgaprune", "sweep", str(folder), "-o", str(target), "--jobs", str(jobs)]
    return shlex.join(words if storage is None else [*words, "--storage", storage])
