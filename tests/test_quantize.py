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
from fpgaprune.compress.constants import Budget
from fpgaprune.compress.copying import copy_model, predict
from fpgaprune.compress.kernels import find_kernels
from fpgaprune.compress.quantization import LayerTypes, PostTraining, fine_tune, quantize
from fpgaprune.compress.quantization.folding import with_folded
from fpgaprune.compress.quantization.forms import best_type
from fpgaprune.config.settings import parse_layer_settings
from fpgaprune.errors import ConfigError, ModelError
from fpgaprune.estimate import estimate_design, rules_for
from fpgaprune.flow.budget_training import train_to_budget
from fpgaprune.flow.generate import generate
from fpgaprune.frameworks import load_frameworks
from fpgaprune.generate.inputs import InputSet
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


FORMS = [("po2", False), ("ternary", True), ("binary", False), ("fixed", True)]


@pytest.mark.keras
@pytest.mark.parametrize(("form", "per_channel"), FORMS)
def test_every_form_of_weights_is_bit_exact_in_the_project(form: str, per_channel: bool, tmp_path: Path) -> None:
    fw = load_frameworks()
    la = fw.keras.layers
    fw.keras.utils.set_random_seed(3)
    inputs = la.Input((6, 6, 2), name="image")
    x = la.Conv2D(3, 3, activation="relu", name="conv")(inputs)
    x = la.DepthwiseConv2D(2, activation="relu", name="depth")(x)
    model = fw.keras.Model(inputs, la.Dense(3, name="out")(la.Flatten(name="flat")(x)))
    rng = np.random.default_rng(0)
    for layer in model.layers:  # channels of very different sizes
        values = [rng.normal(size=w.shape) * np.exp(rng.normal(size=w.shape[-1:])) for w in layer.get_weights()]
        layer.set_weights(values)
    x = rng.normal(size=(60, 6, 6, 2)).astype(np.float32)
    result = quantize(model, PostTraining(6, weights=form, per_channel=per_channel), [x])
    result.model.save(tmp_path / "q.h5")
    np.save(tmp_path / "x.npy", x)
    project = generate(tmp_path / "q.h5", tmp_path / "project", data=tmp_path / "x.npy")
    assert project.verification is not None
    assert project.verification.expected_exact
    assert project.verification.exact_samples == 60
    for layer in project.design:
        if layer.weight is None:
            continue
        codes = layer.weight.codes
        columns = np.moveaxis(codes, -2, 0) if layer.kind.value == "depthwise_conv2d" else np.moveaxis(codes, -1, 0)
        groups = list(columns) if per_channel else [codes]
        if form in ("ternary", "binary"):
            assert all(len(np.unique(np.abs(group[group != 0]))) <= 1 for group in groups)
        if form == "binary":
            assert np.all(codes != 0)
        if form == "po2":
            assert np.array_equal(np.log2(np.abs(codes)), np.round(np.log2(np.abs(codes))))


@pytest.mark.keras
def test_a_result_that_is_an_output_keeps_its_normalization_apart() -> None:
    fw = load_frameworks()
    la, data = fw.keras.layers, ring_data()
    fw.keras.utils.set_random_seed(0)
    x = inputs = la.Input((8,))
    first = la.Dense(3, name="first")(x)
    norm = la.BatchNormalization(name="norm", moving_mean_initializer="ones", gamma_initializer="random_uniform")
    model = fw.keras.Model(inputs, [first, norm(first)])
    found = quantize(model, PostTraining(16), (data.x,))
    assert found.record["folded"] == []
    for wanted, now in zip(predict(model, data.x), predict(found.model, data.x), strict=True):
        assert np.abs(wanted - now).max() < 0.01
    assert with_folded(model) == (model, ())


@pytest.mark.keras
def test_channels_of_their_own_scale_come_nearer() -> None:
    model, x = dense_model(), ring_data().x
    kernel, bias = model.get_layer("first").get_weights()
    model.get_layer("first").set_weights([kernel * np.exp2(-np.arange(16.0)), bias])
    stripped = load_frameworks().keras.Model(model.inputs, model.get_layer("first").output)
    expected = predict(stripped, x)[0]
    errors = [
        np.square(predict(quantize(stripped, PostTraining(4, activation_bits=16, per_channel=each), [x]).model, x)[0] -
                  expected).mean(axis=0)
        for each in (False, True)
    ]  # fmt: skip
    assert (errors[1][3:10] < errors[0][3:10] / 3).all()


@pytest.mark.keras
def test_layers_have_types_of_their_own_and_pruned_ones_keep_a_zero() -> None:
    model, x = dense_model(), ring_data().x
    types = {"type:Dense": LayerTypes(weight_bits=5), "second": LayerTypes(weights="ternary", activation_bits=9)}
    record = quantize(model, PostTraining(8, layers=types), [x]).record
    chosen = {layer["name"]: layer for layer in record["layers"]}
    assert chosen["first"]["kernel_quantizer"].startswith("quantized_bits(5,")
    assert chosen["second"]["kernel_quantizer"].startswith("ternary(")
    with pytest.raises(ConfigError, match=r"layer with types of its own.*secnd"):
        quantize(model, PostTraining(8, layers={"secnd": LayerTypes(4)}), [x])
    kernel, bias = model.get_layer("first").get_weights()
    kernel[:4] = 0
    model.get_layer("first").set_weights([kernel, bias])
    for form in ("po2", "binary"):
        with pytest.raises(ModelError, match=r"50 % of the kernel of layer 'first' is zero, and .* have no zero"):
            quantize(model, PostTraining(8, weights=form), [x])
    found = quantize(model, PostTraining(8, weights="ternary", per_channel=True), [x]).model
    assert not np.asarray(find_kernels(found)[0].quantized())[:4].any()


