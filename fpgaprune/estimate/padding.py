"""Which inputs of a convolution's window are padding, position by position: their products fold away."""

from itertools import product

import numpy as np
from numpy.typing import NDArray

from fpgaprune.design import LayerSpec

# More positions than this are not unrolled by any tool; walking them would only cost time.
_MOST_POSITIONS = 1 << 16


def padding_patches(layer: LayerSpec, inputs: int) -> tuple[tuple[int, NDArray[np.bool_]], ...]:
    """The window's `inputs` that lie inside the image, as (number of positions, mask) per pattern.

    Empty where the geometry is not known, does not fit the shapes, or pads nothing.
    """
    geometry = layer.geometry
    if geometry is None or layer.positions > _MOST_POSITIONS or not any(any(pair) for pair in geometry.padding):
        return ()
    dimensions = len(geometry.kernel)
    taps = int(np.prod(geometry.kernel))
    sizes = layer.input_shape[:dimensions]
    if len(layer.input_shape) != dimensions + 1 or len(geometry.padding) != dimensions or inputs % taps:
        return ()
    outputs = layer.output_shape[:dimensions]
    if int(np.prod(outputs)) != layer.positions:
        return ()
    axes = [
        _inside(size, kernel, step, before, dilation, count)
        for size, kernel, step, (before, _), dilation, count in zip(
            sizes, geometry.kernel, geometry.stride, geometry.padding, geometry.dilation, outputs, strict=True
        )
    ]
    found: dict[bytes, tuple[int, NDArray[np.bool_]]] = {}
    for rows in product(*axes):
        mask = rows[0]
        for row in rows[1:]:
            mask = np.logical_and.outer(mask, row)
        whole = np.repeat(mask.ravel(), inputs // taps)
        count, _ = found.get(whole.tobytes(), (0, whole))
        found[whole.tobytes()] = count + 1, whole
    return tuple(found.values())


def _inside(size: int, kernel: int, step: int, before: int, dilation: int, count: int) -> list[NDArray[np.bool_]]:
    """Per output position of one dimension, which taps read the image."""
    taps = np.arange(kernel) * dilation
    starts = np.arange(count) * step - before
    return [(taps + start >= 0) & (taps + start < size) for start in starts]
