"""Floating-point operations of LLVM on known numbers, as the machine does them: tables are filled by these."""

import ctypes
import ctypes.util
import math
import struct
from collections.abc import Callable
from functools import cache
from typing import Final

from fpgaprune.errors import UnsupportedError

_FUNCTIONS: Final[dict[str, Callable[..., float]]] = {
    "exp": math.exp, "log": math.log, "sqrt": math.sqrt, "tanh": math.tanh, "sin": math.sin, "cos": math.cos,
    "tan": math.tan, "asin": math.asin, "acos": math.acos, "atan": math.atan, "floor": math.floor, "ceil": math.ceil,
    "fabs": math.fabs, "log1p": math.log1p, "expm1": math.expm1, "round": round, "trunc": math.trunc,
    "erf": math.erf, "cosh": math.cosh, "sinh": math.sinh, "exp2": lambda x: math.pow(2.0, x),
}  # fmt: skip
_TWO: Final[dict[str, Callable[..., float]]] = {
    "pow": math.pow,
    "fmod": math.fmod,
    "atan2": math.atan2,
    "fmax": max,
    "fmin": min,
}


def rounded(value: float, width: int) -> float:
    """The nearest number of 32 or 64 bits."""
    if width == 64:
        return value
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def image(value: float, width: int) -> int:
    """The bits of a number, as a signed integer."""
    return int.from_bytes(struct.pack("<f" if width == 32 else "<d", value), "little", signed=True)


def number(bits: int, width: int) -> float:
    """The number with these bits."""
    data = (bits & ((1 << width) - 1)).to_bytes(width // 8, "little")
    return float(struct.unpack("<f" if width == 32 else "<d", data)[0])


def _divided(a: float, b: float) -> float:
    if b != 0:
        return a / b
    return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1.0, b)


OPERATIONS: Final[dict[str, Callable[[float, float], float]]] = {
    "fadd": lambda a, b: a + b,
    "fsub": lambda a, b: a - b,
    "fmul": lambda a, b: a * b,
    "fdiv": _divided,
    "frem": math.fmod,
}

COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b and not math.isnan(a) and not math.isnan(b),
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
}


def compared(predicate: str, a: float, b: float) -> int:
    """The result of `fcmp`."""
    if predicate in {"true", "false"}:
        return int(predicate == "true")
    unordered = math.isnan(a) or math.isnan(b)
    if predicate in {"ord", "uno"}:
        return int(unordered == (predicate == "uno"))
    return int((predicate[0] == "u" and unordered) or COMPARISONS[predicate[1:]](a, b))


@cache
def _library() -> ctypes.CDLL | None:
    """The machine's own functions, which the C simulation calls too."""
    name = ctypes.util.find_library("m")
    try:
        return ctypes.CDLL(name) if name else None
    except OSError:
        return None


def function(name: str) -> Callable[..., float] | None:
    """A function of <cmath> by its name in compiled code (`expf`, `exp`, `llvm.exp.f32`), if it is one."""
    single = False
    if name.startswith("llvm."):
        parts = name.split(".")
        if parts[-1] not in {"f32", "f64"}:
            return None
        name, single = parts[1], parts[-1] == "f32"
    elif name.endswith("f") and name not in _FUNCTIONS:
        name, single = name[:-1], True
    plain: Callable[..., float] | None = _FUNCTIONS.get(name) or _TWO.get(name)
    if plain is None:
        return None
    return _of_machine(name, single=single, count=1 if name in _FUNCTIONS else 2) or _checked(
        plain, name, single=single
    )


def _of_machine(name: str, *, single: bool, count: int) -> Callable[..., float] | None:
    found = getattr(_library(), f"{name}f" if single else name, None)
    if found is None:
        return None
    kind = ctypes.c_float if single else ctypes.c_double
    found.restype, found.argtypes = kind, [kind] * count
    result: Callable[..., float] = found
    return result


def _checked(plain: Callable[..., float], name: str, *, single: bool) -> Callable[..., float]:
    def call(*arguments: float) -> float:
        try:
            return rounded(float(plain(*arguments)), 32 if single else 64)
        except (ValueError, OverflowError) as error:
            message = f"{name}({', '.join(map(str, arguments))}) has no value: a table of the layer cannot be filled"
            raise UnsupportedError(message) from error

    return call