@pytest.mark.keras
def test_a_budget_is_met_with_scaled_weights() -> None:
    model, data = dense_model(), ring_data()
    logits = load_frameworks().keras.Model(model.inputs, model.layers[-2].output)
    for layer in logits.layers:  # so small that a scale is needed
        layer.set_weights([array / 30 for array in layer.get_weights()])
    found = quantize(logits, PostTraining(12), [data.x]).model
    scales = [np.ravel(kernel.quantizer.alpha)[0] for kernel in find_kernels(found)]
    assert max(scales) < 1
    inputs = InputSet((data.x,), "ring", real=True)
    changed = train_to_budget(
        found, Budget(max_dsp=0, max_lut=2500), inputs, data, loss="sparse_categorical_crossentropy", epochs=2, steps=2
    )
    assert changed.after.dsp.high == 0
    assert changed.after.fabric.lut is not None
    assert changed.after.fabric.lut.value <= 2500


@pytest.mark.parametrize(
    ("types", "words"),
    [
        ({"weights": "ternry"}, "did you mean ternary"),
        ({"weight_bits": 1}, "weight_bits must be"),
        ({"per_channel": 3}, "true or false"),
    ],
)
def test_types_that_make_no_sense_are_refused(types: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        LayerTypes(**types)
    with pytest.raises(ConfigError, match="unknown type of a layer"):
        PostTraining.layers_from({"a": {"wieght_bits": 3}})


def test_settings_of_layers_are_read() -> None:
    found = parse_layer_settings(["a:weight_bits=4,per_channel=true", "type:Dense:weights=ternary", "a:bias_bits=9"])
    assert found == {"a": {"weight_bits": 4, "per_channel": True, "bias_bits": 9}, "type:Dense": {"weights": "ternary"}}
    for wrong in ("a", ":weight_bits=4", "a:weight_bits"):
        with pytest.raises(ConfigError, match=r"setting"):
            parse_layer_settings([wrong])


@pytest.mark.keras
def test_recurrent_and_repeated_layers_are_converted_and_bidirectional_ones_named(tmp_path: Path) -> None:
    fw = load_frameworks()
    la = fw.keras.layers
    fw.keras.utils.set_random_seed(0)
    inputs = la.Input((5, 3), name="steps")
    x = la.TimeDistributed(la.Dense(4, activation="relu"), name="each")(inputs)
    x = la.Bidirectional(la.GRU(3, return_sequences=True), name="both")(x)
    x = la.GRU(3, return_sequences=True, name="gru")(x)
    x = la.LSTM(4, name="lstm")(x)
    model = fw.keras.Model(inputs, la.Dense(2, name="out")(x))
    x = np.random.default_rng(0).normal(size=(50, 5, 3)).astype(np.float32)
    result = quantize(model, PostTraining(12), [x])
    kinds = {layer["name"]: layer["class"] for layer in result.record["layers"] if layer["class"] != "QActivation"}
    assert kinds == {"each": "QDense", "gru": "QGRU", "lstm": "QLSTM", "out": "QDense"}
    assert result.record["left_float"] == ["both"]
    result.model.save(tmp_path / "q.h5")
    again = load_model(tmp_path / "q.h5").model
    expected = predict(model, x)[0]
    assert np.abs(predict(again, x)[0] - expected).max() < 0.02 * np.ptp(expected)


@pytest.mark.keras
@pytest.mark.parametrize("suffix", [".h5", ".keras"])
@pytest.mark.parametrize("form", ["fixed", "ternary", "binary"])
def test_scales_per_channel_are_read_by_qkeras_itself_and_by_every_method(
    form: str, suffix: str, tmp_path: Path
) -> None:
    fw, data = load_frameworks(), ring_data()
    model = dense_model()
    kernel, bias = model.get_layer("first").get_weights()
    model.get_layer("first").set_weights([kernel * np.exp2(-np.arange(16) / 4), bias])
    found = quantize(model, PostTraining(6, weights=form, per_channel=True), [data.x]).model
    path = tmp_path / f"scales{suffix}"
    found.save(path)
    objects: dict[str, Any] = {}
    fw.qkeras.utils._add_supported_quantized_objects(objects)
    again = fw.keras.models.load_model(path, custom_objects=objects)
    assert np.array_equal(predict(found, data.x)[0], predict(again, data.x)[0])
    for each in (found, load_model(path).model):
        assert np.array_equal(predict(copy_model(each, data.x[:4]), data.x)[0], predict(found, data.x)[0])
