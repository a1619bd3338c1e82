"""Values that never change, exactly as the hardware computes them: a neuron without weights holds its bias.

Only what is certain is followed: sums without products, ReLU, changes of type, and wires.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fpgaprune.design import Design, LayerKind, LayerSpec
from fpgaprune.fixed_arithmetic import Codes, recode
from fpgaprune.fixed_point import EXACT_WIDTH, FixedPoint

_MATRICES = frozenset({
    LayerKind.DENSE, LayerKind.CONV1D, LayerKind.CONV2D,
    LayerKind.DEPTHWISE_CONV1D, LayerKind.DEPTHWISE_CONV2D, LayerKind.BATCH_NORM,
})  # fmt: skip
_SUMS = _MATRICES - {LayerKind.BATCH_NORM}
_WIRES = frozenset({None, "clone", "repack", "flatten"})


class _Still:
    """Which elements of one layer's output never change, and their codes."""

    def __init__(self, mask: NDArray[np.bool_], codes: NDArray[np.int64], precision: FixedPoint) -> None:
        self.mask, self.codes, self.precision = mask, codes, precision

    def cast(self, target: FixedPoint) -> "_Still":
        return _Still(self.mask, recode(self.codes, self.precision, target), target)


def still_inputs(layer: LayerSpec, design: Design, n_in: int) -> Mapping[int, int]:
    """Codes, in the type of the layer's data, of the inputs of its product that never change.

    For a convolution those of a channel, at every place of the window; one that is not zero counts only without
    padding, which is zero.
    """
    if layer.kind not in _SUMS or len(layer.inputs) != 1:
        return {}
    found = _follow(design[layer.inputs[0]], design)
    if found is None or not found.mask.any() or layer.input_precision not in (None, found.precision):
        return {}
    mask, codes = found.mask, found.codes
    if layer.kind is not LayerKind.DENSE:
        channels = layer.input_shape[-1]
        by_position = codes.reshape(-1, channels)
        mask = mask.reshape(-1, channels).all(axis=0) & (by_position == by_position[0]).all(axis=0)
        codes = by_position[0]
        if _is_padded(layer):
            mask = mask & (codes == 0)
    if not mask.size or n_in % mask.size:
        return {}
    places = np.flatnonzero(np.tile(mask, n_in // mask.size))
    return {int(place): int(codes[place % codes.size]) for place in places}


def _is_padded(layer: LayerSpec) -> bool:
    return layer.geometry is None or any(side for pair in layer.geometry.padding for side in pair)


def _follow(layer: LayerSpec, design: Design) -> _Still | None:
    """What never changes in the output of a layer; None where that is not followed."""
    target = layer.output_precision
    if target is None or target.width > EXACT_WIDTH:
        return None
    if layer.kind in _MATRICES:
        return _without_products(layer, target)
    if len(layer.inputs) != 1:
        return None
    wires = layer.kind is LayerKind.RESHAPE and layer.operation in _WIRES
    if not wires and not (layer.kind is LayerKind.ACTIVATION and layer.operation in {"relu", "linear"}):
        return None
    before = _follow(design[layer.inputs[0]], design)
    if before is None or before.mask.size != layer.output_size:
        return None
    if layer.operation == "relu":
        before = _Still(before.mask, np.maximum(before.codes, 0), before.precision)
    return before.cast(target)


def _without_products(layer: LayerSpec, target: FixedPoint) -> _Still | None:
    """Outputs whose constants are all zero: the bias, in the accumulator and then in the output's type."""
    weight, bias = layer.weight, layer.bias
    if weight is None or bias is None or bias.precision.width > EXACT_WIDTH:
        return None
    sums = layer.accumulator_precision
    if layer.kind in _SUMS and sums is None:
        return None
    channels = bias.values.size
    alone = (weight.values.reshape(-1, channels) == 0).all(axis=0)
    if not alone.any() or layer.output_size % channels:
        return None
    held = Codes(bias.codes.ravel(), bias.precision)
    if sums is not None:
        held = held.cast(sums)
    repeats = layer.output_size // channels
    return _Still(np.tile(alone, repeats), np.tile(held.values, repeats), held.precision).cast(target)
