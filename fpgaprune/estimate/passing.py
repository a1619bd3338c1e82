"""How each kind of layer passes on which values move and which are read: by element, so by position and channel."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from fpgaprune.design import CONTRACTIONS, LayerKind, LayerSpec
from fpgaprune.estimate.windows import Mask, distinct_rows, window_positions

# Elementwise and without a table: constants pass, and so does not being read.
_ARITHMETIC = frozenset({
    "linear", "relu", "relu1", "relu6", "relu_max", "leaky_relu", "prelu", "thresholded_relu",
    "hard_sigmoid", "hard_tanh", "binary_tanh", "ternary_tanh",
})  # fmt: skip
# Elementwise with a table: an entry that nobody reads is not looked up, but a constant's entry is not known to fold.
_LOOKUPS = frozenset({"sigmoid", "tanh", "softplus", "softsign", "elu", "selu"})
_WIRES = frozenset({None, "clone", "repack", "flatten"})
DEPTHWISE = frozenset({LayerKind.DEPTHWISE_CONV1D, LayerKind.DEPTHWISE_CONV2D})
CONVOLUTIONS = frozenset({LayerKind.CONV1D, LayerKind.CONV2D, *DEPTHWISE})
_IMAGES = frozenset({LayerKind.POOLING, LayerKind.GLOBAL_POOLING, *CONVOLUTIONS})


@dataclass(frozen=True)
class Passage:
    """A layer, the sizes of its inputs, and which of its constants are not zero.

    `nonzero` is (inputs, outputs), a convolution's inputs being those of one window and those of a depthwise one
    (taps x channels, multiplier); None where nothing sees the constants. `apart`: every position of a convolution has
    hardware of its own, so that one can be left out; else all are computed as soon as there is one.
    """

    layer: LayerSpec
    sizes: tuple[int, ...]
    nonzero: Mask | None
    apart: bool

    def moving(self, inputs: Sequence[Mask]) -> Mask | None:
        """Which outputs are no constants where those of `inputs` are none; None: taken to be none."""
        layer, nonzero = self.layer, self.nonzero
        if not inputs or (layer.kind in _IMAGES and not self._is_whole):
            return None
        if layer.kind in CONVOLUTIONS:
            return _moving_positions(self, inputs[0]) if self.apart else None
        match layer.kind:
            case LayerKind.DENSE if nonzero is not None and nonzero.shape == (inputs[0].size, layer.output_size):
                return _any(nonzero[inputs[0]])
            case _ if _has_own_factors(layer):
                scale = _per_element(layer, inputs[0].size)
                return None if scale is None else inputs[0] & scale
            case LayerKind.MERGE if layer.operation not in CONTRACTIONS:
                either: Mask = np.logical_or.reduce([np.resize(mask, layer.output_size) for mask in inputs])
                return either
            case LayerKind.POOLING:
                return _moving_pools(layer, inputs[0])
            case LayerKind.GLOBAL_POOLING:
                return _any(inputs[0].reshape(-1, layer.output_size))
        if _is_wire(layer, _ARITHMETIC):
            return inputs[0]
        places = _places(self)
        return None if places is None else np.append(np.concatenate(inputs), False)[places]

    def needed(self, read: Mask) -> list[Mask | None]:
        """Which values of each input this layer needs where those of its outputs are `read`; None: all of them."""
        layer, nonzero, (*_, last) = self.layer, self.nonzero, self.sizes
        if layer.kind in _IMAGES and not self._is_whole:
            return [None] * len(self.sizes)
        match layer.kind:
            case LayerKind.DENSE if nonzero is not None and nonzero.shape == (last, read.size):
                return [_any(nonzero[:, read].T)]
            case _ if _has_own_factors(layer) and read.size == last:
                scale = _per_element(layer, last)
                return [None if scale is None else read & scale]
            case LayerKind.MERGE if layer.operation not in CONTRACTIONS:
                return [None if read.size % size else _any(read.reshape(-1, size)) for size in self.sizes]
            case LayerKind.GLOBAL_POOLING:
                return [np.tile(read, last // read.size)]
            case kind if kind in CONVOLUTIONS:
                return [_needed_positions(self, read)]
            case LayerKind.POOLING:
                return [_needed_pools(layer, read)]
        if _is_wire(layer, _ARITHMETIC | _LOOKUPS) and read.size == last:
            return [read]
        places = _places(self)
        if places is None:
            return [None] * len(self.sizes)
        whole = np.zeros(sum(self.sizes) + 1, dtype=bool)
        whole[places[read]] = True
        return list(np.split(whole[:-1], np.cumsum(self.sizes)[:-1]))

    @property
    def _is_whole(self) -> bool:
        """Whether the input is the image that the layer's shapes tell."""
        return self.sizes == (prod(self.layer.input_shape),)


