"""The studies that ship: their data from local files, their networks, and what is said where data cannot be had."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpgaprune.config.study import load_study
from fpgaprune.errors import ConfigError
from fpgaprune.flow.study_task import StudyData, Task, load_task
from fpgaprune.frameworks import load_frameworks
from fpgaprune.sweep.grid import recipes, sweep_of
from fpgaprune.sweep.run import open_sweep, run_sweep
from tests.sweep_process import Nobody

pytest.importorskip("sklearn")
PROJECTS = Path(__file__).parents[1] / "projects"
NAMES = sorted(path.parent.name for path in PROJECTS.glob("*/project.toml"))


def _task(name: str) -> Task:
    return load_task(PROJECTS / name)


def _parts(data: StudyData) -> list[tuple[int, ...]]:
    training = data.training
    return [np.shape(part) for part in (training.x, training.validation_x, data.test_x)]


def _digits(samples: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (samples, 28, 28), dtype=np.uint8), np.arange(samples, dtype=np.uint8) % 10


def test_the_digits_are_trained_under_several_seeds_too() -> None:
    """The second study of the folder differs from the first in its sweep, not in its network."""
    sweep, usual = (sweep_of(load_study(PROJECTS / place)) for place in ("digits_mlp/trained.toml", "digits_mlp"))
    assert sweep.training is not None
    assert sweep.seeds == (0, 1, 2)
    assert sweep.hardware == usual.hardware
    assert dict(sweep.task).items() <= dict(usual.task).items()


@pytest.mark.parametrize("name", NAMES)
def test_every_study_has_its_question_recipe_grid_and_words(name: str) -> None:
    study = load_study(PROJECTS / name)
    assert study.question.endswith("?")
    assert study.variants
    assert len(recipes(sweep_of(study))) >= 36
    text = (PROJECTS / name / "README.md").read_text(encoding="utf-8")
    assert study.question.split()[-1] in text
    assert all(word in text for word in ("**Data.**", "**Result", f"fpgaprune study projects/{name}"))


@pytest.mark.keras
@pytest.mark.parametrize(
    ("name", "shape", "weights"),
    [("conv_digits", (8, 8, 1), 1384), ("mnist_mlp", (784,), 53568), ("jet_tagger", (16,), 4256)],
)
def test_networks_are_what_their_words_say(name: str, shape: tuple[int, ...], weights: int) -> None:
    study = load_study(PROJECTS / name)
    model = _task(name).build_model(study.variants[0].task)
    assert tuple(model.inputs[0].shape[1:]) == shape
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights if len(w.shape) > 1) == weights


def test_mnist_is_read_as_downloaded_and_from_images_alone(tmp_path: Path) -> None:
    (x, y), (test_x, test_y) = _digits(200), _digits(50)
    np.savez(tmp_path / "whole.npz", x_train=x, y_train=y, x_test=test_x, y_test=test_y)
    task = _task("mnist_mlp")
    whole = task.load_data({"seed": 0, "data": str(tmp_path / "whole.npz")})
    assert _parts(whole) == [(180, 784), (20, 784), (50, 784)]
    assert np.array_equal(whole.test_x * 256, test_x.reshape(50, 784))  # exact in binary
    np.savez(tmp_path / "alone.npz", x=x, y=y)
    settings = {"seed": 0, "data": str(tmp_path / "alone.npz")}
    alone = task.load_data(settings)
    assert _parts(alone) == [(144, 784), (16, 784), (40, 784)]
    assert set(np.bincount(alone.test_y)) == {4}  # each digit in the same proportion
    assert np.array_equal(task.load_data(settings).test_x, alone.test_x)


@pytest.mark.parametrize("kinds", ["letters", "numbers", "columns"])
def test_jets_are_read_with_their_kinds_in_any_form_and_scaled(tmp_path: Path, kinds: str) -> None:
    rng = np.random.default_rng(0)
    numbers = np.arange(100) % 5
    y = {"letters": np.array(list("gqtwz"))[numbers], "numbers": numbers, "columns": np.eye(5)[numbers]}[kinds]
    np.savez(tmp_path / "jets.npz", X=rng.normal(7, 3, (100, 16)), y=y)
    data = _task("jet_tagger").load_data({"seed": 0, "data": str(tmp_path / "jets.npz")})
    assert _parts(data) == [(60, 16), (20, 16), (20, 16)]
    assert np.allclose(np.mean(data.training.x, axis=0), 0, atol=1e-5)
    assert np.allclose(np.std(data.training.x, axis=0), 1, atol=1e-5)
    assert set(np.bincount(data.test_y)) == {4}


@pytest.mark.parametrize(
    ("name", "arrays", "words"),
    [
        ("mnist_mlp", {"images": np.zeros((20, 784))}, "has the arrays images; it needs x_train"),
        ("mnist_mlp", {"x": np.zeros((20, 784)), "y": np.zeros(20)}, "MNIST images are whole numbers, 28x28 each"),
        ("jet_tagger", {"x": np.zeros((20, 16))}, "has no array 'y'; it needs x, y, and has x"),
        ("jet_tagger", {"x": np.zeros((20, 15)), "y": np.zeros(20)}, "needs jets of 16 features and a kind for each"),
        ("jet_tagger", {"x": np.zeros((20, 16)), "y": np.full(20, "b")}, "kinds of jets must be g, q, t, w, z, 0 to 4"),
        ("jet_tagger", {"x": np.zeros((5, 16)), "y": np.arange(5)}, "5 samples cannot be split"),
    ],
)
def test_files_of_something_else_are_refused(tmp_path: Path, name: str, arrays: dict[str, Any], words: str) -> None:
    np.savez(tmp_path / "data.npz", **arrays)
    with pytest.raises(ConfigError, match=words):
        _task(name).load_data({"seed": 0, "data": str(tmp_path / "data.npz")})


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "data.npz").write_text("no arrays")
    for name in ("mnist_mlp", "jet_tagger"):
        for path in (tmp_path / "data.npz", tmp_path / "absent.npz"):
            with pytest.raises(ConfigError, match=f"{path.name} is not a readable .npz file"):
                _task(name).load_data({"seed": 0, "data": str(path)})


@pytest.mark.keras
def test_a_download_that_fails_says_what_would_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: object, **kwargs: object) -> None:
        message = "no route to host"
        raise OSError(message)

    monkeypatch.setattr("sklearn.datasets.fetch_openml", refused)
    monkeypatch.setattr(load_frameworks().keras.datasets.mnist, "load_data", refused)
    for name in ("mnist_mlp", "jet_tagger"):
        with pytest.raises(ConfigError, match=r'no route to host\); name a file of .* in \[task\] as data = "'):
            _task(name).load_data({"seed": 0})


def test_downloads_are_read_as_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    class Found:
        data = np.random.default_rng(0).normal(size=(50, 16))
        target = np.array(list("gqtwz") * 10, dtype=object)  # as OpenML has them

    monkeypatch.setattr("sklearn.datasets.fetch_openml", lambda *names, **settings: Found)
    assert _parts(_task("jet_tagger").load_data({"seed": 0})) == [(30, 16), (10, 16), (10, 16)]


@pytest.mark.shared
@pytest.mark.keras
def test_real_jets_and_images_are_read(shared_data: Path) -> None:
    jets = _task("jet_tagger").load_data({"seed": 0, "data": str(shared_data / "lhc_jets_first40.npz")})
    assert _parts(jets) == [(24, 16), (8, 16), (8, 16)]
    images = _task("mnist_mlp").load_data({"seed": 0, "data": str(shared_data / "mnist_t10k_first5000.npz")})
    assert _parts(images) == [(3600, 784), (400, 784), (1000, 784)]


@pytest.mark.keras
@pytest.mark.slow
def test_the_jet_tagger_runs_on_a_few_jets(tmp_path: Path) -> None:
    """Made-up jets, one feature high for each kind: trained, rounded, and counted."""
    pytest.importorskip("optuna")
    rng = np.random.default_rng(0)
    y = np.arange(400) % 5
    np.savez(tmp_path / "jets.npz", x=rng.normal(size=(400, 16)) + 4 * np.eye(16)[y], y=y)
    folder = tmp_path / "jet_tagger"
    folder.mkdir()
    text = (PROJECTS / "jet_tagger" / "project.toml").read_text(encoding="utf-8")
    text = text.replace('# data = "jets.npz"', f'data = "{tmp_path / "jets.npz"}"').replace("size = 1024", "size = 16")
    text = text.replace("epochs = 30", "epochs = 20").partition("[sweep]")[0]
    text += "[sweep]\nbits = [4, 14]\nsparsity = [0.0, 0.5]\ntask = { bits = 14 }\n"
    (folder / "project.toml").write_text(text, encoding="utf-8")
    (folder / "task.py").write_bytes((PROJECTS / "jet_tagger" / "task.py").read_bytes())
    found = run_sweep(open_sweep(folder, tmp_path / "out", Nobody()), Nobody())
    assert len(found.complete) == 4
    best = found.complete[1]
    assert (best.recipe.bits, best.recipe.sparsity) == (14, 0.0)
    assert (best.score or 0) > 0.8
    assert (best.dsp_high or 0) > 1000 > (found.complete[0].dsp_high or 0)
