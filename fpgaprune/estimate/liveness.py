"""Dead neurons: products that synthesis removes because nothing reads them, or because their data never change.

A neuron whose outgoing constants are all zero is never read, so its incoming products go; one whose incoming
constants are all zero is a constant, so its outgoing products fold away. Both travel through the graph. Seen in fully
parallel designs only (`io_parallel`): streams carry every value.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fpgaprune.design import CONTRACTIONS, Design, LayerKind, LayerSpec

Mask = NDArray[np.bool_]

# Elementwise and without a table: constants pass, and so does not being read.
_ARITHMETIC = frozenset({
    "linear", "relu", "relu1", "relu6", "relu_max", "leaky_relu", "prelu", "thresholded_relu",
    "hard_sigmoid", "hard_tanh", "binary_tanh", "ternary_tanh",
})  # fmt: skip
# Elementwise with a table: an entry that nobody reads is not looked up, but a constant's entry is not known to fold.
_LOOKUPS = frozenset({"sigmoid", "tanh", "softplus", "softsign", "elu", "selu"})
_DEPTHWISE = frozenset({LayerKind.DEPTHWISE_CONV1D, LayerKind.DEPTHWISE_CONV2D})
_POOLS = frozenset({LayerKind.POOLING, LayerKind.GLOBAL_POOLING})
_BY_CHANNEL = frozenset({LayerKind.CONV1D, LayerKind.CONV2D, *_DEPTHWISE, *_POOLS})
_WIRES = frozenset({"clone", "repack", "flatten"})


@dataclass(frozen=True)
class Liveness:
    """Which values matter, per layer and flattened element: `moving` in the outputs, `read` of the outputs."""

    moving: Mapping[str, Mask]
    read: Mapping[str, Mask]

    def live_elements(self, layer: LayerSpec, size: int) -> Mask | None:
        """Which of the `size` values an elementwise layer works on matter; None: all of them."""
        moving = self.moving.get(layer.inputs[0]) if layer.inputs else None
        read = self.read.get(layer.name)
        if moving is None or read is None or moving.size != size or read.size != size:
            return None
        live: Mask = moving & read
        return None if live.all() else live

    def live_codes(self, layer: LayerSpec, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        """`codes` (inputs, outputs) of a dense layer with the products that synthesis removes set to zero."""
        moving = self.moving.get(layer.inputs[0]) if layer.inputs else None
        read = self.read.get(layer.name)
        rows_matter = moving is not None and moving.size == codes.shape[0] and not moving.all()
        columns_matter = read is not None and read.size == codes.shape[1] and not read.all()
        if not rows_matter and not columns_matter:
            return codes
        live = codes.copy()
        if moving is not None and rows_matter:
            live[~moving] = 0
        if read is not None and columns_matter:
            live[:, ~read] = 0
        return live


def find_liveness(design: Design, codes: Mapping[str, NDArray[np.int64]]) -> Liveness:
    """Liveness of every layer's outputs.

    `codes` holds the constants, as (inputs, outputs), of the dense layers whose constants synthesis sees as such.

    Designs that are not `io_parallel` keep everything.
    """
    if design.io_type != "io_parallel":
        return Liveness({}, {})
    moving = _moving(design, codes)
    return Liveness(moving, _read(design, codes, moving))


def read_elements(design: Design) -> Mapping[str, Mask]:
    """Which elements of every layer's output reach an output of the design by way of weights that are not zero.

    Where data do not move is not looked at: what the others hold may be left out without changing an output. Unlike
    in `find_liveness`, which tells what tools find out, convolutions pass it on by channels, and streams as well.
    """
    every = {layer.name: np.ones(layer.output_size, dtype=bool) for layer in design}
    codes = {}
    for layer in design:
        weight = layer.weight
        if weight is not None and (layer.kind in _BY_CHANNEL or (layer.kind is LayerKind.DENSE)):
            flat = (weight.values != 0).astype(np.int64)
            codes[layer.name] = (
                flat.reshape(-1, flat.shape[-1])
                if layer.kind not in _DEPTHWISE
                else flat.reshape(-1, flat.shape[-2] * flat.shape[-1])
            )
    return _read(design, codes, every, by_channel=True)


def _moving(design: Design, codes: Mapping[str, NDArray[np.int64]]) -> dict[str, Mask]:
    found: dict[str, Mask] = {}
    for layer in design:
        inputs = [found[name] for name in layer.inputs]
        size = layer.output_size
        mask = _moving_outputs(layer, inputs, codes.get(layer.name))
        found[layer.name] = mask if mask is not None and mask.size == size else np.ones(size, dtype=bool)
    return found


def _moving_outputs(layer: LayerSpec, inputs: list[Mask], codes: NDArray[np.int64] | None) -> Mask | None:
    if not inputs:
        return None
    match layer.kind:
        case LayerKind.DENSE if codes is not None and inputs[0].size == codes.shape[0]:
            mask: Mask = (codes[inputs[0]] != 0).any(axis=0)
            return mask
        case LayerKind.BATCH_NORM:
            scale = _per_element(layer, inputs[0].size)
            return None if scale is None else inputs[0] & scale
        case LayerKind.OTHER:
            kept = _kept(layer, inputs[0].size)
            return None if kept is None else inputs[0] & kept
        case LayerKind.CONCATENATE:
            return np.concatenate(inputs) if len(layer.output_shape) == 1 else None
        case LayerKind.MERGE if layer.operation not in CONTRACTIONS and len({mask.size for mask in inputs}) == 1:
            either: Mask = np.logical_or.reduce(inputs)
            return either
        case _:
            return inputs[0] if _passes(layer, _ARITHMETIC) else None


def _read(
    design: Design, codes: Mapping[str, NDArray[np.int64]], moving: Mapping[str, Mask], *, by_channel: bool = False
) -> dict[str, Mask]:
    found = {layer.name: np.zeros(layer.output_size, dtype=bool) for layer in design}
    for name in design.outputs:
        found[name][:] = True
    for layer in reversed(design.layers):
        offset = 0
        for source in layer.inputs:
            size = found[source].size
            if by_channel and layer.kind in _BY_CHANNEL:
                needed = _read_channels(layer, found[layer.name], codes.get(layer.name), size)
            else:
                needed = _read_inputs(layer, found[layer.name], codes.get(layer.name), size, offset)
            found[source] |= moving[source] if needed is None else needed
            offset += size
    return found


def _read_inputs(layer: LayerSpec, read: Mask, codes: NDArray[np.int64] | None, size: int, offset: int) -> Mask | None:
    """Which of `size` values of one input this layer needs; None: all of them."""
    match layer.kind:
        case LayerKind.DENSE if codes is not None and codes.shape == (size, read.size):
            mask: Mask = (codes[:, read] != 0).any(axis=1)
            return mask
        case LayerKind.BATCH_NORM if read.size == size:
            scale = _per_element(layer, size)
            return None if scale is None else read & scale
        case LayerKind.OTHER if read.size == size:
            kept = _kept(layer, size)
            return None if kept is None else read & kept
        case LayerKind.CONCATENATE if len(layer.output_shape) == 1 and offset + size <= read.size:
            return read[offset : offset + size]
        case LayerKind.MERGE if layer.operation not in CONTRACTIONS and read.size == size:
            return read
        case _:
            return read if _passes(layer, _ARITHMETIC | _LOOKUPS) and read.size == size else None


def _read_channels(layer: LayerSpec, read: Mask, codes: NDArray[np.int64] | None, size: int) -> Mask | None:
    """Which of `size` values a layer with a window needs: channels whole; None: all of them."""
    before, after = layer.input_shape[-1], layer.output_shape[-1]
    if size % before or read.size % after:
        return None
    channels = read.reshape(-1, after).any(axis=0)
    if layer.kind in _DEPTHWISE:
        if codes is None:
            return None
        channels = ((codes != 0).any(axis=0) & channels).reshape(before, -1).any(axis=1)
    elif layer.kind not in _POOLS:
        if codes is None:
            return None
        channels = (codes[:, channels] != 0).any(axis=1).reshape(-1, before).any(axis=0)
    return np.tile(channels, size // before)


def _passes(layer: LayerSpec, activations: frozenset[str]) -> bool:
    if layer.kind is LayerKind.RESHAPE:
        return layer.operation is None or layer.operation in _WIRES
    return layer.kind is LayerKind.ACTIVATION and layer.operation in activations


def _per_element(layer: LayerSpec, size: int) -> Mask | None:
    """Which elements a batch normalization scales by something else than zero."""
    if layer.weight is None:
        return None
    scale: Mask = layer.weight.values.ravel() != 0
    return np.tile(scale, size // scale.size) if scale.size and size % scale.size == 0 else None


def _kept(layer: LayerSpec, size: int) -> Mask | None:
    """Which elements a quantizer with a type for each leaves a bit of."""
    bits = layer.parameters.get("element_bits")
    return None if bits is None or bits.values.size != size else bits.values > 0