def _any(rows: Mask) -> Mask:
    """Which columns have anything."""
    found: Mask = np.logical_or.reduce(rows, axis=0)
    return found


def _is_wire(layer: LayerSpec, activations: frozenset[str]) -> bool:
    if layer.kind is LayerKind.RESHAPE:
        return layer.operation in _WIRES
    return layer.kind is LayerKind.ACTIVATION and layer.operation in activations


def _has_own_factors(layer: LayerSpec) -> bool:
    """Whether a layer does something else to every element: a scale, or a type of its own."""
    return layer.kind is LayerKind.BATCH_NORM or layer.operation == "quantize"


def _per_element(layer: LayerSpec, size: int) -> Mask | None:
    """Which elements a normalization scales by something else than zero, or a quantizer leaves a bit of."""
    if layer.operation == "quantize":
        widths = str(layer.attributes.get("element_widths", "")).split()
        return np.array([width != "0" for width in widths]) if len(widths) == size else np.ones(size, dtype=bool)
    if layer.weight is None:
        return None
    scale: Mask = layer.weight.values.ravel() != 0
    return np.tile(scale, size // scale.size) if scale.size and size % scale.size == 0 else None


def _places(passage: Passage) -> NDArray[np.int64] | None:
    """Of a layer that only moves values: which one each output is, all inputs counted through, and past them a zero.

    None where it does something else, or its design does not tell what goes where.
    """
    layer, total = passage.layer, sum(passage.sizes)
    found: NDArray[np.int64] | None = None
    if layer.kind is LayerKind.CONCATENATE:
        found = _joined(layer, passage.sizes)
    elif passage.sizes == (prod(layer.input_shape),):
        found = _moved(layer, np.arange(total).reshape(layer.input_shape), total)
    return found.ravel() if found is not None and found.size == layer.output_size else None


def _joined(layer: LayerSpec, sizes: Sequence[int]) -> NDArray[np.int64] | None:
    if len(layer.output_shape) == 1:
        return np.arange(sum(sizes))
    written, shape = int(layer.attributes.get("axis", 0)), layer.output_shape
    axis = written - 1 if written > 0 else len(shape) + written  # hls4ml counts the batch; 0 where it is not told
    if not 0 <= axis < len(shape):
        return None
    slices = prod(shape[:axis]), prod(shape[axis + 1 :])
    if any(size % prod(slices) for size in sizes):
        return None
    parts = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])
    return np.concatenate([part.reshape(slices[0], -1, slices[1]) for part in parts], axis=1)


