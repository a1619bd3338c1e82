"""Layers that multiply element by element: batch normalization, softmax, activations, averages, merges."""

from collections import Counter
from dataclasses import replace
from math import ceil, prod

import numpy as np
from numpy.typing import NDArray

from fpgaprune.design import CONTRACTIONS, Encoding, LayerKind, LayerSpec
from fpgaprune.estimate.context import Context, Finding
from fpgaprune.estimate.cost import NOTHING, Cost, constant_cost, exactly
from fpgaprune.estimate.kernels import multiplied_codes
from fpgaprune.estimate.products import Products, bits_of
from fpgaprune.estimate.strategies import KERNEL_NOTE, multiplies_at_once, written_kernel
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.results import Bound

_SLOPE = {"leaky_relu": "slope", "prelu": "slope", "hard_sigmoid": "slope", "hard_tanh": "slope", "elu": "alpha"}
# hls4ml computes the index of an entry as data x table size / a power of two (nnet_activation.h).
_SIZED = frozenset({"sigmoid", "tanh", "softplus", "softsign", "elu", "selu"})
_SELU = 1.0507009873554805  # the slope of its positive branch, arXiv 1706.02515, section 2
_FREE = frozenset({
    "linear", "relu", "relu1", "relu6", "relu_max", "thresholded_relu",
    "unary_lut", "quantize",
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
    at_once = bool(layer.attributes.get("kernel_bits")) and multiplies_at_once(layer, context)
    if layer.attributes.get("sparse_kernel") and not at_once:
        found = written_kernel(str(layer.attributes["kernel_bits"]), data.width, context)
        return replace(found, products=products, first_order=first)
    limit = layer.multiplier_limit if layer.multiplier_limit is not None else ceil(elements / reuse_factor)
    packet = _packet(layer, context)
    if packet < scale.size and scale.size % packet == 0:
        cost = _in_turns(scale.reshape(-1, packet), data, min(limit, packet), context)
        first = packet * context.pricing.tiles(data.width, weight.precision.width)
        note = f"its {scale.size // packet} packets take turns: every multiplier chooses among as many constants"
        return Finding(cost, products, first, (note,))
    counted = _scales(layer, scale, copies, context)
    limited = None if context.unrolls or at_once else limit
    cost = constant_cost(counted, data.width, context.pricing, limited, sign_added=context.adds_sign(layer))
    at_once_note = (KERNEL_NOTE,) if at_once and not context.unrolls else ()
    doubts = (*at_once_note, *_unseen_reuse(context, reuse_factor, cost))
    return Finding(cost, products, first, doubts, extrapolated=bool(doubts))


def _scales(layer: LayerSpec, scale: NDArray[np.int64], copies: int, context: Context) -> Products:
    """The products by the constants `scale` (n, 1), each `copies` times."""
    if layer.attributes.get("sparse_kernel"):
        return context.count(multiplied_codes(layer, context.design))
    live = context.liveness.live_elements(layer, scale.size * copies)
    return context.count(scale).scaled(copies) if live is None else context.count(np.tile(scale, (copies, 1))[live])


def _unseen_reuse(context: Context, reuse_factor: int, cost: Cost) -> tuple[str, ...]:
    if context.rules.tool != "vitis_hls" or context.pricing.implementation or reuse_factor == 1:
        return ()
    note = "extrapolated: no report of Vitis HLS has a reuse factor above 1 at default settings"
    return (note,) if cost.multipliers.high else ()


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
    read = context.liveness.read.get(layer.name)
    if read is not None and (read.size == classes or not read.any()):
        multipliers = int(read.sum())
    still = read is not None and bool(layer.inputs) and not context.liveness.moving[layer.inputs[0]].any()
    if context.pricing.rules.signed_operands:
        widths = [table.precision.width + int(not table.precision.signed) for table in (exponential, inverse)]
    else:  # exponentials are positive: their sign bit is not multiplied
        widths = [exponential.precision.width - int(exponential.precision.signed), inverse.precision.width]
    price = context.pricing.dsp(*widths)
    cost = exactly(multipliers, price)
    if still:
        cost = cost.spanning(NOTHING)
        return Finding(
            cost, products=multipliers, notes=("bounded: its data never change, so its results may be folded",)
        )
    if slices == 1 or context.streams:
        doubts = _unseen_reuse(context, reuse_factor, cost) if context.streams else ()
        return Finding(cost, products=multipliers, notes=doubts, extrapolated=bool(doubts))
    unrolled = exactly(multipliers * slices, price)
    note = "bounded: no report has a softmax over several slices at once"
    return Finding(cost.spanning(unrolled), products=multipliers * slices, notes=(note,), extrapolated=True)


def estimate_activation(layer: LayerSpec, context: Context) -> Finding:
    """Tables and comparisons are free; a slope is one multiplication by a constant per element.

    So is the size of a table that is no power of two: the index of its entry is multiplied out.
    """
    operation = layer.operation or "linear"
    if operation in _FREE:
        return Finding(NOTHING, products=0, first_order=0)
    data = context.input_type(layer)
    if operation in _SIZED and data is not None:
        index = _indexed(layer, data, context)
        if operation not in {"elu", "selu"}:
            return index
        found = _scaled(layer, data, context)
        return found if found.cost is None or index.cost is None else replace(found, cost=found.cost + index.cost)
    return _scaled(layer, data, context)


def _indexed(layer: LayerSpec, data: FixedPoint, context: Context) -> Finding:
    """The products that find an entry of a table."""
    table = layer.tables.get("table")
    counted = context.count(np.array([[1 if table is None else table.size]]))
    if not counted.count:
        return Finding(NOTHING, products=0, first_order=0)
    elements = _elements(layer, context)
    note = "extrapolated: no report has a table whose size is no power of two"
    cost = constant_cost(counted.scaled(elements), data.width, context.pricing)
    return Finding(cost, elements, notes=(note,), extrapolated=True)


def _elements(layer: LayerSpec, context: Context) -> int:
    """Values at once: those of one position in a stream."""
    return layer.input_shape[-1] if context.streams and layer.input_shape else max(1, prod(layer.input_shape))


def _scaled(layer: LayerSpec, data: FixedPoint | None, context: Context) -> Finding:
    operation = layer.operation or "linear"
    codes = None if data is None else _factors(layer, data, streams=context.streams)
    if codes is None or data is None:
        return Finding(None, notes=(f"not estimated: no rule for the activation {operation!r}",))
    copies = max(1, _elements(layer, context) // codes.size)
    table = layer.tables.get("table")
    width = table.precision.width if operation == "elu" and table is not None else data.width
    live = None if context.streams else context.liveness.live_elements(layer, codes.size * copies)
    counted = context.count(codes).scaled(copies) if live is None else context.count(np.tile(codes, (copies, 1))[live])
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


def estimate_pooling(layer: LayerSpec, context: Context) -> Finding:
    """Maxima are free, and so are means of a power of two; other means are products by the inverse, or divided.

    The one report of such a mean (ten values of 8 bits, Vivado HLS 2019.2) has a multiplication of 8 by 9 bits.
    """
    taps = prod(layer.geometry.kernel) if layer.geometry is not None else prod(layer.input_shape[:-1])
    if layer.operation != "average" or (taps & (taps - 1) == 0 and not _partial(layer)):
        return Finding(NOTHING, products=0, first_order=0)
    total = layer.accumulator_precision or context.input_type(layer)
    if total is None:
        return Finding(None, notes=("not estimated: the type of its sums is not known",))
    means = layer.output_shape[-1] if context.streams else prod(layer.output_shape)
    read = context.liveness.read.get(layer.name)
    if read is not None and read.size == means:
        means = int(read.sum())
    high = exactly(means, context.pricing.dsp(total.width, total.width + 1))
    divisor = f"{taps} values or fewer" if _partial(layer) else f"{taps} values"
    note = f"bounded: a mean of {divisor} multiplies by the inverse or divides, and no report tells which"
    return Finding(NOTHING.spanning(high), products=means, first_order=0, notes=(note,), extrapolated=True)


def _partial(layer: LayerSpec) -> bool:
    """Whether windows at the border average fewer values than others."""
    padded = layer.geometry is not None and any(any(pair) for pair in layer.geometry.padding)
    return padded and not layer.attributes.get("count_pad")


def estimate_merge(layer: LayerSpec, context: Context) -> Finding:
    """Products of data by data; sums, averages and comparisons are free."""
    contracts = layer.operation in CONTRACTIONS
    if layer.operation != "multiply" and not contracts:
        return Finding(NOTHING, products=0, first_order=0)
    one, other = context.input_type(layer, 0), context.input_type(layer, 1)
    if one is None or other is None:
        return Finding(None, notes=("not estimated: the types of its inputs are not known",))
    price = context.pricing.dsp(one.width, other.width)
    note = f"extrapolated: no report has the merge {layer.operation!r}"
    if not contracts:
        return _products_of_data(layer, price, note, context)
    products = layer.input_shape[-1] if context.streams and layer.input_shape else prod(layer.input_shape)
    products = int(layer.attributes.get("products", products))
    read = context.liveness.read.get(layer.name)
    if read is not None and not read.any():
        return Finding(NOTHING, products, notes=(note,), extrapolated=True)
    cost = exactly(ceil(products / context.reuse_factor(layer)), price)
    return Finding(
        Cost(cost.multipliers, Bound(cost.dsp.low, products * price)), products, notes=(note,), extrapolated=True
    )


def _products_of_data(layer: LayerSpec, price: int, note: str, context: Context) -> Finding:
    """A multiplier for each element that anyone reads and that two values make which move."""
    shape = layer.output_shape
    products = shape[-1] if context.streams and shape else prod(shape)
    read = context.liveness.read.get(layer.name)
    if read is None or read.size != products:
        return Finding(exactly(products, price), products, notes=(note,), extrapolated=True)
    moving = [np.resize(context.liveness.moving[name], read.size) for name in layer.inputs]
    count = int((read & np.logical_and.reduce(moving)).sum())
    cost = exactly(count, price)
    by_constants = int((read & np.logical_or.reduce(moving)).sum()) - count
    if by_constants:
        cost = cost.spanning(exactly(count + by_constants, price))
        note = f"bounded: {by_constants} of its values are multiplied by constants that are not known; {note}"
    return Finding(cost, products, notes=(note,), extrapolated=True)
