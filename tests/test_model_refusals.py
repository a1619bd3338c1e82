"""Models that do not load: one sentence each, and nothing of them is run."""

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

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


def test_files_that_are_no_models(keras: Any, tmp_path: Path) -> None:
    refuse_model(tmp_path / "gone.h5", "gone.h5", "no model file")
    (tmp_path / "empty.h5").write_bytes(b"")
    refuse_model(tmp_path / "empty.h5", "empty")
    (tmp_path / "text.h5").write_text("this is text\nof two lines")
    refuse_model(tmp_path / "text.h5", "not a model")
    (tmp_path / "number.json").write_text("[1, 2]")
    refuse_model(tmp_path / "number.json", "not a model")
    (tmp_path / "other.json").write_text('{"a": 1}')
    refuse_model(tmp_path / "other.json", "not the architecture")
    (tmp_path / "broken.json").write_text('{"class_name": "Sequ')
    refuse_model(tmp_path / "broken.json", "not valid JSON")
    (tmp_path / "deep.json").write_text('{"a":' * 100_000)
    refuse_model(tmp_path / "deep.json", "JSON")
    with h5py.File(tmp_path / "other.h5", "w") as stored:
        stored["data"] = np.zeros(3)
    refuse_model(tmp_path / "other.h5", "not a Keras model")
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
        archive.writestr("readme.txt", "hello")
    refuse_model(tmp_path / "a.keras", "zip file", "config.json")
    (tmp_path / "folder").mkdir()
    refuse_model(tmp_path / "folder", "is a folder")
    mlp(keras).save_weights(tmp_path / "only_weights.h5")
    refuse_model(tmp_path / "only_weights.h5", "no architecture")


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_truncated_files(keras: Any, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"m.{ending}"
    mlp(keras).save(path)
    whole = path.read_bytes()
    for part in (12, len(whole) // 3, len(whole) // 2, len(whole) - 40):
        path.write_bytes(whole[:part])
        refuse_model(path, f"m.{ending}")


def test_foreign_frameworks(tmp_path: Path) -> None:
    for name, content, word in (
        ("m.onnx", b"\x08\x07\x12\x07pytorch", "ONNX"),
        ("m.tflite", b"\x1c\x00\x00\x00TFL3rest", "TensorFlow Lite"),
        ("hidden.h5", b"\x1c\x00\x00\x00TFL3rest", "TensorFlow Lite"),
        ("m.pth", b"\x80\x02}", "PyTorch"),
        ("m.pkl", b"\x80\x04K", "pickle"),
    ):
        (tmp_path / name).write_bytes(content)
        refuse_model(tmp_path / name, word)
    with zipfile.ZipFile(tmp_path / "m.pt", "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    refuse_model(tmp_path / "m.pt", "PyTorch")
    saved = tmp_path / "saved"
    saved.mkdir()
    (saved / "saved_model.pb").write_bytes(b"")
    refuse_model(saved, "SavedModel")


def test_a_lambda_is_refused_before_anything_is_built(keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    marker = tmp_path / "ran"
    model = keras.Sequential([layers.Input((4,)), layers.Lambda(lambda x: x * 2, name="twice"), layers.Dense(2)])
    for path in (tmp_path / "m.h5", tmp_path / "m.keras"):
        model.save(path)
        refuse_model(path, "'twice'", "Lambda")
    path = tmp_path / "act.h5"
    mlp(keras).save(path)
    code = {"class_name": "__lambda__", "config": {"value": f"open({str(marker)!r}, 'w')"}}
    edit_config(path, lambda c: layer_config(c, "fc1")["config"].update(activation=code))
    refuse_model(path, "'fc1'", "Lambda")
    assert not marker.exists()


def test_nothing_is_imported_because_a_file_names_it(
    keras: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "evil_module.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Dense: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / "m.keras"
    mlp(keras).save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    layer = layer_config(config, "fc1")
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
    mlp(keras).save(path)
    edit_config(path, lambda c: layer_config(c, "fc1").update(edit))
    refuse_model(path, "m.h5", *words)


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
    mlp(keras).save(path)
    edit_config(path, lambda c: layer_config(c, "fc1")["config"].update(option))
    refuse_model(path, "m.h5", *words)


@pytest.mark.parametrize(
    "activation",
    ["__import__('os').system('x')", "tf(1)", "safe_eval('1')", "quantized_linear(4,0)", "get_quantizer(binary)", "np"],
)
def test_quantizer_texts_are_not_evaluated(keras: Any, qkeras: Any, tmp_path: Path, activation: str) -> None:
    model = keras.Sequential(
        [keras.layers.Input((4,)), qkeras.QActivation("quantized_relu(4)", name="act"), keras.layers.Dense(2)]
    )
    model.save(tmp_path / "m.h5")
    edit_config(tmp_path / "m.h5", lambda c: layer_config(c, "act")["config"].update(activation=activation))
    refuse_model(tmp_path / "m.h5", "'act'", "unknown")


def test_unknown_regularizers_do_not_matter(keras: Any, tmp_path: Path) -> None:
    model = randomize(mlp(keras))
    path = tmp_path / "m.h5"
    model.save(path)
    edit_config(
        path, lambda c: layer_config(c, "fc1")["config"].update(kernel_regularizer={"class_name": "Mine", "config": {}})
    )
    loaded = load_model(path)
    assert any("'Mine'" in note for note in loaded.notes)
    same_outputs(loaded.model, model)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_weights_that_are_not_numbers(keras: Any, tmp_path: Path, value: float, ending: str) -> None:
    model = randomize(mlp(keras))
    kernel = model.get_layer("fc2").get_weights()
    kernel[0][1, 1] = value
    model.get_layer("fc2").set_weights(kernel)
    model.save(tmp_path / f"m.{ending}")
    refuse_model(tmp_path / f"m.{ending}", "'fc2'", "'kernel'", "1 NaN or infinite value of 15")


def test_weights_that_do_not_fit(keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    small = keras.Sequential([layers.Input((6,)), layers.Dense(5, name="fc1"), layers.Dense(4, name="fc2")])
    (tmp_path / "m.json").write_text(small.to_json())
    mlp(keras).save_weights(tmp_path / "other.h5")
    refuse_model(tmp_path / "m.json", "do not fit", "3 layers", weights=tmp_path / "other.h5")
    big = keras.Sequential([layers.Input((6,)), layers.Dense(5, name="fc1"), layers.Dense(7, name="fc2")])
    big.save_weights(tmp_path / "big.h5")
    refuse_model(tmp_path / "m.json", "'fc2'", "5x7", "5x4", weights=tmp_path / "big.h5")


def test_weights_in_other_files_are_not_followed(keras: Any, tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    mlp(keras).save(path)
    with h5py.File(tmp_path / "secret.h5", "w") as stored:
        stored["kernel"] = np.ones((6, 5), np.float32)
    with h5py.File(path, "r+") as stored:
        group = stored["model_weights/fc1/fc1"]
        del group["kernel:0"]
        group["kernel:0"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/kernel")
    refuse_model(path, "another file")


def test_inputs_of_any_size(keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    model = keras.Sequential([layers.Input((None, 3), name="x"), layers.Conv1D(2, 3), layers.GlobalMaxPooling1D()])
    model.save(tmp_path / "m.h5")
    refuse_model(tmp_path / "m.h5", "any size", "?x3")


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
            layer_config(config, "b")["inbound_nodes"] = edge

        edit_config(path, edit)
        refuse_model(path, "m.h5")


def test_hard_sigmoid_of_keras_3_is_another_function(keras: Any, tmp_path: Path) -> None:
    extra = {
        "class_name": "Activation",
        "module": "keras.layers",
        "config": {"name": "h", "activation": "hard_sigmoid"},
    }
    save_as_keras3(keras, tmp_path / "m.h5", layers=[extra])
    refuse_model(tmp_path / "m.h5", "'h'", "hard_sigmoid")


def test_a_zip_in_memory_is_never_unpacked_to_disk(keras: Any, tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    mlp(keras).save(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../escaped.txt", "x")
    load_model(path)
    assert not (tmp_path.parent / "escaped.txt").exists()
