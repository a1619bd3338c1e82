"""Fixed-point types in the ap_fixed convention, and exact quantization of arrays to them.

`width` counts all bits, `integer` those left of the point *including* the sign of a signed type;
both may make the fraction negative or larger than the width. Modes are those of AMD UG1399,
"Arbitrary Precision Fixed-Point Data Types" (ap_fixed quantization and overflow modes).
Other conventions have named constructors, so that each off-by-one is written down once.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fpgaprune.errors import DesignError, unknown_choice

Mode = TypeVar("Mode", bound=StrEnum)

# float64 holds every integer up to 2**53 exactly; wider codes would be rounded on the way.
EXACT_WIDTH = 53


class Rounding(StrEnum):
    """What happens to bits below the least significant one."""

    TRN = "TRN"  # towards minus infinity: the default of ap_fixed
    TRN_ZERO = "TRN_ZERO"
    RND = "RND"  # nearest, ties towards plus infinity
    RND_ZERO = "RND_ZERO"
    RND_INF = "RND_INF"
    RND_MIN_INF = "RND_MIN_INF"
    RND_CONV = "RND_CONV"  # nearest, ties to even


class Overflow(StrEnum):
    """What happens to bits above the most significant one."""

    WRAP = "WRAP"
    SAT = "SAT"
    SAT_ZERO = "SAT_ZERO"
    SAT_SYM = "SAT_SYM"
    WRAP_SM = "WRAP_SM"


_CPP_TYPE = re.compile(r"^(ap_|ac_)?(?P<unsigned>u)?(?P<base>fixed|int)\s*<(?P<args>[^<>]*)>$")


@dataclass(frozen=True, slots=True)
class FixedPoint:
    """A fixed-point type: codes of `width` bits worth `2**-fraction` each."""

    width: int
    integer: int
    signed: bool = True
    rounding: Rounding = Rounding.TRN
    overflow: Overflow = Overflow.WRAP

    def __post_init__(self) -> None:
        """Refuse widths no hardware type has."""
        if not 1 <= self.width <= 4096:
            message = f"a fixed-point width must lie in 1..4096, not {self.width}"
            raise DesignError(message)

    @property
    def fraction(self) -> int:
        """Bits right of the point; negative when the LSB is worth more than one."""
        return self.width - self.integer

    @property
    def lsb(self) -> float:
        """Value of one code step."""
        return 2.0**-self.fraction

    @property
    def min_code(self) -> int:
        """Smallest code."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def max_code(self) -> int:
        """Largest code."""
        return (1 << (self.width - 1 if self.signed else self.width)) - 1

    @property
    def low(self) -> float:
        """Smallest value."""
        return self.min_code * self.lsb

    @property
    def high(self) -> float:
        """Largest value."""
        return self.max_code * self.lsb

    @classmethod
    def from_quantized_bits(
        cls,
        bits: int,
        integer: int,
        *,
        keep_negative: bool = True,
        rounding: Rounding = Rounding.RND_CONV,
        overflow: Overflow = Overflow.SAT,
    ) -> "FixedPoint":
        """QKeras `quantized_bits`: `bits` counts the sign, `integer` does not."""
        return cls(bits, integer + int(keep_negative), keep_negative, rounding, overflow)

    @classmethod
    def from_kif(cls, keep_negative: bool, integer: int, fraction: int) -> "FixedPoint":
        """HGQ's (k, i, f): sign, integer and fraction bits, each counted apart."""
        width = int(keep_negative) + integer + fraction
        return cls(width, int(keep_negative) + integer, keep_negative)

    @classmethod
    def from_cpp(cls, text: str) -> "FixedPoint":
        """The type a C++ or hls4ml spelling names: `ap_ufixed<8,2,AP_RND,AP_SAT,0>`, `fixed<16,6>`, `ap_uint<4>`.

        Raises DesignError for any other text.
        """
        try:
            return _parse_cpp(text.strip())
        except DesignError as error:
            shown = text if len(text) <= 80 else f"{text[:77]}..."
            if shown in str(error):
                raise
            message = f"{shown!r} is no fixed-point type: {error}"
            raise DesignError(message) from error

    def cpp(self) -> str:
        """The C++ spelling: default modes are left out."""
        prefix = "ap_" if self.signed else "ap_u"
        if self.is_integer:
            return f"{prefix}int<{self.width}>"
        modes = ""
        if (self.rounding, self.overflow) != (Rounding.TRN, Overflow.WRAP):
            modes = f",AP_{self.rounding},AP_{self.overflow},0"
        return f"{prefix}fixed<{self.width},{self.integer}{modes}>"

    def __str__(self) -> str:
        return self.cpp()

    @property
    def is_integer(self) -> bool:
        """Whether ap_int<width> is the same type."""
        default = (self.rounding, self.overflow) == (Rounding.TRN, Overflow.WRAP)
        return default and self.width == self.integer

    def codes(self, values: ArrayLike) -> NDArray[np.int64]:
        """Integer codes of `values` after this type's rounding and overflow, same shape.

        Exact for finite float64 input and widths up to 53 bits; wider types raise DesignError, as do NaN
        and infinity.
        """
        array = np.asarray(values, dtype=np.float64)
        if self.width > EXACT_WIDTH:
            message = f"{self.cpp()} is wider than the {EXACT_WIDTH} bits that double precision holds exactly"
            raise DesignError(message)
        if not np.isfinite(array).all():
            message = f"cannot quantize NaN or infinity to {self.cpp()}"
            raise DesignError(message)
        return self._overflowed(_rounded(_scaled(array, self.fraction), self.rounding))

    def quantize(self, values: ArrayLike) -> NDArray[np.float64]:
        """`values` as this type holds them, same shape; raises as `codes` does."""
        return np.ldexp(self.codes(values).astype(np.float64), -self.fraction)

    def holds(self, values: ArrayLike) -> bool:
        """Whether every value is exactly representable."""
        array = np.asarray(values, dtype=np.float64)
        scaled = _scaled(array, self.fraction)
        in_range = (scaled >= self.min_code) & (scaled <= self.max_code)
        return bool(np.all(in_range & (scaled == np.floor(scaled))))

    def _overflowed(self, rounded: NDArray[np.float64]) -> NDArray[np.int64]:
        low, high = self.min_code, self.max_code
        outside = (rounded < low) | (rounded > high)
        if self.overflow in (Overflow.SAT, Overflow.SAT_SYM, Overflow.SAT_ZERO):
            if self.overflow is Overflow.SAT_SYM and self.signed:
                low += 1
            kept = np.where(outside, 0.0, rounded) if self.overflow is Overflow.SAT_ZERO else rounded
            return np.clip(kept, low, high).astype(np.int64)
        if self.overflow is Overflow.WRAP_SM and outside.any():
            message = f"sign-magnitude wrapping ({self.cpp()}) is not supported for values out of range"
            raise DesignError(message)
        if not outside.any():
            return rounded.astype(np.int64)
        modulus = float(1 << self.width)
        # A value too large for double precision in steps has none of the bits that are kept.
        wrapped = np.mod(np.where(np.isinf(rounded), 0.0, rounded), modulus)
        return np.where(wrapped > high, wrapped - modulus, wrapped).astype(np.int64)


