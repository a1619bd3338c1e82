"""Which places of an image a window sees, position by position."""

from math import prod

import numpy as np
from numpy.typing import NDArray

from fpgaprune.design import LayerSpec

Mask = NDArray[np.bool_]
# More positions than this are not unrolled by any tool; walking them would only cost time.
_MOST_POSITIONS = 1 << 16


def window_positions(layer: LayerSpec) -> NDArray[np.int64] | None:
    """The input position that each output position of a layer reads through each tap: (positions, taps).

    -1 stands for padding. None where the geometry is not known or does not fit the shapes, and for images so large
    that no tool unrolls them.
    """
    geometry, sizes, counts = layer.geometry, layer.input_shape[:-1], layer.output_shape[:-1]
    if geometry is None or max(prod(sizes), prod(counts)) > _MOST_POSITIONS:
        return None
    if not len(geometry.kernel) == len(geometry.padding) == len(sizes) == len(counts):
        return None
    places, inside = np.zeros((1, 1), dtype=np.int64), np.ones((1, 1), dtype=bool)
    for size, count, kernel, step, (before, _), dilation in zip(
        sizes, counts, geometry.kernel, geometry.stride, geometry.padding, geometry.dilation, strict=True
    ):
        at = (np.arange(count) * step - before)[:, None] + np.arange(kernel) * dilation
        shape = places.shape[0] * count, places.shape[1] * kernel
        places = (places[:, None, :, None] * size + at[None, :, None, :]).reshape(shape)
        inside = (inside[:, None, :, None] & ((at >= 0) & (at < size))[None, :, None, :]).reshape(shape)
    return np.where(inside, places, -1)


def distinct_rows(mask: Mask) -> tuple[Mask, NDArray[np.int64]]:
    """The distinct rows of a mask, and which of them each row is."""
    if mask.all():
        return mask[:1], np.zeros(len(mask), dtype=np.int64)
    _, first, which = np.unique(np.packbits(mask, axis=1), axis=0, return_index=True, return_inverse=True)
    return mask[first], which.reshape(-1)
