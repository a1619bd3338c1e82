"""`prune` from file to file: every method, the record, both formats, and the same DSPs in the generated project."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.pruning import dense_model, ring_data

from fpgaprune.cli import main
from fpgaprune.compress import IterativeL1, Polynomial
from fpgaprune.compress.constants import Budget, CsdRounding
from fpgaprune.compress.copying import predict
from fpgaprune.config.settings import parse_settings
from fpgaprune.errors import ConfigError
from fpgaprune.estimate import estimate_design, rules_for
from fpgaprune.flow.compression import Epoch
from fpgaprune.flow.dataset import likely_loss, read_dataset
from fpgaprune.flow.generate import generate
from fpgaprune.flow.prune import all_methods, method_config, prune_file
from fpgaprune.frameworks import load_frameworks
from fpgaprune.generate.settings import GenerateSettings
from fpgaprune.read.model import load_model
from fpgaprune.results import Limits

BITS = "quantized_bits(14,1,alpha=1)"
QUICK = {
    "iterative_l1": {"target_sparsity": 0.6, "steps": 2, "epochs_per_step": 1, "fine_tune_epochs": 1},
    "polynomial": {"target_sparsity": 0.6, "epochs": 4, "updates": 3},
    "n_m": {"n": 1, "m": 4, "epochs": 4, "updates": 3},
    "blocks": {"target_sparsity": 0.6, "epochs": 4, "updates": 3},
    "lanes": {"target_sparsity": 0.6, "reuse_factor": 4, "epochs": 4, "updates": 3},
    "l0": {"target_sparsity": 0.6, "epochs": 3, "fine_tune_epochs": 1},
    "clusters": {"clusters": 3, "epochs": 2},
    "budget": {"max_dsp": 20},
    "csd_rounding": {},
}  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models, plain and quantized, without a softmax, and data with a test part."""
    folder = tmp_path_factory.mktemp("prune")
    fw = load_frameworks()
    for name, quantizer in (("plain", None), ("quantized", BITS)):
        model = dense_model(quantizer)
        fw.keras.Model(model.inputs, model.layers[-2].output).save(folder / f"{name}.h5")
    data = ring_data()
    np.savez(folder / "data.npz", x=data.x, y=data.y, x_test=data.validation_x, y_test=data.validation_y)
    return folder


def stated(record: Any, when: str = "after") -> int:
    count = record["estimate"][when]["dsp"]
    assert isinstance(count, int)
    return count


@pytest.mark.keras
@pytest.mark.parametrize("method", QUICK)
@pytest.mark.parametrize(("model", "suffix"), [("plain", ".h5"), ("quantized", ".keras")])
def test_the_generated_project_needs_what_was_said(
    method: str, model: str, suffix: str, files: Path, tmp_path: Path
) -> None:
    output = tmp_path / f"out{suffix}"
    seen: list[Epoch] = []
    config = method_config(method, QUICK[method])
    result = prune_file(files / f"{model}.h5", output, config, files / "data.npz", on_epoch=seen.append)
    record = json.loads((tmp_path / "out.pruning.json").read_text())
    assert record["method"] == method
    assert record["sparsity"]["after"] == pytest.approx(result.record["sparsity"]["after"])
    project = generate(output, tmp_path / "project", data=files / "data.npz", run_verify=False)
    estimate = estimate_design(project.design, rules_for("vitis_hls"))
    assert estimate.dsp.high == stated(record) < stated(record, "before")
    if seen:
        assert seen[-1].dsp == stated(record) or method == "iterative_l1"
        assert seen[-1].epoch == seen[-1].epochs
    before = load_model(files / f"{model}.h5").model
    after = load_model(output).model
    assert [type(layer) for layer in after.layers] == [type(layer) for layer in before.layers]


