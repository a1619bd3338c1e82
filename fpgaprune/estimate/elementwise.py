"""Layers that multiply element by element: batch normalization, softmax, activations with a slope, merges."""

from collections import Counter
from dataclasses import replace
from math import ceil, prod

import numpy as np
from numpy.typing import NDArray

from fpgaprune.design import CONTRACTIONS, Encoding, LayerKind, LayerSpec
from fpgaprune.estimate.context import Context, Finding
from fpgaprune.estimate.cost import NOTHING, Cost, constant_cost, exactly
from fpgaprune.estimate.matrix import written_kernel
from fpgaprune.estimate.products import bits_of
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.results import Bound

_SLOPE = {"leaky_relu": "slope", "prelu": "slope", "hard_sigmoid": "slope", "hard_tanh": "slope", "elu": "alpha"}
_SELU = 1.0507009873554805  # the slope of its positive branch, arXiv 1706.02515, section 2
_FREE = frozenset({
    "linear", "relu", "relu1", "relu6", "relu_max", "thresholded_relu",
    "sigmoid", "tanh", "softplus", "softsign",
    "binary_tanh", "ternary_tanh", "normalize_binary_tanh", "normalize_ternary_tanh",
})  # fmt: skip


def estimate_nothing(layer: LayerSpec, context: Context) -> Finding:  # noqa: ARG001
    """Layers that only compare, move or add."""
    return Finding(NOTHING, products=0, first_order=0)


