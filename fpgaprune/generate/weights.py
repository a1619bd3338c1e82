"""The constants of a Keras layer as its own quantizers make them, with an exact type where there is one.

QKeras multiplies codes by a scale (`alpha`). A scale that keeps the constants narrow is taken into them; any other is
kept apart, one factor per output channel, and becomes a scale layer behind the matrix product, so that low-bit
weights stay low-bit.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.errors import ModelError
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.read.quantizer_types import representable_type, smallest_type

Array = NDArray[np.float64]
# Widest weight type made by absorbing a scale: the narrow port of DSP48E1 and DSP48E2 (AMD UG479 and UG579).
WIDEST_ABSORBED = 18
LOST_ZEROS = 0.05  # zeros beyond this fraction of the stored weights are pruning, not chance

_POWERS_OF_INTEGER = frozenset({"quantized_bits", "quantized_relu", "quantized_hswish"})  # take 2**integer of an int


@dataclass
class LayerConstants:
    """Arrays by Keras' variable names; `types` where the quantizers decide them; `scale` per output channel."""

    arrays: dict[str, Array] = field(default_factory=dict)
    types: dict[str, FixedPoint] = field(default_factory=dict)
    scale: Array | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def quantized(self) -> bool:
        """Whether the model's own quantizers made any of the constants."""
        return bool(self.types)


_QUANTIZER_OF = {
    "kernel": "kernel_quantizer_internal",
    "depthwise_kernel": "depthwise_quantizer_internal",
    "pointwise_kernel": "pointwise_quantizer_internal",
    "recurrent_kernel": "recurrent_quantizer_internal",
    "bias": "bias_quantizer_internal",
    "gamma": "gamma_quantizer_internal",
    "beta": "beta_quantizer_internal",
    "moving_mean": "mean_quantizer_internal",
    "moving_variance": "variance_quantizer_internal",
}


def layer_constants(layer: Any) -> LayerConstants:
    """Constants of a Keras or QKeras layer.

    Raises ModelError when a quantizer cannot be expressed with fixed-point constants and a scale.
    """
    constants = LayerConstants()
    source = getattr(layer, "cell", layer)  # QKeras keeps the quantizers of recurrent layers in their cell
    folded = _folded(layer)
    for variable in layer.weights:
        name = variable.name.rsplit("/", 1)[-1].split(":")[0]
        values = np.asarray(folded.get(name, variable.numpy()), dtype=np.float64)
        quantizer = getattr(source, _QUANTIZER_OF.get(name, ""), None)
        if quantizer is None or isinstance(quantizer, str):
            constants.arrays[name] = values
            continue
        _quantize(constants, layer.name, name, values, quantizer)
    if folded and "bias" not in constants.arrays:
        quantizer = getattr(layer, "bias_quantizer_internal", None)
        if quantizer is None:
            constants.arrays["bias"] = folded["bias"]
        else:
            _quantize(constants, layer.name, "bias", folded["bias"], quantizer)
    return constants


def _folded(layer: Any) -> dict[str, Array]:
    """Kernel and bias with the batch normalization inside QConv2DBatchnorm and its kin folded in."""
    if not hasattr(layer, "get_folded_weights"):
        return {}
    kernel, bias = layer.get_folded_weights()
    name = "depthwise_kernel" if "Depthwise" in type(layer).__name__ else "kernel"
    return {name: np.asarray(kernel, dtype=np.float64), "bias": np.asarray(bias, dtype=np.float64)}


def check_computable(layer: str, quantizer: Any) -> None:
    """Raise ModelError for what QKeras 0.9 builds but cannot compute: 2**integer of a negative whole number."""
    bits: Any = getattr(quantizer, "integer", 0)
    if type(quantizer).__name__ in _POWERS_OF_INTEGER and int(bits) < 0:
        message = (
            f"the quantizer {type(quantizer).__name__} of layer {layer!r} has {int(bits)} integer bits, for which "
            "QKeras itself fails; use 0 or more"
        )
        raise ModelError(message)


def _quantize(constants: LayerConstants, layer: str, name: str, values: Array, quantizer: Any) -> None:
    check_computable(layer, quantizer)
    quantized = np.asarray(quantizer(values.astype(np.float32)), dtype=np.float64)
    if not np.isfinite(quantized).all():
        message = f"the quantizer of {name!r} in layer {layer!r} gives NaN or infinity"
        raise ModelError(message)
    zeros = int(np.count_nonzero(values == 0))
    if zeros >= LOST_ZEROS * values.size and name.endswith("kernel") and quantized.all():
        kind = type(quantizer).__name__
        constants.notes.append(
            f"{zeros} of the {values.size} stored weights of layer {layer!r} are zero, but its quantizer {kind} has no "
            "zero: none of them saves a multiplier"
        )
    declared = representable_type(quantizer, values)
    if declared is not None and declared.holds(quantized) and declared.width <= max(WIDEST_ABSORBED, _bits(quantizer)):
        constants.arrays[name], constants.types[name] = quantized, declared
        return
    found = smallest_type(quantized)
    if found is not None and found.width <= WIDEST_ABSORBED:
        constants.arrays[name], constants.types[name] = quantized, found
        return
    if name not in ("kernel", "depthwise_kernel"):
        constants.arrays[name] = quantized  # a type is chosen for it like for a float array
        return
    _scale_apart(constants, name, quantized, quantizer)


def _scale_apart(constants: LayerConstants, name: str, quantized: Array, quantizer: Any) -> None:
    found: Any = getattr(quantizer, "scale", 1.0)
    scale = np.asarray(found.numpy() if hasattr(found, "numpy") else found, dtype=np.float64)
    channels = quantized.shape[-1] if name == "kernel" else int(np.prod(quantized.shape[-2:]))
    per_channel = scale.size in (1, channels) and (scale.size == 1 or name == "kernel")
    safe = np.where(scale == 0, 1.0, scale)
    fraction = _bits(quantizer)  # a code of that many bits and a non-negative integer part has no finer step
    codes = np.round(np.ldexp(quantized / safe, fraction))
    exact = np.allclose(np.ldexp(codes, -fraction) * safe, quantized, rtol=1e-5, atol=0.0)  # float32 products
    grid = smallest_type(np.ldexp(codes, -fraction))
    if not per_channel or not exact or grid is None or grid.width > WIDEST_ABSORBED:
        constants.arrays[name] = quantized
        return
    constants.arrays[name], constants.types[name] = np.ldexp(codes, -fraction), grid
    constants.scale = np.broadcast_to(np.ravel(safe), (channels,)).copy()


def _bits(quantizer: Any) -> int:
    return int(getattr(quantizer, "bits", 1) or 1)
