"""Data for compression by the user's own task.py, scores by name and the project's own, and what does not fit."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.pruning import dense_model, ring_data

from fpgaprune.cli import main
from fpgaprune.compress.copying import predict
from fpgaprune.compress.quantization import PostTraining
from fpgaprune.emulate import emulate
from fpgaprune.errors import ConfigError
from fpgaprune.flow.dataset import Dataset, check_targets, read_dataset
from fpgaprune.flow.generate import generate
from fpgaprune.flow.quantize import quantize_file
from fpgaprune.frameworks import load_frameworks
from fpgaprune.read.arrays import read_inputs
from fpgaprune.read.model import load_model

TASK = """
import numpy as np

def load_data(settings):
    rng = np.random.default_rng(settings.get("seed", 3))
    x = rng.normal(size=(40, 4))
    return {"x": x, "y": (x[:, 0] > 0).astype(int), "x_test": x[:10], "y_test": x[:10, 0] > 0}
"""
STUDY = """
import numpy as np
from fpgaprune.compress import TrainingData
from fpgaprune.flow.study_task import StudyData

def load_data(settings):
    x = np.random.default_rng(settings["seed"]).normal(size=(40, 2, 2))
    y = x.sum(axis=(1, 2)) > 0
    return StudyData(TrainingData(x[:20], y[:20], x[20:30], y[20:30]), x[30:], y[30:])

def score(outputs, targets):
    return -float(np.abs(outputs.argmax(axis=1) - targets).mean())
