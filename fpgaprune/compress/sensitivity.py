"""How much each constant of a Keras model matters, measured on data without training."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress.constants import Importance
from fpgaprune.errors import ModelError
from fpgaprune.frameworks import load_frameworks

Array = NDArray[np.float64]
SAMPLES = 1024
_BATCH = 128
_KERNELS = ("kernel", "depthwise_kernel")  # attributes of the layers whose constants can be put back


def kernel_variable(layer: Any) -> Any:
    """The variable of a layer's multiplied constants; None for layers that have none, or several."""
    found = [getattr(layer, name) for name in _KERNELS if hasattr(getattr(layer, name, None), "assign")]
    return found[0] if len(found) == 1 and not hasattr(layer, "pointwise_kernel") else None


def kernel_scale(layer: Any) -> Array:
    """What the layer's quantizer multiplies its stored constants by, broadcastable to them; 1 where it follows them."""
    quantizer = getattr(layer, "kernel_quantizer_internal", getattr(layer, "depthwise_quantizer_internal", None))
    alpha = getattr(quantizer, "alpha", None)
    return np.asarray(1.0 if alpha is None or isinstance(alpha, str) else alpha, dtype=np.float64)


def measure_importance(model: Any, inputs: Sequence[NDArray[Any]], seed: int = 0) -> Importance:
    """Mean squares of what the kernels of a Functional model multiply, and of the outputs' derivatives, by layer name.

    The derivative is that of a random mix of the model's outputs (of the logits where it ends in a softmax), so its
    mean square is that of all outputs together. At most 1024 samples are used. Raises ModelError for NaN.
    """
    layers = [layer for layer in model.layers if kernel_variable(layer) is not None]
    probe = _probe(model, layers)
    squares: dict[str, Array] = {}
    slopes: dict[str, Array] = {}
    random = np.random.default_rng(seed)
    samples = [np.asarray(array[:SAMPLES], dtype=np.float32) for array in inputs]
    count = len(samples[0])
    for start in range(0, count, _BATCH):
        batch = [array[start : start + _BATCH] for array in samples]
        read, derived = _measure(probe, batch, len(layers), random)
        for layer, values, slope in zip(layers, read, derived, strict=True):
            if not (np.isfinite(values).all() and np.isfinite(slope).all()):
                message = f"layer {layer.name!r} sees NaN or infinity on the given inputs"
                raise ModelError(message)
            # Errors of one constant add up over positions; its data are averaged over them.
            squares[layer.name] = squares.get(layer.name, 0.0) + _per_channel(values).mean(axis=1).sum(axis=0) / count
            slopes[layer.name] = slopes.get(layer.name, 0.0) + _per_channel(slope).sum(axis=(0, 1)) / count
    pairs = {layer.name: _by_row(layer, squares[layer.name], slopes[layer.name]) for layer in layers}
    return Importance({n: pair[0] for n, pair in pairs.items()}, {n: pair[1] for n, pair in pairs.items()})


def _by_row(layer: Any, squares: Array, slopes: Array) -> tuple[Array, Array]:
    """Per row and column of the kernel as (inputs, outputs)."""
    kernel = tuple(int(size) for size in kernel_variable(layer).shape)
    if hasattr(layer, "depthwise_kernel"):  # rows are taps and channels, columns the multiplier
        per_channel = slopes.reshape(kernel[-2], kernel[-1]).mean(axis=1)
        return np.tile(squares * per_channel, prod(kernel[:-2])), np.ones(kernel[-1])
    return np.tile(squares, prod(kernel[:-2])), slopes


def _per_channel(values: Any) -> Array:
    """Squares as (samples, positions, channels)."""
    array = np.square(np.asarray(values, dtype=np.float64))
    return array.reshape(array.shape[0], -1, array.shape[-1])


def _probe(model: Any, layers: Sequence[Any]) -> Any:
    """What every layer reads, what it gives, and the outputs before a softmax."""
    keras = load_frameworks().keras
    outputs = {layer.name: layer.output for layer in layers}
    ends = []
    for tensor in model.outputs:
        layer = next((found for found in model.layers if found.output is tensor), None)
        if layer is None or not _is_softmax(layer):
            ends.append(tensor)
        elif layer.name in outputs:  # a layer with the softmax as its own activation
            outputs[layer.name] = _without_activation(layer)
            ends.append(outputs[layer.name])
        else:
            ends.append(layer.input)
    return keras.Model(model.inputs, [*(layer.input for layer in layers), *outputs.values(), *ends])


def _is_softmax(layer: Any) -> bool:
    activation = getattr(layer, "activation", None)
    return type(layer).__name__ == "Softmax" or getattr(activation, "__name__", "") == "softmax"


def _without_activation(layer: Any) -> Any:
    kept = layer.activation
    layer.activation = load_frameworks().keras.activations.linear
    try:
        return layer(layer.input)
    finally:
        layer.activation = kept


def _measure(
    probe: Any, batch: Sequence[NDArray[Any]], layers: int, random: np.random.Generator
) -> tuple[list[Any], list[Any]]:
    tensorflow = load_frameworks().tensorflow
    tensors = [tensorflow.constant(array) for array in batch]
    with tensorflow.GradientTape() as tape:
        tape.watch(tensors)
        values = tensorflow.nest.flatten(probe(tensors if len(tensors) > 1 else tensors[0], training=False))
        ends = values[2 * layers :]
        mixed = sum(tensorflow.reduce_sum(end * random.standard_normal(end.shape).astype(np.float32)) for end in ends)
    read, given = values[:layers], values[layers : 2 * layers]
    derived = tape.gradient(mixed, given)
    return read, [
        np.zeros(value.shape) if slope is None else slope for value, slope in zip(given, derived, strict=True)
    ]