def _moved(layer: LayerSpec, places: NDArray[np.int64], zero: int) -> NDArray[np.int64] | None:
    match layer.kind, layer.operation:
        case LayerKind.PADDING, _ if layer.geometry is not None:
            return np.pad(places, [*layer.geometry.padding, (0, 0)], constant_values=zero)
        case LayerKind.RESHAPE, "cropping" if layer.geometry is not None:
            sides = zip(layer.geometry.padding, places.shape, strict=False)
            return places[tuple(slice(before, size - after) for (before, after), size in sides)]
        case LayerKind.UPSAMPLING, "nearest":
            for axis, new in enumerate(layer.output_shape[:-1]):
                # hls4ml steps through the image in fractions of 16 bits (nnet_image.h of hls4ml 1.3).
                ratio = (places.shape[axis] << 16) // new + 1
                places = np.take(places, (np.arange(new) * ratio) >> 16, axis=axis)
            return places
        case LayerKind.RESHAPE, "transpose" if "permutation" in layer.attributes:
            return places.transpose([int(axis) for axis in str(layer.attributes["permutation"]).split(",")])
        case LayerKind.RESHAPE, "broadcast":
            return np.broadcast_to(places, layer.output_shape)
    return None


def _moving_pools(layer: LayerSpec, moving: Mask) -> Mask | None:
    windows = window_positions(layer)
    if windows is None:
        return None
    image = moving.reshape(-1, layer.output_shape[-1])
    found = np.zeros((len(windows), image.shape[1]), dtype=bool)
    for at in windows.T:
        found[at >= 0] |= image[at[at >= 0]]
    return found.ravel()


def _needed_pools(layer: LayerSpec, read: Mask) -> Mask | None:
    windows = window_positions(layer)
    if windows is None:
        return None
    rows = read.reshape(len(windows), -1)
    found = np.zeros((prod(layer.input_shape[:-1]), rows.shape[1]), dtype=bool)
    for at in windows.T:  # through one tap, no two positions see the same place
        found[at[at >= 0]] |= rows[at >= 0]
    return found.ravel()


def _taps(passage: Passage, taps: int) -> Mask | None:
    """The constants of a convolution that are not zero, as (taps, channels, filters of the channel or all)."""
    nonzero, channels = passage.nonzero, passage.layer.input_shape[-1]
    if nonzero is None or nonzero.shape[0] != taps * channels:
        return None
    return nonzero.reshape(taps, channels, -1)


def _moving_positions(passage: Passage, moving: Mask) -> Mask | None:
    layer, windows = passage.layer, window_positions(passage.layer)
    constants = None if windows is None else _taps(passage, windows.shape[1])
    if windows is None or constants is None or layer.output_size % len(windows):
        return None
    rows, which = distinct_rows(moving.reshape(-1, layer.input_shape[-1]))
    found = np.zeros((len(windows), layer.output_size // len(windows)), dtype=bool)
    for at, tap in zip(windows.T, constants, strict=True):
        reached = (rows[:, :, None] & tap).reshape(len(rows), -1) if layer.kind in DEPTHWISE else _meet(rows, tap)
        found[at >= 0] |= reached[which[at[at >= 0]]]
    return found.ravel()


def _needed_positions(passage: Passage, read: Mask) -> Mask | None:
    layer, windows = passage.layer, window_positions(passage.layer)
    if windows is None or layer.weight is None or read.size % len(windows):
        return None  # without its constants a layer does not tell its padding either
    channels = layer.input_shape[-1]
    # What shares the hardware with something that is read is computed as well.
    rows, which = distinct_rows((read if passage.apart else np.ones_like(read)).reshape(len(windows), -1))
    constants = _taps(passage, windows.shape[1])
    found = np.zeros((prod(layer.input_shape[:-1]), channels), dtype=bool)
    for number, at in enumerate(windows.T):
        if constants is None:
            reached = np.repeat(rows.any(axis=1, keepdims=True), channels, axis=1)
        elif layer.kind in DEPTHWISE:
            reached = (rows.reshape(len(rows), channels, -1) & constants[number]).any(axis=2)
        else:
            reached = _meet(rows, constants[number].T)
        found[at[at >= 0]] |= reached[which[at >= 0]]
    return found.ravel()


def _meet(rows: Mask, constants: Mask) -> Mask:
    """Which columns of the constants have one that is not zero where the row has something: a product of masks."""
    met: Mask = (rows.astype(np.float32) @ constants.astype(np.float32)) > 0
    return met
