"""Which function and which fixed-point type together compute what a QKeras activation quantizer computes.

Read off QKeras 0.9.0's `quantizers.py` and property-tested against the quantizers themselves; see `quantizer_types`
for the types that merely hold their values.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.errors import DesignError
from fpgaprune.fixed_point import FixedPoint, Overflow, Rounding
from fpgaprune.read.quantizer_types import (
    bits_type,
    integer,
    number,
    relu_bound,
    relu_type,
    representable_type,
    scales_of,
    unit_type,
)

Function = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class ActivationRule:
    """What an activation quantizer computes: `type.quantize(function(x))`, bit for bit.

    `name` says which function it is: linear (none at all), leaky_relu, tanh, sigmoid, hard_sigmoid.
    """

    name: str
    function: Function
    type: FixedPoint


def activation_rule(quantizer: Any) -> ActivationRule | None:
    """The function and the type whose `quantize` together equal the quantizer; None where there are none.

    Equal bit for bit for every float32 input whose distance from the range is below 2**24 LSBs, ties and values out
    of range included, as long as the type has at most 24 bits. tanh and sigmoid are those of NumPy in double
    precision: there a value within float32 error of a tie may round the other way. None for sign-like quantizers
    (binary, 1-bit quantized_bits, ternary with a threshold other than 0.5), powers of two, u-law, hard swish,
    random ones (bernoulli), and anything scaled by other than one.
    """
    rule = _COMPUTING.get(type(quantizer).__name__)
    if rule is None or number(getattr(quantizer, "qnoise_factor", 1.0)) != 1.0:
        return None
    try:
        return rule(quantizer)
    except (DesignError, OverflowError):
        return None


def activation_type(quantizer: Any) -> FixedPoint | None:
    """The type, rounding and overflow included, whose `quantize` equals the quantizer bit for bit; else None.

    This is `activation_rule` for the quantizers that apply no function of their own: quantized_bits, quantized_relu
    without negative slope (unsigned SAT is the ReLU), quantized_tanh with QKeras' default clipping "tanh", ternary
    with threshold 0.5. See there for the range in which it holds.
    """
    rule = activation_rule(quantizer)
    return rule.type if rule is not None and rule.name == "linear" else None


def _same(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values


def _unscaled(quantizer: Any) -> bool:
    scales = scales_of(quantizer, None)
    return scales is not None and bool(np.all(scales == 1.0))


def _compute_bits(quantizer: Any) -> ActivationRule | None:
    base = bits_type(quantizer)
    return ActivationRule("linear", _same, base) if base is not None and _unscaled(quantizer) else None


def _compute_relu(quantizer: Any) -> ActivationRule | None:
    if quantizer.use_sigmoid:
        return None
    base = relu_type(quantizer)
    slope, bound = number(quantizer.negative_slope), relu_bound(quantizer)
    if bound is not None and bound < base.high:
        if not base.holds(bound):
            return None  # values above the bound become the bound, which is off the grid
        return _bounded_relu(base, slope, bound, quantizer)
    if slope == 0:
        return ActivationRule("linear", _same, base)
    return _bounded_relu(base, slope, None, quantizer)


def _bounded_relu(base: FixedPoint, slope: float, bound: float | None, quantizer: Any) -> ActivationRule | None:
    low = -slope * 2.0 ** integer(quantizer.integer)
    held = base
    if slope:
        held = representable_type(quantizer) or base
        if not held.holds(low) or held.fraction != base.fraction:
            return None  # the negative end lies between two steps
    top = base.high if bound is None else bound

    def function(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.clip(np.where(values < 0, values * slope, values), low, top)

    return ActivationRule("leaky_relu" if slope else "bounded_relu", function, held)


def _compute_tanh(quantizer: Any) -> ActivationRule | None:
    unit = unit_type(integer(quantizer.bits), True, bool(quantizer.symmetric))
    if quantizer.use_real_tanh:
        return ActivationRule("tanh", np.tanh, unit)
    return ActivationRule("linear", _same, unit)  # 2 * clip(x / 2 + 1 / 2, 0, 1) - 1: saturation does the clipping


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    positive = 1.0 / (1.0 + np.exp(-np.abs(values)))
    result: NDArray[np.float64] = np.where(values >= 0, positive, 1.0 - positive)
    return result


def _hard_sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(0.5 * values + 0.5, 0.0, 1.0)


def _compute_sigmoid(quantizer: Any) -> ActivationRule | None:
    unit = unit_type(integer(quantizer.bits), False, False)
    lowest = unit.lsb if quantizer.symmetric else 0.0
    inner = _sigmoid if quantizer.use_real_sigmoid else _hard_sigmoid

    def function(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.maximum(inner(values), lowest)

    return ActivationRule("sigmoid" if quantizer.use_real_sigmoid else "hard_sigmoid", function, unit)


def _compute_ternary(quantizer: Any) -> ActivationRule | None:
    if not _unscaled(quantizer) or quantizer.threshold is None or number(quantizer.threshold) != 0.5:
        return None
    return ActivationRule("linear", _same, FixedPoint(2, 2, True, Rounding.RND_INF, Overflow.SAT_SYM))


_COMPUTING: dict[str, Callable[[Any], ActivationRule | None]] = {
    "quantized_bits": _compute_bits,
    "quantized_relu": _compute_relu,
    "quantized_tanh": _compute_tanh,
    "quantized_sigmoid": _compute_sigmoid,
    "ternary": _compute_ternary,
    "stochastic_ternary": _compute_ternary,
}
