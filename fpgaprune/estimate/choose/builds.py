"""How hls4ml configures a layer for a strategy, a reuse factor and so many positions at once, and which it allows."""

from collections.abc import Iterator
from dataclasses import replace
from functools import reduce
from math import ceil, gcd, prod

import numpy as np

from fpgaprune.design import LayerKind, LayerSpec, Strategy
from fpgaprune.estimate.kernels import RECURRENT, kernel_prefixes

DEPTHWISE = frozenset({LayerKind.DEPTHWISE_CONV1D, LayerKind.DEPTHWISE_CONV2D})
CONVOLUTIONS = frozenset({LayerKind.CONV1D, LayerKind.CONV2D, *DEPTHWISE})
MATRICES = frozenset({LayerKind.DENSE, *CONVOLUTIONS})
CHOSEN = MATRICES | RECURRENT | {LayerKind.BATCH_NORM}
# Tried besides those hls4ml allows for Resource: close enough that the next smaller one costs at most half more.
_STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
_SPACING = 1.4  # of the others
# Products side by side in one layer: HLS unrolls loops of up to 4096 (hls4ml's documentation, FAQ).
_MOST_UNROLLED = 4096


def built(layer: LayerSpec, strategy: Strategy, reuse_factor: int, at_once: int) -> LayerSpec:
    """The layer as hls4ml would configure it, with the multiplier limits of its templates."""
    if layer.kind is LayerKind.BATCH_NORM:
        limit = ceil(prod(layer.input_shape) / reuse_factor)
        return replace(layer, reuse_factor=reuse_factor, multiplier_limit=limit)
    if layer.kind in RECURRENT:
        return _built_recurrent(layer, strategy, reuse_factor)
    zeros = layer.claimed_zeros if layer.claimed_zeros is not None else layer.zero_count
    limit = ceil(weight_size(layer) / reuse_factor) - zeros // reuse_factor
    return replace(
        layer,
        strategy=strategy,
        reuse_factor=reuse_factor,
        multiplier_limit=limit,
        parallelization_factor=at_once if layer.kind in CONVOLUTIONS else layer.parallelization_factor,
    )


def _built_recurrent(layer: LayerSpec, strategy: Strategy, reuse_factor: int) -> LayerSpec:
    facts = dict(layer.attributes)
    for prefix in kernel_prefixes(layer):
        weight = layer.parameters[f"{prefix}weight"]
        limit = ceil(weight.values.size / reuse_factor) - weight.zeros // reuse_factor
        facts |= {f"{prefix}reuse_factor": reuse_factor, f"{prefix}multiplier_limit": limit}
    limit = int(facts.pop("multiplier_limit"))
    facts.pop("reuse_factor")
    return replace(layer, strategy=strategy, reuse_factor=reuse_factor, multiplier_limit=limit, attributes=facts)


def weight_size(layer: LayerSpec) -> int:
    """Constants of the largest matrix of a layer, or values that a scale is applied to."""
    if layer.kind is LayerKind.BATCH_NORM:
        return prod(layer.input_shape)
    return max((layer.parameters[f"{prefix}weight"].values.size for prefix in kernel_prefixes(layer)), default=0)


def reuse_factors(group: tuple[LayerSpec, ...], strategy: Strategy, *, streams: bool) -> Iterator[int]:
    """The reuse factors worth trying for the layers of a group, ascending."""
    if strategy is Strategy.DISTRIBUTED_ARITHMETIC:
        yield 1
        return
    most = max(weight_size(layer) for layer in group)
    if strategy is Strategy.LATENCY:
        yield from (step for step in _STEPS if step <= most)
        return
    last = 1
    for step in range(2, most + 1):
        if step >= _SPACING * last and all(_is_valid(layer, step, streams=streams) for layer in group):
            last = step
            yield step


def _is_valid(layer: LayerSpec, reuse_factor: int, *, streams: bool) -> bool:
    """Whether hls4ml 1.3 keeps the reuse factor of a Resource layer (FPGABackend.get_valid_reuse_factors)."""
    if layer.weight is None or (layer.kind in DEPTHWISE and not streams):
        return False
    if layer.kind in RECURRENT:
        shapes = [layer.parameters[f"{prefix}weight"].values.shape for prefix in kernel_prefixes(layer)]
        return all(_keeps(prod(shape[:-1]), shape[-1], reuse_factor) for shape in shapes)
    n_out = layer.output_shape[-1] if layer.kind not in DEPTHWISE else 1
    return _keeps(layer.weight.values.size // n_out, n_out, reuse_factor)


def _keeps(n_in: int, n_out: int, reuse_factor: int) -> bool:
    whole_outputs = ceil(n_in * n_out / min(n_in, reuse_factor)) % n_out == 0 or reuse_factor >= n_in
    whole_inputs = reuse_factor < n_in or reuse_factor % n_in == 0
    return whole_outputs and whole_inputs and (n_in * n_out) % reuse_factor == 0


def positions_at_once(group: tuple[LayerSpec, ...], reuse_factor: int, *, streams: bool) -> Iterator[int]:
    """How many positions the convolutions of a group may compute side by side, ascending.

    Above one only without reuse: several positions on multipliers that take turns are no faster than one position at
    a time on as many multipliers.
    """
    yield 1
    if streams or reuse_factor > 1 or not all(layer.kind in CONVOLUTIONS for layer in group):
        return
    positions = reduce(gcd, (layer.positions for layer in group))
    products = max(int(np.count_nonzero(layer.weight.codes)) for layer in group if layer.weight is not None)
    last = 1
    for step in range(2, positions + 1):
        if step * products > _MOST_UNROLLED:
            return
        if positions % step == 0 and (step >= _SPACING * last or step == positions):
            last = step
            yield step
