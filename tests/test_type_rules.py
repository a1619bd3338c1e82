"""Types chosen for constants, sums and ranges hold what they must, and no bit more where they are exact."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fpgaprune.fixed_point import FixedPoint
from fpgaprune.fixed_ranges import Range, matrix_range, range_of, spanning, trimmed
from fpgaprune.generate.type_rules import (
    affine_range,
    for_constants,
    for_range,
    product_type,
    sum_type,
    to_nearest,
    union,
)

types = st.builds(FixedPoint, st.integers(2, 16), st.integers(-4, 10), st.booleans())
finite = st.floats(-1000, 1000, allow_nan=False, width=32)


def ends(precision: FixedPoint) -> list[float]:
    return [precision.low, precision.high]


@given(types, types)
def test_products_and_sums_hold_their_extremes_exactly(first: FixedPoint, second: FixedPoint) -> None:
    for a in ends(first):
        for b in ends(second):
            assert product_type(first, second).holds(np.array([a * b]))
            assert sum_type(first, second).holds(np.array([a + b]))
            assert sum_type(first, second, subtract=True).holds(np.array([a - b]))
            assert union(first, second).holds(np.array([a, b]))


@given(st.integers(-5000, 5000), st.integers(0, 5000), st.integers(-4, 12))
def test_a_spanning_type_is_the_narrowest(low: int, extent: int, fraction: int) -> None:
    step = 2.0**-fraction
    values = Range(low * step, (low + extent) * step)
    chosen = spanning(values, fraction)
    assert chosen.fraction == fraction
    assert chosen.holds(np.array([values.low, values.high]))
    if chosen.width > 1:
        narrower = FixedPoint(chosen.width - 1, chosen.integer - 1, chosen.signed)
        assert not narrower.holds(np.array([values.low, values.high]))


@given(
    arrays(np.float64, (4, 3), elements=st.integers(-8, 8).map(float)),
    arrays(np.float64, (3,), elements=st.integers(-8, 8).map(float)),
    st.integers(0, 2**32 - 1),
)
def test_matrix_bounds_are_never_exceeded_and_are_reached(weights, bias, seed) -> None:  # type: ignore[no-untyped-def]
    inputs = Range(-2.0, 1.5)
    bounds = matrix_range(weights, bias, inputs)
    rng = np.random.default_rng(seed)
    results = rng.uniform(inputs.low, inputs.high, (50, 4)) @ weights + bias
    assert results.min() >= bounds.low - 1e-9
    assert results.max() <= bounds.high + 1e-9
    highest = np.where(weights > 0, inputs.high, inputs.low)
    lowest = np.where(weights > 0, inputs.low, inputs.high)
    assert bounds.high == max(((highest * weights).sum(axis=0) + bias).max(), 0.0)
    assert bounds.low == min(((lowest * weights).sum(axis=0) + bias).min(), 0.0)


@given(arrays(np.float64, (5,), elements=finite), arrays(np.float64, (5,), elements=finite))
def test_affine_bounds(scale, offset) -> None:  # type: ignore[no-untyped-def]
    bounds = affine_range(scale, offset, Range(-1.0, 2.0))
    for x in (-1.0, 0.3, 2.0):
        assert bounds.low <= (scale * x + offset).min()
        assert (scale * x + offset).max() <= bounds.high


@given(finite, finite, st.integers(4, 18))
def test_a_range_fits_its_type_but_for_rounding(one: float, other: float, width: int) -> None:
    values = Range(min(one, other), max(one, other))
    chosen = for_range(values, width)
    assert chosen.width == width
    assert chosen.signed == (values.low < 0)
    assert chosen.low <= values.low + chosen.lsb
    assert chosen.high >= values.high - chosen.lsb


@given(arrays(np.float64, (6,), elements=finite), st.integers(4, 18))
def test_constants_are_off_by_half_a_step_at_most(values, width) -> None:  # type: ignore[no-untyped-def]
    chosen = for_constants(values, width)
    assert chosen.width <= width
    placed = to_nearest(values, chosen)
    assert chosen.holds(placed)
    assert np.abs(placed - values).max() <= chosen.lsb / 2 * (1 + 1e-9)


def test_constants_that_fit_fewer_bits_get_fewer() -> None:
    assert str(for_constants(np.array([0.5, -0.25, 0.0]), 16)) == "ap_fixed<3,1>"
    assert for_constants(np.zeros(4), 16).width == 1
    assert range_of(FixedPoint(4, 2)).high == 1.75


@given(types, st.integers(0, 14), st.lists(st.integers(-(2**14), 2**14), min_size=1, max_size=6))
def test_a_trimmed_type_holds_the_constants_and_no_unused_bit(
    precision: FixedPoint, step: int, some: list[int]
) -> None:
    step = min(step, precision.width - 1)
    codes = np.clip(np.array(some) << step, precision.min_code, precision.max_code) >> step << step
    values = codes * precision.lsb
    found = trimmed(precision, values)
    assert found.holds(values)
    assert (found.integer, found.signed) == (precision.integer, precision.signed)
    assert found.width <= precision.width
    if codes.any() and found.width > 3:
        assert (found.codes(values) % 2).any()
    if not codes.any():
        assert found == precision
