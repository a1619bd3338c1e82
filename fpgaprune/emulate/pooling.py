"""Maximum and mean over windows (nnet_pooling.h, nnet_pooling_stream.h)."""

from math import prod

import numpy as np

from fpgaprune.design import LayerSpec
from fpgaprune.emulate.constants import accumulator, output_type, refusal
from fpgaprune.emulate.matrix import windows
from fpgaprune.emulate.softmax import tree
from fpgaprune.fixed_arithmetic import Array, Codes, add, divide_truncating, recode
from fpgaprune.fixed_point import FixedPoint, Overflow


def pooling(layer: LayerSpec, data: Codes, *, streamed: bool) -> Codes:
    """One pooling layer: data (samples, values), channels last."""
    if layer.geometry is None:
        raise refusal(layer, "the design tells no geometry")
    padded = any(side for pair in layer.geometry.padding for side in pair)
    if streamed and padded:
        raise refusal(layer, "hls4ml has no padded pooling of streams")
    fill = _padding_code(data.precision) if layer.operation == "max" else 0
    rows = Codes(np.moveaxis(windows(layer, data.values, fill), 2, -1), data.precision)
    if layer.operation == "max":
        result = _maximum(layer, rows, streamed=streamed)
    else:
        counts = _inside(layer) if padded and not layer.attributes.get("count_pad") else None
        result = _mean(layer, rows, counts, streamed=streamed)
    flat = result.values.reshape(len(data.values), -1)
    return Codes(flat, result.precision, data.binary and result.precision == data.precision).cast(output_type(layer))


def _padding_code(precision: FixedPoint) -> int:
    """hls4ml sets the highest bit, which is the smallest value of signed types only."""
    return precision.min_code if precision.signed else 1 << (precision.width - 1)


def _maximum(layer: LayerSpec, rows: Codes, *, streamed: bool) -> Codes:
    sums_type = accumulator(layer)
    if streamed:
        return Codes(rows.cast(sums_type).values.max(axis=-1), sums_type)
    return Codes(rows.values.max(axis=-1), rows.precision).cast(sums_type)


def _inside(layer: LayerSpec) -> Array:
    """How many places of each window lie in the image: (positions, 1)."""
    ones = np.ones((1, prod(layer.input_shape)), dtype=np.int64)
    counts: Array = windows(layer, ones, fill=0).sum(axis=2)[0, :, :1]
    return counts


def _mean(layer: LayerSpec, rows: Codes, counts: Array | None, *, streamed: bool) -> Codes:
    total = _total(rows, accumulator(layer), streamed=streamed)
    size = rows.values.shape[-1]
    if counts is None:
        return Codes(divide_truncating(total.values, size), total.precision)
    quotient = np.abs(total.values) // counts
    return Codes(np.where(total.values < 0, -quotient, quotient), total.precision)


def _total(rows: Codes, sums_type: FixedPoint, *, streamed: bool) -> Codes:
    held = rows.cast(sums_type)
    size = rows.values.shape[-1]
    wide = FixedPoint(sums_type.width + size.bit_length(), sums_type.integer + size.bit_length(), sums_type.signed)
    if sums_type.overflow is Overflow.WRAP and sums_type.fraction >= rows.precision.fraction:
        return Codes(recode(held.values.sum(axis=-1), wide, sums_type), sums_type)
    if streamed:
        return tree(held, lambda a, b: add(a, b).cast(sums_type))
    total = Codes(np.zeros_like(held.values[..., 0]), sums_type)
    for place in range(size):  # every addition rounds and saturates anew, with the value as wide as it is
        total = add(total, Codes(rows.values[..., place], rows.precision)).cast(sums_type)
    return total


def global_pooling(layer: LayerSpec, data: Codes, *, streamed: bool) -> Codes:
    """Maximum or mean over all positions."""
    channels = layer.input_shape[-1]
    rows = Codes(np.moveaxis(data.values.reshape(len(data.values), -1, channels), 1, -1), data.precision)
    if layer.operation == "max":
        result = _maximum(layer, rows, streamed=streamed)
        return Codes(result.values, result.precision, data.binary and result.precision == data.precision).cast(
            output_type(layer)
        )
    size = rows.values.shape[-1]
    held = rows.cast(accumulator(layer)) if streamed else rows
    total = _total(held, accumulator(layer), streamed=False)
    return Codes(divide_truncating(total.values, size), total.precision).cast(output_type(layer))