"""
PROJECT = """
title = "t"
question = "q"
[task]
seed = 5
[hardware]
part = "xc7z020clg400-1"
[[variant]]
name = "v"
prune = false
task = { seed = 6 }
"""


class FakeModel:
    """Shapes are all that reading data asks of a model."""

    def __init__(self, outputs: int = 2) -> None:
        self.inputs = [np.zeros((1, 4))]
        self.outputs = [np.zeros((1, outputs))]


def test_a_task_gives_arrays_by_name(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(TASK)
    found = read_dataset(tmp_path / "mine.py", FakeModel())
    assert (len(found.x), len(found.judged_by[0]), found.metric) == (40, 10, None)
    assert found.training(0.25, 0).samples == 30
    auc = read_dataset(tmp_path / "mine.py", FakeModel(), "auc").training(0.25, 0).metric
    assert auc is not None
    assert auc.name == "auc"


def test_a_study_gives_its_parts_its_settings_and_its_score(tmp_path: Path) -> None:
    (tmp_path / "task.py").write_text(STUDY)
    (tmp_path / "project.toml").write_text(PROJECT)
    found = read_dataset(tmp_path, FakeModel())
    assert np.allclose(found.x[0].ravel(), np.random.default_rng(5).normal(size=(40, 2, 2))[0].ravel())
    data = found.training(0.2, 0)
    assert (data.samples, len(data.validation_y), len(found.judged_by[1])) == (20, 10, 10)
    assert data.metric is not None
    assert data.metric.name == "score"
    assert data.metric([np.eye(2)[found.y]], [1 - found.y]) == -1.0
    named = read_dataset(tmp_path / "task.py", FakeModel(), "accuracy").metric
    assert named is not None
    assert named([np.eye(2)[found.y]], [found.y]) == 1.0


@pytest.mark.parametrize(
    ("code", "score", "words"),
    [
        ("x = 1", None, "no function load_data"),
        ("def load_data(:", None, r"task\.py cannot be run: SyntaxError"),
        ("import nowhere_to_be_found", None, "cannot be run: ModuleNotFoundError"),
        ("raise SystemExit(3)", None, "cannot be run: SystemExit: 3"),
        ("def load_data(settings): exit(3)", None, "load_data .* failed: SystemExit: 3"),
        ("def load_data(settings): return {'x': [[1, 2, 3, 1e300]] * 2, 'y': [0, 1]}", None, "do not fit in 32 bits"),
        (TASK.replace(', "y_test": x[:10, 0] > 0', ""), None, "x_test without its targets"),
        ("def load_data(settings): return 3", None, "StudyData or arrays by name"),
        ("def load_data(settings): return settings['seed']", None, "load_data .* failed: KeyError"),
        (TASK, "task", r"no function score"),
        (TASK, "mcc", "unknown score"),
        ("def load_data(settings): return {'x': [[1, 2, 3, 4.0]] * 3}", None, "no targets"),
        ("def load_data(settings): return {'x': [[1, 2, 3, float('nan')]], 'y': [1]}", None, "NaN"),
        ("def load_data(settings): return {'x': [[1, 2, 3, 4.0]] * 2, 'y': [1, float('nan')]}", None, "targets.*NaN"),
        ("def load_data(settings): return {'x': [[1, 2, 3, 4.0]] * 2, 'y': ['cat', 'dog']}", None, "targets.*text"),
    ],
)
def test_a_task_that_gives_no_data_is_refused(code: str, score: str | None, words: str, tmp_path: Path) -> None:
    (tmp_path / "task.py").write_text(code)
    with pytest.raises(ConfigError, match=words):
        read_dataset(tmp_path, FakeModel(), score)


def test_arrays_are_called_as_in_the_model_file_or_as_it_was_read(tmp_path: Path) -> None:
    model = FakeModel()
    model.inputs, model.input_names, model.output_names = [np.zeros((1, 4))] * 2, ["a_layer", "in_put"], ["out_1"]
    x, y = np.ones((3, 4)), np.arange(3) % 2
    for names in (("a", "in_put", "out.1"), ("a_layer", "in_put", "out_1")):
        ends = ("", "_test")
        arrays = {f"{name}{end}": each for end in ends for name, each in zip(names, (x, 2 * x, y), strict=True)}
        np.savez(tmp_path / "a.npz", **arrays)
        found = read_dataset(tmp_path / "a.npz", model)
        assert [float(each.max()) for each in found.x] == [1.0, 2.0]
        assert np.array_equal(found.y[0], y)
        assert found.test_y is not None


def test_test_targets_are_of_the_form_of_the_others() -> None:
    x, y = np.zeros((4, 4)), np.array([0, 1, 0, 1])
    check_targets(FakeModel(), Dataset(x, y, x, y), "sparse_categorical_crossentropy")
    with pytest.raises(ConfigError, match="one class for each"):
        check_targets(FakeModel(), Dataset(x, y, x, np.eye(2, dtype=int)[y]), "sparse_categorical_crossentropy")


def test_the_score_of_a_task_needs_one(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((4, 4)), y=np.zeros(4))
    with pytest.raises(ConfigError, match=r"name the task\.py as data"):
        read_dataset(tmp_path / "a.npz", FakeModel(), "task")
    with pytest.raises(ConfigError, match="there is no Python file"):
        read_dataset(tmp_path / "a.py", FakeModel())


@pytest.mark.parametrize(
    ("y", "outputs", "loss", "words"),
    [
        (np.array([0, 3]), 3, "sparse_categorical_crossentropy", "from 0 to 2.*run from 0 to 3"),
        (np.array([-1, 1]), 3, "sparse_categorical_crossentropy", "run from -1"),
        (np.array([0.5, 1]), 3, "sparse_categorical_crossentropy", "classes"),
        (np.eye(4)[:2], 3, "categorical_crossentropy", "do not fit the outputs"),
        (np.zeros(2), 3, "mse", "do not fit the outputs"),
    ],
)
def test_targets_of_another_model_are_refused(y: Any, outputs: int, loss: str, words: str) -> None:
    data = Dataset(np.zeros((2, 4)), y)
    with pytest.raises(ConfigError, match=words):
        check_targets(FakeModel(outputs), data, loss)


@pytest.mark.keras
def test_the_projects_own_score_chooses_and_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dense_model().save(tmp_path / "m.h5")
    data = ring_data()
    np.savez(tmp_path / "d.npz", x=data.x, y=data.y, x_test=data.validation_x, y_test=data.validation_y)
    (tmp_path / "task.py").write_text(
        "import numpy as np\n"
        "def load_data(settings):\n"
        f"    return dict(np.load({str(tmp_path / 'd.npz')!r}))\n"
        "def score(outputs, targets):\n"
        "    return -float(np.mean(outputs[:, 0]))\n"  # best where class 0 is never answered
    )

    def run(*words: str) -> Any:
        with pytest.raises(SystemExit) as ended:
            main([*words, "-o", str(tmp_path / "o.h5")])
        assert not ended.value.code, capsys.readouterr().err
        return json.loads((tmp_path / "o.pruning.json").read_text()), capsys.readouterr()

    quantized = ("quantize", str(tmp_path / "m.h5"), "--bits", "6", "--epochs", "2", "--data")
    record, said = run(*quantized, str(tmp_path / "task.py"))
    assert record["score"]["after"]["score"] < 0
    assert "score" in said.out
    assert "fine-tune: score -0." in said.err
    record, said = run(*quantized, str(tmp_path / "d.npz"), "--score", "auc")
    assert 0 <= record["score"]["after"]["auc"] <= 1
    pruned = ("prune", str(tmp_path / "m.h5"), "--target-sparsity", "0.5", "--data", str(tmp_path))
    quick = ("--set", "steps=1", "--set", "train_epochs=1", "--set", "epochs_per_step=1", "--set", "fine_tune_epochs=2")
    record, said = run(*pruned, *quick)
    assert record["history"][-1]["validation"]["score"] < 0
    assert "score -0." in said.err


def two_by_two() -> Any:
    """Two inputs of the same shape, two outputs that are classes."""
    la = load_frameworks().keras.layers
    load_frameworks().keras.utils.set_random_seed(0)
    left, right = la.Input((4,), name="left"), la.Input((4,), name="right")
    read = [la.Dense(5, activation="relu", name=f"of_{name}")(tensor) for name, tensor in
            (("left", left), ("right", right))]  # fmt: skip
    both = la.Concatenate(name="both")(read)
    outputs = [la.Dense(3, name="kind")(both), la.Dense(2, name="side")(both)]
    return load_frameworks().keras.Model([left, right], outputs)


def named_arrays() -> dict[str, Any]:
    left, right = np.random.default_rng(0).normal(size=(2, 60, 4)).astype(np.float32)
    named = {"right": right, "side": right[:, 0] > 0, "left": left, "kind": left[:, :3].argmax(axis=1)}
    return {**named, **{f"{name}_test": array[:20] for name, array in named.items()}}


@pytest.mark.keras
def test_several_inputs_and_outputs_are_taken_by_name(tmp_path: Path) -> None:
    model, arrays = two_by_two(), named_arrays()
    model.save(tmp_path / "m.h5")
    np.savez(tmp_path / "d.npz", **arrays)
    found = read_dataset(tmp_path / "d.npz", model)
    assert [np.array_equal(a, arrays[n]) for a, n in zip(found.x, ("left", "right"), strict=True)] == [True, True]
    assert [len(part[1]) for part in found.judged_by] == [20, 20]
    written = quantize_file(tmp_path / "m.h5", tmp_path / "q.h5", PostTraining(10), tmp_path / "d.npz", epochs=1)
    assert written.record["loss"] == "sparse_categorical_crossentropy"
    again = load_model(tmp_path / "q.h5").model
    inputs = (arrays["left_test"], arrays["right_test"])
    near = zip(predict(model, inputs), predict(again, inputs), strict=True)
    assert all(np.abs(before - after).max() < 0.3 for before, after in near)
    project = generate(tmp_path / "q.h5", tmp_path / "project", data=tmp_path / "d.npz", run_verify=False)
    assert [array.shape for array in read_inputs(tmp_path / "d.npz", [(4,), (4,)], ["left", "right"])] == [(60, 4)] * 2
    emulated = emulate(project.design, [array.astype(np.float64) for array in inputs])
    for expected, array in zip(predict(again, inputs), emulated, strict=True):
        assert np.array_equal(expected, array.astype(np.float32))


@pytest.mark.keras
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"left": None}, r"not left: give a \.npz with the inputs left and right and the targets kind and side"),
        ({"kind": np.zeros((60, 3)) + 0.5}, "suggest the losses mse, sparse_categorical_crossentropy.*name it"),
        ({"side": np.zeros(59, dtype=np.int64)}, "equally many"),
        ({"right": np.zeros((59, 4))}, r"inputs in .* must be equally many, not \[60, 59\]"),
        ({"right": np.zeros((60, 3))}, "does not fit the model's input of shape"),
        ({"side": np.arange(60) % 3}, "classes from 0 to 1"),
    ],
)
def test_named_arrays_that_do_not_fit_are_refused(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    model = two_by_two()
    model.save(tmp_path / "m.h5")
    arrays = {name: array for name, array in (named_arrays() | change).items() if array is not None}
    np.savez(tmp_path / "d.npz", **arrays)
    with pytest.raises(ConfigError, match=words):
        quantize_file(tmp_path / "m.h5", tmp_path / "q.h5", PostTraining(10), tmp_path / "d.npz")


@pytest.mark.keras
def test_targets_of_text_and_inputs_alone_are_refused_with_what_would_work(tmp_path: Path) -> None:
    model, x = dense_model(), ring_data().x
    np.savez(tmp_path / "text.npz", x=x, y=np.full(len(x), "muon"))
    with pytest.raises(ConfigError, match="such as muon: number the classes from 0"):
        read_dataset(tmp_path / "text.npz", model)
    np.save(tmp_path / "x.npy", x)
    with pytest.raises(ConfigError, match=r"8 columns of inputs and one of targets; .*numpy\.savez"):
        read_dataset(tmp_path / "x.npy", model)


@pytest.mark.keras
def test_a_loss_that_keras_does_not_know_is_named_before_the_targets(tmp_path: Path) -> None:
    dense_model().save(tmp_path / "m.h5")
    np.savez(tmp_path / "d.npz", x=ring_data().x, y=ring_data().y)
    files = (tmp_path / "m.h5", tmp_path / "out.h5", PostTraining(8), tmp_path / "d.npz")
    with pytest.raises(ConfigError, match=r"unknown loss 'crossentropy': .*sparse_categorical_crossentropy"):
        quantize_file(*files, loss="crossentropy")


@pytest.mark.keras
def test_targets_that_a_sigmoid_cannot_answer_are_refused() -> None:
    la, x = load_frameworks().keras.layers, ring_data().x
    inputs = la.Input((8,))
    for activation, refused in (("sigmoid", True), ("tanh", False)):
        model = load_frameworks().keras.Model(inputs, la.Dense(1, activation=activation)(inputs))
        dataset = Dataset(x, np.where(np.arange(len(x)) % 2, 1, -1))
        if refused:
            with pytest.raises(ConfigError, match="run from -1 to 1, and the model answers between 0 and 1"):
                check_targets(model, dataset, "mse")
        else:
            check_targets(model, dataset, "mse")
