"""The third, independent look: a model's constants after its own quantizers, and the types that hold them.

Nothing here knows hls4ml, nor how projects are generated: it is what both are held against. Which type holds what a
quantizer produces is in `quantizer_types` and re-exported.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.errors import ModelError
from fpgaprune.fixed_point import EXACT_WIDTH, FixedPoint
from fpgaprune.read.activation_rules import ActivationRule, activation_rule, activation_type
from fpgaprune.read.quantizer_types import representable_type, smallest_type

__all__ = [
    "ActivationRule",
    "Constant",
    "activation_rule",
    "activation_type",
    "layer_constants",
    "quantized_parameters",
    "representable_type",
    "smallest_type",
]

Array = NDArray[np.float64]
# QKeras returns x + (q - x) in float32 so that gradients pass: up to this much of the larger one is noise.
_NOISE = 2.0**-22


@dataclass(frozen=True, eq=False)
class Constant:
    """One array of a layer after its quantizer, in Keras' layout.

    `precision` is the type that holds every value the quantizer can give, None where there is none or no quantizer.
    `scale` is what QKeras multiplies its codes by, broadcastable to `values`; None without a quantizer. `exact` says
    that the quantizer decides every bit of the values, so that any other value is a different constant.
    """

    values: Array
    quantized: bool = False
    precision: FixedPoint | None = None
    scale: Array | None = None
    exact: bool = False


def quantized_parameters(model: Any) -> Mapping[str, Mapping[str, Array]]:
    """For every layer with constants the values that the model itself computes with, by the names of `LayerSpec`.

    `weight` and `bias` of products (QConv2DBatchnorm and its kin with their batch normalization folded in, as they
    do), `weight` and `bias` as scale and offset of batch normalizations, `depthwise_weight` and `pointwise_weight` of
    separable convolutions, `recurrent_weight` and `recurrent_bias` of recurrent layers, all with `backward_` before
    for the other direction, `slope` of a PReLU. Layers without quantizers give their float values. Shapes are Keras'.

    Raises ModelError for a quantizer that is random at inference or gives NaN.
    """
    found = {layer.name: layer_constants(layer) for layer in model.layers if layer.weights}
    return {name: {key: constant.values for key, constant in arrays.items()} for name, arrays in found.items()}


def layer_constants(layer: Any) -> dict[str, Constant]:
    """The constants of one Keras or QKeras layer by the names of `LayerSpec`; raises as `quantized_parameters` does."""
    kind = type(layer).__name__
    for ending, reader in _READERS:
        if kind.removeprefix("Q").startswith(ending):
            return reader(layer)
    return {_base(variable): Constant(_float(variable)) for variable in layer.weights}


def _base(variable: Any) -> str:
    return str(variable.name).rsplit("/", maxsplit=1)[-1].split(":", maxsplit=1)[0]


def _float(variable: Any) -> Array:
    return np.asarray(variable, dtype=np.float64)


def _quantized(layer: Any, name: str, variable: Any, quantizer: Any) -> Constant:
    """The array after its quantizer, without the float32 noise that QKeras leaves on it."""
    raw = np.asarray(variable, dtype=np.float32)
    if quantizer is None:
        return Constant(raw.astype(np.float64))
    if type(quantizer).__name__ == "bernoulli":
        message = f"the {name} of layer {layer.name!r} has the quantizer bernoulli, which is random at inference too"
        raise ModelError(message)
    values = np.asarray(quantizer(raw), dtype=np.float64)
    if not np.isfinite(values).all():
        message = f"the quantizer of the {name} of layer {layer.name!r} gives NaN or infinity"
        raise ModelError(message)
    precision = representable_type(quantizer, raw)
    if precision is not None and precision.width <= EXACT_WIDTH:
        exact = precision.quantize(values)
        near = np.abs(exact - values) <= _NOISE * np.maximum(np.abs(raw), np.abs(values))
        values = np.where(near, exact, values)
    scale = getattr(quantizer, "scale", None)
    scale = np.asarray(1.0 if scale is None else scale, dtype=np.float64)
    return Constant(values, True, precision, scale, exact=precision is not None)


def _product(layer: Any) -> dict[str, Constant]:
    if hasattr(layer, "get_folded_weights"):
        kernel, bias = layer.get_folded_weights()
    else:
        kernel = layer.depthwise_kernel if hasattr(layer, "depthwise_kernel") else layer.kernel
        bias = layer.bias if layer.use_bias else None
    name = "depthwise" if hasattr(layer, "depthwise_kernel") else "kernel"
    found = {"weight": _quantized(layer, "weight", kernel, getattr(layer, f"{name}_quantizer_internal", None))}
    if bias is not None:
        found["bias"] = _quantized(layer, "bias", bias, getattr(layer, "bias_quantizer_internal", None))
    return found


def _separable(layer: Any) -> dict[str, Constant]:
    found = {
        f"{part}_weight": _quantized(
            layer,
            f"{part}_weight",
            getattr(layer, f"{part}_kernel"),
            getattr(layer, f"{part}_quantizer_internal", None),
        )
        for part in ("depthwise", "pointwise")
    }
    if layer.use_bias:
        found["bias"] = _quantized(layer, "bias", layer.bias, getattr(layer, "bias_quantizer_internal", None))
    return found


def _batch_norm(layer: Any) -> dict[str, Constant]:
    """Scale and offset; quantized statistics make them free numbers, so no type is named."""

    def part(name: str, quantizer: str, default: float) -> Array:
        variable = getattr(layer, name, None)
        if variable is None:
            return np.full(layer.moving_mean.shape, default)
        return _quantized(layer, name, variable, getattr(layer, f"{quantizer}_quantizer_internal", None)).values

    mean, variance = part("moving_mean", "mean", 0.0), part("moving_variance", "variance", 1.0)
    scale = part("gamma", "gamma", 1.0) / np.sqrt(variance + layer.epsilon)
    return {"weight": Constant(scale), "bias": Constant(part("beta", "beta", 0.0) - mean * scale)}


def _recurrent(layer: Any) -> dict[str, Constant]:
    cell = layer.cell
    found = {
        "weight": _quantized(layer, "weight", cell.kernel, getattr(cell, "kernel_quantizer_internal", None)),
        "recurrent_weight": _quantized(
            layer, "recurrent_weight", cell.recurrent_kernel, getattr(cell, "recurrent_quantizer_internal", None)
        ),
    }
    if cell.use_bias:
        bias = _quantized(layer, "bias", cell.bias, getattr(cell, "bias_quantizer_internal", None))
        rows = np.atleast_2d(bias.values)  # a GRU that resets after the product has one for each of its matrices
        names = ("bias", "recurrent_bias")
        found.update(
            {
                n: Constant(row, bias.quantized, bias.precision, exact=bias.exact)
                for n, row in zip(names, rows, strict=False)
            }
        )
    return found


def _both_directions(layer: Any) -> dict[str, Constant]:
    backward = {f"backward_{name}": value for name, value in layer_constants(layer.backward_layer).items()}
    return {**layer_constants(layer.forward_layer), **backward}


def _inner(layer: Any) -> dict[str, Constant]:
    return layer_constants(layer.layer)


def _prelu(layer: Any) -> dict[str, Constant]:
    return {"slope": Constant(_float(layer.alpha))}


_READERS: tuple[tuple[str, Callable[[Any], dict[str, Constant]]], ...] = (
    ("Dense", _product),
    ("Conv", _product),
    ("Depthwise", _product),
    ("Separable", _separable),
    ("BatchNormalization", _batch_norm),
    ("LSTM", _recurrent),
    ("GRU", _recurrent),
    ("SimpleRNN", _recurrent),
    ("Bidirectional", _both_directions),
    ("TimeDistributed", _inner),
    ("PReLU", _prelu),
)
