"""Batch normalizations taken into the layer before them, and activations that are a plain ReLU."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress.quantization.config import matches
from fpgaprune.errors import ModelError
from fpgaprune.frameworks import load_frameworks

Array = NDArray[Any]
# Keras class -> which of its arrays has the outputs of the layer along its last axes, and along how many.
FOLDS_INTO: Final[Mapping[str, tuple[int, int]]] = {
    "Dense": (0, 1),
    "Conv1D": (0, 1),
    "Conv2D": (0, 1),
    "DepthwiseConv2D": (0, 2),
    "SeparableConv1D": (1, 1),
    "SeparableConv2D": (1, 1),
}


def foldable(layer: Any, readers: Sequence[Any]) -> Any:
    """The batch normalization that alone reads a linear layer's result; None where there is none such."""
    if type(layer).__name__ not in FOLDS_INTO or layer.activation.__name__ != "linear" or len(readers) != 1:
        return None
    found = readers[0]
    if type(found).__name__ != "BatchNormalization":
        return None
    axis = found.axis if isinstance(found.axis, int) else list(found.axis)
    last = len(layer.output.shape) - 1
    return found if axis in (-1, last, [last]) else None


def readers_of(model: Any) -> dict[int, list[Any]]:
    """The layers that read each tensor, by its id; None among them is whoever reads an output of the model.

    Raises ModelError for a layer that is used in several places.
    """
    readers: dict[int, list[Any]] = {}
    for layer in model.layers:
        for tensor in inputs_of(layer):
            readers.setdefault(id(tensor), []).append(layer)
    for tensor in model.outputs:
        readers.setdefault(id(tensor), []).append(None)
    return readers


def fold(kind: str, values: Sequence[Array], normalization: Any) -> list[Array]:
    """Kernels and bias with the batch normalization behind them taken in."""
    mean, variance = (
        np.asarray(v, dtype=np.float64) for v in (normalization.moving_mean, normalization.moving_variance)
    )
    scale = 1 / np.sqrt(variance + normalization.epsilon)
    if normalization.scale:
        scale = scale * np.asarray(normalization.gamma, dtype=np.float64)
    place, axes = FOLDS_INTO[kind]
    kernels = list(values[: place + 1])
    bias = values[place + 1] if len(values) > place + 1 else np.zeros(mean.shape)
    offset = np.asarray(normalization.beta, dtype=np.float64) if normalization.center else 0.0
    kernels[place] = kernels[place] * scale.reshape(kernels[place].shape[-axes:])
    return [*kernels, (bias - mean) * scale + offset]


def with_folded(model: Any, exclude: Sequence[str] = ()) -> tuple[Any, tuple[str, ...]]:
    """A model that computes the same with batch normalizations in the plain layers before them, and their names.

    What is left of a normalization is a layer of its name that passes everything on. A layer that a pattern of
    `exclude` matches keeps its normalization. Where there is nothing to fold the model itself is given.
    """
    pairs = _pairs(model, exclude)
    if not pairs:
        return model, ()
    keras = load_frameworks().keras
    gone = {found.name for found in pairs.values()}

    def again(layer: Any) -> Any:
        if layer.name in gone:
            return keras.layers.Activation("linear", name=layer.name)
        options = layer.get_config()
        return type(layer).from_config({**options, "use_bias": True} if layer.name in pairs else options)

    functional = keras.Model(model.inputs, model.outputs, name=model.name)
    copy = keras.models.clone_model(functional, clone_function=again)
    for old, new in zip(functional.layers, copy.layers, strict=True):
        values = old.get_weights()
        if old.name in pairs:
            new.set_weights(fold(type(old).__name__, values, pairs[old.name]))
        elif old.name not in gone:
            new.set_weights(values)
    return copy, tuple(sorted(gone))


def _pairs(model: Any, exclude: Sequence[str]) -> dict[str, Any]:
    """The batch normalization that goes into each layer, by the layer's name."""
    try:
        readers = readers_of(model)
    except ModelError:  # a layer in several places: who reads what is not known
        return {}
    layers = [each for each in model.layers if type(each).__name__ in FOLDS_INTO and not matches(each, exclude)]
    found = {layer.name: foldable(layer, readers.get(id(layer.output), ())) for layer in layers}
    return {name: normalization for name, normalization in found.items() if normalization is not None}


def is_relu(layer: Any) -> bool:
    """Whether it is a layer of its own that cuts off at zero and does nothing else."""
    if type(layer).__name__ == "Activation":
        return bool(layer.activation.__name__ == "relu")
    if type(layer).__name__ != "ReLU":
        return False
    return layer.max_value is None and not layer.negative_slope and not layer.threshold


def inputs_of(layer: Any) -> list[Any]:
    """The tensors a layer reads; raises ModelError for one that is used in several places."""
    if type(layer).__name__ == "InputLayer":
        return []
    try:
        return list(layer.input) if isinstance(layer.input, list | tuple) else [layer.input]
    except AttributeError as error:
        message = f"layer {layer.name!r} is used in several places of the network; give each its own layer"
        raise ModelError(message) from error
