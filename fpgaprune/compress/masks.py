"""Which weights stay: a boolean array per kernel, chosen by magnitude."""

from collections.abc import Sequence
from math import ceil, prod

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress.kernels import Kernel, Weights

Mask = NDArray[np.bool_]
Groups = NDArray[np.int64]


def remove_smallest(
    kernels: Sequence[Weights], masks: Sequence[Mask], sparsity: float, layer_limit: float
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


def remove_smallest_in_each(
    kernels: Sequence[Kernel], masks: Sequence[Mask], sparsity: float, layer_limit: float
) -> tuple[Mask, ...]:
    """`remove_smallest`, the same fraction of every kernel."""
    pairs = zip(kernels, masks, strict=True)
    return tuple(remove_smallest([kernel], [mask], sparsity, layer_limit)[0] for kernel, mask in pairs)


def keep_n_of_m(kernels: Sequence[Kernel], masks: Sequence[Mask], n: int, m: int) -> tuple[Mask, ...]:
    """Masks that keep the `n` largest of every `m` weights of one output, counted along its inputs.

    Of a last group of fewer than `m`, `n / m` of them rounded down stay, but one of a kernel with no other group.
    Example: n = 2, m = 4 on a dense kernel of 6 inputs: 2 of inputs 0..3 and 1 of inputs 4, 5 for every output.
    """
    return tuple(_n_of_m(kernel, mask, n, m) for kernel, mask in zip(kernels, masks, strict=True))


def _n_of_m(kernel: Kernel, mask: Mask, n: int, m: int) -> Mask:
    size = np.abs(kernel.quantized()).reshape(-1, mask.shape[-1])
    finer = np.abs(kernel.values()).reshape(size.shape)
    kept = mask.reshape(size.shape)
    keep = np.zeros(size.shape, dtype=np.bool_)
    for start in range(0, len(size), m):
        group = slice(start, start + m)
        count = n if start + m <= len(size) else n * (len(size) - start) // m
        count = max(count, 1) if start == 0 else count
        order = np.lexsort((finer[group], size[group], kept[group]), axis=0)
        np.put_along_axis(keep[group], order[len(order) - count :], values=True, axis=0)
    return (keep & kept).reshape(mask.shape)


def remove_smallest_groups(
    kernels: Sequence[Kernel],
    masks: Sequence[Mask],
    sparsity: float,
    layer_limit: float,
    groups: Sequence[Groups],
    scores: Sequence[NDArray[np.float64]] | None = None,
) -> tuple[Mask, ...]:
    """Masks that remove whole groups of weights, the smallest mean score over all kernels first.

    `groups` number the group of every weight of a kernel from 0, in its shape; `scores` are magnitudes by default.
    Groups go until at least `ceil(sparsity * weights)` weights are removed. What was removed stays removed, and no
    kernel loses its last group, nor another once it has lost `layer_limit` of its weights (or `sparsity`, if larger).
    """
    scores = scores or [np.where(mask, np.abs(k.values()), 0.0) for k, mask in zip(kernels, masks, strict=True)]
    sizes = [np.bincount(label.ravel()) for label in groups]
    means = [
        np.bincount(label.ravel(), score.ravel()) / size
        for label, score, size in zip(groups, scores, sizes, strict=True)
    ]
    size = np.concatenate(sizes)
    owner = np.repeat(np.arange(len(kernels)), [each.size for each in sizes])
    limits = [max(layer_limit, sparsity) * kernel.size for kernel in kernels]
    removed = np.zeros(size.size, dtype=np.bool_)
    lost, wanted, total = [0] * len(kernels), ceil(sparsity * size.sum()), 0
    left = np.bincount(owner).tolist()
    for place in np.argsort(np.concatenate(means), kind="stable").tolist():
        if total >= wanted:
            break
        kernel_index = int(owner[place])
        if left[kernel_index] == 1 or lost[kernel_index] >= limits[kernel_index]:
            continue
        removed[place] = True
        lost[kernel_index] += int(size[place])
        total += int(size[place])
        left[kernel_index] -= 1
    parts = np.split(removed, np.cumsum([each.size for each in sizes])[:-1])
    return tuple(mask & ~part[label] for mask, part, label in zip(masks, parts, groups, strict=True))


def blocks_of(shape: tuple[int, ...], rows: int, columns: int) -> Groups:
    """Groups of `rows` inputs by `columns` outputs of a kernel seen as (inputs, outputs); smaller at its edges."""
    inputs, outputs = prod(shape[:-1]), shape[-1]
    across = np.arange(outputs) // columns
    return np.asarray((np.arange(inputs) // rows)[:, np.newaxis] * (across[-1] + 1) + across).reshape(shape)


def lanes_of(shape: tuple[int, ...], reuse_factor: int) -> Groups:
    """Groups of the weights that one multiplier sees in turn in the resource strategies.

    hls4ml's resource kernels walk the weights output by output, and each multiplier takes `reuse_factor` of them in a
    row (nnet_dense_resource.h: w_index = ir + rufactor * im).
    """
    inputs, outputs = prod(shape[:-1]), shape[-1]
    lanes = np.arange(inputs * outputs).reshape(outputs, inputs).T // reuse_factor
    return np.asarray(lanes).reshape(shape)


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
