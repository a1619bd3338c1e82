"""Trained grids by the sweep: trained once, kept by digest, and the points are those of the trained networks."""

from pathlib import Path

import pytest

from fpgaprune.config.study import load_study
from fpgaprune.errors import ConfigError
from fpgaprune.sweep.run import evaluation_of, open_sweep, run_sweep
from tests.sweep_process import Nobody
from tests.sweep_study import write_study

pytestmark = pytest.mark.keras
pytest.importorskip("optuna")

TRAINING = '\n[sweep.training]\nloss = "mse"\nepochs = 3\nepochs_per_target = 2\nlearning_rate = 0.02\n'


class Heard(Nobody):
    def __init__(self) -> None:
        self.stages: list[str] = []

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
