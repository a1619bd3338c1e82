"""The same network with some layers replaced by chains of others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress.copying import rebuilding
from fpgaprune.frameworks import load_frameworks


@dataclass(frozen=True, eq=False)
class Part:
    """A layer that is not built yet, and the weights it gets (none: as it initializes itself)."""

    layer: Any
    weights: Sequence[NDArray[Any]] = ()


def rewired(model: Any, parts: Mapping[str, Sequence[Part]]) -> Any:
    """A Functional copy of a built Sequential or Functional `model`, not compiled, with its own variables.

    Each layer named in `parts` becomes the chain of those, wherever it is called; all others keep names, settings and
    weights. Raises ModelError for a model whose layers cannot be rebuilt from their configuration.
    """
    keras, flatten = load_frameworks().keras, load_frameworks().tensorflow.nest.flatten
    functional = keras.Model(model.inputs, model.outputs, name=model.name)
    with rebuilding(model):
        chains = {layer.name: parts.get(layer.name) or [_copied(layer)] for layer in functional.layers}
        found = {
            id(tensor): keras.layers.Input(tuple(tensor.shape[1:]), name=layer.name, dtype=tensor.dtype)
            for tensor, layer in zip(functional.inputs, functional._input_layers, strict=True)
        }
        inputs = [found[id(tensor)] for tensor in functional.inputs]
        depths = functional._nodes_by_depth
        for node in (node for depth in sorted(depths, reverse=True) for node in depths[depth]):
            if all(id(tensor) in found for tensor in flatten(node.outputs)):
                continue  # an input
            outputs = _call(node, found, chains[node.outbound_layer.name])
            found |= {id(old): new for old, new in zip(flatten(node.outputs), flatten(outputs), strict=True)}
        copy = keras.Model(inputs, [found[id(tensor)] for tensor in functional.outputs], name=model.name)
        for chain in chains.values():
            for part in chain:
                if part.weights:
                    part.layer.set_weights(list(part.weights))
    return copy


def _copied(layer: Any) -> Part:
    if hasattr(layer, "layers") and hasattr(layer, "get_layer"):  # a model used as a layer
        return Part(load_frameworks().keras.models.clone_model(layer), layer.get_weights())
    return Part(type(layer).from_config(layer.get_config()), layer.get_weights())


def _call(node: Any, found: Mapping[int, Any], chain: Sequence[Part]) -> Any:
    """What the chain gives when it is called as the node's layer was."""
    tensors = load_frameworks().tensorflow.nest.flatten(node.keras_inputs)
    # A node takes a tensor from its list each time it is an argument.
    arguments, options = node.map_arguments({str(id(t)): [found[id(t)]] * len(tensors) for t in tensors})
    first, *rest = chain
    outputs = first.layer(*arguments, **options)
    for part in rest:
        outputs = part.layer(outputs)
    return outputs


def layer_inputs(layer: Any) -> list[Any]:
    """The tensors a layer that is called once reads; none for an input layer."""
    if type(layer).__name__ == "InputLayer":
        return []
    return list(layer.input) if isinstance(layer.input, list | tuple) else [layer.input]


def called_once(layer: Any) -> bool:
    """Whether `layer.input` and `layer.output` are one thing each."""
    return len(layer.inbound_nodes) == 1


def values_of(model: Any, tensor: Any, samples: Sequence[NDArray[Any]], count: int = 256) -> NDArray[np.float64]:
    """What a tensor of the model holds on the first `count` samples."""
    probe = load_frameworks().keras.Model(model.inputs, tensor)
    inputs = [np.asarray(array[:count], dtype=np.float32) for array in samples]
    return np.asarray(probe(inputs if len(inputs) > 1 else inputs[0], training=False), dtype=np.float64)
