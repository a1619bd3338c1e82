"""Loading models: what loads computes what Keras computes."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from fpgaprune.errors import ModelError
from fpgaprune.frameworks import load_frameworks
from fpgaprune.read.model import load_model
from tests.model_files import (
    edit_config,
    layer_config,
    mlp,
    randomize,
    refuse_model,
    same_outputs,
    save_as_keras3,
)

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def keras() -> Any:
    return load_frameworks().keras


@pytest.fixture(scope="module")
def qkeras() -> Any:
    load_frameworks()
    return load_frameworks().qkeras


@pytest.mark.parametrize("ending", ["h5", "keras", "json"])
def test_every_format_computes_what_keras_computes(keras: Any, tmp_path: Path, ending: str) -> None:
    model = randomize(mlp(keras))
    path = tmp_path / f"model.{ending}"
    if ending == "json":
        path.write_text(model.to_json())
        model.save_weights(tmp_path / "model_weights.h5")
    else:
        model.save(path, save_format="h5" if ending == "h5" else "keras")
    loaded = load_model(path)
    assert loaded.format == ending
    assert loaded.path == path
    assert loaded.notes == ()
    same_outputs(loaded.model, model)


def test_json_takes_the_weights_it_is_given(keras: Any, tmp_path: Path) -> None:
    model = randomize(mlp(keras))
    (tmp_path / "a.json").write_text(model.to_json())
    model.save_weights(tmp_path / "elsewhere.h5")
    refuse_model(tmp_path / "a.json", "without weights", "a_weights.h5")
    same_outputs(load_model(tmp_path / "a.json", tmp_path / "elsewhere.h5").model, model)
    refuse_model(tmp_path / "a.json", "no file of weights", "gone.h5", weights=tmp_path / "gone.h5")
    whole = tmp_path / "whole.h5"
    model.save(whole)
    same_outputs(load_model(tmp_path / "a.json", whole).model, model)  # a whole model is a file of weights too
    refuse_model(whole, "holds its own weights", weights=whole)


def test_json_matches_weights_in_order_where_names_differ(keras: Any, tmp_path: Path) -> None:
    model = randomize(mlp(keras))
    renamed = model.to_json().replace('"fc1"', '"dense_17"')
    (tmp_path / "a.json").write_text(json.dumps(renamed))  # encoded twice, as json.dump(model.to_json()) does
    model.save_weights(tmp_path / "a_weights.h5")
    loaded = load_model(tmp_path / "a.json")
    assert any("in order" in note for note in loaded.notes)
    same_outputs(loaded.model, model)


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_quantized_layers_come_back_as_they_were(keras: Any, qkeras: Any, tmp_path: Path, ending: str) -> None:
    bits = qkeras.quantized_bits(6, 0, alpha=1)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            qkeras.QConv2DBatchnorm(3, 3, kernel_quantizer=bits, bias_quantizer=bits, name="cb"),
            qkeras.QActivation(qkeras.quantized_relu(5, 1, negative_slope=0.25), name="object"),
            qkeras.QDepthwiseConv2D(2, depthwise_quantizer=bits, bias_quantizer=bits, name="dw"),
            qkeras.QActivation("quantized_tanh(7)", name="text"),
            layers.Flatten(),
            qkeras.QDense(4, kernel_quantizer="ternary(alpha='auto_po2')", bias_quantizer=bits, name="fc"),
            qkeras.QBatchNormalization(name="qbn"),
            qkeras.QActivation("hard_tanh", name="function"),
        ]
    )
    randomize(model)
    path = tmp_path / f"model.{ending}"
    model.save(path, save_format=None if ending == "keras" else "h5")
    loaded = load_model(path).model
    assert [type(layer).__name__ for layer in loaded.layers] == [
        "InputLayer",
        *(type(one).__name__ for one in model.layers),
    ]
    same_outputs(loaded, model)
    again = tmp_path / "again.h5"
    loaded.save(again)
    same_outputs(load_model(again).model, model)


def test_recurrent_layers(keras: Any, qkeras: Any, tmp_path: Path) -> None:
    bits = {f"{name}_quantizer": qkeras.quantized_bits(8, 1, alpha=1) for name in ("kernel", "recurrent", "bias")}
    layers = keras.layers
    inputs = layers.Input((5, 3))
    x = qkeras.QLSTM(4, return_sequences=True, name="ql", **bits)(inputs)
    x = layers.Bidirectional(layers.GRU(3, return_sequences=True), name="both")(x)
    x = qkeras.QGRU(4, name="qg", **bits)(x)
    model = randomize(keras.Model(inputs, x))
    for path in (tmp_path / "m.h5", tmp_path / "m.keras"):
        model.save(path)
        same_outputs(load_model(path).model, model)


def test_recurrent_layers_as_keras_3_writes_them(keras: Any, tmp_path: Path) -> None:
    """Keras 3 says of every recurrent layer what it answers where a mask hides a step."""
    layers = keras.layers
    inputs = layers.Input((5, 3))
    x = layers.Bidirectional(layers.GRU(3, return_sequences=True), name="both")(inputs)
    model = randomize(keras.Model(inputs, layers.LSTM(4, name="last")(x)))
    model.save(tmp_path / "m.h5")

    def edit(config: dict[str, Any]) -> None:
        layer_config(config, "both")["config"]["layer"]["config"]["zero_output_for_mask"] = True
        layer_config(config, "last")["config"]["zero_output_for_mask"] = False

    edit_config(tmp_path / "m.h5", edit)
    same_outputs(load_model(tmp_path / "m.h5").model, model)


def test_several_inputs_and_outputs_keep_their_order(keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    first, second = layers.Input((4,), name="one"), layers.Input((4,), name="two")
    merged = layers.Subtract(name="minus")([second, first])
    model = randomize(
        keras.Model([first, second], [layers.Dense(2, name="a")(merged), layers.Dense(3, name="b")(first)])
    )
    model.save(tmp_path / "m.h5")
    same_outputs(load_model(tmp_path / "m.h5").model, model)


def test_nested_models_are_inlined_and_shared_layers_copied(keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    inner_in = layers.Input((4,), name="x")
    inner = keras.Model(
        inner_in, layers.BatchNormalization(name="n")(layers.Dense(3, name="d")(inner_in)), name="inner"
    )
    tail = keras.Sequential([layers.Input((3,)), layers.Dense(2, name="d"), layers.ReLU(name="r")], name="tail")
    first, second = layers.Input((4,), name="x"), layers.Input((4,), name="y")
    shared = layers.Dense(2, name="shared")
    out = layers.Average(name="mean")([shared(tail(inner(first))), shared(tail(inner(second)))])
    model = randomize(keras.Model([first, second], out))
    for path in (tmp_path / "m.h5", tmp_path / "m.keras"):
        model.save(path)
        loaded = load_model(path)
        names = [layer.name.lower() for layer in loaded.model.layers]
        assert len(set(names)) == len(names)
        assert not any(hasattr(layer, "layers") for layer in loaded.model.layers)
        assert any("'inner'" in note for note in loaded.notes)
        assert any("built as often" in note and "shared" in note for note in loaded.notes)
        same_outputs(loaded.model, model)


def test_a_frozen_layer_inside_a_nested_model_keeps_its_weights(keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    inner = keras.Sequential(
        [layers.Input((4,)), layers.Dense(4, name="frozen"), layers.BatchNormalization(), layers.Dense(4)], name="inner"
    )
    inner.layers[0].trainable = False
    model = randomize(keras.Sequential([layers.Input((4,)), inner, layers.Dense(2)]))
    model.save(tmp_path / "m.h5")
    same_outputs(load_model(tmp_path / "m.h5").model, model)


def test_pruning_wrappers_come_off_with_their_masks_applied(keras: Any, tmp_path: Path) -> None:
    tfmot = pytest.importorskip("tensorflow_model_optimization")
    schedule = tfmot.sparsity.keras.ConstantSparsity(0.5, 0)
    model = tfmot.sparsity.keras.prune_low_magnitude(randomize(mlp(keras)), schedule)
    kernel = model.layers[0].layer.kernel
    mask = np.ones(kernel.shape, np.float32)
    mask[::2] = 0
    model.layers[0].pruning_vars[0][1].assign(mask)
    for path in (tmp_path / "m.h5", tmp_path / "m.keras"):
        model.save(path)
        loaded = load_model(path)
        assert loaded.model.get_layer("fc1").kernel.shape == kernel.shape
        np.testing.assert_array_equal(loaded.model.get_layer("fc1").kernel.numpy(), kernel.numpy() * mask)
        assert any("pruning wrappers" in note for note in loaded.notes)


def test_layers_without_effect_are_left_out(keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    model = randomize(
        keras.Sequential(
            [layers.Input((4,)), layers.GaussianNoise(0.1, name="g"), layers.Dense(2), layers.Dropout(0.5)]
        )
    )
    model.save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5")
    assert [type(layer).__name__ for layer in loaded.model.layers] == ["InputLayer", "Dense", "Dropout"]
    assert any("'g'" in note for note in loaded.notes)
    same_outputs(loaded.model, model)


def test_keras_3_files(keras: Any, tmp_path: Path) -> None:
    model = save_as_keras3(keras, tmp_path / "m.h5")
    same_outputs(load_model(tmp_path / "m.h5").model, model)


def test_keras_3_functional_nodes(keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    first, second = layers.Input((4,), name="p"), layers.Input((4,), name="q")
    out = layers.Dense(2, name="d")(layers.Concatenate(name="c")([first, second]))
    model = randomize(keras.Model([first, second], out))
    path = tmp_path / "m.h5"
    model.save(path)

    def tensor(name: str) -> dict[str, Any]:
        return {"class_name": "__keras_tensor__", "config": {"shape": [None, 4], "keras_history": [name, 0, 0]}}

    def edit(config: dict[str, Any]) -> None:
        layer_config(config, "c")["inbound_nodes"] = [{"args": [[tensor("p"), tensor("q")]], "kwargs": {}}]
        layer_config(config, "d")["inbound_nodes"] = [{"args": [tensor("c")], "kwargs": {"training": None}}]
        config["config"]["output_layers"] = ["d", 0, 0]

    edit_config(path, edit)
    same_outputs(load_model(path).model, model)
    edit_config(path, lambda c: layer_config(c, "d").update(inbound_nodes=[{"args": [tensor("c"), 2.0], "kwargs": {}}]))
    refuse_model(path, "'d'", "2.0")


def test_folded_dense_batchnorm(keras: Any, qkeras: Any, tmp_path: Path) -> None:
    """QDenseBatchnorm of later QKeras versions: the file of QDense and BatchNormalization in one layer."""
    layers = keras.layers
    bits = qkeras.quantized_bits(12, 3, alpha=1)
    model = keras.Sequential(
        [layers.Input((6,)), qkeras.QDense(5, kernel_quantizer=bits, bias_quantizer=bits, name="f")]
    )
    path = tmp_path / "m.h5"
    randomize(model).save(path)
    rng = np.random.default_rng(5)
    extra = {
        name: rng.uniform(0.5, 1.5, 5).astype(np.float32)
        for name in ("gamma", "beta", "moving_mean", "moving_variance")
    }
    with h5py.File(path, "r+") as stored:
        group = stored["model_weights/f"]
        names = [name.decode() if isinstance(name, bytes) else name for name in group.attrs["weight_names"]]
        kernel, bias = (group[name][()] for name in names)
        order = ["gamma", "beta", "iteration", "moving_mean", "moving_variance"]
        for name in order:
            group[f"f/bn/{name}:0"] = extra.get(name, np.int64(7))
        group.attrs["weight_names"] = [*names, *(f"f/bn/{name}:0" for name in order)]
    edit_config(path, lambda c: layer_config(c, "f").update(class_name="QDenseBatchnorm"))
    edit_config(
        path, lambda c: layer_config(c, "f")["config"].update(axis=[1], epsilon=0.01, folding_mode="ema_stats_folding")
    )
    loaded = load_model(path).model.get_layer("f")
    assert type(loaded).__name__ == "QDense"
    inverse = extra["gamma"] / np.sqrt(extra["moving_variance"] + 0.01)
    np.testing.assert_allclose(loaded.kernel.numpy(), kernel * inverse, rtol=1e-6)
    np.testing.assert_allclose(loaded.bias.numpy(), (bias - extra["moving_mean"]) * inverse + extra["beta"], rtol=1e-5)


# Names


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("conv2d/1", "conv2d_1"),
        ("dense-1", "dense_1"),
        ("a b", "a_b"),
        ("class", "class_layer"),
        ("1st", "layer_1st"),
        ("input", "input_layer"),
        ("BN", "BN_2"),  # "bn" is there already, and type names are lower-cased
        ("bias_1", "bi_as_1"),  # hls4ml would take the kernel for the bias
        ("schön", "sch_n"),
    ],
)
def test_names_that_would_break_the_generated_code_are_changed(
    keras: Any, tmp_path: Path, asked: str, given: str
) -> None:
    model = randomize(mlp(keras))
    path = tmp_path / "m.h5"
    model.save(path)
    with h5py.File(path, "r+") as stored:
        weights = stored["model_weights"]
        weights.attrs["layer_names"] = ["_fc1_" if n == "fc1" else n for n in weights.attrs["layer_names"]]
        weights.move("fc1", "_fc1_")
    edit_config(path, lambda c: layer_config(c, "fc1")["config"].update(name=asked))
    loaded = load_model(path)
    names = [layer.name for layer in loaded.model.layers]
    expected = {"BN": ["BN", "bn_2"]}.get(asked, [given])
    assert any(name in names for name in expected)
    assert len({name.lower() for name in names}) == len(names)
    assert any("C++" in note for note in loaded.notes)
    same_outputs(loaded.model, model)


@pytest.mark.parametrize("name", ["../x", "a/../../b", "/etc/passwd", "..\\x", "~/x", "c:\\x", "a\x00b", "a\nb"])
def test_names_that_are_paths_are_refused(keras: Any, tmp_path: Path, name: str) -> None:
    path = tmp_path / "m.h5"
    mlp(keras).save(path)
    edit_config(path, lambda c: layer_config(c, "fc1")["config"].update(name=name))
    with pytest.raises(ModelError, match="rename it"):
        load_model(path)


def test_a_layer_called_like_anothers_activation_is_renamed(keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    model = keras.Sequential(
        [layers.Input((4,)), layers.Dense(3, activation="relu", name="d"), layers.Dense(2, name="d_relu")]
    )
    randomize(model).save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5").model
    assert [layer.name for layer in loaded.layers[1:]] == ["d", "d_relu_2"]
