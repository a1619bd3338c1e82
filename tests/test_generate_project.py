"""What a generated project holds: traps closed, a test bench, the same every time; and how verify judges it."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpgaprune.cli import main
from fpgaprune.errors import ConfigError, ModelError, ProjectError
from fpgaprune.flow.generate import generate, generate_loaded
from fpgaprune.flow.verify import verify
from fpgaprune.frameworks import load_frameworks
from fpgaprune.generate.settings import GenerateSettings
from fpgaprune.read.project import read_project
from tests import generate_models as models
from tests.generate_models import built, loaded

pytestmark = [pytest.mark.keras, pytest.mark.slow]
GOLDEN = Path(__file__).parent / "golden"


def small(keras: Any, q: Any) -> Any:
    weights = "quantized_bits(6,0,alpha=1)"
    return keras.Sequential([
        keras.layers.Input((4,), name="features"),
        q.QActivation("quantized_bits(8,2,alpha=1)", name="taken"),
        q.QDense(3, kernel_quantizer=weights, bias_quantizer=weights, name="hidden"),
        q.QActivation("quantized_relu(6,2)", name="relu"),
        q.QDense(2, kernel_quantizer=weights, bias_quantizer=weights, name="scores"),
    ])  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that no test changes."""
    folder = tmp_path_factory.mktemp("small") / "project"
    generate_loaded(loaded(built(small)), folder, GenerateSettings(part="xc7z020clg400-1"))
    return folder


def written_zeros(model: Any, folder: Path, layer: str) -> tuple[int, int]:
    """Zeros of a layer's weights in the model and in the project."""
    generate_loaded(loaded(model), folder, GenerateSettings(), run_verify=False)
    weight = read_project(folder)[layer].weight
    assert weight is not None
    return int(np.sum(model.get_layer(layer).get_weights()[0] == 0)), weight.zeros


def test_small_weights_are_rounded_not_floored(tmp_path: Path) -> None:
    """Floored, -0.0001 would become -2**-15 or so and cost a multiplier; rounded, it stays what it is or is zero."""
    layers = load_frameworks().keras.layers
    model = load_frameworks().keras.Sequential([layers.Input((3,), name="i"), layers.Dense(3, name="d")])
    model.set_weights([np.array([[1.0, -1e-6, 1e-6], [0.0, -0.75, 0.3], [-1e-6, 0.1, 0.0]]), np.zeros(3)])
    zeros, written = written_zeros(model, tmp_path / "p", "d")
    assert zeros == 2
    assert written == 5  # the three of magnitude 1e-6 as well


def test_unsigned_weights_keep_their_last_bit(tmp_path: Path) -> None:
    """hls4ml's own types give quantized_bits(keep_negative=0) a bit less than it needs."""
    keras, q = load_frameworks().keras, load_frameworks().qkeras
    model = keras.Sequential([
        keras.layers.Input((2,), name="i"),
        q.QDense(2, kernel_quantizer="quantized_bits(4,0,keep_negative=0,alpha=1)", use_bias=False, name="d"),
    ])  # fmt: skip
    model.set_weights([np.array([[15 / 16, 1 / 16], [0.0, 0.5]])])
    generate_loaded(loaded(model), tmp_path / "p", GenerateSettings(), run_verify=False)
    weight = read_project(tmp_path / "p")["d"].weight
    assert weight is not None
    np.testing.assert_array_equal(np.sort(weight.values.ravel()), [0.0, 1 / 16, 0.5, 15 / 16])


def test_softmax_resolves_close_and_distant_logits(tmp_path: Path) -> None:
    keras = load_frameworks().keras
    model = keras.Sequential([
        keras.layers.Input((5,), name="i"),
        keras.layers.Dense(5, use_bias=False, name="d"),
        keras.layers.Activation("softmax", name="s"),
    ])  # fmt: skip
    model.set_weights([np.eye(5) * 4])
    generated = generate_loaded(loaded(model), tmp_path / "p", GenerateSettings())
    assert generated.verification is not None
    assert generated.verification.agrees
    assert generated.verification.relative_error < 0.005


