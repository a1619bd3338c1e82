"""Loading models: what loads computes what Keras computes, what does not is refused by one sentence."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from fpgaprune.errors import ModelError
from fpgaprune.frameworks import load_frameworks
from fpgaprune.read.model import load_model

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def keras() -> Any:
    return load_frameworks().keras


@pytest.fixture(scope="module")
def qkeras() -> Any:
    load_frameworks()
    return load_frameworks().qkeras


def _outputs(model: Any, seed: int = 0) -> list[np.ndarray[Any, Any]]:
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(0, 1, (16, *tensor.shape[1:])).astype(np.float32) for tensor in model.inputs]
    found = model.predict(arrays if len(arrays) > 1 else arrays[0], verbose=0)
    return found if isinstance(found, list) else [found]


def _same(left: Any, right: Any) -> None:
    for one, other in zip(_outputs(left), _outputs(right), strict=True):
        np.testing.assert_array_equal(one, other)


def _mlp(keras: Any, name: str = "fc1") -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((6,)),
            layers.Dense(5, name=name, activation="relu"),
            layers.BatchNormalization(name="bn"),
            layers.Dense(3, name="fc2"),
            layers.Softmax(name="sm"),
        ]
    )


def _randomize(model: Any) -> Any:
    rng = np.random.default_rng(1)
    model.set_weights([rng.uniform(0.1, 1.0, w.shape).astype(np.float32) for w in model.get_weights()])
    return model


def _edit_config(path: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    with h5py.File(path, "r+") as stored:
        config = json.loads(stored.attrs["model_config"])
        edit(config)
        stored.attrs["model_config"] = json.dumps(config)


def _layer(config: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in config["config"]["layers"] if one["config"].get("name") == name)
    return found


def _refused(path: Path, *words: str, weights: Path | None = None) -> str:
    with pytest.raises(ModelError) as caught:
        load_model(path, weights)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert len(sentence) < 500
    for word in words:
        assert word in sentence, sentence
    return sentence


# What loads


@pytest.mark.parametrize("ending", ["h5", "keras", "json"])
def test_every_format_computes_what_keras_computes(keras: Any, tmp_path: Path, ending: str) -> None:
    model = _randomize(_mlp(keras))
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
    _same(loaded.model, model)


def test_json_takes_the_weights_it_is_given(keras: Any, tmp_path: Path) -> None:
    model = _randomize(_mlp(keras))
    (tmp_path / "a.json").write_text(model.to_json())
    model.save_weights(tmp_path / "elsewhere.h5")
    _refused(tmp_path / "a.json", "without weights", "a_weights.h5")
    _same(load_model(tmp_path / "a.json", tmp_path / "elsewhere.h5").model, model)
    _refused(tmp_path / "a.json", "no file of weights", "gone.h5", weights=tmp_path / "gone.h5")
    whole = tmp_path / "whole.h5"
    model.save(whole)
    _same(load_model(tmp_path / "a.json", whole).model, model)  # a whole model is a file of weights too
    _refused(whole, "holds its own weights", weights=whole)


def test_json_matches_weights_in_order_where_names_differ(keras: Any, tmp_path: Path) -> None:
    model = _randomize(_mlp(keras))
    renamed = model.to_json().replace('"fc1"', '"dense_17"')
    (tmp_path / "a.json").write_text(json.dumps(renamed))  # encoded twice, as json.dump(model.to_json()) does
    model.save_weights(tmp_path / "a_weights.h5")
    loaded = load_model(tmp_path / "a.json")
    assert any("in order" in note for note in loaded.notes)
    _same(loaded.model, model)


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
    _randomize(model)
    path = tmp_path / f"model.{ending}"
    model.save(path, save_format=None if ending == "keras" else "h5")
    loaded = load_model(path).model
    assert [type(layer).__name__ for layer in loaded.layers] == [
        "InputLayer",
        *(type(one).__name__ for one in model.layers),
    ]
    _same(loaded, model)
    again = tmp_path / "again.h5"
    loaded.save(again)
    _same(load_model(again).model, model)


def test_recurrent_layers(keras: Any, qkeras: Any, tmp_path: Path) -> None:
    bits = {f"{name}_quantizer": qkeras.quantized_bits(8, 1, alpha=1) for name in ("kernel", "recurrent", "bias")}
    layers = keras.layers
    inputs = layers.Input((5, 3))
    x = qkeras.QLSTM(4, return_sequences=True, name="ql", **bits)(inputs)
    x = layers.Bidirectional(layers.GRU(3, return_sequences=True), name="both")(x)
    x = qkeras.QGRU(4, name="qg", **bits)(x)
    model = _randomize(keras.Model(inputs, x))
    for path in (tmp_path / "m.h5", tmp_path / "m.keras"):
        model.save(path)
        _same(load_model(path).model, model)


def test_several_inputs_and_outputs_keep_their_order(keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    first, second = layers.Input((4,), name="one"), layers.Input((4,), name="two")
    merged = layers.Subtract(name="minus")([second, first])
    model = _randomize(
        keras.Model([first, second], [layers.Dense(2, name="a")(merged), layers.Dense(3, name="b")(first)])
    )
    model.save(tmp_path / "m.h5")
    _same(load_model(tmp_path / "m.h5").model, model)


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
    model = _randomize(keras.Model([first, second], out))
    for path in (tmp_path / "m.h5", tmp_path / "m.keras"):
        model.save(path)
        loaded = load_model(path)
        names = [layer.name.lower() for layer in loaded.model.layers]
        assert len(set(names)) == len(names)
        assert not any(hasattr(layer, "layers") for layer in loaded.model.layers)
        assert any("'inner'" in note for note in loaded.notes)
        assert any("built as often" in note and "shared" in note for note in loaded.notes)
        _same(loaded.model, model)


def test_a_frozen_layer_inside_a_nested_model_keeps_its_weights(keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    inner = keras.Sequential(
        [layers.Input((4,)), layers.Dense(4, name="frozen"), layers.BatchNormalization(), layers.Dense(4)], name="inner"
    )
    inner.layers[0].trainable = False
    model = _randomize(keras.Sequential([layers.Input((4,)), inner, layers.Dense(2)]))
    model.save(tmp_path / "m.h5")
    _same(load_model(tmp_path / "m.h5").model, model)


def test_pruning_wrappers_come_off_with_their_masks_applied(keras: Any, tmp_path: Path) -> None:
    tfmot = pytest.importorskip("tensorflow_model_optimization")
    schedule = tfmot.sparsity.keras.ConstantSparsity(0.5, 0)
    model = tfmot.sparsity.keras.prune_low_magnitude(_randomize(_mlp(keras)), schedule)
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
    model = _randomize(
        keras.Sequential(
            [layers.Input((4,)), layers.GaussianNoise(0.1, name="g"), layers.Dense(2), layers.Dropout(0.5)]
        )
    )
    model.save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5")
    assert [type(layer).__name__ for layer in loaded.model.layers] == ["InputLayer", "Dense", "Dropout"]
    assert any("'g'" in note for note in loaded.notes)
    _same(loaded.model, model)


def _keras3(keras: Any, path: Path, *, layers: list[Any] | None = None) -> Any:
    """Rewrite what tf_keras saves into the words of Keras 3."""
    model = _randomize(_mlp(keras))
    model.save(path)
    policy = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}

    def edit(config: dict[str, Any]) -> None:
        for layer in config["config"]["layers"]:
            layer["module"], layer["registered_name"] = "keras.layers", None
            if layer["class_name"] == "InputLayer":
                layer["config"] = {"batch_shape": [None, 6], "dtype": "float32", "name": "i", "optional": False}
            else:
                layer["config"].update({"dtype": policy, "quantization_config": None})
        if layers:
            config["config"]["layers"].extend(layers)

    with h5py.File(path, "r+") as stored:
        stored.attrs["keras_version"] = "3.4.1"
    _edit_config(path, edit)
    return model


def test_keras_3_files(keras: Any, tmp_path: Path) -> None:
    model = _keras3(keras, tmp_path / "m.h5")
    _same(load_model(tmp_path / "m.h5").model, model)


def test_keras_3_functional_nodes(keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    first, second = layers.Input((4,), name="p"), layers.Input((4,), name="q")
    out = layers.Dense(2, name="d")(layers.Concatenate(name="c")([first, second]))
    model = _randomize(keras.Model([first, second], out))
    path = tmp_path / "m.h5"
    model.save(path)

    def tensor(name: str) -> dict[str, Any]:
        return {"class_name": "__keras_tensor__", "config": {"shape": [None, 4], "keras_history": [name, 0, 0]}}

    def edit(config: dict[str, Any]) -> None:
        _layer(config, "c")["inbound_nodes"] = [{"args": [[tensor("p"), tensor("q")]], "kwargs": {}}]
        _layer(config, "d")["inbound_nodes"] = [{"args": [tensor("c")], "kwargs": {"training": None}}]
        config["config"]["output_layers"] = ["d", 0, 0]

    _edit_config(path, edit)
    _same(load_model(path).model, model)
    _edit_config(path, lambda c: _layer(c, "d").update(inbound_nodes=[{"args": [tensor("c"), 2.0], "kwargs": {}}]))
    _refused(path, "'d'", "2.0")


def test_folded_dense_batchnorm(keras: Any, qkeras: Any, tmp_path: Path) -> None:
    """QDenseBatchnorm of later QKeras versions: the file of QDense and BatchNormalization in one layer."""
    layers = keras.layers
    bits = qkeras.quantized_bits(12, 3, alpha=1)
    model = keras.Sequential(
        [layers.Input((6,)), qkeras.QDense(5, kernel_quantizer=bits, bias_quantizer=bits, name="f")]
    )
    path = tmp_path / "m.h5"
    _randomize(model).save(path)
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
    _edit_config(path, lambda c: _layer(c, "f").update(class_name="QDenseBatchnorm"))
    _edit_config(
        path, lambda c: _layer(c, "f")["config"].update(axis=[1], epsilon=0.01, folding_mode="ema_stats_folding")
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
    model = _randomize(_mlp(keras))
    path = tmp_path / "m.h5"
    model.save(path)
    with h5py.File(path, "r+") as stored:
        weights = stored["model_weights"]
        weights.attrs["layer_names"] = ["_fc1_" if n == "fc1" else n for n in weights.attrs["layer_names"]]
        weights.move("fc1", "_fc1_")
    _edit_config(path, lambda c: _layer(c, "fc1")["config"].update(name=asked))
    loaded = load_model(path)
    names = [layer.name for layer in loaded.model.layers]
    expected = {"BN": ["BN", "bn_2"]}.get(asked, [given])
    assert any(name in names for name in expected)
    assert len({name.lower() for name in names}) == len(names)
    assert any("C++" in note for note in loaded.notes)
    _same(loaded.model, model)


@pytest.mark.parametrize("name", ["../x", "a/../../b", "/etc/passwd", "..\\x", "~/x", "c:\\x", "a\x00b", "a\nb"])
def test_names_that_are_paths_are_refused(keras: Any, tmp_path: Path, name: str) -> None:
    path = tmp_path / "m.h5"
    _mlp(keras).save(path)
    _edit_config(path, lambda c: _layer(c, "fc1")["config"].update(name=name))
    with pytest.raises(ModelError, match="rename it"):
        load_model(path)


def test_a_layer_called_like_anothers_activation_is_renamed(keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    model = keras.Sequential(
        [layers.Input((4,)), layers.Dense(3, activation="relu", name="d"), layers.Dense(2, name="d_relu")]
    )
    _randomize(model).save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5").model
    assert [layer.name for layer in loaded.layers[1:]] == ["d", "d_relu_2"]


# What is refused


def test_files_that_are_no_models(keras: Any, tmp_path: Path) -> None:
    _refused(tmp_path / "gone.h5", "gone.h5", "no model file")
    (tmp_path / "empty.h5").write_bytes(b"")
    _refused(tmp_path / "empty.h5", "empty")
    (tmp_path / "text.h5").write_text("this is text\nof two lines")
    _refused(tmp_path / "text.h5", "not a model")
    (tmp_path / "number.json").write_text("[1, 2]")
    _refused(tmp_path / "number.json", "not a model")
    (tmp_path / "other.json").write_text('{"a": 1}')
    _refused(tmp_path / "other.json", "not the architecture")
    (tmp_path / "broken.json").write_text('{"class_name": "Sequ')
    _refused(tmp_path / "broken.json", "not valid JSON")
    (tmp_path / "deep.json").write_text('{"a":' * 100_000)
    _refused(tmp_path / "deep.json", "JSON")
    with h5py.File(tmp_path / "other.h5", "w") as stored:
        stored["data"] = np.zeros(3)
    _refused(tmp_path / "other.h5", "not a Keras model")
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
        archive.writestr("readme.txt", "hello")
    _refused(tmp_path / "a.keras", "zip file", "config.json")
    (tmp_path / "folder").mkdir()
    _refused(tmp_path / "folder", "is a folder")
    _mlp(keras).save_weights(tmp_path / "only_weights.h5")
    _refused(tmp_path / "only_weights.h5", "no architecture")


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_truncated_files(keras: Any, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"m.{ending}"
    _mlp(keras).save(path)
    whole = path.read_bytes()
    for part in (12, len(whole) // 3, len(whole) // 2, len(whole) - 40):
        path.write_bytes(whole[:part])
        _refused(path, f"m.{ending}")


def test_foreign_frameworks(tmp_path: Path) -> None:
    for name, content, word in (
        ("m.onnx", b"\x08\x07\x12\x07pytorch", "ONNX"),
        ("m.tflite", b"\x1c\x00\x00\x00TFL3rest", "TensorFlow Lite"),
        ("hidden.h5", b"\x1c\x00\x00\x00TFL3rest", "TensorFlow Lite"),
        ("m.pth", b"\x80\x02}", "PyTorch"),
        ("m.pkl", b"\x80\x04K", "pickle"),
    ):
        (tmp_path / name).write_bytes(content)
        _refused(tmp_path / name, word)
    with zipfile.ZipFile(tmp_path / "m.pt", "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    _refused(tmp_path / "m.pt", "PyTorch")
    saved = tmp_path / "saved"
    saved.mkdir()
    (saved / "saved_model.pb").write_bytes(b"")
    _refused(saved, "SavedModel")


def test_a_lambda_is_refused_before_anything_is_built(keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    marker = tmp_path / "ran"
    model = keras.Sequential([layers.Input((4,)), layers.Lambda(lambda x: x * 2, name="twice"), layers.Dense(2)])
    for path in (tmp_path / "m.h5", tmp_path / "m.keras"):
        model.save(path)
        _refused(path, "'twice'", "Lambda")
    path = tmp_path / "act.h5"
    _mlp(keras).save(path)
    code = {"class_name": "__lambda__", "config": {"value": f"open({str(marker)!r}, 'w')"}}
    _edit_config(path, lambda c: _layer(c, "fc1")["config"].update(activation=code))
    _refused(path, "'fc1'", "Lambda")
    assert not marker.exists()


def test_nothing_is_imported_because_a_file_names_it(
    keras: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "evil_module.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Dense: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / "m.keras"
    _mlp(keras).save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    layer = _layer(config, "fc1")
    layer["module"], layer["registered_name"] = "evil_module", "Dense"
    layer["config"]["kernel_initializer"] = {"module": "evil_module", "class_name": "Dense", "config": {}}
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    load_model(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ({"class_name": "MyLayer"}, ("'fc1'", "'MyLayer'")),
        ({"class_name": "Dens"}, ("'fc1'", "Dense")),
        ({"class_name": "HGQ>HDense"}, ("'fc1'", "HGQ")),
        ({"class_name": "FixedPointQuantizer"}, ("'fc1'", "HGQ")),
        ({"class_name": "QDense", "module": "hgq.layers"}, ("'fc1'", "HGQ")),
        (
            {"class_name": "TFOpLambda", "config": {"name": "fc1", "function": "io.write_file"}},
            ("raw operation", "io.write_file"),
        ),
        ({"class_name": "QuantizeWrapperV2"}, ("'fc1'", "TFMOT")),
        ({"config": 3}, ("configuration",)),
    ],
)
def test_layers_that_are_not_known(keras: Any, tmp_path: Path, edit: dict[str, Any], words: tuple[str, ...]) -> None:
    path = tmp_path / "m.h5"
    _mlp(keras).save(path)
    _edit_config(path, lambda c: _layer(c, "fc1").update(edit))
    _refused(path, "m.h5", *words)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"activation": "my_relu"}, ("'fc1'", "'my_relu'")),
        ({"activation": "quantized_relu(4)"}, ("'fc1'", "quantized_relu(4)")),
        ({"activation": {"class_name": "my_quantizer", "config": {}}}, ("'fc1'", "'my_quantizer'")),
        ({"activation": 3}, ("'fc1'",)),
        ({"units": -3}, ("'fc1'", "cannot be built")),
        ({"units": {"class_name": "Popen", "config": {}}}, ("'fc1'", "Popen")),
        ({"sharpness": 3}, ("'fc1'", "sharpness=3")),
    ],
)
def test_options_that_are_not_known(keras: Any, tmp_path: Path, option: dict[str, Any], words: tuple[str, ...]) -> None:
    path = tmp_path / "m.h5"
    _mlp(keras).save(path)
    _edit_config(path, lambda c: _layer(c, "fc1")["config"].update(option))
    _refused(path, "m.h5", *words)


@pytest.mark.parametrize(
    "activation",
    ["__import__('os').system('x')", "tf(1)", "safe_eval('1')", "quantized_linear(4,0)", "get_quantizer(binary)", "np"],
)
def test_quantizer_texts_are_not_evaluated(keras: Any, qkeras: Any, tmp_path: Path, activation: str) -> None:
    model = keras.Sequential(
        [keras.layers.Input((4,)), qkeras.QActivation("quantized_relu(4)", name="act"), keras.layers.Dense(2)]
    )
    model.save(tmp_path / "m.h5")
    _edit_config(tmp_path / "m.h5", lambda c: _layer(c, "act")["config"].update(activation=activation))
    _refused(tmp_path / "m.h5", "'act'", "unknown")


def test_unknown_regularizers_do_not_matter(keras: Any, tmp_path: Path) -> None:
    model = _randomize(_mlp(keras))
    path = tmp_path / "m.h5"
    model.save(path)
    _edit_config(
        path, lambda c: _layer(c, "fc1")["config"].update(kernel_regularizer={"class_name": "Mine", "config": {}})
    )
    loaded = load_model(path)
    assert any("'Mine'" in note for note in loaded.notes)
    _same(loaded.model, model)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_weights_that_are_not_numbers(keras: Any, tmp_path: Path, value: float, ending: str) -> None:
    model = _randomize(_mlp(keras))
    kernel = model.get_layer("fc2").get_weights()
    kernel[0][1, 1] = value
    model.get_layer("fc2").set_weights(kernel)
    model.save(tmp_path / f"m.{ending}")
    _refused(tmp_path / f"m.{ending}", "'fc2'", "'kernel'", "1 NaN or infinite value of 15")


def test_weights_that_do_not_fit(keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    small = keras.Sequential([layers.Input((6,)), layers.Dense(5, name="fc1"), layers.Dense(4, name="fc2")])
    (tmp_path / "m.json").write_text(small.to_json())
    _mlp(keras).save_weights(tmp_path / "other.h5")
    _refused(tmp_path / "m.json", "do not fit", "3 layers", weights=tmp_path / "other.h5")
    big = keras.Sequential([layers.Input((6,)), layers.Dense(5, name="fc1"), layers.Dense(7, name="fc2")])
    big.save_weights(tmp_path / "big.h5")
    _refused(tmp_path / "m.json", "'fc2'", "5x7", "5x4", weights=tmp_path / "big.h5")


def test_weights_in_other_files_are_not_followed(keras: Any, tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    _mlp(keras).save(path)
    with h5py.File(tmp_path / "secret.h5", "w") as stored:
        stored["kernel"] = np.ones((6, 5), np.float32)
    with h5py.File(path, "r+") as stored:
        group = stored["model_weights/fc1/fc1"]
        del group["kernel:0"]
        group["kernel:0"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/kernel")
    _refused(path, "another file")


def test_inputs_of_any_size(keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    model = keras.Sequential([layers.Input((None, 3), name="x"), layers.Conv1D(2, 3), layers.GlobalMaxPooling1D()])
    model.save(tmp_path / "m.h5")
    _refused(tmp_path / "m.h5", "any size", "?x3")


def test_edges_that_lead_nowhere(keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    first = layers.Input((4,), name="x")
    model = keras.Model(first, layers.Dense(2, name="b")(layers.Dense(2, name="a")(first)))
    path = tmp_path / "m.h5"
    for edge in (
        [[["gone", 0, 0, {}]]],
        [[["a", 5, 0, {}]]],
        [[["b", 0, 0, {}]]],
        [[["_CONSTANT_VALUE", -1, 2.0, {}]]],
        [7],
        7,
    ):
        model.save(path)

        def edit(config: dict[str, Any], edge: Any = edge) -> None:
            _layer(config, "b")["inbound_nodes"] = edge

        _edit_config(path, edit)
        _refused(path, "m.h5")


def test_hard_sigmoid_of_keras_3_is_another_function(keras: Any, tmp_path: Path) -> None:
    extra = {
        "class_name": "Activation",
        "module": "keras.layers",
        "config": {"name": "h", "activation": "hard_sigmoid"},
    }
    _keras3(keras, tmp_path / "m.h5", layers=[extra])
    _refused(tmp_path / "m.h5", "'h'", "hard_sigmoid")


def test_a_zip_in_memory_is_never_unpacked_to_disk(keras: Any, tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    _mlp(keras).save(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../escaped.txt", "x")
    load_model(path)
    assert not (tmp_path.parent / "escaped.txt").exists()
