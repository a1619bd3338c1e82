"""Make a pruned network really smaller: take out neurons and filters that nothing reads or that never change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress.channel_graph import DEPTHWISE, MAKERS, RECURRENT, Call, Mask
from fpgaprune.compress.channels import Channels
from fpgaprune.compress.copying import predict, rebuilding
from fpgaprune.errors import ModelError
from fpgaprune.frameworks import load_frameworks


@dataclass(frozen=True, eq=False)
class ShrinkResult:
    """The smaller model, not compiled, and how many neurons or filters each layer lost."""

    model: Any
    removed: Mapping[str, int]


def shrink(model: Any) -> ShrinkResult:
    """A copy of a built Sequential or Functional `model` without the neurons and filters that make no difference.

    They are those whose results are multiplied by zero, and those that always give the same value (all their weights
    are zero) where the bias of what reads them can take it in. Through normalizations, activations, pooling, depthwise
    convolutions, flattening and concatenations; what a residual addition joins goes together or not at all. Whether a
    weight is zero is asked of the layer's quantizer. What the network computes stays the same to the bit, but for the
    order of additions. A layer keeps one neuron at least. Raises ModelError for a model that cannot be rebuilt.
    """
    keras = load_frameworks().keras
    functional = keras.Model(model.inputs, model.outputs, name=model.name)
    sample = _sample(functional)
    found = Channels(functional, sample)
    calls = {id(call.layer): call for call in found.calls}
    with rebuilding(model, "without its unread neurons"):
        copy = keras.models.clone_model(
            functional, clone_function=lambda layer: _smaller(found, calls[id(layer)], layer)
        )
        for old, new in zip(functional.layers, copy.layers, strict=True):
            new.set_weights(_weights(found, calls[id(old)], old))
    _same(functional, copy, sample)
    removed = {}
    for layer in functional.layers:
        call = calls[id(layer)]
        lost = int((~found.kept(call.gives[0])).sum()) if found.made_by(call) else 0
        if lost:
            removed[layer.name] = lost
    return ShrinkResult(copy, removed)


def _sample(model: Any) -> list[NDArray[np.float32]]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=(16, *tensor.shape[1:])).astype(np.float32) for tensor in model.inputs]


def _smaller(found: Channels, call: Call, layer: Any) -> Any:
    options = layer.get_config()
    if found.made_by(call):
        kept = found.kept(call.gives[0])
        options["units" if call.kind == "Dense" else "filters"] = int(kept.sum())
        _narrow(options, {"kernel_quantizer": kept, "pointwise_quantizer": kept, "bias_quantizer": kept})
    if call.kind in DEPTHWISE | MAKERS and len(call.reads) == 1:
        _narrow(options, {"depthwise_quantizer": found.kept(call.reads[0])})
    return type(layer).from_config(options)


def _narrow(options: dict[str, Any], kept: Mapping[str, Mask]) -> None:
    """Leave the scales of the channels that stay in quantizers that have one for each."""
    for key, mask in kept.items():
        quantizer: Any = options.get(key)
        scale = quantizer["config"].get("alpha") if isinstance(quantizer, dict) else None
        if isinstance(scale, list):
            values = np.asarray(scale)
            narrow = values[..., mask] if key != "depthwise_quantizer" else values[..., mask, :]
            options[key] = {**quantizer, "config": {**quantizer["config"], "alpha": narrow.tolist()}}


def _weights(found: Channels, call: Call, layer: Any) -> list[NDArray[Any]]:
    values: list[NDArray[Any]] = layer.get_weights()
    if not values or len(call.reads) != 1:
        return values
    rows, columns = found.kept(call.reads[0]), found.kept(call.gives[0])
    if call.kind in ("BatchNormalization", "PReLU"):
        return [array[..., columns] if array.shape[-1] == len(columns) else array for array in values]
    if call.kind in RECURRENT and not rows.all():
        return [values[0][rows], *values[1:]]
    if call.kind in DEPTHWISE:
        return [values[0][..., rows, :], *(array[columns] for array in values[1:])]
    if call.kind not in MAKERS or (rows.all() and columns.all()):
        return values
    if call.kind.startswith("Separable"):
        depthwise, pointwise, *bias = values
        both = np.repeat(rows, depthwise.shape[-1])
        return [depthwise[..., rows, :], pointwise[..., both, :][..., columns], *(array[columns] for array in bias)]
    kernel, *bias = values
    bias = [(array + _taken_in(found, call, rows)).astype(array.dtype) for array in bias]
    return [kernel[..., rows, :][..., columns], *(array[columns] for array in bias)]


def _taken_in(found: Channels, call: Call, kept: Mask) -> Any:
    """What the constant channels that go have added to a layer's results."""
    reader = next(each for each in found.readers if each.call is call)
    return 0.0 if reader.absorbed is None else reader.absorbed[~kept].sum(axis=0)


def _same(model: Any, copy: Any, sample: list[NDArray[np.float32]]) -> None:
    for one, other in zip(predict(model, tuple(sample)), predict(copy, tuple(sample)), strict=True):
        if not np.allclose(one, other, rtol=1e-3, atol=1e-3 * max(1.0, float(np.abs(one).max()))):
            message = f"the model {model.name!r} without its unread neurons computes something else: left as it is"
            raise ModelError(message)
