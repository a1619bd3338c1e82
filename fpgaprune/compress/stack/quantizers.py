"""QKeras' quantizers for several networks at once: tensors have a leading axis, and each network its own bits."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fpgaprune.frameworks import load_frameworks

Function = Callable[[Any], Any]

# What the two formulas below cover; anything else asks QKeras' own code, once for every network.
_PLAIN: Mapping[str, Mapping[str, tuple[Any, ...]]] = {
    "quantized_bits": {"alpha": (None, 1, 1.0), "use_stochastic_rounding": (False,), "qnoise_factor": (1.0,)},
    "quantized_relu": {
        "use_sigmoid": (0, False),
        "negative_slope": (0.0,),
        "use_stochastic_rounding": (False,),
        "is_quantized_clip": (True,),
        "qnoise_factor": (1.0,),
    },
}


def stacked(functions: Sequence[Any]) -> Function:
    """One function of (networks, ...) tensors for as many quantizers or activations, one per network.

    The same function everywhere (a Keras activation, which works sample by sample) is called once. Quantizers of
    fixed steps are computed with bits as data. Others (automatic scales, ternary) see one network at a time.
    """
    first = functions[0]
    if not _is_quantizer(first):
        return lambda tensor: merged(first, tensor)
    if _is_plain(functions):
        return _fixed(functions) if type(first).__name__ == "quantized_bits" else _relu(functions)
    return lambda tensor: each(functions, tensor)


def merged(function: Function, tensor: Any) -> Any:
    """A function of samples on all networks' samples as one batch."""
    tensorflow = load_frameworks().tensorflow
    shape = tensorflow.shape(tensor)
    flat = function(tensorflow.reshape(tensor, tensorflow.concat([[shape[0] * shape[1]], shape[2:]], axis=0)))
    return tensorflow.reshape(flat, tensorflow.concat([shape[:2], tensorflow.shape(flat)[1:]], axis=0))


def each(functions: Sequence[Function], tensor: Any) -> Any:
    """Every network's function on its own part."""
    tensorflow = load_frameworks().tensorflow
    parts = tensorflow.unstack(tensor, num=len(functions))
    return tensorflow.stack([function(part) for function, part in zip(functions, parts, strict=True)])


def _is_quantizer(function: Any) -> bool:
    return isinstance(function, load_frameworks().qkeras.quantizers.BaseQuantizer)


def _is_plain(functions: Sequence[Any]) -> bool:
    options = _PLAIN.get(type(functions[0]).__name__)
    return options is not None and all(
        type(f) is type(functions[0])
        and f.use_ste
        and all(getattr(f, name) in values for name, values in options.items())
        and isinstance(f.bits, int)
        and isinstance(f.integer, int)
        and f.bits > int(getattr(f, "keep_negative", 0))
        for f in functions
    )


def _fixed(functions: Sequence[Any]) -> Function:
    """`quantized_bits` with scale 1: rounded to a power of two, clipped, gradients straight through."""
    counts = np.array([2.0 ** (f.bits - bool(f.keep_negative)) for f in functions], dtype=np.float32)
    steps = np.array([2.0**f.integer for f in functions], dtype=np.float32) / counts
    lows = np.array(
        [float(bool(f.keep_negative)) * (int(f.symmetric) - n) for f, n in zip(functions, counts, strict=True)]
    )

    def quantize(tensor: Any) -> Any:
        tensorflow = load_frameworks().tensorflow
        step, low, high = (_along(values, tensor) for values in (steps, lows, counts - 1))
        codes = tensorflow.clip_by_value(tensorflow.round(tensor / step), low, high)
        return tensor + tensorflow.stop_gradient(codes * step - tensor)

    return quantize


def _relu(functions: Sequence[Any]) -> Function:
    """`quantized_relu`: no gradient outside of 0 and the largest value."""
    counts = np.array([2.0**f.bits for f in functions], dtype=np.float32)
    steps = np.array([2.0**f.integer for f in functions], dtype=np.float32) / counts

    def quantize(tensor: Any) -> Any:
        tensorflow = load_frameworks().tensorflow
        step, high = _along(steps, tensor), _along(counts - 1, tensor)
        held = tensorflow.where(tensor <= high * step, tensorflow.nn.relu(tensor), high * step)
        codes = tensorflow.clip_by_value(tensorflow.round(tensor / step), 0.0, high)
        return held + tensorflow.stop_gradient(codes * step - held)

    return quantize


def _along(values: Any, tensor: Any) -> Any:
    """A number per network, to be combined with a tensor whose first axis is that of networks."""
    shape = (len(values), *(1 for _ in tensor.shape[1:]))
    return load_frameworks().tensorflow.constant(values, dtype="float32", shape=shape)