def test_a_relu_with_a_ceiling_is_not_a_plain_relu(tmp_path: Path) -> None:
    keras = load_frameworks().keras
    model = keras.Sequential([
        keras.layers.Input((3,), name="i"),
        keras.layers.Dense(3, name="d"),
        keras.layers.ReLU(max_value=1.0, name="cut"),
    ])  # fmt: skip
    model.set_weights([np.eye(3) * 3, np.zeros(3)])
    generated = generate_loaded(loaded(model), tmp_path / "p", GenerateSettings())
    assert generated.verification is not None
    assert generated.verification.agrees, generated.verification.reason
    assert generated.verification.output_range == 1.0


def test_layers_whose_names_contain_each_other_keep_their_own_weights(tmp_path: Path) -> None:
    """hls4ml finds variables by substring: 'd' would be given the weights of 'd_1'."""
    keras = load_frameworks().keras
    model = keras.Sequential([
        keras.layers.Input((4,), name="i"),
        keras.layers.Dense(4, name="d_1"),
        keras.layers.Dense(4, name="d"),
        keras.layers.Dense(4, name="d_11"),
    ])  # fmt: skip
    generated = generate_loaded(loaded(model), tmp_path / "p", GenerateSettings())
    assert generated.verification is not None
    assert generated.verification.agrees, generated.verification.reason


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"go_backwards": True}, "go_backwards"),
        ({"recurrent_activation": "hard_sigmoid"}, "recurrent_activation"),
        ({"reset_after": False}, "reset_after"),
    ],
)
def test_recurrent_options_that_hls4ml_ignores_are_refused(option: dict[str, Any], words: str, tmp_path: Path) -> None:
    layers = load_frameworks().keras.layers
    gru = layers.GRU(3, name="cells", **option)
    model = load_frameworks().keras.Sequential([layers.Input((5, 2), name="i"), gru])
    with pytest.raises(ModelError, match=f"cells.*{words}"):
        generate_loaded(loaded(model), tmp_path / "p", GenerateSettings())


def test_the_test_bench_has_inputs_and_the_models_outputs(project: Path) -> None:
    model = built(small)
    inputs = np.loadtxt(project / "tb_data" / "tb_input_features.dat")
    outputs = np.loadtxt(project / "tb_data" / "tb_output_predictions.dat")
    assert inputs.shape == (1000, 4)
    np.testing.assert_allclose(model.predict(inputs, verbose=0), outputs, atol=1e-6)


def test_the_same_model_gives_the_same_project(project: Path, tmp_path: Path) -> None:
    generate_loaded(
        loaded(built(small)), tmp_path / "again", GenerateSettings(part="xc7z020clg400-1"), run_verify=False
    )
    for name in ("parameters.h", "defines.h", "myproject.cpp", "weights/w2.h", "weights/w4.h"):
        one, two = project / "firmware" / name, tmp_path / "again" / "firmware" / name
        if one.exists() or two.exists():
            assert one.read_text() == two.read_text(), name
    for name in ("build_prj.tcl", "project.tcl", "hls4ml_config.yml"):
        first, second = (project / name).read_text(), (tmp_path / "again" / name).read_text()
        stamp = [line for line in first.splitlines() if "Stamp" in line or "OutputDir" in line]
        assert [line for line in first.splitlines() if line not in stamp] == [
            line for line in second.splitlines() if "Stamp" not in line and "OutputDir" not in line
        ]


def test_generated_types_are_those_on_record(project: Path) -> None:
    """The golden file says what this network's types must be: exact sums, the quantizers' own results."""
    found = json.loads((project / "fpgaprune" / "generate.json").read_text())
    expected = json.loads((GOLDEN / "generate_small.json").read_text())
    assert {key: found[key] for key in expected} == expected


