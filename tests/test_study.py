"""Studies: the digits study as it ships, and small ones that are interrupted, broken or misspelt."""

import json
from pathlib import Path

import pytest

from fpgaprune.errors import ConfigError, FpgapruneError
from fpgaprune.flow.study import run_study
from fpgaprune.render import study_sheet, to_csv, to_markdown
from fpgaprune.results import StudyResult, VariantResult

DIGITS = Path(__file__).parents[1] / "projects" / "digits_mlp"

PROJECT = """
title = "Signs"
question = "Can a tiny network add?"

[task]
epochs = 2

[pruning]
method = "iterative_l1"
target_sparsity = 0.5
loss = "mse"
steps = 1
train_epochs = 1
epochs_per_step = 1
fine_tune_epochs = 1

[hardware]
part = "xc7z020clg400-1"

[[variant]]
name = "dense"
prune = false

[[variant]]
name = "broken"
prune = false
task = { broken = true }

[[variant]]
name = "pruned"
"""

TASK = '''
"""Adds four numbers; notes every training in a file beside."""
from pathlib import Path

import numpy as np

from fpgaprune.compress import TrainingData
from fpgaprune.flow.study_task import StudyData
from fpgaprune.frameworks import load_frameworks


def load_data(settings):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 8, (240, 4)) / 8
    y = x.sum(axis=1, keepdims=True) / 4
    return StudyData(TrainingData(x[:150], y[:150], x[150:200], y[150:200]), x[200:], y[200:])


def build_model(settings):
    frameworks = load_frameworks()
    frameworks.keras.utils.set_random_seed(0)
    weights = "quantized_bits(12,1,alpha=1)"
    q = frameworks.qkeras
    return frameworks.keras.Sequential([
        frameworks.keras.layers.Input((4,), name="numbers"),
        q.QActivation("quantized_relu(12,1)", name="taken"),
        q.QDense(8, kernel_quantizer=weights, bias_quantizer=weights, name="hidden"),
        q.QActivation("quantized_relu(12,2)", name="relu"),
        q.QDense(1, kernel_quantizer=weights, bias_quantizer=weights, name="sum"),
    ])


def train(model, data, settings, on_epoch):
    with (Path(__file__).parent / "trainings.txt").open("a") as notes:
        notes.write("trained\\n")
    if settings.get("broken"):
        raise RuntimeError("the cable is loose")
    model.compile("adam", "mse")
    model.fit(data.training.x, data.training.y, epochs=settings["epochs"], verbose=0)
    on_epoch(settings["epochs"], settings["epochs"], 0.5)


def score(outputs, targets):
    return float(np.mean(np.abs(outputs - targets) < 1))
'''


class Watching:
    """Keeps what a study says; stops it at a stage when asked to."""

    def __init__(self, stop_at: tuple[str, str] | None = None) -> None:
        self.stages: list[tuple[str, str]] = []
        self.epochs: list[str] = []
        self.rows: list[VariantResult] = []
        self._stop_at = stop_at

    def stage(self, variant: str, stage: str) -> None:
        if (variant, stage) == self._stop_at:
            raise KeyboardInterrupt
        self.stages.append((variant, stage))

    def epoch(self, done: int, total: int, state: str) -> None:
        assert 1 <= done <= total
        self.epochs.append(state)

    def finished(self, row: VariantResult) -> None:
        self.rows.append(row)


@pytest.fixture
def signs(tmp_path: Path) -> Path:
    folder = tmp_path / "signs"
    folder.mkdir()
    (folder / "project.toml").write_text(PROJECT)
    (folder / "task.py").write_text(TASK)
    return folder


def trainings(folder: Path) -> int:
    return len((folder / "trainings.txt").read_text().splitlines())


