"""Structure and timing of every kind of layer."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import ceil, prod
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from fpgaprune.design import LayerKind, LayerSpec, Parameter, Strategy
from fpgaprune.estimate.context import Context
from fpgaprune.estimate.fabric.einsum import describe_einsum_dense
from fpgaprune.estimate.fabric.elementwise import (
    describe_activation,
    describe_batch_norm,
    describe_merge,
    describe_softmax,
)
from fpgaprune.estimate.fabric.kernels import KernelTurns
from fpgaprune.estimate.fabric.lanes import COPIES
from fpgaprune.estimate.fabric.matrix import MatrixProduct, ProductTiming
from fpgaprune.estimate.fabric.products import describe_product, too_wide
from fpgaprune.estimate.fabric.recurrent import describe_recurrent
from fpgaprune.estimate.fabric.schedule import Clock
from fpgaprune.estimate.fabric.streams import between_streams, fifos
from fpgaprune.estimate.fabric.structure import NOTHING, LayerFabric, Structure
from fpgaprune.estimate.fabric.tasks import window_choice
from fpgaprune.estimate.fabric.windows import describe_moved, describe_pooling, in_the_loop, streamed_convolution

_CONVOLUTIONS = frozenset({
    LayerKind.CONV1D, LayerKind.CONV2D, LayerKind.DEPTHWISE_CONV1D, LayerKind.DEPTHWISE_CONV2D,
})  # fmt: skip


LayerDescription = Callable[[LayerSpec, Context, Clock], LayerFabric | None]


def describe_layer(layer: LayerSpec, context: Context, clock: Clock) -> LayerFabric | None:
    """What one layer is made of; None where that is not known."""
    rule = _RULES.get(layer.kind)
    return None if rule is None else rule(layer, context, clock)


def _wires(layer: LayerSpec, context: Context, clock: Clock) -> LayerFabric:  # noqa: ARG001
    return LayerFabric(NOTHING, 0.0, 1.0)


def _matrix(layer: LayerSpec, context: Context, clock: Clock) -> LayerFabric | None:
    weight, data = layer.weight, context.input_type(layer)
    if weight is None or data is None or too_wide(weight) or context.narrowed(layer):
        return None
    codes = context.codes[layer.name]
    convolution = layer.kind in _CONVOLUTIONS
    if not convolution and context.folds(layer):
        codes = context.liveness.live_codes(layer, codes)
    copies = context.live_positions(layer)
    if layer.kind in {LayerKind.DEPTHWISE_CONV1D, LayerKind.DEPTHWISE_CONV2D}:
        codes = _block_diagonal_rows(weight)
    product = MatrixProduct(
        codes=codes,
        weight=weight,
        data=data,
        accumulator=layer.accumulator_precision or layer.output_precision or data,
        bias=layer.bias,
        strategy=layer.strategy or Strategy.LATENCY,
        reuse_factor=context.reuse_factor(layer),
        limit=_limit(layer, codes.size),
        folds=context.folds(layer),
        copies=copies,
        windowed=context.streams and convolution,
        inlined=context.rules.tool == "vivado_hls" and in_the_loop(layer),
        adders=_adds_only(layer),
        turns=KernelTurns.of(layer.attributes, "", context.reuse_factor(layer)),
    )
    structure, timing = describe_product(product, context.pricing, clock)
    output = layer.output_precision or product.accumulator
    if not context.streams:
        results = float(_live_results(layer, codes, context) * output.width)
        # Vivado HLS computes an activation in the cycle of a layer that needs no clock edge itself.
        vivado = context.rules.tool == "vivado_hls"
        structure += Structure(returned_bits=results if vivado and timing.edges and timing.ii == 1 else 0.0)
        behind = Structure(output_bits=0.0 if vivado and not timing.edges else results)
        passes = ceil(layer.positions / max(1, layer.parallelization_factor)) if convolution else 1
        if passes > 1:  # all inputs and results wait while positions take turns
            structure += Structure(held_bits=float(prod(layer.input_shape) * data.width) + results)
            structure += window_choice(codes.shape[0], passes)
        cycles = timing.edges + (passes - 1) * max(timing.ii, 1 if product.folds else timing.edges)
        return LayerFabric(structure, cycles, max(timing.ii, passes), behind, timing.chooses)
    structure = replace(structure, shared_pipeline_bits=0.0, streamed_pipeline_bits=structure.shared_pipeline_bits)
    structure += between_streams(layer, output, context)
    behind = fifos(layer, output, context)
    if not convolution:
        packs = _packs(layer, context)
        if product.folds and context.rules.tool == "vivado_hls":
            # Read from the stream one by one, and again at once by the function that multiplies.
            structure += Structure(read_bits=2.0 * codes.shape[0] * data.width)
        elif context.rules.tool == "vivado_hls":
            structure += Structure(read_bits=float(codes.shape[0] * data.width))
        cycles = timing.edges + packs + _overhead(product, packs, context)
        return LayerFabric(structure, cycles, cycles, behind, timing.chooses)
    if context.rules.tool != "vitis_hls":  # the window's registers hold the others
        structure = replace(structure, held_bits=structure.held_bits / COPIES)
    turn = _turn(layer, product, timing, context, clock)
    found = streamed_convolution(layer, data, structure, edges=timing.edges, turn=turn, clock=clock)
    return replace(found, behind=behind, chooses=timing.chooses)


def _live_results(layer: LayerSpec, codes: NDArray[np.int64], context: Context) -> int:
    """Results that anything reads and that are no constants."""
    if layer.kind is not LayerKind.DENSE or not context.folds(layer):
        return layer.output_size * context.live_positions(layer) // max(1, layer.parallelization_factor)
    return int(np.count_nonzero(codes.any(axis=0)))


def _overhead(product: MatrixProduct, packs: int, context: Context) -> int:
    """Cycles of a dense layer in a stream beside its products: reading, and writing all results."""
    if not product.folds:
        return 6
    if packs > 1:
        return 5
    return 0 if context.rules.tool == "vitis_hls" else 3


def _block_diagonal_rows(weight: Parameter) -> "np.ndarray[tuple[int, int], np.dtype[np.int64]]":
    """A depthwise kernel as (taps, channels): every output sums its own taps."""
    flat = weight.codes
    taps = prod(flat.shape[:-2]) if flat.ndim > 2 else flat.shape[0]
    return flat.reshape(taps, -1)


def _turn(layer: LayerSpec, product: MatrixProduct, timing: ProductTiming, context: Context, clock: Clock) -> float:
    """Cycles per input position of a streamed convolution."""
    if product.folds:
        if product.reuse_factor == 1:
            # Vitis HLS calls a function that keeps the window again when it has returned (hls4ml's
            # nnet_conv_stream.h: `INLINE OFF` and static registers): 2 cycles around a product without clock edges,
            # 3 around one of one edge, 5 and 6 around two and three (12 layers of six projects). Vivado HLS calls it
            # every cycle.
            own = bool(layer.attributes.get("window_function")) and context.rules.tool == "vitis_hls"
            return float(timing.edges + 2 + (timing.edges > 1)) if own else 1.0
        # A pointwise convolution is pipelined at its reuse factor; a window waits for its products.
        return float(product.reuse_factor if layer.operation == "pointwise" else timing.ii + 2)
    # Multipliers in DSPs are pipelined in three stages; small ones in LUTs may fit the cycle of their operands.
    small = not context.pricing.dsp(product.data.width, product.weight.precision.width)
    fits = not clock.edges(0, multiplies=True)
    return float(timing.edges + (5 if small and fits else 8))


def _packs(layer: LayerSpec, context: Context) -> int:
    """Values that arrive one after the other at a dense layer that follows positions."""
    if not layer.inputs:
        return 1
    source = context.design[layer.inputs[0]]
    while source.kind is LayerKind.RESHAPE and source.inputs:
        source = context.design[source.inputs[0]]
    return max(1, prod(source.output_shape[:-1])) if len(source.output_shape) > 1 else 1


def _adds_only(layer: LayerSpec) -> bool:
    """Whether the text has sums of shifts for every product."""
    return layer.strategy is Strategy.DISTRIBUTED_ARITHMETIC or layer.attributes.get("kernel_products") == 0


def _limit(layer: LayerSpec, size: int) -> int | None:
    if layer.attributes.get("sparse_kernel"):
        return int(layer.attributes["kernel_multipliers"])
    if layer.multiplier_limit is not None:
        return layer.multiplier_limit
    reuse_factor = max(1, layer.reuse_factor or 1)
    zeros = layer.claimed_zeros if layer.claimed_zeros is not None else layer.zero_count
    return ceil(size / reuse_factor) - zeros // reuse_factor


_RULES: Mapping[LayerKind, LayerDescription] = MappingProxyType({
    LayerKind.INPUT: _wires,
    LayerKind.DENSE: _matrix,
    LayerKind.CONV1D: _matrix,
    LayerKind.CONV2D: _matrix,
    LayerKind.DEPTHWISE_CONV1D: _matrix,
    LayerKind.DEPTHWISE_CONV2D: _matrix,
    LayerKind.EINSUM_DENSE: describe_einsum_dense,
    LayerKind.BATCH_NORM: describe_batch_norm,
    LayerKind.ACTIVATION: describe_activation,
    LayerKind.SOFTMAX: describe_softmax,
    LayerKind.POOLING: describe_pooling,
    LayerKind.GLOBAL_POOLING: describe_pooling,
    LayerKind.MERGE: describe_merge,
    LayerKind.CONCATENATE: describe_moved,
    LayerKind.RESHAPE: describe_moved,
    LayerKind.PADDING: describe_moved,
    LayerKind.UPSAMPLING: describe_moved,
    LayerKind.LSTM: describe_recurrent,
    LayerKind.GRU: describe_recurrent,
})  # fmt: skip
