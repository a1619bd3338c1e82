"""Batch normalizations taken into the layer before them, and activations that are a plain ReLU."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fpgaprune.errors import ModelError

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
