"""Functions of one value, as hls4ml's nnet_activation.h and nnet_activation_stream.h compute them."""

from collections.abc import Callable

import numpy as np

from fpgaprune.design import LayerSpec
from fpgaprune.emulate.constants import BIT, SIGN, constant, output_type, refusal
from fpgaprune.emulate.tables import function_table, table_range
from fpgaprune.fixed_arithmetic import (
    Array,
    Codes,
    add,
    compared,
    divide_truncating,
    integer_type,
    machine,
    multiply,
    recode,
    subtract,
    to_c_int,
    wrapped,
)
from fpgaprune.fixed_point import FixedPoint

_LAMBDA = 1.0507009873554804934193349852946
_SYMMETRIC = ("sigmoid", "tanh", "softplus", "softsign")
Function = Callable[[LayerSpec, Codes, bool], Codes]


def activation(layer: LayerSpec, data: Codes, *, streamed: bool) -> Codes:
    """One activation layer: data (samples, values); raises EmulationError for a function it does not know."""
    operation = layer.operation or ""
    if operation in _SYMMETRIC:
        return table_lookup(layer, operation, "table", data).cast(output_type(layer))
    if operation not in _FUNCTIONS:
        raise refusal(layer, f"the function {operation!r} is not known")
    return _FUNCTIONS[operation](layer, data, streamed)


def _whole(value: int) -> Codes:
    return Codes(np.array([value]), integer_type())


def _chosen(layer: LayerSpec, condition: Array, first: Codes, second: Codes) -> Codes:
    """`res = condition ? first : second`, each cast to the output by itself."""
    target = output_type(layer)
    return Codes(np.where(condition, first.cast(target).values, second.cast(target).values), target)


