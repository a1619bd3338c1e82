"""Make a pruned network really smaller: take out the neurons that nothing reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress.copying import predict
from fpgaprune.errors import ModelError
from fpgaprune.frameworks import load_frameworks

Mask = NDArray[np.bool_]

_DENSE = frozenset({"Dense", "QDense"})
# Elementwise: what they do to one neuron does not depend on the others.
_ELEMENTWISE = frozenset({"Activation", "QActivation", "ReLU", "LeakyReLU", "ELU", "Dropout", "BatchNormalization"})


@dataclass(frozen=True, eq=False)
class ShrinkResult:
    """The smaller model, not compiled, and how many neurons each dense layer lost."""

    model: Any
    removed: Mapping[str, int]


def shrink(model: Any) -> ShrinkResult:
    """A copy of a built Sequential or Functional `model` without the neurons whose results are multiplied by zero.

    Only dense layers whose results go, through elementwise layers at most, into one other dense layer; whether a
    weight is zero is asked of the layer's quantizer. What the network computes stays the same to the bit, but for the
    order of additions. A layer keeps one neuron at least. Raises ModelError for a model that cannot be rebuilt.
    """
    keras = load_frameworks().keras
    functional = keras.Model(model.inputs, model.outputs, name=model.name)
    keep: dict[str, Mask] = {}  # neurons of a layer's results
    for layer in reversed(functional.layers):  # what only removed neurons read goes, too
        chain = _chain(functional, layer)
        if chain is None:
            continue
        between, reader = chain
        weights = _kernel(reader)
        columns = keep.get(reader.name, np.ones(weights.shape[1], dtype=np.bool_))
        read: Mask = np.count_nonzero(weights[:, columns], axis=1) > 0
        if not read.any():
            read[0] = True
        if not read.all():
            keep |= {found.name: read for found in (layer, *between)}
    copy = keras.models.clone_model(functional, clone_function=lambda layer: _smaller(layer, keep))
    for old, new in zip(functional.layers, copy.layers, strict=True):
        new.set_weights(_weights(functional, old, keep))
    removed = {
        layer.name: int((~keep[layer.name]).sum())
        for layer in functional.layers
        if type(layer).__name__ in _DENSE and layer.name in keep
    }
    _same(functional, copy)
    return ShrinkResult(copy, removed)


def _chain(model: Any, layer: Any) -> tuple[list[Any], Any] | None:
    """The elementwise layers behind a dense layer, and the dense layer that alone reads them."""
    if type(layer).__name__ not in _DENSE or len(layer.output.shape) != 2:
        return None
    if _mixes(layer):
        return None
    between: list[Any] = []
    tensor = layer.output
    while True:
        if any(tensor is output for output in model.outputs):
            return None
        readers = [found for found in model.layers if any(tensor is each for each in _inputs(found))]
        if len(readers) != 1:
            return None
        reader = readers[0]
        if type(reader).__name__ in _DENSE:
            return between, reader
        if type(reader).__name__ not in _ELEMENTWISE or _mixes(reader):
            return None
        between.append(reader)
        tensor = reader.output


def _mixes(layer: Any) -> bool:
    """Whether its function looks at all neurons together: a softmax, or a quantizer scaled by what it sees."""
    function = getattr(layer, "activation", None)
    text = f"{getattr(function, '__name__', '')} {function}"
    quantizer = getattr(layer, "kernel_quantizer_internal", None)
    scaled = isinstance(getattr(quantizer, "alpha", 1.0), str)
    return "softmax" in text or "auto" in text or scaled


def _kernel(layer: Any) -> NDArray[np.float64]:
    quantizer = getattr(layer, "kernel_quantizer_internal", None)
    return np.asarray(layer.kernel if quantizer is None else quantizer(layer.kernel), dtype=np.float64)


def _smaller(layer: Any, keep: Mapping[str, Mask]) -> Any:
    options = layer.get_config()
    if type(layer).__name__ in _DENSE and layer.name in keep:
        options["units"] = int(keep[layer.name].sum())
    return type(layer).from_config(options)


def _weights(model: Any, layer: Any, keep: Mapping[str, Mask]) -> list[NDArray[Any]]:
    values: list[NDArray[Any]] = layer.get_weights()
    if not values:
        return values
    outputs = keep.get(layer.name)
    inputs = _inputs(layer)
    source = next((found for found in model.layers if inputs and found.output is inputs[0]), None)
    rows = None if source is None else keep.get(source.name)
    if type(layer).__name__ not in _DENSE:
        return values if outputs is None else [array[outputs] for array in values]
    kernel, *bias = values
    kernel = kernel if rows is None else kernel[rows]
    if outputs is None:
        return [kernel, *bias]
    return [kernel[:, outputs], *(array[outputs] for array in bias)]


def _inputs(layer: Any) -> list[Any]:
    if type(layer).__name__ == "InputLayer":
        return []
    return list(layer.input) if isinstance(layer.input, list | tuple) else [layer.input]


def _same(model: Any, copy: Any) -> None:
    rng = np.random.default_rng(0)
    sample = tuple(rng.normal(size=(16, *tensor.shape[1:])).astype(np.float32) for tensor in model.inputs)
    for one, other in zip(predict(model, sample), predict(copy, sample), strict=True):
        if not np.allclose(one, other, rtol=1e-3, atol=1e-3 * max(1.0, float(np.abs(one).max()))):
            message = f"the model {model.name!r} without its unread neurons computes something else: left as it is"
            raise ModelError(message)
