"""What a design should multiply by, from the model alone: its constants after its own quantizers.

Which layers a design has is taken from it, what they should hold is not: a batch normalization that is no layer of
the design must have been folded into the product or scale in front of it, and one that is must be there unchanged.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.design import Design, LayerSpec
from fpgaprune.read.quantizers import Constant, layer_constants

Array = NDArray[np.float64]
_TRANSPARENT = ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "AlphaDropout")
_RECURRENT = ("LSTM", "GRU", "Bidirectional", "SimpleRNN")
_SCALAR_PARAMETERS = {
    "LeakyReLU": ("slope", "alpha"),
    "ELU": ("alpha", "alpha"),
    "ThresholdedReLU": ("threshold", "theta"),
}


@dataclass
class Stage:
    """One layer that multiplies: its arrays as the model has them, `found` the design's layer of that name."""

    name: str
    arrays: dict[str, Constant]
    found: LayerSpec | None
    source: str  # the Keras layer it comes from
    folded: list[str] = field(default_factory=list)  # batch normalizations taken in


def expected_stages(model: Any, design: Design) -> list[Stage]:
    """For every layer with constants of a loaded model what the design should hold, in the model's order.

    Raises ModelError as `layer_constants` does.
    """
    there = {layer.name: layer for layer in design}
    found: list[Stage] = []
    done: set[str] = set()
    for layer in model.layers:
        if layer.name in done:
            continue
        stages = list(_stages(layer, there))
        if not stages:
            continue
        for follower in _batch_norms_behind(layer, model):
            done.add(follower.name)
            scale = Stage(follower.name, layer_constants(follower), there.get(follower.name), follower.name)
            last = next((stage for stage in reversed(stages) if stage.found is not None), None)
            if scale.found is not None or last is None:
                stages.append(scale)
            else:
                _fold(last, scale)
        found.extend(stages)
    return found


def _stages(layer: Any, there: Mapping[str, LayerSpec]) -> Iterator[Stage]:
    kind = type(layer).__name__.removeprefix("Q")
    if kind in _SCALAR_PARAMETERS:
        name, attribute = _SCALAR_PARAMETERS[kind]
        yield Stage(
            layer.name,
            {name: Constant(np.asarray(float(getattr(layer, attribute))))},
            there.get(layer.name),
            layer.name,
        )
        return
    if not layer.weights:
        return
    constants = layer_constants(layer)
    if kind.startswith("Separable"):
        bias = {"bias": constants["bias"]} if "bias" in constants else {}
        parts = {"depthwise": {}, "pointwise": bias}
        for part, more in parts.items():
            name = f"{layer.name}_{part}"
            yield Stage(name, {"weight": constants[f"{part}_weight"], **more}, there.get(name), layer.name)
        return
    product = "weight" in constants and not kind.startswith((*_RECURRENT, "BatchNormalization"))
    if product:
        constants["weight"] = _whole_kernel(layer, constants["weight"])
    scale = there.get(f"{layer.name}_alpha")
    if product and scale is not None:
        yield from _scaled_apart(layer, constants, there, scale)
        return
    yield Stage(layer.name, constants, there.get(layer.name), layer.name)


def _scaled_apart(
    layer: Any, constants: Mapping[str, Constant], there: Mapping[str, LayerSpec], scale: LayerSpec
) -> Iterator[Stage]:
    """Codes in the product, the quantizer's scale and the bias in a layer of their own behind it."""
    weight = constants["weight"]
    factor = np.ones(1) if weight.scale is None else weight.scale
    safe = np.where(factor == 0, 1.0, factor)
    channels = (
        int(np.prod(weight.values.shape[-2:])) if "Depthwise" in type(layer).__name__ else weight.values.shape[-1]
    )
    codes = Constant(weight.values / safe, quantized=True, exact=True)
    yield Stage(layer.name, {"weight": codes}, there.get(layer.name), layer.name)
    arrays = {"weight": Constant(np.broadcast_to(np.ravel(safe), (channels,)).copy())}
    if "bias" in constants:
        arrays["bias"] = constants["bias"]
    yield Stage(scale.name, arrays, scale, layer.name)


def _whole_kernel(layer: Any, weight: Constant) -> Constant:
    """The kernel with the zeros that dilation and groups stand for."""
    values = weight.values
    rates = getattr(layer, "dilation_rate", None)
    if rates is not None:
        rates = (rates,) if isinstance(rates, int) else tuple(rates)
        for axis, rate in enumerate(rates):
            if rate > 1 and values.shape[axis] > 1:
                gaps = np.repeat(np.arange(1, values.shape[axis]), rate - 1)
                values = np.insert(values, gaps, 0.0, axis=axis)
    groups = int(getattr(layer, "groups", 1) or 1)
    if groups > 1 and "Depthwise" not in type(layer).__name__:
        blocks = np.split(values, groups, axis=-1)
        rows = [np.zeros((*values.shape[:-2], values.shape[-2] * groups, block.shape[-1])) for block in blocks]
        for index, (row, block) in enumerate(zip(rows, blocks, strict=True)):
            row[..., index * values.shape[-2] : (index + 1) * values.shape[-2], :] = block
        values = np.concatenate(rows, axis=-1)
    return replace(weight, values=values)


def _batch_norms_behind(layer: Any, model: Any) -> Iterator[Any]:
    """Batch normalizations that follow a product or another one with nothing between and nobody else reading."""
    kind = type(layer).__name__.removeprefix("Q")
    if not kind.startswith(("Dense", "Conv", "Depthwise", "Separable", "BatchNormalization")):
        return
    last = layer
    while _is_linear(last):
        readers = _readers(last, model)
        if len(readers) != 1 or last.name in model.output_names:
            return
        (last,) = readers
        if "BatchNormalization" in type(last).__name__:
            yield last
        elif type(last).__name__ not in _TRANSPARENT:
            return


def _is_linear(layer: Any) -> bool:
    activation = getattr(layer, "activation", None)
    name = activation if isinstance(activation, str) else getattr(activation, "__name__", None)
    return activation is None or name == "linear"


def _readers(layer: Any, model: Any) -> list[Any]:
    inside = {id(one) for one in model.layers}
    readers = (getattr(node, "layer", None) or getattr(node, "outbound_layer", None) for node in layer.outbound_nodes)
    return [reader for reader in readers if id(reader) in inside]


def _fold(into: Stage, scale: Stage) -> None:
    factor, offset = scale.arrays["weight"].values, scale.arrays["bias"].values
    weight = into.arrays["weight"].values
    depthwise = into.found is not None and into.found.kind.value.startswith("depthwise")
    shaped = factor.reshape(weight.shape[-2:]) if depthwise else factor
    bias = into.arrays["bias"].values if "bias" in into.arrays else np.zeros(factor.shape)
    into.arrays = {"weight": Constant(weight * shaped), "bias": Constant(bias * factor + offset)}
    into.folded.append(scale.source)