def table_lookup(layer: LayerSpec, name: str, table: str, data: Codes) -> Codes:
    """A table that covers a range symmetric to zero: the index is truncated towards zero, in 32-bit integers."""
    if table not in layer.tables:
        raise refusal(layer, "the design tells no table")
    size, precision = layer.tables[table].size, layer.tables[table].precision
    half = int(table_range(name)) // 2
    index = to_c_int(table_index(data, size, 2 * half) + half * size // (2 * half))
    return Codes(function_table(name, size, precision)[np.clip(index, 0, size - 1)], precision)


def table_index(data: Codes, size: int, divisor: int) -> Array:
    """`int(data * size / divisor)` as C++ computes it with ap_fixed."""
    fraction = data.precision.fraction
    values = machine(data.values, data.precision.width + 34)
    scaled = values * size
    if fraction <= 0:
        return to_c_int(divide_truncating(scaled << -fraction, divisor))
    return to_c_int(divide_truncating(scaled, divisor << fraction))


def relu(layer: LayerSpec, data: Codes, _: bool) -> Codes:
    """Positive values pass."""
    return Codes(np.maximum(data.values, 0), data.precision).cast(output_type(layer))


def _limited(limit: int) -> Function:
    def function(layer: LayerSpec, data: Codes, _: bool) -> Codes:
        values, top = compared(data, _whole(limit))
        kept = _chosen(layer, values > top, _whole(limit), data)
        return Codes(np.where(data.values < 0, 0, kept.values), kept.precision)

    return function


def _relu_max(layer: LayerSpec, data: Codes, streamed: bool) -> Codes:
    maximum = constant(layer, "maximum").real()
    return _limited(int(maximum.reshape(-1)[0]))(layer, data, streamed)


def _linear(layer: LayerSpec, data: Codes, _: bool) -> Codes:
    result = data.cast(output_type(layer))
    return Codes(result.values, result.precision, data.binary and result.precision == BIT)


def _slope(layer: LayerSpec, data: Codes, _: bool) -> Codes:
    return _chosen(layer, data.values > 0, data, multiply(constant(layer, "slope"), data))


def _thresholded(layer: LayerSpec, data: Codes, _: bool) -> Codes:
    values, threshold = compared(data, constant(layer, "threshold"))
    return Codes(np.where(values > threshold, data.values, 0), data.precision).cast(output_type(layer))


def _negative_table(layer: LayerSpec, name: str, data: Codes) -> Codes:
    if "table" not in layer.tables:
        raise refusal(layer, "the design tells no table")
    size, precision = layer.tables["table"].size, layer.tables["table"].precision
    index = np.clip(table_index(data, size, -8), 0, size - 1)
    return Codes(function_table(name, size, precision)[index], precision)


def _elu(layer: LayerSpec, data: Codes, _: bool) -> Codes:
    below = _negative_table(layer, "elu", data)
    if "alpha" in layer.parameters:
        below = multiply(constant(layer, "alpha"), below)
    return _chosen(layer, data.values >= 0, data, below)


def _selu(layer: LayerSpec, data: Codes, streamed: bool) -> Codes:
    kind = data.precision if streamed else FixedPoint(16, 1, signed=False)
    above = multiply(Codes(kind.codes([_LAMBDA]), kind), data)
    return _chosen(layer, data.values >= 0, above, _negative_table(layer, "selu", data))


def _clipped_line(layer: LayerSpec, data: Codes) -> Codes:
    line = add(multiply(constant(layer, "slope"), data), constant(layer, "shift"))
    one = recode(np.array([1]), integer_type(), line.precision)
    values, top = compared(line, _whole(1))
    return Codes(np.where(values > top, one, np.maximum(line.values, 0)), line.precision)


def _hard_sigmoid(layer: LayerSpec, data: Codes, _: bool) -> Codes:
    return _clipped_line(layer, data).cast(output_type(layer))


def _hard_tanh(layer: LayerSpec, data: Codes, _: bool) -> Codes:
    doubled = multiply(_whole(2), _clipped_line(layer, data))
    return subtract(doubled, _whole(1)).cast(output_type(layer))


def _binary_tanh(layer: LayerSpec, data: Codes, _: bool) -> Codes:
    return _signs(layer, data.values >= 0)


def _signs(layer: LayerSpec, positive: Array) -> Codes:
    target = output_type(layer)
    if target == BIT:
        return Codes(positive.astype(np.int64), target, binary=True)
    return Codes(np.where(positive, 1, -1), SIGN).cast(target)


def _ternary_tanh(layer: LayerSpec, data: Codes, streamed: bool) -> Codes:
    if not streamed:  # only there the data are doubled, in their own type
        data = multiply(_whole(2), data).cast(data.precision)
    values, one = compared(data, _whole(1))
    return Codes(np.where(values > one, 1, np.where(values > -one, 0, -1)), SIGN).cast(output_type(layer))


def _threshold(layer: LayerSpec, name: str, data: Codes) -> tuple[Array, Array]:
    threshold = constant(layer, name)
    repeats = data.values.shape[1] // threshold.values.size
    return compared(data, Codes(np.tile(threshold.values.reshape(-1), repeats), threshold.precision))


def _normalize_binary(layer: LayerSpec, data: Codes, _: bool) -> Codes:
    values, threshold = _threshold(layer, "threshold", data)
    return _signs(layer, values >= threshold)


def _normalize_ternary(layer: LayerSpec, data: Codes, _: bool) -> Codes:
    above, high = _threshold(layer, "threshold_high", data)
    below, low = _threshold(layer, "threshold_low", data)
    signs = np.where(above > high, 1, np.where(below <= low, -1, 0))
    return Codes(wrapped(signs, SIGN), SIGN).cast(output_type(layer))


_FUNCTIONS: dict[str, Function] = {
    "relu": relu,
    "relu1": _limited(1),
    "relu6": _limited(6),
    "relu_max": _relu_max,
    "linear": _linear,
    "leaky_relu": _slope,
    "prelu": _slope,
    "thresholded_relu": _thresholded,
    "elu": _elu,
    "selu": _selu,
    "hard_sigmoid": _hard_sigmoid,
    "hard_tanh": _hard_tanh,
    "binary_tanh": _binary_tanh,
    "ternary_tanh": _ternary_tanh,
    "normalize_binary_tanh": _normalize_binary,
    "normalize_ternary_tanh": _normalize_ternary,
}
