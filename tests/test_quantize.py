"""Float to QKeras: every supported layer, types that fit the data, zeros and outputs kept, fine-tuning."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.pruning import dense_model, ring_data
from hypothesis import given
from hypothesis import strategies as st

from fpgaprune.cli import main
from fpgaprune.compress.copying import predict
from fpgaprune.compress.quantization import PostTraining, fine_tune, quantize
from fpgaprune.compress.quantization.config import best_type
from fpgaprune.errors import ConfigError, ModelError
from fpgaprune.estimate import estimate_design, rules_for
from fpgaprune.flow.generate import generate
from fpgaprune.frameworks import load_frameworks
from fpgaprune.read.model import load_model


def zoo(seed: int = 0) -> Any:
    """Every layer that is converted, folded, copied or passed through."""
    fw = load_frameworks()
    la = fw.keras.layers
    fw.keras.utils.set_random_seed(seed)
    x = inputs = la.Input((8, 8, 2), name="image")
    x = la.Conv2D(4, 3, use_bias=False, name="conv")(x)
    x = la.BatchNormalization(name="norm")(x)
    x = la.ReLU(name="relu")(x)
    x = la.MaxPooling2D(2, name="pool")(x)
    x = la.DepthwiseConv2D(2, activation="relu", name="depth")(x)
    x = la.SeparableConv2D(3, 2, activation="tanh", name="sep")(x)
    x = la.Flatten(name="flat")(x)
    left, right = la.Dense(5, name="left")(x), la.Dense(5, activation="sigmoid", name="right")(x)
    x = la.LeakyReLU(name="leaky")(la.Add(name="sum")([left, right]))
    x = la.Reshape((5, 1), name="line")(x)
    x = la.Conv1D(3, 2, activation="relu", name="conv1")(x)
    x = la.Flatten(name="flat1")(x)
    model = fw.keras.Model(inputs, la.Dense(3, activation="softmax", name="out")(x))
    rng = np.random.default_rng(seed)
    model.get_layer("norm").set_weights(
        [rng.uniform(0.5, 1.5, 4), rng.normal(size=4), rng.normal(size=4), rng.uniform(0.5, 2, 4)]
    )
    return model


def images(seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=(60, 8, 8, 2)).astype(np.float32)


@pytest.mark.keras
def test_more_bits_come_nearer_to_the_float_model() -> None:
    model, x = zoo(), images()
    expected = predict(model, x)[0]
    errors = [
        np.abs(predict(quantize(model, PostTraining(bits, bias_bits=bits), [x]).model, x)[0] - expected).max()
        for bits in (6, 10, 16)
    ]
    assert errors[0] > 4 * errors[1] > 16 * errors[2]
    assert errors[2] < 1e-3


@pytest.mark.keras
@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_the_model_is_saved_read_and_generated_as_it_is(suffix: str, tmp_path: Path) -> None:
    model, x = zoo(), images()
    result = quantize(model, PostTraining(7), [x])
    kinds = {layer.name: type(layer).__name__ for layer in result.model.layers}
    for name, kind in (("conv", "QConv2D"), ("depth", "QDepthwiseConv2D"), ("sep", "QSeparableConv2D")):
        assert kinds[name] == kind
    assert "norm" not in kinds
    assert result.record["folded"] == ["norm"]
    assert result.record["left_float"] == []
    result.model.save(tmp_path / f"q{suffix}")
    again = load_model(tmp_path / f"q{suffix}").model
    assert np.array_equal(predict(again, x)[0], predict(result.model, x)[0])
    np.save(tmp_path / "x.npy", x)
    project = generate(tmp_path / f"q{suffix}", tmp_path / "project", data=tmp_path / "x.npy", run_verify=False)
    estimate = estimate_design(project.design, rules_for("vitis_hls"))
    products = [layer for layer in estimate.layers if layer.weights]
    assert len(products) == 8  # the separable layer is two
    assert sum(layer.dsp.high for layer in products if layer.dsp is not None and not layer.name.startswith("sep")) == 0
    for layer in project.design:
        if layer.weight is not None and layer.kind.value != "batch_norm":
            assert layer.weight.precision.width <= 7


@pytest.mark.keras
def test_zeros_stay_zero_and_excluded_layers_float() -> None:
    model, x = zoo(), images()
    for name in ("left", "conv1"):
        layer = model.get_layer(name)
        kernel, bias = layer.get_weights()
        kernel[np.abs(kernel) < np.median(np.abs(kernel))] = 0
        layer.set_weights([kernel, bias])
    result = quantize(model, PostTraining(8, exclude=("type:Conv1D", "out")), [x])
    left = result.model.get_layer("left")
    zero = model.get_layer("left").kernel.numpy() == 0
    assert not np.asarray(left.kernel_quantizer_internal(left.kernel))[zero].any()
    assert type(result.model.get_layer("conv1")).__name__ == "Conv1D"
    assert result.record["left_float"] == ["conv1", "out"]


@pytest.mark.keras
def test_what_cannot_be_asked_is_refused() -> None:
    x = ring_data().x
    with pytest.raises(ConfigError, match="unknown layer to exclude"):
        quantize(dense_model(), PostTraining(exclude=("frist",)), [x])
    with pytest.raises(ModelError, match="no layer to quantize"):
        quantize(dense_model(), PostTraining(exclude=("*",)), [x])
    with pytest.raises(ModelError, match="quantized already"):
        quantize(quantize(dense_model(), PostTraining(), [x]).model, PostTraining(), [x])
    with pytest.raises(ModelError, match="NaN"):
        quantize(dense_model(), PostTraining(), [x * np.nan])


@pytest.mark.keras
def test_fine_tuning_wins_back_what_few_bits_lose_and_holds_zeros() -> None:
    data, model = ring_data(count=600), dense_model()
    fine_tune(model, data, loss="sparse_categorical_crossentropy", epochs=30, learning_rate=1e-2)
    kernel, bias = model.layers[0].get_weights()
    kernel[::2] = 0
    model.layers[0].set_weights([kernel, bias])
    result = quantize(model, PostTraining(3, activation_bits=6, bias_bits=6), [data.x]).model
    before = result.get_layer("first").kernel.numpy()
    losses: list[float] = []
    fine_tune(
        result, data, loss="sparse_categorical_crossentropy", epochs=10, learning_rate=3e-3,
        on_progress=lambda progress: losses.append(progress.loss),
    )  # fmt: skip
    after = result.get_layer("first").kernel.numpy()
    assert not after[::2].any()
    assert (after != before).any()
    assert losses[-1] < losses[0]
    with pytest.raises(ConfigError, match="at least one epoch"):
        fine_tune(result, data, loss="mse", epochs=0)


@pytest.mark.keras
def test_the_command_line_quantizes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ring_data()
    np.savez(tmp_path / "d.npz", x=data.x, y=data.y, x_test=data.validation_x, y_test=data.validation_y)
    dense_model().save(tmp_path / "m.h5")

    def run(*words: str) -> int:
        files = ["--data", str(tmp_path / "d.npz"), "-o", str(tmp_path / "q.h5")]
        with pytest.raises(SystemExit) as ended:
            main(["quantize", str(tmp_path / "m.h5"), *files, *words])
        return int(ended.value.code or 0)

    assert run("--bits", "8", "--epochs", "2") == 0
    assert "DSPs expected" in capsys.readouterr().out
    record = json.loads((tmp_path / "q.pruning.json").read_text())
    assert record["estimate"]["after"]["dsp"] < record["estimate"]["before"]["dsp"]
    assert {layer["class"] for layer in record["layers"]} == {"QDense", "QActivation"}
    assert run("--bits", "1") == 2
    assert "bits must be a whole number from 2 to 24" in capsys.readouterr().err


@given(st.integers(0, 99), st.integers(2, 12), st.floats(0.01, 50), st.booleans())
def test_no_other_integer_bits_fit_better(seed: int, bits: int, scale: float, signed: bool) -> None:
    values = np.random.default_rng(seed).standard_cauchy(200) * scale
    values = np.clip(values if signed else np.abs(values), -1000, 1000)
    found = best_type(values, bits, signed=signed)
    assert found.integer >= int(signed)
    error = np.square(found.quantize(values) - values).mean()
    for integer in range(max(found.integer - 1, int(signed)), found.integer + 2):
        other = type(found)(bits, integer, signed, found.rounding, found.overflow)
        if np.abs(values).max() > 2.0 ** (integer - int(signed) - 1):
            assert error <= np.square(other.quantize(values) - values).mean()


@pytest.mark.parametrize("wrong", [{"bits": 1}, {"weight_bits": 25}, {"bias_bits": None}, {"exclude": "out"}])
def test_widths_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        PostTraining(**wrong)
