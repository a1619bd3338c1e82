"""Which weights stay: a boolean array per kernel, chosen by magnitude."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress.kernels import Kernel

Mask = NDArray[np.bool_]


def remove_smallest(
    kernels: Sequence[Kernel], masks: Sequence[Mask], sparsity: float, layer_limit: float
) -> tuple[Mask, ...]:
    """Masks (True stays) under which `ceil(sparsity * weights)` weights over all kernels together are removed.

    The smallest quantized magnitudes go first, the stored magnitude decides between equals; what was removed stays
    removed. Weights that quantize to zero are the smallest, so they count towards the asked sparsity. No kernel
    loses more than `layer_limit` of its weights (or `sparsity`, if that is larger), so that no layer dies while
    others are kept whole.
    """
    owner = np.repeat(np.arange(len(kernels)), [kernel.size for kernel in kernels])
    removed = ~np.concatenate([mask.reshape(-1) for mask in masks])
    stored = np.concatenate([np.abs(kernel.values()).reshape(-1) for kernel in kernels])
    quantized = np.concatenate([np.abs(kernel.quantized()).reshape(-1) for kernel in kernels])
    order = np.lexsort((stored, quantized, ~removed))  # last key first: removed ones lead
    limits = np.array([ceil(max(layer_limit, sparsity) * kernel.size) for kernel in kernels])
    allowed = order[_rank_within(owner[order], len(kernels)) < limits[owner[order]]]
    keep = np.ones(owner.size, dtype=np.bool_)
    keep[allowed[: ceil(sparsity * owner.size)]] = False
    keep[removed] = False
    parts = np.split(keep, np.cumsum([kernel.size for kernel in kernels])[:-1])
    return tuple(part.reshape(mask.shape) for part, mask in zip(parts, masks, strict=True))


def all_kept(kernels: Sequence[Kernel]) -> tuple[Mask, ...]:
    """Masks that remove nothing."""
    return tuple(np.ones(tuple(kernel.variable.shape), dtype=np.bool_) for kernel in kernels)


def quantized_sparsity(kernels: Sequence[Kernel]) -> float:
    """Fraction of zeros among the quantized weights of all kernels together."""
    zeros = sum(kernel.size - int(np.count_nonzero(kernel.quantized())) for kernel in kernels)
    return zeros / sum(kernel.size for kernel in kernels)


def _rank_within(groups: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """For each element how many earlier ones belong to the same group."""
    ranks = np.empty(groups.size, dtype=np.int64)
    for group in range(count):
        where = np.flatnonzero(groups == group)
        ranks[where] = np.arange(where.size)
    return ranks
