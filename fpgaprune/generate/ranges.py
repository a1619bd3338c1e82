"""What the Keras model computes between its layers, and how large that gets."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fpgaprune.errors import ModelError
from fpgaprune.fixed_ranges import Range
from fpgaprune.frameworks import load_frameworks
from fpgaprune.generate.network import Network
from fpgaprune.generate.weights import Array

_BATCH = 128
_VALUES = 1 << 22  # that are looked at together at most: calling a small model takes longer than what it computes
OBSERVED_SAMPLES = 1024


@dataclass(frozen=True)
class Point:
    """A place in the Keras model: a layer's output, or its value before its own activation."""

    layer: str
    before_activation: bool = False


def points(network: Network) -> dict[str, Point]:
    """Where each node's values can be seen in the model, for those that can."""
    return {node.name: Point(node.observed, node.before_activation) for node in network if node.observed is not None}


def watch(model: Any, places: Mapping[str, Point], inputs: Sequence[Array]) -> Iterator[dict[str, Array]]:
    """Values at the places, batch by batch, each (batch, ...) in float64.

    Raises ModelError when the model gives NaN or infinity on the inputs.
    """
    keras = load_frameworks().keras
    layers = {layer.name: layer for layer in model.layers}
    tensors = [
        layers[point.layer].input if point.before_activation else layers[point.layer].output
        for point in places.values()
    ]
    probe = keras.Model(model.inputs, tensors)
    samples = [np.asarray(array, dtype=np.float32) for array in inputs]
    values_each = sum(int(np.prod([size or 1 for size in tensor.shape[1:]])) for tensor in tensors)
    count = max(_BATCH, _VALUES // max(1, values_each))
    for start in range(0, len(samples[0]), count):
        batch = [array[start : start + count] for array in samples]
        values = probe(batch if len(batch) > 1 else batch[0], training=False)
        values = values if isinstance(values, list | tuple) else [values]
        shown: dict[str, Array] = {}
        for (name, point), value in zip(places.items(), values, strict=True):
            seen = _without_activation(layers[point.layer], value) if point.before_activation else value
            shown[name] = np.asarray(seen, dtype=np.float64)
            if not np.isfinite(shown[name]).all():
                message = f"layer {point.layer!r} gives NaN or infinity on the given inputs"
                raise ModelError(message)
        yield shown


def observe(model: Any, network: Network, inputs: Sequence[Array]) -> dict[str, Range]:
    """Ranges of the nodes that can be seen in the model, over the first 1024 samples of `inputs`."""
    ranges: dict[str, Range] = {}
    for values in watch(model, points(network), [array[:OBSERVED_SAMPLES] for array in inputs]):
        for name, array in values.items():
            old = ranges.get(name, Range(0.0, 0.0))
            ranges[name] = Range(min(old.low, float(array.min())), max(old.high, float(array.max())))
    return ranges


def _without_activation(layer: Any, value: Any) -> Any:
    owner = getattr(layer, "layer", layer)  # a time-distributed layer's activation is that of the layer inside
    kept = owner.activation
    owner.activation = load_frameworks().keras.activations.linear
    try:
        return layer(value, training=False)
    finally:
        owner.activation = kept
