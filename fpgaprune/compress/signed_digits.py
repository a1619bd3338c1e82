"""Training within signed digits: every weight keeps to the number of digits its hardware was chosen for."""

from collections.abc import Mapping
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

    Those of more than two digits sit in multipliers, which may be shared: they stay at `values` where that is
    `settled`, else they are free within the type.
    """

    values: NDArray[np.float64]
    precision: FixedPoint
    settled: bool = True

    @property
    def digits(self) -> NDArray[np.int64]:
        """Nonzero signed digits of every value, same shape."""
        return csd_digits(self.precision.codes(self.values))


class DigitProjection:
    """The function that puts a tensor of a kernel within its limits, for `Trainer`; others pass as they are.

    The limits may change while the training goes on, of the layers that have some from the start.
    """

    def __init__(self, limits: Mapping[str, DigitLimits]) -> None:
        tensorflow = load_frameworks().tensorflow
        self._held = {
            name: _Held(
                tensorflow.Variable(np.zeros(limit.values.shape, np.int32), trainable=False),
                tensorflow.Variable(np.zeros(limit.values.shape, np.float32), trainable=False),
                *(tensorflow.Variable(1.0, trainable=False, dtype=tensorflow.float32) for _ in range(3)),
            )
            for name, limit in limits.items()
        }
        self.hold(limits)

    def hold(self, limits: Mapping[str, DigitLimits]) -> None:
        """Other limits from here on."""
        for name, limit in limits.items():
            held, free = self._held[name], 0 if limit.settled else _FREE
            digits = np.where(limit.digits > 2, np.maximum(limit.digits, free), limit.digits)
            held.digits.assign(digits.astype(np.int32))
            held.values.assign(limit.values.astype(np.float32))
            held.lsb.assign(limit.precision.lsb)
            held.least.assign(limit.precision.min_code)
            held.most.assign(limit.precision.max_code)

    def __call__(self, kernel: Kernel, tensor: Any) -> Any:
        """The tensor within the limits of the kernel's layer."""
        held = self._held.get(kernel.layer)
        if held is None:
            return tensor
        tensorflow = load_frameworks().tensorflow
        codes = tensorflow.clip_by_value(tensor / held.lsb, held.least, held.most)
        few = tensorflow.where(held.digits == 1, _one(codes, held.least, held.most), tensorflow.zeros_like(codes))
        few = tensorflow.where(held.digits == 2, _two(codes, held.least, held.most), few)
        few = tensorflow.where(held.digits >= _FREE, tensorflow.round(codes), few) * held.lsb
        return tensorflow.where((held.digits > 2) & (held.digits < _FREE), held.values, few)


_FREE = 99  # stands for any number of digits; types have fewer


@dataclass(frozen=True, eq=False)
class _Held:
    """The limits of one kernel as variables: digits and values by weight, and the type's step and outermost codes."""

    digits: Any
    values: Any
    lsb: Any
    least: Any
    most: Any


def _one(codes: Any, least: Any, most: Any) -> Any:
    """The nearest of zero and the powers of two a type has; of its own sign, so never past the smallest code."""
    tensorflow = load_frameworks().tensorflow
    lower = _power_below(codes)
    magnitude = tensorflow.abs(codes)
    power = tensorflow.where(magnitude < 1.5 * lower, lower, 2 * lower)
    power = tensorflow.where(magnitude < 1, tensorflow.where(magnitude < 0.5, 0.0, 1.0), power)
    largest = tensorflow.where(codes < 0, -least, (most + 1) / 2)
    return tensorflow.sign(codes) * tensorflow.minimum(power, largest)


def _two(codes: Any, least: Any, most: Any) -> Any:
    """The nearest of two digits: the first is one of the powers around, the second the nearest to what it leaves."""
    tensorflow = load_frameworks().tensorflow
    found = []
    for factor in (1.0, 2.0):
        first = tensorflow.sign(codes) * factor * _power_below(codes)
        found.append(first + _one(codes - first, 4 * least, 4 * most))
    nearer = tensorflow.abs(found[0] - codes) <= tensorflow.abs(found[1] - codes)
    best = tensorflow.where(nearer, *found)
    best = tensorflow.where(tensorflow.abs(codes) < 0.5, tensorflow.zeros_like(codes), best)
    # The largest code, one below a power of two, has two digits itself; so has the smallest, with one.
    return tensorflow.clip_by_value(best, least, most)


def _power_below(codes: Any) -> Any:
    """The largest power of two up to each magnitude, at least 1."""
    tensorflow = load_frameworks().tensorflow
    magnitude = tensorflow.maximum(tensorflow.abs(codes), 1.0)
    exponent = tensorflow.floor(tensorflow.math.log(magnitude) / float(np.log(2.0)))
    power = tensorflow.round(tensorflow.pow(2.0, exponent))
    # The logarithm of a power of two may come out a little too small or too large.
    power = tensorflow.where(2 * power <= magnitude, 2 * power, power)
    return tensorflow.where(power > magnitude, power / 2, power)
