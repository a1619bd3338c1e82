"""A sweep in a process of its own that computes nothing, to be killed: `python -m tests.sweep_process STUDY DB LOG`."""

import os
import sys
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
from fpgaprune.sweep.grid import Planned, planned, sweep_of
from fpgaprune.sweep.run import Opened
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
    return PointResult(
        point.recipe, point.digest, 1 - 2.0**-bits - sparsity / 4, cost, cost, 10 * cost, seconds=POINT_S
    )


def opened(folder: Path, url: str) -> Opened:
    """The sweep of a study folder whose model is a file of anything."""
    study = load_study(folder)
    ones = np.ones((4, 4))
    data = StudyData(TrainingData(ones, ones, ones, ones), ones, ones)
    model = folder / "project.toml"
    sweep = sweep_of(study)
    return Opened(study, sweep, data, model, planned(study, sweep, model, data), url)


if __name__ == "__main__":
    from fpgaprune.sweep.run import run_sweep

    run_sweep(opened(Path(sys.argv[1]), sys.argv[2]), Nobody(), computation=Noted(Path(sys.argv[3])))
