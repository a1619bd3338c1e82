"""A sweep in a process of its own that computes nothing, to be killed."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from fpgaprune.compress import TrainingData
from fpgaprune.config.study import load_study
from fpgaprune.flow.study_task import StudyData
from fpgaprune.results.sweep import PointResult
from fpgaprune.sweep.grid import Planned, planned, starts_of, sweep_of
from fpgaprune.sweep.on_dask import Errand
from fpgaprune.sweep.run import Opened, run_sweep
from fpgaprune.sweep.workers import Next

POINT_S = 0.02


class Nobody:
    """Watches nothing."""

    def begin(self, what: str) -> None:
        """Nothing."""

    def epoch(self, done: int, total: int, state: str) -> None:
        """Nothing."""

    def points(self, done: int, total: int) -> None:
        """Nothing."""

    def point(self, result: PointResult) -> None:
        """Nothing."""


@dataclass
class Noted:
    """Makes up numbers, and notes in a file which point it began and which the store has taken."""

    log: Path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def results(self, next_point: Next) -> Iterator[PointResult]:
        while (point := next_point()) is not None:
            self._note("began", point)
            time.sleep(POINT_S)
            yield made_up(point)
            self._note("finished", point)

    def _note(self, what: str, point: Planned) -> None:
        handle = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, f"{what} {point.digest}\n".encode())
        os.close(handle)


def made_up(point: Planned) -> PointResult:
    """Numbers that follow from the recipe."""
    bits, sparsity = point.recipe.bits, point.recipe.sparsity
    cost = int(100 * bits * (1 - sparsity))
    score, cycles = 1 - 2.0**-bits - sparsity / 4 + (point.recipe.seed or 0) / 1000, 5 + bits
    return PointResult(point.recipe, point.digest, score, cost, cost, 10 * cost, latency_cycles=cycles, seconds=POINT_S)


def compute_made_up(errand: Errand, point: Planned) -> PointResult | str:
    """What a Dask worker does in tests: it says who it is, takes a while, and makes up the numbers."""
    folder = errand.job.starts[0].model.parent
    (folder / "began").mkdir(exist_ok=True)
    (folder / "began" / f"{point.digest[:16]}-{os.getpid()}").touch()
    if (folder / "deadly").exists() and point.recipe.bits == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    if (folder / "refusing").exists():
        return (folder / "refusing").read_text()
    time.sleep(5 * POINT_S)
    return made_up(point)


def opened(folder: Path, url: str) -> Opened:
    """The sweep of a study folder whose model is a file of anything."""
    study = load_study(folder)
    ones = np.ones((4, 4))
    data = StudyData(TrainingData(ones, ones, ones, ones), ones, ones)
    model = folder / "task.py"  # stays as it is while the grid is edited
    sweep = sweep_of(study)
    starts = starts_of(study, sweep, [model] * len(sweep.seeds), data)
    return Opened(study, sweep, data, starts, planned(sweep, starts), url)


def start(folder: Path, url: str, log: Path) -> multiprocessing.process.BaseProcess:
    """Begin such a sweep; its process is forked from one that has imported all of it, which is done once."""
    try:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["optuna", "sqlalchemy", __name__])
    except ValueError:  # where there is no fork
        context = multiprocessing.get_context("spawn")
    process = context.Process(target=_sweep, args=(folder, url, log))
    process.start()
    return process


def _sweep(folder: Path, url: str, log: Path) -> None:
    run_sweep(opened(folder, url), Nobody(), computation=Noted(log))
