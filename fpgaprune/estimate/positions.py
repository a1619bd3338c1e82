"""A convolution whose positions all have hardware of their own: what of it is left, input by input.

Every value of the image is multiplied by the constants that reach it from any position; equal ones are one product.
Padding, positions and filters that nobody reads, and values that never change leave gaps.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fpgaprune.design import LayerSpec
from fpgaprune.estimate.passing import CONVOLUTIONS, DEPTHWISE
from fpgaprune.estimate.windows import Mask, distinct_rows, window_positions

Codes = NDArray[np.int64]


def has_positions_apart(layer: LayerSpec, io_type: str) -> bool:
    """Whether the layer is a convolution with hardware for each position."""
    return layer.kind in CONVOLUTIONS and io_type == "io_parallel" and layer.parallelization_factor >= layer.positions


def position_matrices(
    layer: LayerSpec, codes: Codes, moving: Mask | None, read: Mask | None
) -> Iterator[tuple[int, Codes]] | None:
    """The products of all positions as (places of the image, matrix) for every kind of place there is.

    A matrix is (channels, constants that reach the place), 0 where a product falls away. `codes` is (taps x channels,
    filters), `moving` holds for the elements of the input and `read` for those of the output, None: all of them.
    None where the windows are not known or do not fit.
    """
    windows, (*_, channels) = window_positions(layer), layer.input_shape
    if windows is None or codes.shape[0] != windows.shape[1] * channels or len(windows) != layer.positions:
        return None
    constants = codes.reshape(windows.shape[1], channels, -1)
    elements, results = int(np.prod(layer.input_shape)), layer.output_size
    moving = np.ones(elements, dtype=bool) if moving is None or moving.size != elements else moving
    read = np.ones(results, dtype=bool) if read is None or read.size != results else read
    return _matrices(
        constants, windows, moving.reshape(-1, channels), read.reshape(len(windows), -1), layer.kind in DEPTHWISE
    )


def _matrices(
    constants: Codes, windows: NDArray[np.int64], moving: Mask, read: Mask, depthwise: bool
) -> Iterator[tuple[int, Codes]]:
    filters, reader = distinct_rows(read)
    kept = np.concatenate([filters, np.zeros((1, filters.shape[1]), dtype=bool)])
    # Per place of the image and tap: which filters read it there, the last row where no position does.
    readers = np.full((len(moving), windows.shape[1]), len(filters))
    for tap, at in enumerate(windows.T):
        readers[at[at >= 0], tap] = reader[at >= 0]
    channels, which = distinct_rows(moving)
    kinds, times = np.unique(np.column_stack((which, readers)), axis=0, return_counts=True)
    for kind, count in zip(kinds.tolist(), times.tolist(), strict=True):
        mask, rows = kept[kind[1:]], channels[kind[0]]
        taps = mask.any(axis=1)
        if not taps.any() or not rows.any():
            continue
        alive = mask[taps].reshape(-1, *(constants.shape[1:] if depthwise else (1, filters.shape[1])))
        found = (constants[taps] * alive)[:, rows]
        yield count, found.transpose(1, 0, 2).reshape(int(rows.sum()), -1)
