"""Layers that multiply element by element: batch normalization, softmax, activations with a slope, merges."""

from dataclasses import replace
from math import ceil, prod

import numpy as np
from numpy.typing import NDArray

from fpgaprune.design import CONTRACTIONS, Encoding, LayerSpec
from fpgaprune.estimate.context import Context, Finding
from fpgaprune.estimate.cost import NOTHING, Cost, constant_cost, exactly
from fpgaprune.estimate.kernels import multiplied_codes
from fpgaprune.estimate.matrix import KERNEL_NOTE, multiplies_at_once, written_kernel
from fpgaprune.estimate.products import Products
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
    at_once = bool(layer.attributes.get("kernel_bits")) and multiplies_at_once(layer, context)
    if layer.attributes.get("sparse_kernel") and not at_once:
        found = written_kernel(str(layer.attributes["kernel_bits"]), data.width, context)
        return replace(found, products=products, first_order=first)
    counted = _scales(layer, scale, copies, context)
    limit = layer.multiplier_limit if layer.multiplier_limit is not None else ceil(elements / reuse_factor)
    limited = None if context.unrolls or at_once else limit
    cost = constant_cost(counted, data.width, context.pricing, limited, sign_added=context.adds_sign(layer))
    doubtful = at_once and not context.unrolls
    return Finding(cost, products, first, (KERNEL_NOTE,) if doubtful else (), extrapolated=doubtful)


def _scales(layer: LayerSpec, scale: NDArray[np.int64], copies: int, context: Context) -> Products:
    """The products by the constants `scale` (n, 1), each `copies` times."""
    if layer.attributes.get("sparse_kernel"):
        return context.count(multiplied_codes(layer, context.design))
    live = context.liveness.live_elements(layer, scale.size * copies)
    return context.count(scale).scaled(copies) if live is None else context.count(np.tile(scale, (copies, 1))[live])


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
    live = context.liveness.live_elements(layer, codes.size * copies)
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
    live = context.liveness.live_products(layer, products)
    cost = Cost(
        Bound(ceil(live.low / reuse_factor), ceil(live.high / reuse_factor)),
        Bound(ceil(live.low / reuse_factor) * price, live.high * price),
    )
    notes: tuple[str, ...] = (f"extrapolated: no report has the merge {layer.operation!r}",)
    if not live.is_exact:
        notes = (*notes, "bounded: products by what never changes need no multiplier for some values")
    return Finding(cost, products, notes=notes, extrapolated=True)
