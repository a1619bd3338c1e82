"""`fpgaprune sweep`: every point of a study's grid, and the front they make."""

import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from fpgaprune.cli.options import StorageOption
from fpgaprune.cli.output import Format, FormatOption, emit, tell, write
from fpgaprune.cli.sweep_progress import SweepProgress
from fpgaprune.config.cluster import BatchSystem, Jobs, jobs_for
from fpgaprune.config.study import load_study, study_name
from fpgaprune.errors import ConfigError
from fpgaprune.render import sweep_sheet
from fpgaprune.results.sweep import SweepResult
from fpgaprune.sweep.batch import job_script
from fpgaprune.sweep.choice import Method
from fpgaprune.sweep.on_dask import dask_workers
from fpgaprune.sweep.picture import draw_front
from fpgaprune.sweep.run import Opened, Searched, evaluation_of, open_sweep, read_sweep, run_sweep
from fpgaprune.sweep.synthesis import PointSynthesis, Synthesizer, chosen_points, synthesize_points
from fpgaprune.sweep.tables import write_points

_RETRY = ("--retry", "--retry-failed")
EXAMPLE = "fpgaprune sweep projects/digits_mlp --jobs 2 --max-dsp 1000"


def run(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="STUDY",
            help="A folder with project.toml and task.py, or another TOML file in it.",
            show_default=False,
        ),
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Where everything is kept. Default: build/NAME."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", "-j", metavar="N", help="Worker processes of this machine (default 1), or jobs of --cluster."
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", metavar="ADDRESS", help="Compute on the workers of this Dask scheduler."),
    ] = None,
    cluster: Annotated[
        BatchSystem | None,
        typer.Option("--cluster", help="Compute in jobs of this batch system, as \\[cluster] of the study describes."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --cluster: show what would be submitted, and submit nothing.")
    ] = False,
    search: Annotated[
        Method | None,
        typer.Option("--search", help="Let a sampler choose points of the grid by score, DSPs, LUTs and latency."),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option("--trials", metavar="N", help="With --search: points there are to be in the end. Default: 100."),
    ] = None,
    storage: StorageOption = None,
    retry: Annotated[bool, typer.Option(*_RETRY, help="Compute points again that failed before.")] = False,
    synth: Annotated[
        str | None,
        typer.Option(
            "--synth",
            metavar="front|knee|all|POINT",
            help="Write and synthesize these points as well. Default: `synth` in the study's \\[sweep], else none.",
        ),
    ] = None,
    synth_tool: Annotated[
        Synthesizer, typer.Option("--synth-tool", help="open: clang and Yosys; vitis, vivado: AMD's.")
    ] = Synthesizer.OPEN,
    max_dsp: Annotated[int | None, typer.Option("--max-dsp", metavar="N", help="Name the best point within.")] = None,
    max_lut: Annotated[int | None, typer.Option("--max-lut", metavar="N", help="Name the best point within.")] = None,
    form: FormatOption = Format.TEXT,
) -> None:
    """Compute precision x sparsity for one trained network, without training or compiling for any point.

    Each point is pruned by magnitude, rounded, run bit for bit as its hardware would, and its DSPs, LUTs and latency
    are counted. With [sweep.training] networks are trained for the points instead, many at once; with `seeds` points
    are means over several seeds. What is finished stays in a database that optuna-dashboard reads: the same command
    computes only what is missing, and several may run at once.

    Exit code 1 when a point failed, or synthesis finds other DSPs than expected.
    """
    target = output if output is not None else Path("build") / study_name(folder)
    searched = _searched(search, trials)
    place = _place(folder, scheduler, cluster, jobs)
    if dry_run:
        write(_script(place))
        return
    with SweepProgress() as progress:
        opened = open_sweep(folder, target, progress, storage)
        progress.unit = "points" if opened.seeds == 1 else "runs"
        work = None if place is None else dask_workers(opened, place, progress.say)
        try:
            result = run_sweep(opened, progress, jobs=jobs or 1, retry_failed=retry, search=searched, computation=work)
        except KeyboardInterrupt:
            _write(opened, read_sweep(opened), target)
            progress.say(f"Stopped; finished points are kept. Go on with: {_command()}")
            raise
        _write(opened, result, target)
        synthesized = _synthesized(opened, result, target, synth or opened.sweep.synth, synth_tool, progress)
    facts = {**result.json(), **({"synthesized": [asdict(one) for one in synthesized]} if synthesized else {})}
    emit(form, sweep_sheet(result, max_dsp=max_dsp, max_lut=max_lut), lambda: facts)
    for one in synthesized:
        tell(one.sentence())
    tell(f"points.csv, points.parquet, front.json and pareto.png are in {target}.")
    if result.failed or any(one.error is not None or one.agrees is False for one in synthesized):
        raise typer.Exit(1)


def _searched(search: Method | None, trials: int | None) -> Searched | None:
    if search is None:
        if trials is not None:
            message = "--trials is for a search; add --search nsga2 or --search tpe"
            raise ConfigError(message)
        return None
    return Searched(search) if trials is None else Searched(search, trials)


def _place(folder: Path, scheduler: str | None, cluster: BatchSystem | None, jobs: int | None) -> str | Jobs | None:
    """An address, jobs to submit, or None for this machine."""
    if scheduler is not None and cluster is not None:
        message = "--scheduler and --cluster are two places to compute; give one of them"
        raise ConfigError(message)
    if scheduler is not None and jobs is not None:
        message = "--jobs is for this machine or --cluster; a scheduler has the workers that it has"
        raise ConfigError(message)
    return scheduler if cluster is None else jobs_for(cluster, load_study(folder).cluster, jobs)


def _script(place: str | Jobs | None) -> str:
    if not isinstance(place, Jobs):
        message = "--dry-run shows what --cluster would submit; add --cluster slurm or --cluster htcondor"
        raise ConfigError(message)
    return job_script(place).rstrip()


def _synthesized(
    opened: Opened, result: SweepResult, target: Path, which: str | None, tool: Synthesizer, progress: SweepProgress
) -> tuple[PointSynthesis, ...]:
    if which is None:
        return ()
    points = chosen_points(result, which)
    found = synthesize_points(points, evaluation_of(opened), target, tool, progress.begin)
    text = json.dumps([asdict(one) for one in found], indent=2) + "\n"
    (target / "synth.json").write_text(text, encoding="utf-8")
    return found


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


def _command() -> str:
    """What was typed, to type it again; what failed before is open by now."""
    return shlex.join(["fpgaprune", *(word for word in sys.argv[1:] if word not in _RETRY)])