def _scaled(values: NDArray[np.float64], fraction: int) -> NDArray[np.float64]:
    """Values in steps. What underflows to zero becomes a quarter step, which every mode rounds alike."""
    with np.errstate(over="ignore", under="ignore"):
        scaled = np.ldexp(values, fraction)
    vanished = (scaled == 0) & (values != 0)
    return np.where(vanished, np.copysign(0.25, values), scaled) if vanished.any() else scaled


def _rounded(scaled: NDArray[np.float64], rounding: Rounding) -> NDArray[np.float64]:
    if rounding is Rounding.TRN:
        floored: NDArray[np.float64] = np.floor(scaled)
        return floored
    inner = np.trunc(scaled)
    with np.errstate(invalid="ignore"):  # infinity minus itself: overflowed already, no fraction to look at
        part = np.abs(scaled - inner)  # exact: the bits right of the point
    match rounding:
        case Rounding.TRN_ZERO:
            return inner
        case Rounding.RND:
            outward = (part > 0.5) | ((part == 0.5) & (scaled > 0))
        case Rounding.RND_MIN_INF:
            outward = (part > 0.5) | ((part == 0.5) & (scaled < 0))
        case Rounding.RND_ZERO:
            outward = part > 0.5
        case Rounding.RND_INF:
            outward = part >= 0.5
        case Rounding.RND_CONV:
            outward = (part > 0.5) | ((part == 0.5) & (np.mod(inner, 2.0) == 1.0))
    rounded: NDArray[np.float64] = inner + np.copysign(outward, scaled)
    return rounded


@lru_cache(maxsize=4096)
def _parse_cpp(text: str) -> FixedPoint:
    match = _CPP_TYPE.match(text)
    if match is None:
        message = f"{text!r} is not a fixed-point type such as ap_fixed<16,6> or ap_uint<4>"
        raise DesignError(message)
    args = [arg.strip() for arg in match["args"].split(",")]
    signed = match["unsigned"] is None
    try:
        if match["base"] == "int":
            (width,) = args
            return FixedPoint(int(width), int(width), signed)
        width, integer = int(args[0]), int(args[1])
        rounding = _mode(args[2], Rounding, "rounding mode") if len(args) > 2 else Rounding.TRN
        overflow = _mode(args[3], Overflow, "overflow mode") if len(args) > 3 else Overflow.WRAP
    except (ValueError, IndexError) as error:
        message = f"{text!r} is not a fixed-point type such as ap_fixed<16,6>: {error}"
        raise DesignError(message) from error
    return FixedPoint(width, integer, signed, rounding, overflow)


def _mode(text: str, modes: type[Mode], what: str) -> Mode:
    name = text.removeprefix("AP_").removeprefix("AC_")
    if name not in modes.__members__:
        raise DesignError(unknown_choice(what, name, modes.__members__))
    return modes[name]