@pytest.mark.keras
@pytest.mark.parametrize("model", ["plain", "quantized"])
@pytest.mark.parametrize(("max_dsp", "max_lut"), [(0, None), (7, None), (None, 6000), (3, 5500)])
def test_a_budget_is_met_by_the_written_model(
    model: str, max_dsp: int | None, max_lut: int | None, files: Path, tmp_path: Path
) -> None:
    config = Budget(max_dsp=max_dsp, max_lut=max_lut)
    result = prune_file(files / f"{model}.h5", tmp_path / "out.h5", config, files / "data.npz")
    assert max_dsp is None or result.after.dsp.high <= max_dsp
    assert result.after.fabric.lut is not None
    assert max_lut is None or 0.8 * max_lut < result.after.fabric.lut.value <= max_lut


@pytest.mark.keras
def test_the_settings_of_the_project_count(files: Path, tmp_path: Path) -> None:
    """At 10 bits nothing needs a DSP, so a budget of none changes nothing."""
    settings = GenerateSettings(width=10)
    result = prune_file(files / "plain.h5", tmp_path / "o.h5", Budget(max_dsp=0), files / "data.npz", settings)
    assert result.before.dsp.high == result.after.dsp.high == 0
    assert all(layer["changed"] == 0 for layer in result.record["layers"])


@pytest.mark.keras
def test_limits_for_a_choice_of_strategies_are_not_ignored(files: Path, tmp_path: Path) -> None:
    settings = GenerateSettings(limits=Limits(dsp=3))
    with pytest.raises(ConfigError, match=r"max_dsp \(3\), for which generate chooses strategies"):
        prune_file(files / "plain.h5", tmp_path / "o.h5", CsdRounding(2), files / "data.npz", settings)