def test_a_moved_project_still_verifies(project: Path, tmp_path: Path) -> None:
    shutil.copytree(project, tmp_path / "moved")
    result = verify(tmp_path / "moved", random=True, samples=50)
    assert result.agrees
    assert result.samples == 50
    assert "seeded" in result.inputs


def test_given_inputs_are_used(project: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "inputs.npz", x=np.linspace(-3, 3, 80).reshape(20, 4), other=np.zeros((3, 9)))
    result = verify(project, data=tmp_path / "inputs.npz")
    assert (result.samples, result.agrees, result.inputs) == (20, True, "inputs.npz")
    np.save(tmp_path / "wrong.npy", np.zeros((3, 5)))
    with pytest.raises(ConfigError, match=r"\(4,\)"):
        verify(project, data=tmp_path / "wrong.npy")


def test_a_changed_weight_is_found_and_its_layer_named(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "tampered"
    shutil.copytree(project, folder)
    weights = folder / "firmware" / "weights"
    changed = next(path for path in sorted(weights.glob("w*.txt")) if "0.5" not in path.name)
    first, comma, rest = changed.read_text().partition(",")
    changed.write_text(f"{float(first) + 0.5:g}{comma}{rest}")
    with pytest.raises(SystemExit) as stopped:
        main(["verify", str(folder)])
    said = capsys.readouterr().out
    assert stopped.value.code == 1
    assert "DISAGREES" in said
    assert "first difference hidden" in said
    with pytest.raises(SystemExit) as stopped:
        main(["verify", str(folder), "--format", "json"])
    told = json.loads(capsys.readouterr().out)
    assert told["agrees"] is False
    assert told["first_difference"]["layer"] == "hidden"


def test_another_model_is_not_this_ones(project: Path, tmp_path: Path) -> None:
    result = verify(project, model=built(small, seed=9), samples=100)
    assert not result.agrees
    with pytest.raises(ProjectError, match="no project folder"):
        verify(tmp_path / "absent")
    shutil.copytree(project, tmp_path / "bare")
    shutil.rmtree(tmp_path / "bare" / "fpgaprune")
    with pytest.raises(ConfigError, match="--model"):
        verify(tmp_path / "bare")


def test_data_place_the_types(tmp_path: Path) -> None:
    """Inputs up to 1000 need another type than random ones, and get it from the data."""
    keras = load_frameworks().keras
    model = keras.Sequential([keras.layers.Input((3,), name="i"), keras.layers.Dense(2, name="d")])
    model.save(tmp_path / "m.h5")
    np.save(tmp_path / "x.npy", np.random.default_rng(0).uniform(-1000, 1000, (200, 3)))
    generated = generate(tmp_path / "m.h5", tmp_path / "p", data=tmp_path / "x.npy")
    assert generated.verification is not None
    assert generated.verification.agrees
    precision = generated.design.input_layers[0].output_precision
    assert precision is not None
    assert precision.high >= 1000
    assert precision.width == 16


def test_an_asked_precision_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = built(models.functions)
    model.save(tmp_path / "m.h5")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('precision = "ap_fixed<18,8>"\n[layers.d_relu]\nprecision = "ap_fixed<12,4>"\n')
    with pytest.raises(SystemExit):
        main(["generate", str(tmp_path / "m.h5"), "-o", str(tmp_path / "p"), "-c", str(recipe), "--no-verify"])
    assert "Wrote" in capsys.readouterr().out
    design = read_project(tmp_path / "p")
    assert str(design["d_relu"].weight and design["d_relu"].weight.precision) == "ap_fixed<12,4>"
    assert str(design["d_tanh"].weight and design["d_tanh"].weight.precision) == "ap_fixed<18,8>"
    assert str(design["d_tanh"].output_precision) == "ap_fixed<18,8,AP_RND,AP_SAT,0>"
