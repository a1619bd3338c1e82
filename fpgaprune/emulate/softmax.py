"""Softmax in hls4ml 1.3's four implementations."""

from collections.abc import Callable

import numpy as np

from fpgaprune.design import LayerSpec, Table
from fpgaprune.emulate.activations import table_index
from fpgaprune.emulate.constants import accumulator, output_type, refusal
from fpgaprune.emulate.tables import (
    exponential_table,
    inverse_table,
    legacy_exponential_table,
    legacy_inverse_table,
)
from fpgaprune.errors import DesignError
from fpgaprune.fixed_arithmetic import Array, Codes, add, multiply, recode, subtract, to_c_int
from fpgaprune.fixed_point import FixedPoint

_LEGACY = FixedPoint(18, 8)  # `table_t` and `table_size` of activ_config, which softmax's own settings do not override
_LEGACY_SIZE = 1024
_LEGACY_RANGE = 64  # of the inverse


def softmax(layer: LayerSpec, data: Codes, *, streamed: bool) -> Codes:
    """One softmax layer: data (samples, values), a distribution over each slice."""
    inner = int(layer.attributes.get("inner", 1))
    size = int(layer.attributes["slice_size"])
    values = data.values.reshape(-1, size, inner).swapaxes(1, 2).reshape(-1, size)
    slices = Codes(values, data.precision)
    match layer.operation:
        case "stable" | "latency":
            result = _by_tables(layer, slices)
        case "legacy":
            result = _legacy(layer, slices, streamed=streamed)
        case "argmax":
            result = _argmax(layer, slices)
        case _:
            raise refusal(layer, f"the implementation {layer.operation!r} is not known")
    back = result.values.reshape(-1, inner, size).swapaxes(1, 2)
    return Codes(back.reshape(len(data.values), -1), result.precision)


def _by_tables(layer: LayerSpec, data: Codes) -> Codes:
    exp_table, inv_table = _table(layer, "exp_table"), _table(layer, "inv_table")
    address = data.precision
    distance = data
    if layer.operation == "stable":
        address = _type(layer, "inp_norm_precision")
        top = Codes(data.values.max(axis=1, keepdims=True), data.precision)
        distance = subtract(top, data).cast(address)
    scale = float(layer.attributes.get("exp_scale", 1.0))
    negative = layer.operation == "stable"
    exponentials = exponential_table(address, exp_table.size, exp_table.precision, scale, negative=negative)
    sums_type, inverse_type = accumulator(layer), _type(layer, "inv_inp_precision")
    powers = Codes(
        recode(exponentials[_top_bits(layer, distance, exp_table.size)], exp_table.precision, sums_type), sums_type
    )
    total = tree(powers, lambda a, b: add(a, b).cast(sums_type)).cast(inverse_type)
    inverses = inverse_table(inverse_type, inv_table.size, inv_table.precision)
    inverse = Codes(inverses[_top_bits(layer, total, inv_table.size)][:, None], inv_table.precision)
    return multiply(powers, inverse).cast(output_type(layer))


def _table(layer: LayerSpec, name: str) -> Table:
    if name not in layer.tables:
        raise refusal(layer, f"the design tells no {name}")
    return layer.tables[name]


def _type(layer: LayerSpec, name: str) -> FixedPoint:
    text = layer.attributes.get(name)
    if not isinstance(text, str):
        raise refusal(layer, f"the design tells no {name}: it was written by a version of hls4ml before 1.3")
    try:
        return FixedPoint.from_cpp(text)
    except DesignError as error:
        raise refusal(layer, str(error)) from error


def _top_bits(layer: LayerSpec, data: Codes, size: int) -> Array:
    bits, width = (size - 1).bit_length(), data.precision.width
    if bits > width or size != 1 << bits:
        raise refusal(layer, f"a table of {size} entries cannot be addressed by {data.precision.cpp()}")
    return ((data.values >> (width - bits)) & (size - 1)).astype(np.int64)


def tree(data: Codes, operation: Callable[[Codes, Codes], Codes]) -> Codes:
    """`nnet::reduce` over the last axis: the left half is the largest power of two below the whole."""
    size = data.values.shape[-1]
    if size == 1:
        return Codes(data.values[..., 0], data.precision)
    left = 1 << ((size - 1).bit_length() - 1)
    first = tree(Codes(data.values[..., :left], data.precision), operation)
    second = tree(Codes(data.values[..., left:], data.precision), operation)
    return operation(first, second)


def _legacy(layer: LayerSpec, data: Codes, *, streamed: bool) -> Codes:
    exp_size = _LEGACY_SIZE if streamed else _table(layer, "exp_table").size
    inv_size = _LEGACY_SIZE if streamed else _table(layer, "inv_table").size
    exponentials = legacy_exponential_table(exp_size, _LEGACY)
    inverses = legacy_inverse_table(inv_size, _LEGACY)
    one = int(_LEGACY.codes(1.0))
    sums = np.zeros(data.values.shape, dtype=np.int64)
    for place in range(data.values.shape[1]):
        other = Codes(data.values[:, place, None], data.precision)
        index = to_c_int(table_index(subtract(other, data), exp_size, 16) + 8 * exp_size // 16)
        power = exponentials[np.clip(index, 0, exp_size - 1)]
        power[:, place] = one
        sums += power
    held = Codes(recode(sums, FixedPoint(62, 62 - _LEGACY.fraction), _LEGACY), _LEGACY)
    index = np.clip(table_index(held, inv_size, _LEGACY_RANGE), 0, inv_size - 1)
    return Codes(inverses[index], _LEGACY).cast(output_type(layer))


def _argmax(layer: LayerSpec, data: Codes) -> Codes:
    chosen = np.zeros(data.values.shape, dtype=np.int64)
    np.put_along_axis(chosen, data.values.argmax(axis=1)[:, None], 1, axis=1)
    return Codes(chosen, FixedPoint(2, 2)).cast(output_type(layer))