@pytest.mark.keras
@pytest.mark.slow
def test_a_study_fails_where_it_must_and_goes_on(signs: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    watching = Watching(stop_at=("pruned", "prune"))
    with pytest.raises(KeyboardInterrupt):
        run_study(signs, output, watching)
    assert [row.name for row in watching.rows] == ["dense", "broken"]
    assert trainings(signs) == 2  # dense and broken; pruned starts from the dense one

    again = Watching()
    result = run_study(signs, output, again)
    assert trainings(signs) == 3  # only the broken one was tried again
    assert ("dense", "train") not in again.stages
    assert ("dense", "generate") not in again.stages
    dense, broken, pruned = result.rows
    assert dense.sound
    assert pruned.sound
    assert not broken.sound
    assert "train of the study's task.py failed: RuntimeError: the cable is loose" in str(broken.error)
    assert broken.dsp is None
    assert dense == watching.rows[0]
    assert pruned.sparsity is not None
    assert pruned.sparsity >= 0.5
    assert dense.simulated_accuracy == dense.accuracy
    assert any("% zeros" in state for state in again.epochs)
    assert dense.comparison == "unknown"
    assert "vitis-run" in str(dense.comparison_reason)

    (signs / "project.toml").write_text(PROJECT.replace("target_sparsity = 0.5", "target_sparsity = 0.75"))
    changed = Watching()
    result = run_study(signs, output, changed, only="pruned")
    assert changed.stages[0] == ("pruned", "prune")  # what was asked has changed, the training has not
    assert trainings(signs) == 3
    assert result.rows[0].sparsity is not None
    assert result.rows[0].sparsity >= 0.75


def replaced(signs: Path, old: str, new: str) -> None:
    path = signs / "project.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[hardware]", "[hardwear]", "hardwear"),
        ('part = "xc7z020clg400-1"', "", r"\[hardware\]: part"),
        ('part = "xc7z020clg400-1"', 'part = "xc7z999"', "xc7z999"),
        ("target_sparsity = 0.5", "target_sparsety = 0.5", "target_sparsety"),
        ("target_sparsity = 0.5", 'target_sparsity = "half"', "target_sparsity"),
        ("steps = 1", "steps = 0", "steps must be"),
        ('method = "iterative_l1"', 'method = "guessing"', "guessing"),
        ('name = "broken"', 'name = "dense"', "names that differ"),
        ('title = "Signs"', "title = Signs", "not valid TOML"),
    ],
)
def test_a_wrong_project_file_is_named(signs: Path, tmp_path: Path, old: str, new: str, message: str) -> None:
    replaced(signs, old, new)
    with pytest.raises(FpgapruneError, match=message):
        run_study(signs, tmp_path / "out", Watching())
    assert not (tmp_path / "out").exists()


def test_a_study_needs_its_files(signs: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown variant 'big'"):
        run_study(signs, tmp_path / "out", Watching(), only="big")
    task = signs / "task.py"
    task.write_text(task.read_text().replace("def score", "def mark"))
    with pytest.raises(ConfigError, match="it lacks score"):
        run_study(signs, tmp_path / "out", Watching())
    task.unlink()
    with pytest.raises(ConfigError, match=r"there is no task\.py"):
        run_study(signs, tmp_path / "out", Watching())
    with pytest.raises(ConfigError, match=r"there is no project\.toml"):
        run_study(tmp_path, tmp_path / "out", Watching())


def test_results_are_told_in_every_format() -> None:
    dense = VariantResult("dense", "dense", pruned=False, accuracy=0.9, weights=100, zeros=1, products=99)
    dense = VariantResult.from_json(
        {**dense.json(), "dsp_low": 80, "dsp_high": 80, "available_dsp": 220, "verified": True, "audited": True}
    )
    pruned = VariantResult.from_json(
        {**dense.json(), "name": "pruned", "pruned": True, "zeros": 75, "dsp_low": 15, "dsp_high": 20, "accuracy": 0.89}
    )
    failed = VariantResult("failed", "failed", pruned=True, error="the cable is loose")
    result = StudyResult("Signs", "Can it?", "xc7z020clg400-1", (dense, pruned, failed))
    sheet = study_sheet(result)
    assert sheet.summary == (
        "dense needs 80 DSPs at 90.00 % accuracy.",
        "pruned needs 15–20 (75 % fewer): 75 % of its weights are zero, and its accuracy is 89.00 %, 1.00 points less.",
    )
    assert "! failed: the cable is loose" in sheet.footnotes
    assert to_csv(sheet).splitlines()[2].startswith("pruned,89.00 %,,100,0.75,99,15-20,,0.0909")
    assert "the cable is loose" in to_markdown(sheet)
    assert json.loads(json.dumps(result.json()))["variants"][1]["sparsity"] == 0.75


@pytest.mark.keras
@pytest.mark.slow
def test_the_digits_study_keeps_its_promise(tmp_path_factory: pytest.TempPathFactory) -> None:
    """At 12 bits at least 70 % zeros for at most a point of accuracy, and fewer DSPs; at 8 bits none for products."""
    output = tmp_path_factory.mktemp("digits")
    result = run_study(DIGITS, output, Watching())
    dense, pruned, narrow = result.rows
    assert all(row.sound for row in result.rows)
    assert dense.accuracy is not None
    assert dense.accuracy > 0.95
    for row in (pruned, narrow):
        assert row.sparsity is not None
        assert row.sparsity >= 0.7
        assert row.accuracy is not None
        assert row.accuracy >= dense.accuracy - 0.01
    for row in result.rows:
        assert row.accuracy == row.simulated_accuracy
        assert row.comparison == "unknown"
    assert dense.dsp is not None
    assert pruned.dsp is not None
    assert narrow.dsp is not None
    assert 0 < pruned.dsp.high < 0.4 * dense.dsp.low
    assert narrow.dsp.high <= 10  # softmax divides ten numbers; no product of a weight needs a DSP
    for row in result.rows:
        assert (output / row.slug / "project" / "firmware" / "parameters.h").is_file()
