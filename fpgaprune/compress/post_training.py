"""A trained model at another precision and sparsity, without training it again."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from fpgaprune.compress.copying import copy_model, quantized_objects
from fpgaprune.compress.data import Arrays
from fpgaprune.compress.kernels import find_kernels, refuse_not_finite, refuse_without_zero, select_kernels
from fpgaprune.compress.masks import all_kept, remove_smallest
from fpgaprune.errors import ConfigError, ModelError
from fpgaprune.frameworks import load_frameworks, quiet

LAYER_LIMIT = 0.95  # no kernel loses more of its weights than this, unless the target is higher


def requantized(model: Any, bits: int, sample: Arrays) -> Any:
    """A copy of `model` whose quantizers have `bits` bits and their own integer bits; `sample`: a few inputs.

    Quantizers without a width (binary, ternary) stay; a model without quantizers comes back as a plain copy. Raises
    ConfigError where `bits` leaves no bit right of the integer ones, ModelError for a model that cannot be copied.
    """
    whole = copy_model(model, sample)  # refuses what a configuration cannot rebuild
    if not has_widths(model):
        return whole
    frameworks = load_frameworks()
    with frameworks.keras.utils.custom_object_scope(quantized_objects()), quiet("clone"):
        copy = frameworks.keras.models.clone_model(
            whole, clone_function=lambda layer: type(layer).from_config(_changed(layer.get_config(), bits, layer.name))
        )
        if not copy.built:
            copy.build(model.input_shape)
    copy.set_weights(whole.get_weights())
    return copy


def has_widths(model: Any) -> bool:
    """Whether the model holds quantizers whose number of bits can be chosen."""
    return any(_holds_width(layer.get_config()) for layer in model.layers)


def prune_smallest(model: Any, sparsity: float, layer_limit: float = LAYER_LIMIT) -> None:
    """Set the smallest `ceil(sparsity * weights)` weights over all kernels together to zero, in place.

    Magnitudes are those after the model's quantizers. Raises ModelError where a zero would not stay one.
    """
    if sparsity == 0.0:
        return
    refuse_not_finite(model)
    kernels = select_kernels(find_kernels(model), ())
    refuse_without_zero(kernels)
    masks = remove_smallest(kernels, all_kept(kernels), sparsity, layer_limit)
    for kernel, mask in zip(kernels, masks, strict=True):
        kernel.variable.assign(np.where(mask, kernel.variable.numpy(), 0.0))


def _is_quantizer(value: Any) -> bool:
    config = value.get("config") if isinstance(value, Mapping) else None
    return isinstance(config, Mapping) and "class_name" in value and "bits" in config


def _spelt_out(text: str) -> Any:
    """A quantizer spelt as text, `quantized_relu(8,1)`, as Keras writes out objects."""
    quantizer = load_frameworks().qkeras.get_quantizer(text)
    return {"class_name": type(quantizer).__name__, "config": quantizer.get_config()}


def _as_text(value: Any, layer: str) -> str:
    """The inverse of `_spelt_out`; raises ModelError where the text would leave something out."""
    qkeras = load_frameworks().qkeras
    text = str(getattr(qkeras, value["class_name"]).from_config(value["config"]))
    if _spelt_out(text)["config"] != value["config"]:
        message = f"the quantizer {value['class_name']} of layer {layer!r} has settings that its text {text} leaves out"
        raise ModelError(message)
    return text


def _holds_width(config: Any) -> bool:
    if isinstance(config, str):
        return "(" in config and _is_quantizer(_spelt_out(config))
    if isinstance(config, Mapping):
        return _is_quantizer(config) or any(_holds_width(value) for value in config.values())
    return isinstance(config, list | tuple) and any(_holds_width(value) for value in config)


def _changed(config: Any, bits: int, layer: str) -> Any:
    """A layer's configuration with every quantizer at `bits` bits; what was text stays text."""
    if isinstance(config, str) and "(" in config:
        return _as_text(_changed(_spelt_out(config), bits, layer), layer)
    if isinstance(config, list):
        return [_changed(value, bits, layer) for value in config]
    if not isinstance(config, Mapping):
        return config
    if not _is_quantizer(config):
        return {key: _changed(value, bits, layer) for key, value in config.items()}
    inner = config["config"]
    integer = inner.get("integer", 0)
    if isinstance(integer, bool) or not isinstance(integer, int):
        message = f"the quantizer {config['class_name']} of layer {layer!r} has integer bits {integer!r}: not a number"
        raise ModelError(message)
    if bits <= integer:
        message = (
            f"{bits} bits are too few for layer {layer!r}: its quantizer {config['class_name']} needs {integer} left "
            "of the point"
        )
        raise ConfigError(message)
    return {**config, "config": {**inner, "bits": bits}}
