"""Fixed-point types against exact fractions, mode by mode."""

import importlib.util
import shutil
import subprocess
from fractions import Fraction
from math import ceil, floor, ldexp
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpgaprune.errors import DesignError
from fpgaprune.fixed_point import FixedPoint, Overflow, Rounding

HALF = Fraction(1, 2)
WRAPPING = [mode for mode in Overflow if mode is not Overflow.WRAP_SM]


def away(value: Fraction) -> int:
    return floor(value + HALF) if value > 0 else ceil(value - HALF)


def towards_zero(value: Fraction) -> int:
    return ceil(value - HALF) if value > 0 else floor(value + HALF)


# Each mode as AMD UG1399 words it, in exact arithmetic.
ROUNDED = {
    Rounding.TRN: floor,
    Rounding.TRN_ZERO: lambda value: floor(value) if value > 0 else ceil(value),
    Rounding.RND: lambda value: floor(value + HALF),
    Rounding.RND_MIN_INF: lambda value: ceil(value - HALF),
    Rounding.RND_INF: away,
    Rounding.RND_ZERO: towards_zero,
    Rounding.RND_CONV: round,
}


def overflowed(code: int, kind: FixedPoint) -> int:
    lowest = -(2 ** (kind.width - 1)) if kind.signed else 0
    highest = lowest + 2**kind.width - 1
    if kind.overflow is Overflow.SAT_SYM and kind.signed:
        lowest = -highest
    if lowest <= code <= highest:
        return code
    if kind.overflow is Overflow.WRAP:
        return (code - lowest) % 2**kind.width + lowest
    return 0 if kind.overflow is Overflow.SAT_ZERO else min(max(code, lowest), highest)


@st.composite
def types(draw: st.DrawFn) -> FixedPoint:
    width = draw(st.integers(2, 53))
    integer = draw(st.integers(-8, width + 8))
    return FixedPoint(
        width, integer, draw(st.booleans()), draw(st.sampled_from(Rounding)), draw(st.sampled_from(WRAPPING))
    )


@st.composite
def typed_values(draw: st.DrawFn) -> tuple[FixedPoint, float]:
    """Values around the type's range and grid: quarters of a step, ties included."""
    kind = draw(types())
    quarters = draw(st.integers(-(2 ** min(kind.width + 4, 52)), 2 ** min(kind.width + 4, 52)))
    return kind, ldexp(quarters, -kind.fraction - 2)


@given(typed_values())
def test_codes_equal_exact_arithmetic(typed: tuple[FixedPoint, float]) -> None:
    kind, value = typed
    exact = Fraction(value) * Fraction(2) ** kind.fraction
    assert kind.codes(value) == overflowed(ROUNDED[kind.rounding](exact), kind)


@given(types(), st.floats(-1e6, 1e6))
def test_any_float_is_rounded_as_in_exact_arithmetic(kind: FixedPoint, value: float) -> None:
    exact = Fraction(value) * Fraction(2) ** kind.fraction
    if abs(exact) < 2**53:
        assert kind.codes(value) == overflowed(ROUNDED[kind.rounding](exact), kind)


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("value", [0.49999999999999994, 2.5 - 2**-51, 0.5, 1.5, 2.0**51 - 0.5, 5e-324])
def test_next_to_a_tie_no_bit_is_lost(rounding: Rounding, value: float) -> None:
    kind = FixedPoint(53, 53, rounding=rounding)
    for signed in (value, -value):
        assert kind.codes(signed) == ROUNDED[rounding](Fraction(signed)), signed
    coarse = FixedPoint(53, 63, rounding=rounding)  # steps of 1024: the smallest doubles vanish when scaled
    for signed in (value, -value):
        assert coarse.codes(signed) == ROUNDED[rounding](Fraction(signed) / 1024), signed


@pytest.mark.parametrize("overflow", WRAPPING)
def test_values_beyond_double_precision_overflow(overflow: Overflow) -> None:
    kind = FixedPoint(16, 6, overflow=overflow)
    for value in (1e308, -1e308):
        exact = int(Fraction(value) * 1024)
        assert kind.codes(value) == overflowed(exact, kind)


@given(typed_values())
def test_quantizing_twice_changes_nothing(typed: tuple[FixedPoint, float]) -> None:
    kind, value = typed
    once = kind.quantize(value)
    assert kind.holds(once)
    assert kind.quantize(once) == once
    assert kind.low <= once <= kind.high


@given(types(), st.integers(-(2**52), 2**52))
def test_holds_exactly_the_values_quantization_keeps(kind: FixedPoint, quarters: int) -> None:
    value = ldexp(quarters, -kind.fraction - 2)
    kept = FixedPoint(kind.width, kind.integer, kind.signed).quantize(value) == value
    assert kind.holds(value) == kept


