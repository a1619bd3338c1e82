"""Two layers in the place of one: plain Keras layers for plain ones, QKeras layers with fitting types for QKeras'."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress.quantization.forms import value_quantizer, weight_quantizer
from fpgaprune.compress.rewiring import Part, called_once, layer_inputs, values_of
from fpgaprune.frameworks import load_frameworks

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Factor:
    """A layer of one kernel and no bias: its class without QKeras' Q, its own settings, and the kernel."""

    kind: str
    options: dict[str, Any]
    kernel: Array

    @property
    def weights(self) -> int:
        """How many."""
        return int(self.kernel.size)


def is_quantized(layer: Any) -> bool:
    """Whether it is one of QKeras' layers."""
    return type(layer).__name__.startswith("Q") and hasattr(layer, "kernel_quantizer_internal")


def effective_kernel(layer: Any) -> Array:
    """The kernel the layer multiplies by."""
    quantizer = getattr(layer, "kernel_quantizer_internal", None)
    return np.asarray(layer.kernel if quantizer is None else quantizer(layer.kernel), dtype=np.float64)


def replaceable(layer: Any, kinds: Sequence[str]) -> bool:
    """Whether the layer is of one of the kinds, called once, and its quantizer (if any) has a width to go on with."""
    kind = type(layer).__name__
    if not called_once(layer) or kind.removeprefix("Q") not in kinds:
        return False
    if kind in kinds:
        return True
    quantizer = layer.kernel_quantizer_internal
    # A layer of QKeras without a kernel quantizer has a plain kernel.
    return quantizer is None or type(quantizer).__name__ in {"quantized_bits", "quantized_linear"}


def what_it_reads(model: Any, layer: Any, samples: Sequence[NDArray[Any]]) -> Array | None:
    """Values that a quantized layer reads, to place the type of what comes between its factors; None for others."""
    return values_of(model, layer.input, samples) if _has_types(layer) else None


def _has_types(layer: Any) -> bool:
    return is_quantized(layer) and layer.kernel_quantizer_internal is not None


def chain(model: Any, layer: Any, factors: tuple[Factor, Factor], reads: Array | None) -> list[Part]:
    """The parts that stand for `layer`: the second takes its name, bias and activation.

    In QKeras the kernels keep the width of the layer's own quantizer, their integer bits fit the new values, and the
    value between the two gets the width of what the layer reads, and integer bits that fit it when the layer reads
    `reads`.
    """
    first, second = factors
    one = _built(layer, first, f"{layer.name}_factor", bias=False)
    two = _built(layer, second, layer.name, bias=bool(layer.use_bias))
    bias = [np.asarray(layer.bias)] if layer.use_bias else []
    parts = [Part(one, [first.kernel.astype(np.float32)]), Part(two, [second.kernel.astype(np.float32), *bias])]
    if reads is None:
        return parts
    probe = _built(layer, first, f"{layer.name}_probe", bias=False)
    probe.build(reads.shape)
    probe.set_weights([first.kernel.astype(np.float32)])
    between = np.asarray(probe(reads.astype(np.float32)), dtype=np.float64)
    text = value_quantizer(between.ravel(), _bits_read(model, layer))
    parts.insert(1, Part(load_frameworks().qkeras.QActivation(text, name=f"{layer.name}_between")))
    return parts


def _built(layer: Any, factor: Factor, name: str, *, bias: bool) -> Any:
    """A layer of the factor's kind; what it adds to the product, it has from `layer`."""
    frameworks = load_frameworks()
    options = {**factor.options, "name": name, "use_bias": bias, "trainable": layer.trainable, "dtype": layer.dtype}
    config = layer.get_config()
    keep_activation = name == layer.name
    if not is_quantized(layer):
        options["activation"] = config["activation"] if keep_activation else None
        return getattr(frameworks.keras.layers, factor.kind)(**options)
    options["activation"] = layer.activation if keep_activation else None
    quantizer = layer.kernel_quantizer_internal
    key = "depthwise_quantizer" if factor.kind == "DepthwiseConv2D" else "kernel_quantizer"
    options[key] = None if quantizer is None else weight_quantizer(factor.kernel, int(quantizer.bits))
    if bias:
        used = layer.bias_quantizer_internal
        options["bias_quantizer"] = None if used is None else type(used).from_config(used.get_config())
    return getattr(frameworks.qkeras, f"Q{factor.kind}")(**options)


def _bits_read(model: Any, layer: Any) -> int:
    """Width of the values that the layer reads: that of the nearest quantizer before it, else of its own kernel."""
    tensor = layer.input
    while True:
        source = next((found for found in model.layers if called_once(found) and found.output is tensor), None)
        if source is None:
            break
        activation = getattr(source, "quantizer", None) or getattr(source, "activation", None)
        bits = getattr(activation, "bits", None)
        if bits is not None:
            return int(bits)
        before = layer_inputs(source)
        if len(before) != 1 or source.weights:
            break
        tensor = before[0]
    return int(layer.kernel_quantizer_internal.bits)
