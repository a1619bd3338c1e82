"""The fixed-point types that open synthesis compiles, held to the package's arithmetic in every mode."""

import subprocess
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fpgaprune.clang import find_clang
from fpgaprune.errors import ToolError
from fpgaprune.fixed_point import FixedPoint, Overflow, Rounding
from fpgaprune.templates import template_folder

SOURCE = FixedPoint(20, 8, signed=True)
SHAPES = ((5, 2, True), (5, 2, False), (9, 9, True), (4, -2, True))  # rounded and overflowed; to integers; fractions
# Sign-magnitude wrapping is refused by the package where it would do anything.
TYPES = tuple(
    FixedPoint(*shape, rounding, overflow)
    for shape, rounding, overflow in product(SHAPES, Rounding, Overflow)
    if overflow is not Overflow.WRAP_SM
)
CODES = st.integers(SOURCE.min_code, SOURCE.max_code)
# Near the numbers where modes part: ties, and the ends of the types.
EDGES = st.builds(
    lambda steps, off: max(SOURCE.min_code, min(SOURCE.max_code, (steps << 8) + off)),
    st.integers(-(1 << 11), (1 << 11) - 1),
    st.sampled_from((-1, 0, 1, 127, 128, 129)),
)
CASES = st.lists(st.tuples(st.integers(0, len(TYPES) - 1), CODES | EDGES, CODES | EDGES), min_size=20, max_size=200)
PROGRAM = """
#include <cstdio>
#include "ap_fixed.h"
typedef {source} source;
template <class T> static long long code(T x) {{
    unsigned long long bits = ap_uint<T::width>(x.range(T::width - 1, 0)).to_uint64();
    return T::sign_flag && (bits >> (T::width - 1)) ? (long long)bits - (1ll << T::width) : (long long)bits;
}}
template <class T> static void show(source a, source b) {{
    T x = a;
    std::printf("%lld", code(x));
    x += b;
    std::printf(" %lld\\n", code(x));
}}
static void (*const all[])(source, source) = {{
{shown}
}};
int main() {{
    unsigned type;
    long long i, j;
    while (std::scanf("%u %lld %lld", &type, &i, &j) == 3) {{
        source a, b;
        a.range(source::width - 1, 0) = i;
        b.range(source::width - 1, 0) = j;
        all[type](a, b);
    }}
}}
"""


def spelled(kind: FixedPoint) -> str:
    """The type with its modes, also where an ap_int would hold the same numbers."""
    sign = "" if kind.signed else "u"
    return f"ap_{sign}fixed<{kind.width}, {kind.integer}, AP_{kind.rounding}, AP_{kind.overflow}>"


@pytest.fixture(scope="module")
def converter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that reads a type's number and two codes, and prints what becomes of one and of the sum of both."""
    try:
        clang = find_clang()
    except ToolError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("types")
    shown = ",\n".join(f"    show<{spelled(kind)}>" for kind in TYPES)
    (folder / "types.cpp").write_text(PROGRAM.format(source=SOURCE.cpp(), shown=shown))
    command = [*clang, "-std=c++17", "-O0", "-g0", "-w", f"-I{template_folder() / 'open'}", "types.cpp", "-o", "types"]
    subprocess.run(command, cwd=folder, check=True, timeout=300)
    return folder / "types"


@pytest.mark.slow
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(CASES)
def test_every_mode_is_the_packages(converter: Path, cases: Sequence[tuple[int, int, int]]) -> None:
    given_lines = "".join(f"{number} {one} {other}\n" for number, one, other in cases)
    run = subprocess.run([converter], input=given_lines, capture_output=True, text=True, check=True, timeout=60)
    found = [tuple(map(int, line.split())) for line in run.stdout.splitlines()]
    for (number, one, other), line in zip(cases, found, strict=True):
        kind, step = TYPES[number], SOURCE.lsb
        first = int(kind.codes(np.array(one * step)))
        assert line == (first, int(kind.codes(np.array(first * kind.lsb + other * step)))), (spelled(kind), one, other)