def test_what_vanishes_when_scaled_is_not_held() -> None:
    assert not FixedPoint(8, 18).holds(5e-324)
    assert FixedPoint(8, 18).holds([0.0, -0.0, 1024.0])


@given(types())
def test_the_cpp_spelling_reads_back(kind: FixedPoint) -> None:
    assert FixedPoint.from_cpp(kind.cpp()) == kind


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ap_fixed<16,6>", FixedPoint(16, 6)),
        ("fixed<16, 6>", FixedPoint(16, 6)),
        ("ap_ufixed<8,0,AP_RND_CONV,AP_SAT,0>", FixedPoint(8, 0, False, Rounding.RND_CONV, Overflow.SAT)),
        ("ufixed<6,0,RND_CONV,SAT,0>", FixedPoint(6, 0, False, Rounding.RND_CONV, Overflow.SAT)),
        ("ap_int<5>", FixedPoint(5, 5)),
        ("ap_uint<1>", FixedPoint(1, 1, False)),
        ("ap_fixed<8,-3>", FixedPoint(8, -3)),
        ("ac_fixed<8,2,AC_RND>", FixedPoint(8, 2, rounding=Rounding.RND)),
    ],
)
def test_spellings(text: str, expected: FixedPoint) -> None:
    assert FixedPoint.from_cpp(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "float", "ap_fixed<>", "ap_fixed<16>", "ap_fixed<a,b>", "ap_fixed<8,2,AP_WRONG>", "ap_int<0>", "x<1,2>"],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(DesignError):
        FixedPoint.from_cpp(text)


def test_what_cannot_be_quantized_is_refused() -> None:
    kind = FixedPoint(16, 6)
    for value in (float("nan"), float("inf")):
        with pytest.raises(DesignError, match="NaN or infinity"):
            kind.codes(value)
    with pytest.raises(DesignError, match="wider than the 53 bits"):
        FixedPoint(60, 30).codes(1.0)
    with pytest.raises(DesignError, match=r"1\.\.4096"):
        FixedPoint(0, 0)
    sign_magnitude = FixedPoint(4, 4, overflow=Overflow.WRAP_SM)
    assert sign_magnitude.codes([7, -8]).tolist() == [7, -8]
    with pytest.raises(DesignError, match="sign-magnitude"):
        sign_magnitude.codes(8)


def test_other_conventions() -> None:
    assert FixedPoint.from_quantized_bits(8, 0) == FixedPoint(8, 1, True, Rounding.RND_CONV, Overflow.SAT)
    assert FixedPoint.from_quantized_bits(6, 2, keep_negative=False).high == 4 - 2**-4
    assert FixedPoint.from_kif(True, 3, 4) == FixedPoint(8, 4)
    assert FixedPoint.from_kif(False, 3, 4) == FixedPoint(7, 3, False)


_PROGRAM = """
#include "ap_fixed.h"
#include <cstdio>
template <class T> void show(const char *name) {{
    for (int quarter = -{span}; quarter <= {span}; quarter++) {{
        T value = quarter / 16.0;
        std::printf("%s %d %.10f\\n", name, quarter, value.to_double());
    }}
}}
int main() {{
{calls}
}}
"""


@pytest.mark.slow
def test_the_headers_that_hls4ml_ships_agree(tmp_path: Path) -> None:
    found = importlib.util.find_spec("hls4ml")
    compiler = shutil.which("g++") or shutil.which("clang++")
    if found is None or found.origin is None or compiler is None:
        pytest.skip("needs hls4ml's headers and a C++ compiler")
    headers = Path(found.origin).parent / "templates" / "vivado" / "ap_types"
    kinds = [
        FixedPoint(5, 3, signed, rounding, overflow)
        for signed in (True, False)
        for rounding in Rounding
        for overflow in WRAPPING
    ]
    span = 160  # +-10: beyond the range of every type, in quarters of a step
    calls = "\n".join(f'    show<{kind.cpp()}>("{index}");' for index, kind in enumerate(kinds))
    source = tmp_path / "modes.cpp"
    source.write_text(_PROGRAM.format(span=span, calls=calls))
    program = tmp_path / "modes"
    subprocess.run([compiler, "-O0", "-w", f"-I{headers}", str(source), "-o", str(program)], check=True)
    output = subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout
    lines = [line.split() for line in output.splitlines()]
    assert len(lines) == len(kinds) * (2 * span + 1)
    for index, kind in enumerate(kinds):
        rows = [(int(quarter) / 16, float(value)) for name, quarter, value in lines if name == str(index)]
        values, expected = np.array(rows).T
        wrong = np.flatnonzero(kind.quantize(values) != expected)
        assert not wrong.size, (kind.cpp(), values[wrong][:4], expected[wrong][:4], kind.quantize(values[wrong][:4]))
