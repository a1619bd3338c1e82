"""Trained grids by the sweep: trained once, kept by digest, and the points are those of the trained networks."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fpgaprune.config.study import load_study
from fpgaprune.errors import ConfigError
from fpgaprune.sweep.choice import Method
from fpgaprune.sweep.run import Searched, evaluation_of, open_sweep, run_sweep
from fpgaprune.sweep.training import train_networks, trained_weights
from tests.sweep_process import Nobody
from tests.sweep_study import write_study

pytestmark = pytest.mark.keras
pytest.importorskip("optuna")

TRAINING = '\n[sweep.training]\nloss = "mse"\nepochs = 3\nepochs_per_target = 2\nlearning_rate = 0.02\n'


class Heard(Nobody):
    def __init__(self) -> None:
        self.stages: list[str] = []
        self.epochs: list[int] = []

    def epoch(self, done: int, total: int, state: str) -> None:
        self.epochs.append(done)

    def begin(self, what: str) -> None:
        self.stages.append(what)


def test_a_trained_grid_is_trained_once_and_holds_its_sparsity(tmp_path: Path) -> None:
    study = write_study(tmp_path / "study", bits="[2, 6, 8]", sparsity="[0.0, 0.5]", more=TRAINING)
    heard = Heard()
    opened = open_sweep(study, tmp_path / "out", heard)
    first = run_sweep(opened, heard)
    assert heard.stages == ["train 2 networks through 2 sparsities"]
    assert [point.error for point in first.failed] == [
        "2 bits are too few for layer 'relu': its quantizer quantized_relu needs 2 left of the point"
    ] * 2
    whole, pruned = (point for point in first.complete if point.recipe.bits == 8)
    assert pruned.zeros == 20
    assert whole.zeros is not None
    assert whole.zeros < 20
    untrained = open_sweep(write_study(tmp_path / "plain", bits="[8]", sparsity="[0.0]"), tmp_path / "other", heard)
    (before,) = run_sweep(untrained, heard).complete
    assert (whole.score or 0) > (before.score or 0)
    assert evaluation_of(opened).design(pruned.recipe).digest == pruned.best.design
    wider = write_study(tmp_path / "study", bits="[6, 8]", sparsity="[0.0, 0.5, 0.7]", more=TRAINING)
    again = run_sweep(open_sweep(wider, tmp_path / "out", heard), heard)
    assert {one.best.digest for one in first.complete} < {one.best.digest for one in again.complete}
    assert len(again.complete) == 6


KILLED = """
import sys, time
from pathlib import Path
from fpgaprune.compress.stack import schedule
from tests.sweep_process import Nobody
from tests.test_sweep_training import train

class Slow(Nobody):
    def epoch(self, done, total, state):
        time.sleep(0.2)

schedule.KEEP_S = 0.0
train(Path(sys.argv[1]), Path(sys.argv[2]), Slow())
"""


def train(study: Path, output: Path, watcher: Nobody) -> dict[str, list[NDArray[Any]]]:
    """The weights of a study's trained networks by the names of their files."""
    opened = open_sweep(study, output, watcher)
    job = opened.job
    assert job.trained is not None
    train_networks(job.trained, job.starts, job.sweep, opened.data, opened.points, watcher)
    return {path.name: trained_weights(path) for path in sorted(job.trained.glob("network_*.npz"))}


def test_a_search_trains_only_the_bits_that_it_comes_to(tmp_path: Path) -> None:
    training = TRAINING.replace("epochs = 3", "epochs = 1").replace("per_target = 2", "per_target = 1")
    bits = str(list(range(3, 31)))
    heard, study = Heard(), write_study(tmp_path / "study", bits=bits, sparsity="[0.0, 0.5]", more=training)
    opened = open_sweep(study, tmp_path / "out", heard)
    found = run_sweep(opened, heard, search=Searched(Method.NSGA2, 2))
    assert len(found.complete) == 2
    trained = {point.recipe.bits for point in found.points}
    assert heard.stages == ["train 1 network through 2 sparsities"] * len(trained)
    by_grid = run_sweep(open_sweep(_one(study, trained), tmp_path / "out", heard), heard)
    assert {run.digest for run in found.runs} <= {run.digest for run in by_grid.runs}
    assert len(heard.stages) == len(trained)  # the other sparsities of those networks were there


def _one(study: Path, bits: set[int]) -> Path:
    """The study with those bits alone."""
    path = study / "project.toml"
    path.write_text(re.sub(r"bits = .*", f"bits = {sorted(bits)}", path.read_text()))
    return study


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    training = TRAINING.replace("epochs = 3", "epochs = 8").replace("per_target = 2", "per_target = 8")
    study = write_study(tmp_path / "study", bits="[8]", sparsity="[0.0, 0.5]", more=training)
    command = [sys.executable, "-c", KILLED, str(study), str(tmp_path / "killed")]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[1])
    kept = tmp_path / "killed" / "trained"
    while not list(kept.glob("unfinished_*.npz")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    heard = Heard()
    again = train(study, tmp_path / "killed", heard)
    assert 1 < heard.epochs[0] <= 16
    assert heard.epochs[-1] == 16
    whole = train(study, tmp_path / "whole", Nobody())
    assert again.keys() == whole.keys()
    for name, weights in whole.items():
        for one, other in zip(again[name], weights, strict=True):
            np.testing.assert_array_equal(one, other)
    assert not list(kept.glob("unfinished_*.npz"))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('loss = "mse"\nepoch = 3', r"\[sweep.training\]: unknown key 'epoch': did you mean epochs"),
        ("epochs = 3", "loss"),
        ('loss = "mse"\nbatch_size = 0', "batch_size must be a whole number, at least 1"),
    ],
)
def test_misspelt_training_names_the_choices(tmp_path: Path, line: str, words: str) -> None:
    folder = write_study(tmp_path, more=f"\n[sweep.training]\n{line}\n")
    with pytest.raises(ConfigError, match=words):
        load_study(folder)
