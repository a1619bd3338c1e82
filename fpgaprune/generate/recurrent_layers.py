"""Recurrent and time-distributed layers of a Keras architecture; what hls4ml computes otherwise is refused."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from fpgaprune.errors import ModelError
from fpgaprune.generate.network import Record
from fpgaprune.generate.weights import LayerConstants

RECURRENT: Final = frozenset({"SimpleRNN", "LSTM", "GRU", "Bidirectional"})
_ACTIVATIONS: Final = ("relu", "sigmoid", "tanh")  # hls4ml's nnet_recr_activations.h


def unwrap(record: Record, layer: Any) -> Any:
    """Replace a time-distributed dense layer, which is a dense layer over the last axis, by that; the layer inside.

    Other layers are returned as they are. Raises ModelError for other layers inside.
    """
    if record["class_name"] != "TimeDistributed":
        return layer
    config = record["config"]
    inner = config["layer"]
    if inner["class_name"] not in ("Dense", "QDense"):
        message = (
            f"layer {config['name']!r} repeats a {inner['class_name']} layer over time; only dense layers can be "
            "time-distributed"
        )
        raise ModelError(message)
    shape = {key: config[key] for key in ("batch_input_shape",) if key in config}
    record["class_name"] = inner["class_name"]
    record["config"] = {**inner["config"], **shape, "name": config["name"]}
    return layer.layer


def check_recurrent(record: Record, constants: LayerConstants | None) -> None:
    """Refuse what hls4ml would compute otherwise than Keras; give a layer without bias one of zeros.

    Raises ModelError naming the layer and the option that would work.
    """
    if record["class_name"] not in RECURRENT:
        return
    name = record["config"]["name"]
    for config in _cells(record):
        for wrong, right in _complaints(config):
            message = f"layer {name!r} has {wrong}, which hls4ml does not compute; {right}"
            raise ModelError(message)
    if record["class_name"] == "Bidirectional" and record["config"].get("merge_mode") != "concat":
        mode = record["config"].get("merge_mode")
        message = f"layer {name!r} has merge_mode={mode!r}, which hls4ml does not compute; use 'concat'"
        raise ModelError(message)
    if constants is not None and "bias" not in constants.arrays:
        rows = constants.arrays["kernel"].shape[-1]
        constants.arrays["bias"] = np.zeros((2, rows) if record["class_name"] == "GRU" else (rows,))


def _cells(record: Record) -> Iterator[Record]:
    config = record["config"]
    if record["class_name"] != "Bidirectional":
        yield config
        return
    yield config["layer"]["config"]
    if config.get("backward_layer"):
        yield {**config["backward_layer"]["config"], "go_backwards": False}


def _complaints(config: Record) -> Iterator[tuple[str, str]]:
    for key in ("activation", "recurrent_activation"):
        function = config.get(key)
        if function is not None and function not in _ACTIVATIONS:
            yield f"the {key} {_shown(function)}", f"use one of {', '.join(_ACTIVATIONS)}"
    if config.get("reset_after") is False:
        yield "reset_after=False", "train it with reset_after=True, Keras' default"
    for key, wanted in (("go_backwards", False), ("stateful", False), ("return_state", False), ("time_major", False)):
        if config.get(key, wanted) != wanted:
            yield f"{key}={config[key]}", f"only {key}={wanted} is supported"


def _shown(function: Any) -> str:
    return str(function.get("class_name", function)) if isinstance(function, dict) else repr(function)
