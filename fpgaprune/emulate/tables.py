"""The lookup tables that hls4ml fills at start-up: single-precision C functions, rounded to the table's type.

Formulas and ranges are those of `init_*_table` in hls4ml 1.3's nnet_activation.h. The functions are those of the C
library that a compiled simulation calls too, because another library's last bit may differ.
"""

import ctypes
import ctypes.util
import math
from collections.abc import Callable
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from fpgaprune.fixed_point import FixedPoint

Function = Callable[[float], float]
_HUGE = 2.0**1023  # what infinity is to ap_fixed: more than any type holds


def single(value: float) -> float:
    """The value in single precision."""
    return float(np.float32(value))


@cache
def _library_function(name: str, fallback: Function) -> Function:
    """A single-precision function of the C library, else the double-precision one, rounded."""
    try:
        library = ctypes.CDLL(ctypes.util.find_library("m") or None)
        function = getattr(library, name)
    except (OSError, AttributeError, TypeError):
        return lambda value: single(fallback(value))
    function.argtypes, function.restype = [ctypes.c_float], ctypes.c_float
    return lambda value: float(function(value))


def _exp(value: float) -> float:
    return _library_function("expf", math.exp)(value)


def _tanh(value: float) -> float:
    return _library_function("tanhf", math.tanh)(value)


def _sigmoid(value: float) -> float:
    return 1.0 / single(1.0 + _exp(-value))


def _selu(value: float) -> float:
    return 1.0507009873554804934193349852946 * (1.6732632423543772848170429916717 * (_exp(value) - 1.0))


_SYMMETRIC: dict[str, tuple[float, Function]] = {  # half of the range, function
    "sigmoid": (8.0, _sigmoid),
    "tanh": (4.0, _tanh),
    "softplus": (8.0, lambda value: math.log(_exp(value) + 1.0)),
    "softsign": (8.0, lambda value: value / (abs(value) + 1.0)),
}
_NEGATIVE: dict[str, Function] = {
    "elu": lambda value: _exp(value) - 1.0,
    "selu": _selu,
}


def _typed(values: list[float], precision: FixedPoint) -> NDArray[np.int64]:
    return precision.codes(np.clip(np.array([single(value) for value in values]), -_HUGE, _HUGE))


@lru_cache(maxsize=256)
def function_table(name: str, size: int, precision: FixedPoint) -> NDArray[np.int64]:
    """Codes of the table of an activation function, `size` entries."""
    if name in _SYMMETRIC:
        half, function = _SYMMETRIC[name]
        points = [single(2 * half * (i - size / 2.0) / size) for i in range(size)]
        return _typed([function(x) for x in points], precision)
    return _typed([_NEGATIVE[name](single(-8.0 * i / size)) for i in range(size)], precision)


def table_range(name: str) -> float:
    """The width of the range that a symmetric table covers."""
    return 2 * _SYMMETRIC[name][0]


def _addressed(address: FixedPoint, size: int) -> list[float]:
    """The numbers whose top bits are 0, 1, 2, …: what each entry of a table stands for."""
    bits = (size - 1).bit_length()
    codes = [i << (address.width - bits) for i in range(size)]
    if address.signed:
        codes = [code - (1 << address.width) if code > address.max_code else code for code in codes]
    return [single(math.ldexp(code, -address.fraction)) for code in codes]


@lru_cache(maxsize=256)
def exponential_table(
    address: FixedPoint, size: int, precision: FixedPoint, scale: float, *, negative: bool
) -> NDArray[np.int64]:
    """exp(scale * x), or exp(−scale * x), addressed by the top bits of a number of the type `address`."""
    factor = single(scale)
    points = [single(x * factor) for x in _addressed(address, size)]
    return _typed([_exp(-x if negative else x) for x in points], precision)


@lru_cache(maxsize=256)
def inverse_table(address: FixedPoint, size: int, precision: FixedPoint) -> NDArray[np.int64]:
    """1 / x addressed by the top bits of a number of the type `address`; infinite at zero."""
    return _typed([math.inf if x == 0 else 1.0 / x for x in _addressed(address, size)], precision)


@lru_cache(maxsize=64)
def legacy_exponential_table(size: int, precision: FixedPoint) -> NDArray[np.int64]:
    """exp(x) from −8 to 8."""
    points = [single(2 * 8.0 * (i - size / 2.0) / size) for i in range(size)]
    return _typed([_exp(x) for x in points], precision)


@lru_cache(maxsize=64)
def legacy_inverse_table(size: int, precision: FixedPoint) -> NDArray[np.int64]:
    """1 / x from 0 to 64; zero at zero."""
    points = [single(64.0 * i / size) for i in range(size)]
    return _typed([1.0 / x if x > 0 else 0.0 for x in points], precision)