@pytest.mark.keras
def test_the_command_line_prunes_and_reports(files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*words: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(["prune", str(files / "quantized.h5"), "--data", str(files / "data.npz"), *words])
        return int(ended.value.code or 0)

    out = tmp_path / "small.keras"
    words = ["--method", "polynomial", "--target-sparsity", "0.5", "--epochs", "4", "--set", "updates=3"]
    assert run(*words, "-o", str(out)) == 0
    said = capsys.readouterr()
    assert "DSPs expected" in said.out
    assert "50.00 %" in said.out
    assert "DSPs" in said.err
    assert run("--method", "blocks", "--target-sparsity", "0.5", "--epochs", "4", "--set", "updates=3",
               "--set", "columns=99", "--set", "rows=1", "--shrink", "-o", str(out)) == 0  # fmt: skip
    record = json.loads((tmp_path / "small.pruning.json").read_text())
    assert load_model(out).model.get_layer("first").units == 16 - record["removed_neurons"].get("first", 0)
    capsys.readouterr()
    assert run("--method", "budget", "--max-dsp", "0", "-o", str(out), "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["estimate"]["after"]["dsp"] == 0
    share = ["--max-dsp", "2%", "--set", "max_lut=0.9slr", "--part", "xc7z020clg400-1"]
    assert run("--method", "budget", *share, "-o", str(out), "--format", "json") == 0
    asked = json.loads(capsys.readouterr().out)["asked"]
    assert (asked["max_dsp"], asked["max_lut"]) == (4, 47880)  # of 220 and 53 200 on one die
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('part = "xc7z020clg400-1"\nmax_dsp = "2%"\n')
    limited = ["--config", str(recipe), "-o", str(out), "--format", "json"]
    assert run("--method", "budget", *limited) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["asked"]["max_dsp"], found["estimate"]["after"]["dsp"]) == (4, 4)
    assert run("--method", "budget", "--max-dsp", "3", *limited) == 0
    assert json.loads(capsys.readouterr().out)["estimate"]["after"]["dsp"] == 3
    wrong = {
        "has max_dsp, which the method csd_rounding does not aim at": ["--method", "csd_rounding", *limited],
        "did you mean polynomial": ["--method", "polynomal"],
        "needs target_sparsity": ["--method", "polynomial"],
        "unknown setting of polynomial": ["--method", "polynomial", "--max-dsp", "3"],
        "unknown layer to exclude": ["--method", "csd_rounding", "--exclude", "nowhere"],
        "KEY=VALUE": ["--set", "updates"],
        ".h5 or .keras": ["--method", "csd_rounding", "-o", str(tmp_path / "x.onnx")],
    }
    for sentence, flags in wrong.items():
        assert run("-o", str(out), *flags) == 2
        assert sentence in " ".join(capsys.readouterr().err.split())


def test_every_method_is_offered_and_takes_its_settings() -> None:
    assert set(all_methods()) == set(QUICK)
    for name, settings in QUICK.items():
        assert method_config(name, settings).method == name
    assert method_config("iterative_l1", {"target_sparsity": 0.5}) == IterativeL1(0.5)
    with pytest.raises(ConfigError, match="wrong type"):
        method_config("polynomial", {"target_sparsity": "half"})
    assert isinstance(method_config("polynomial", {"target_sparsity": 0.5}), Polynomial)


def test_words_become_settings() -> None:
    assert parse_settings(["a=1", "b = 2.5", "c=x=y"]) == {"a": 1, "b": 2.5, "c": "x=y"}
    for wrong in (["a"], ["=1"], ["a="], ["a=1", "a=2"]):
        with pytest.raises(ConfigError, match=r"setting"):
            parse_settings(wrong)


class FakeModel:
    """Shapes are all that reading data asks of a model."""

    def __init__(self, outputs: int = 3, inputs: int = 1) -> None:
        self.inputs = [np.zeros((1, 4))] * inputs
        self.outputs = [np.zeros((1, outputs))]
        self.input_names, self.output_names = [f"in_{number}" for number in range(inputs)], ["out"]


def test_data_files_are_read_in_every_form(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(10, 4))
    y = np.arange(10) % 3
    np.savez(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x[:4], y_test=y[:4])
    np.savez(tmp_path / "b.npz", X=x, labels=y)
    np.savetxt(tmp_path / "c.csv", np.column_stack([x, y]), delimiter=",", header="p,q,r,s,class", comments="")
    for name in ("a.npz", "b.npz", "c.csv"):
        found = read_dataset(tmp_path / name, FakeModel())
        assert np.allclose(found.x, x)
        assert found.y.dtype.kind == "i"
        assert np.array_equal(found.y, y)
        assert len(found.judged_by[0]) == (4 if name == "a.npz" else 10)
        assert likely_loss(FakeModel(), found.y) == "sparse_categorical_crossentropy"


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": np.zeros((5, 4))}, "no targets"),
        ({"x": np.zeros((5, 4)), "y": np.zeros(4)}, "equally many"),
        ({"x": np.zeros((5, 3)), "y": np.zeros(5)}, "no array has samples"),
        ({"x_train": np.zeros((5, 3)), "y": np.zeros(5), "x_test": np.zeros((2, 4)), "y_test": np.zeros(2)}, "fit"),
    ],
)
def test_data_that_does_not_fit_is_refused(arrays: dict[str, Any], words: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ConfigError, match=words):
        read_dataset(tmp_path / "a.npz", FakeModel())


def test_tables_of_the_wrong_width_and_several_inputs_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((5, 4)))
    with pytest.raises(ConfigError, match=r"4 columns of inputs and one of targets"):
        read_dataset(tmp_path / "a.npy", FakeModel())
    with pytest.raises(
        ConfigError, match=r"table of one input.*inputs in_0 and in_1 and the targets out by these names"
    ):
        read_dataset(tmp_path / "a.npy", FakeModel(inputs=2))


@pytest.mark.parametrize(
    ("outputs", "y", "loss"),
    [
        (1, np.array([0, 1, 1]), "binary_crossentropy"),
        (1, np.array([0.5, 1, 1]), "mse"),
        (3, np.eye(3), "categorical_crossentropy"),
        (3, np.array([[0.1, 0.2, 0.3]]), "mse"),
        (3, np.array([2, 1]), "sparse_categorical_crossentropy"),
    ],
)
def test_the_loss_follows_the_targets(outputs: int, y: np.ndarray, loss: str) -> None:
    assert likely_loss(FakeModel(outputs), y) == loss