def estimate_batch_norm(layer: LayerSpec, context: Context) -> Finding:
    """One multiplication per scale that needs one, at most one multiplier per `reuse_factor` elements."""
    weight, data = layer.weight, context.input_type(layer)
    if weight is None or data is None:
        return Finding(None, notes=("not estimated: its scale or input type is not known",))
    scale = weight.codes.reshape(-1, 1)
    elements = prod(layer.input_shape) or scale.size
    copies = 1 if context.streams else max(1, elements // max(1, scale.size))
    products = int(np.count_nonzero(scale)) * copies
    reuse_factor = context.reuse_factor(layer)
    lanes = scale.size * copies if context.streams else ceil(elements / reuse_factor)
    first = min(lanes, scale.size * copies) * context.pricing.tiles(data.width, weight.precision.width)
    if weight.encoding is not Encoding.FIXED:
        return Finding(NOTHING, products, first, (f"{weight.encoding} constants need no multiplier",))
    if layer.attributes.get("sparse_kernel") and not (context.unrolls and layer.attributes["kernel_bits"]):
        found = written_kernel(str(layer.attributes["kernel_bits"]), data.width, context)
        return replace(found, products=products, first_order=first)
    limit = layer.multiplier_limit if layer.multiplier_limit is not None else ceil(elements / reuse_factor)
    packet = _packet(layer, context)
    if packet < scale.size and scale.size % packet == 0:
        cost = _in_turns(scale.reshape(-1, packet), data, min(limit, packet), context)
        first = packet * context.pricing.tiles(data.width, weight.precision.width)
        note = f"its {scale.size // packet} packets take turns: every multiplier chooses among as many constants"
        return Finding(cost, products, first, (note,))
    live = context.liveness.live_elements(layer, scale.size * copies)
    counted = context.count(scale).scaled(copies) if live is None else context.count(np.tile(scale, (copies, 1))[live])
    limited = None if context.unrolls else limit
    cost = constant_cost(counted, data.width, context.pricing, limited, sign_added=context.adds_sign(layer))
    return Finding(cost, products, first)


def _packet(layer: LayerSpec, context: Context) -> int:
    """How many values arrive at once: all of them but in a stream that is longer than one packet."""
    size = prod(layer.input_shape)
    if not context.streams or context.unrolls or not layer.inputs:
        return size
    source = context.design[layer.inputs[0]]
    while source.kind is LayerKind.RESHAPE and source.operation == "flatten" and source.inputs:
        source = context.design[source.inputs[0]]
    return source.output_shape[-1] if source.output_shape else size


def _in_turns(scale: NDArray[np.int64], data: FixedPoint, limit: int, context: Context) -> Cost:
    """Multipliers by one constant of their column in turn: as wide as the widest, unsigned where none is negative.

    So are the 32 multipliers of a recorded normalization of 128 values that arrive in four packets.
    """
    by_price: Counter[int] = Counter()
    for column in scale.T:
        if (column == column[0]).all():
            by_price[constant_cost(context.count(column[:1, None]), data.width, context.pricing).dsp.high] += 1
        else:
            by_price[context.pricing.dsp(data.width, bits_of(column))] += 1
    dearest = sorted(by_price.elements(), reverse=True)[: max(1, limit)]
    return Cost(Bound.exactly(len(dearest)), Bound.exactly(sum(dearest)))


def estimate_softmax(layer: LayerSpec, context: Context) -> Finding:
    """Exponential times inverse of the sum, per class.

    All classes at once in parallel; in a stream `reuse_factor` in turn, of the values that travel together (channels).
    """
    if layer.operation in {"argmax", "legacy"}:
        return Finding(NOTHING, products=0, first_order=0)
    exponential, inverse = layer.tables.get("exp_table"), layer.tables.get("inv_table")
    if exponential is None or inverse is None:
        return Finding(None, notes=("not estimated: the types of its tables are not known",))
    slices = int(layer.attributes.get("slices", 1))
    classes = int(layer.attributes.get("slice_size", 0)) or ceil(layer.output_size / slices)
    if context.streams and layer.output_shape:
        classes = layer.output_shape[-1]
    reuse_factor = context.reuse_factor(layer)
    multipliers = ceil(classes / reuse_factor) if context.streams else classes
    if context.pricing.rules.signed_operands:
        widths = [table.precision.width + int(not table.precision.signed) for table in (exponential, inverse)]
    else:  # exponentials are positive: their sign bit is not multiplied
        widths = [exponential.precision.width - int(exponential.precision.signed), inverse.precision.width]
    price = context.pricing.dsp(*widths)
    cost = exactly(multipliers, price)
    if slices == 1 or context.streams:
        return Finding(cost, products=multipliers)
    unrolled = exactly(multipliers * slices, price)
    note = "bounded: no report has a softmax over several slices at once"
    return Finding(cost.spanning(unrolled), products=multipliers * slices, notes=(note,), extrapolated=True)


def estimate_activation(layer: LayerSpec, context: Context) -> Finding:
    """Tables and comparisons are free; a slope is one multiplication by a constant per element."""
    operation = layer.operation or "linear"
    if operation in _FREE:
        return Finding(NOTHING, products=0, first_order=0)
    data = context.input_type(layer)
    codes = None if data is None else _factors(layer, data, streams=context.streams)
    if codes is None or data is None:
        return Finding(None, notes=(f"not estimated: no rule for the activation {operation!r}",))
    elements = layer.input_shape[-1] if context.streams and layer.input_shape else max(1, prod(layer.input_shape))
    copies = max(1, elements // codes.size)
    table = layer.tables.get("table")
    width = table.precision.width if operation == "elu" and table is not None else data.width
    counted = context.count(codes).scaled(copies)
    note = f"extrapolated: no report has the activation {operation!r}"
    cost = constant_cost(counted, width, context.pricing)
    return Finding(cost, int(np.count_nonzero(codes)) * copies, notes=(note,), extrapolated=True)


def _factors(layer: LayerSpec, data: FixedPoint, *, streams: bool) -> NDArray[np.int64] | None:
    """The constants (n, 1) that an activation multiplies its elements by; None where no rule is known."""
    if layer.operation == "selu":
        # hls4ml 1.3, nnet_activation.h: an ap_ufixed<16, 1>; nnet_activation_stream.h: of the type of the data.
        factor = data if streams else FixedPoint(16, 1, signed=False)
        return factor.codes([_SELU]).reshape(-1, 1)
    slope = layer.parameters.get(_SLOPE.get(layer.operation or "", ""))
    return None if slope is None else slope.codes.reshape(-1, 1)


def estimate_merge(layer: LayerSpec, context: Context) -> Finding:
    """Products of data by data; sums, averages and comparisons are free."""
    contracts = layer.operation in CONTRACTIONS
    if layer.operation != "multiply" and not contracts:
        return Finding(NOTHING, products=0, first_order=0)
    one, other = context.input_type(layer, 0), context.input_type(layer, 1)
    if one is None or other is None:
        return Finding(None, notes=("not estimated: the types of its inputs are not known",))
    shape = layer.input_shape if contracts else layer.output_shape
    products = shape[-1] if context.streams and shape else prod(shape)
    products = int(layer.attributes.get("products", products))
    reuse_factor = context.reuse_factor(layer) if contracts else 1
    price = context.pricing.dsp(one.width, other.width)
    cost = exactly(ceil(products / reuse_factor), price)
    note = f"extrapolated: no report has the merge {layer.operation!r}"
    return Finding(
        Cost(cost.multipliers, Bound(cost.dsp.low, products * price)), products, notes=(note,), extrapolated=True
    )
