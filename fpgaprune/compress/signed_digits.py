"""Training within signed digits: every weight keeps to the number of digits its hardware was chosen for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress.kernels import Kernel
from fpgaprune.csd import csd_digits
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.frameworks import load_frameworks


@dataclass(frozen=True, eq=False)
class DigitLimits:
    """What the kernel of one layer may hold: values of its type with at most `digits` signed digits, weight by weight.

    Those of more than two digits sit in multipliers, which may be shared: they stay at `values`.
    """

    values: NDArray[np.float64]
    precision: FixedPoint

    @property
    def digits(self) -> NDArray[np.int64]:
        """Nonzero signed digits of every value, same shape."""
        return csd_digits(self.precision.codes(self.values))


def projection(limits: Mapping[str, DigitLimits]) -> Callable[[Kernel, Any], Any]:
    """The function that puts a tensor of a kernel within its limits, for `Trainer`; others pass as they are."""
    digits = {name: limit.digits for name, limit in limits.items()}

    def project(kernel: Kernel, tensor: Any) -> Any:
        limit = limits.get(kernel.layer)
        if limit is None:
            return tensor
        tensorflow = load_frameworks().tensorflow
        count, precision = digits[kernel.layer], limit.precision
        codes = tensorflow.clip_by_value(tensor / precision.lsb, precision.min_code, precision.max_code)
        few = tensorflow.where(count == 1, _one(codes, precision), tensorflow.zeros_like(codes))
        few = tensorflow.where(count == 2, _two(codes, precision), few) * precision.lsb
        return tensorflow.where(count > 2, tensorflow.constant(limit.values, tensor.dtype), few)

    return project


def _one(codes: Any, precision: FixedPoint) -> Any:
    """The nearest of zero and the powers of two a type has; of its own sign, so never past the smallest code."""
    tensorflow = load_frameworks().tensorflow
    lower = _power_below(codes)
    magnitude = tensorflow.abs(codes)
    power = tensorflow.where(magnitude < 1.5 * lower, lower, 2 * lower)
    power = tensorflow.where(magnitude < 1, tensorflow.where(magnitude < 0.5, 0.0, 1.0), power)
    largest = tensorflow.where(codes < 0, float(-precision.min_code), float((precision.max_code + 1) // 2))
    return tensorflow.sign(codes) * tensorflow.minimum(power, largest)


def _two(codes: Any, precision: FixedPoint) -> Any:
    """The nearest of two digits: the first is one of the powers around, the second the nearest to what it leaves."""
    tensorflow = load_frameworks().tensorflow
    wide = FixedPoint(precision.width + 2, precision.width + 2)
    found = []
    for factor in (1.0, 2.0):
        first = tensorflow.sign(codes) * factor * _power_below(codes)
        found.append(first + _one(codes - first, wide))
    nearer = tensorflow.abs(found[0] - codes) <= tensorflow.abs(found[1] - codes)
    best = tensorflow.where(nearer, *found)
    best = tensorflow.where(tensorflow.abs(codes) < 0.5, tensorflow.zeros_like(codes), best)
    # The largest code, one below a power of two, has two digits itself; so has the smallest, with one.
    return tensorflow.clip_by_value(best, precision.min_code, precision.max_code)


def _power_below(codes: Any) -> Any:
    """The largest power of two up to each magnitude, at least 1."""
    tensorflow = load_frameworks().tensorflow
    magnitude = tensorflow.maximum(tensorflow.abs(codes), 1.0)
    exponent = tensorflow.floor(tensorflow.math.log(magnitude) / float(np.log(2.0)))
    power = tensorflow.round(tensorflow.pow(2.0, exponent))
    # The logarithm of a power of two may come out a little too small or too large.
    power = tensorflow.where(2 * power <= magnitude, 2 * power, power)
    return tensorflow.where(power > magnitude, power / 2, power)