@pytest.mark.keras
def test_emptied_neurons_make_the_file_smaller_and_the_record_counts_what_is_in_it(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "small.h5"
    words = ["--method", "l0", "--target-sparsity", "0.5", "--set", "group=output", "--set", "epochs=3",
             "--set", "fine_tune_epochs=1", "--exclude", "second", "--shrink"]  # fmt: skip
    with pytest.raises(SystemExit) as ended:
        main(["prune", str(files / "plain.h5"), "--data", str(files / "data.npz"), "-o", str(out), *words])
    assert not ended.value.code
    record = json.loads((tmp_path / "small.pruning.json").read_text())
    kernels = [layer.kernel.numpy() for layer in load_model(out).model.layers if layer.weights]
    assert record["removed_neurons"] == {"first": 8}
    assert record["weights"] == {"before": 160, "after": sum(kernel.size for kernel in kernels)}
    assert record["weights"]["after"] == 80
    zeros = sum(int((kernel == 0).sum()) for kernel in kernels)
    assert record["sparsity"]["after"] == zeros / 80
    assert "taken out: 8 of first" in capsys.readouterr().out


@pytest.mark.keras
@pytest.mark.parametrize(
    "verb",
    [
        ["prune", "--method", "polynomial", "--target-sparsity", "0.5", "--epochs", "4", "--set", "updates=3",
         "--set", "learning_rate=1e30"],
        ["factorize", "--energy", "0.9", "--epochs", "2", "--learning-rate", "1e30"],
        ["distill", "--teacher", "plain.h5", "--epochs", "2", "--learning-rate", "1e30"],
    ],
)  # fmt: skip
def test_a_training_that_diverges_is_told_and_leaves_good_weights(
    verb: list[str], files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.h5"
    words = [str(files / each) if each.endswith(".h5") else each for each in verb[1:]]
    with pytest.raises(SystemExit) as ended:
        main([verb[0], str(files / "plain.h5"), *words, "--data", str(files / "data.npz"), "-o", str(out)])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "NaN or infinite in epoch 1" in said
    assert str(out) in said
    record = json.loads((tmp_path / "out.pruning.json").read_text())
    assert "learning_rate than 1e+30" in record["stopped"]
    assert record["score"]["after"]["loss"] < 2
    assert all(np.isfinite(array).all() for array in load_model(out).model.get_weights())


@pytest.mark.keras
def test_an_output_that_cannot_be_is_refused_before_anything_takes_long(files: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.h5"
    model.write_bytes((files / "plain.h5").read_bytes())
    (tmp_path / "file").write_text("no folder")
    seen: list[Epoch] = []
    config = method_config("polynomial", QUICK["polynomial"])
    for output, words in ((model, "the model itself"), (tmp_path / "file" / "out.h5", "cannot be written")):
        with pytest.raises(ConfigError, match=words):
            prune_file(model, output, config, files / "data.npz", on_epoch=seen.append)
    assert not seen
    assert load_model(model).model.count_params()


@pytest.mark.keras
def test_the_accuracy_of_every_output_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fw, data = load_frameworks(), ring_data()
    la = fw.keras.layers
    inputs = la.Input((8,))
    hidden = la.Dense(12, activation="relu", name="hidden")(inputs)
    outputs = [la.Dense(count, activation="softmax", name=name)(hidden) for name, count in (("ring", 2), ("sign", 3))]
    model = fw.keras.Model(inputs, outputs)
    model.save(tmp_path / "two.h5")
    signs = (np.asarray(data.x)[:, 0] > 0).astype(np.int64)
    np.savez(tmp_path / "two.npz", x=data.x, ring=data.y, sign=signs)
    for verb in (["prune", "--method", "csd_rounding"], ["quantize"]):
        with pytest.raises(SystemExit) as ended:
            main([verb[0], str(tmp_path / "two.h5"), "--data", str(tmp_path / "two.npz"), *verb[1:],
                  "-o", str(tmp_path / "out.h5")])  # fmt: skip
        assert not ended.value.code
        assert "accuracy of sign" in capsys.readouterr().out
        found = json.loads((tmp_path / "out.pruning.json").read_text())["score"]["outputs"]["before"]
        wanted = predict(model, data.x)[1].argmax(axis=1) == signs
        assert found["sign"] == pytest.approx(wanted.mean())
        assert list(found) == ["ring", "sign"]
