"""Small models and edits of their files, for the tests of loading."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from fpgaprune.errors import ModelError
from fpgaprune.read.model import load_model


def outputs(model: Any, seed: int = 0) -> list[np.ndarray[Any, Any]]:
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(0, 1, (16, *tensor.shape[1:])).astype(np.float32) for tensor in model.inputs]
    found = model.predict(arrays if len(arrays) > 1 else arrays[0], verbose=0)
    return found if isinstance(found, list) else [found]


def same_outputs(left: Any, right: Any) -> None:
    for one, other in zip(outputs(left), outputs(right), strict=True):
        np.testing.assert_array_equal(one, other)


def mlp(keras: Any, name: str = "fc1") -> Any:
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


def randomize(model: Any) -> Any:
    rng = np.random.default_rng(1)
    model.set_weights([rng.uniform(0.1, 1.0, w.shape).astype(np.float32) for w in model.get_weights()])
    return model


def edit_config(path: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    with h5py.File(path, "r+") as stored:
        config = json.loads(stored.attrs["model_config"])
        edit(config)
        stored.attrs["model_config"] = json.dumps(config)


def layer_config(config: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in config["config"]["layers"] if one["config"].get("name") == name)
    return found


def refuse_model(path: Path, *words: str, weights: Path | None = None) -> str:
    with pytest.raises(ModelError) as caught:
        load_model(path, weights)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert len(sentence) < 500
    for word in words:
        assert word in sentence, sentence
    return sentence


def save_as_keras3(keras: Any, path: Path, *, layers: list[Any] | None = None) -> Any:
    """Rewrite what tf_keras saves into the words of Keras 3."""
    model = randomize(mlp(keras))
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
    edit_config(path, edit)
    return model
