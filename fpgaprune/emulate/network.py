"""A whole design on arrays: layer after layer, a batch of samples at a time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fpgaprune.design import Design, LayerKind, LayerSpec
from fpgaprune.emulate.activations import activation
from fpgaprune.emulate.constants import output_type, refusal
from fpgaprune.emulate.matrix import MATRIX_LAYERS
from fpgaprune.emulate.moving import concatenate, merge, padding, reshape, upsampling
from fpgaprune.emulate.pooling import global_pooling, pooling
from fpgaprune.emulate.recurrent import recurrent
from fpgaprune.emulate.softmax import softmax
from fpgaprune.errors import DesignError, EmulationError
from fpgaprune.fixed_arithmetic import Codes

Array = NDArray[np.float64]
_BATCH_VALUES = 1 << 21  # values of the widest intermediate array of one batch
_MOST_SAMPLES = 4096

_ONE_INPUT: dict[LayerKind, Callable[[LayerSpec, Codes], Codes]] = {
    **MATRIX_LAYERS,
    LayerKind.RESHAPE: reshape,
    LayerKind.PADDING: padding,
    LayerKind.UPSAMPLING: upsampling,
    LayerKind.LSTM: recurrent,
    LayerKind.GRU: recurrent,
}
_TWO_INPUTS: dict[LayerKind, Callable[[LayerSpec, Sequence[Codes]], Codes]] = {
    LayerKind.MERGE: merge,
    LayerKind.CONCATENATE: concatenate,
}


def emulate(design: Design, inputs: ArrayLike | Sequence[ArrayLike]) -> tuple[Array, ...]:
    """Outputs of the design, each (samples, values) in float64, as its C simulation gives them, bit for bit.

    `inputs`: one array (samples, …) per input, or that array alone. Raises EmulationError for arrays that do not fit
    and, by name, for a layer that the emulator does not compute.
    """
    arrays = _fitted(design, inputs)
    batches = [[codes[name].real() for name in design.outputs] for codes in _batches(design, arrays)]
    return tuple(np.concatenate(parts) for parts in zip(*batches, strict=True))


def trace(design: Design, inputs: ArrayLike | Sequence[ArrayLike]) -> Mapping[str, Array]:
    """What every layer writes: layer name to (samples, values) in float64; otherwise as `emulate`."""
    arrays = _fitted(design, inputs)
    batches = [{name: c.real() for name, c in codes.items()} for codes in _batches(design, arrays, keep=True)]
    names = [layer.name for layer in design if layer.kind is not LayerKind.INPUT]
    return {name: np.concatenate([batch[name] for batch in batches]) for name in names}


def _fitted(design: Design, inputs: ArrayLike | Sequence[ArrayLike]) -> list[Array]:
    layers = design.input_layers
    several = isinstance(inputs, list | tuple) and len(inputs) == len(layers)
    given: list[Any] = list(inputs) if isinstance(inputs, list | tuple) and several else [inputs]
    if len(given) != len(layers):
        names = ", ".join(layer.name for layer in layers)
        message = f"the design has {len(layers)} inputs ({names}), but {len(given)} arrays were given"
        raise EmulationError(message)
    arrays = [_rows(array, layer) for array, layer in zip(given, layers, strict=True)]
    if len({len(array) for array in arrays}) != 1:
        message = f"the inputs have different numbers of samples: {[len(array) for array in arrays]}"
        raise EmulationError(message)
    return arrays


def _rows(values: ArrayLike, layer: LayerSpec) -> Array:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        message = f"the input {layer.name} is not an array of numbers: {error}"
        raise EmulationError(message) from error
    size = prod(layer.output_shape)
    if array.ndim == 0 or len(array) == 0 or array.size != len(array) * size:
        message = f"the input {layer.name} takes {size} values per sample; an array of shape {array.shape} was given"
        raise EmulationError(message)
    return array.reshape(len(array), size)


def _batches(design: Design, arrays: Sequence[Array], *, keep: bool = False) -> Iterator[dict[str, Codes]]:
    size = max(1, min(_MOST_SAMPLES, _BATCH_VALUES // max(map(_values, design))))
    for first in range(0, len(arrays[0]), size):
        yield _run(design, [array[first : first + size] for array in arrays], keep=keep)


def _values(layer: LayerSpec) -> int:
    """Values per sample of the largest array the layer needs."""
    windows = 0
    if layer.geometry is not None and layer.kind is not LayerKind.PADDING:
        windows = prod(layer.output_shape[:-1]) * prod(layer.geometry.kernel) * layer.input_shape[-1]
    return max(prod(layer.output_shape), prod(layer.input_shape), windows)


def _run(design: Design, arrays: Sequence[Array], *, keep: bool) -> dict[str, Codes]:
    """All layers on one batch; without `keep`, results are dropped after their last reader."""
    streamed = design.io_type == "io_stream"
    waiting = {name: len(readers) for name, readers in design.consumers.items()}
    codes: dict[str, Codes] = {}
    given = iter(arrays)
    for layer in design:
        if layer.kind is LayerKind.INPUT:
            codes[layer.name] = _taken(layer, next(given))
            continue
        codes[layer.name] = _computed(layer, [codes[name] for name in layer.inputs], streamed=streamed)
        for name in layer.inputs:
            waiting[name] -= 1
            if not (keep or waiting[name] or name in design.outputs):
                del codes[name]
    return codes


def _taken(layer: LayerSpec, array: Array) -> Codes:
    precision = output_type(layer)
    try:
        return Codes(precision.codes(array), precision)
    except DesignError as error:
        message = f"the input {layer.name}: {error}"
        raise EmulationError(message) from error


def _computed(layer: LayerSpec, inputs: Sequence[Codes], *, streamed: bool) -> Codes:
    try:
        result = _layer(layer, inputs, streamed=streamed)
    except DesignError as error:
        raise refusal(layer, str(error)) from error
    expected = prod(layer.output_shape)
    if result.values.shape[1] != expected:
        raise refusal(layer, f"it would give {result.values.shape[1]} values where {expected} are expected")
    return result


def _layer(layer: LayerSpec, inputs: Sequence[Codes], *, streamed: bool) -> Codes:
    if layer.kind in _TWO_INPUTS:
        return _TWO_INPUTS[layer.kind](layer, inputs)
    if len(inputs) != 1:
        raise refusal(layer, f"it reads {len(inputs)} tensors")
    if inputs[0].values.shape[1] != prod(layer.input_shape) and layer.kind is not LayerKind.DENSE:
        raise refusal(layer, f"its input has {inputs[0].values.shape[1]} values, not {prod(layer.input_shape)}")
    if layer.kind in _ONE_INPUT:
        return _ONE_INPUT[layer.kind](layer, inputs[0])
    match layer.kind:
        case LayerKind.ACTIVATION:
            return activation(layer, inputs[0], streamed=streamed)
        case LayerKind.SOFTMAX:
            return softmax(layer, inputs[0], streamed=streamed)
        case LayerKind.POOLING:
            return pooling(layer, inputs[0], streamed=streamed)
        case LayerKind.GLOBAL_POOLING:
            return global_pooling(layer, inputs[0], streamed=streamed)
    raise refusal(layer, f"the function {layer.operation or layer.kind.value!r} is not known")
