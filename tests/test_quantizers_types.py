"""Types of quantizers, held against the quantizers themselves on dense grids, ties and out-of-range values."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fpgaprune.fixed_point import FixedPoint, Overflow, Rounding
from fpgaprune.frameworks import load_frameworks
from fpgaprune.read.activation_rules import activation_rule, activation_type
from fpgaprune.read.quantizer_types import representable_type, smallest_type

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def qkeras() -> Any:
    return load_frameworks().qkeras


def _q() -> Any:
    return load_frameworks().qkeras


def _grid(lsb: float, high: float) -> NDArray[np.float32]:
    """Every quarter step well beyond the range, plus odd points: ties are every second of them."""
    count = int(min(4 * 3 * high / lsb, 4000))
    steps = np.arange(-count, count + 1) * (lsb / 4)
    far = np.linspace(-3 * high, 3 * high, 501)
    ends = np.concatenate([high + np.arange(-9, 10) * lsb / 4, -high + np.arange(-9, 10) * lsb / 4])
    noise = np.random.default_rng(0).normal(0, high, 500)
    return np.concatenate([steps, far, ends, noise]).astype(np.float32)


def _grid_of(kind: FixedPoint) -> NDArray[np.float32]:
    return _grid(kind.lsb, max(abs(kind.low), kind.high, kind.lsb))


def _held(kind: FixedPoint, inputs: NDArray[np.float32], values: Any) -> bool:
    """Whether all values are of this type, but for the float32 noise of `x + (q - x)`, which passes gradients."""
    exact = np.asarray(values, dtype=np.float64)
    if kind.holds(exact):
        return True
    noise = 2.0**-23 * np.maximum(np.abs(inputs), np.abs(exact))
    return bool(np.all(np.abs(kind.quantize(exact) - exact) <= noise))


@st.composite
def _bits_settings(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "bits": draw(st.integers(1, 12)),
        "integer": draw(st.integers(0, 6)),
        "symmetric": draw(st.sampled_from([0, 1, True, False])),
        "keep_negative": draw(st.sampled_from([True, False, 0, 1])),
        "alpha": draw(st.sampled_from([None, 1, 1.0, 2.0, 0.25, 1.5, -0.5])),
    }


@settings(max_examples=60, deadline=None)
@given(_bits_settings())
def test_quantized_bits_is_held_exactly(options: dict[str, Any]) -> None:
    quantizer = _q().quantized_bits(**options)
    held = representable_type(quantizer)
    assert held is not None
    grid = _grid_of(held)
    assert _held(held, grid, quantizer(grid))
    if options["alpha"] in (None, 1, 1.0) and options["bits"] > 1:
        assert held.width == options["bits"]
        assert held.signed == bool(options["keep_negative"])


@settings(max_examples=60, deadline=None)
@given(_bits_settings())
def test_activation_type_computes_quantized_bits(options: dict[str, Any]) -> None:
    quantizer = _q().quantized_bits(**options)
    found = activation_type(quantizer)
    is_sign = options["bits"] - int(options["keep_negative"]) <= 0
    if is_sign or options["alpha"] not in (None, 1, 1.0):
        assert found is None
        return
    assert found is not None
    grid = _grid_of(found)
    np.testing.assert_array_equal(found.quantize(grid), quantizer(grid).numpy())


@settings(max_examples=60, deadline=None)
@given(
    bits=st.integers(2, 12),
    integer=st.integers(0, 6),
    slope=st.sampled_from([0.0, 0.0, 0.125, 0.5, 0.25, 1.0]),
    use_sigmoid=st.sampled_from([0, 0, 0, 1]),
    bound=st.sampled_from([None, 0.5, 1.0, 6.0, 0.3]),
    clip=st.booleans(),
)
def test_quantized_relu(
    bits: int, integer: int, slope: float, use_sigmoid: int, bound: float | None, clip: bool
) -> None:
    quantizer = _q().quantized_relu(
        bits,
        integer,
        use_sigmoid=use_sigmoid,
        negative_slope=slope,
        relu_upper_bound=bound,
        is_quantized_clip=clip,
    )
    held = representable_type(quantizer)
    rule = activation_rule(quantizer)
    if bound == 0.3 and not clip and held is None:
        return
    assert held is not None
    grid = _grid_of(held)
    values = quantizer(grid).numpy().astype(np.float64)
    if use_sigmoid and slope:
        return  # float32 noise of the sigmoid branch is not on any grid
    assert held.holds(values) or bound == 0.3
    if rule is None:
        assert use_sigmoid or slope or (bound is not None and not clip)
        return
    np.testing.assert_array_equal(rule.type.quantize(rule.function(grid.astype(np.float64))), values)
    if rule.name == "linear":
        assert activation_type(quantizer) == rule.type


def test_plain_relu_keeps_its_lost_bit(qkeras: Any) -> None:
    assert activation_type(qkeras.quantized_relu(6, 2)) == FixedPoint(6, 2, False, Rounding.RND_CONV, Overflow.SAT)
    assert representable_type(qkeras.quantized_bits(6, 0, keep_negative=0, alpha=1)) == FixedPoint(
        6, 0, False, Rounding.RND_CONV, Overflow.SAT
    )


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("bits", [2, 4, 8, 11])
@pytest.mark.parametrize("name", ["quantized_tanh", "quantized_sigmoid"])
def test_tanh_and_sigmoid(qkeras: Any, name: str, bits: int, symmetric: bool) -> None:
    quantizer = getattr(qkeras, name)(bits, symmetric=symmetric)
    held, rule = representable_type(quantizer), activation_rule(quantizer)
    assert held is not None
    assert rule is not None
    grid = np.round(np.linspace(-3, 3, 2**14) * 2**12).astype(np.float32) / 2**12
    values = quantizer(grid).numpy().astype(np.float64)
    assert held.holds(values)
    np.testing.assert_array_equal(rule.type.quantize(rule.function(grid.astype(np.float64))), values)
    assert (activation_type(quantizer) is not None) == (name == "quantized_tanh")


@pytest.mark.parametrize("bits", [4, 8])
def test_real_tanh_and_sigmoid_are_named(qkeras: Any, bits: int) -> None:
    for quantizer in (
        qkeras.quantized_tanh(bits, use_real_tanh=True),
        qkeras.quantized_sigmoid(bits, use_real_sigmoid=True),
    ):
        rule = activation_rule(quantizer)
        assert rule is not None
        assert activation_type(quantizer) is None
        grid = np.random.default_rng(1).normal(0, 2, 5000).astype(np.float32)
        ours = rule.type.quantize(rule.function(grid.astype(np.float64)))
        assert np.mean(ours != quantizer(grid).numpy()) < 0.001  # only float32 ties may differ
        assert rule.type == representable_type(quantizer)


@pytest.mark.parametrize("alpha", [None, 1.0, 0.5, 4.0])
@pytest.mark.parametrize("name", ["binary", "stochastic_binary", "ternary", "stochastic_ternary", "bernoulli"])
def test_signs(qkeras: Any, name: str, alpha: float | None) -> None:
    quantizer = getattr(qkeras, name)(alpha=alpha)
    held = representable_type(quantizer)
    assert held is not None
    grid = np.linspace(-2, 2, 997).astype(np.float32)
    assert _held(held, grid, quantizer(grid))
    assert held.signed == (name != "bernoulli")
    assert activation_type(quantizer) is None


def test_ternary_at_half_is_a_rounding(qkeras: Any) -> None:
    quantizer = qkeras.ternary(threshold=0.5, alpha=1.0)
    found = activation_type(quantizer)
    assert found is not None
    grid = np.linspace(-3, 3, 6 * 64 + 1).astype(np.float32)
    np.testing.assert_array_equal(found.quantize(grid), quantizer(grid).numpy())


def test_binary_01_is_one_unsigned_bit(qkeras: Any) -> None:
    held = representable_type(qkeras.binary(use_01=True, alpha=1.0))
    assert held is not None
    assert (held.width, held.signed) == (1, False)


@pytest.mark.parametrize("bits", [3, 4, 5])
@pytest.mark.parametrize("max_value", [None, 0.5, 1.0, 3.0, 8.0])
@pytest.mark.parametrize("quadratic", [False, True])
def test_powers_of_two(qkeras: Any, bits: int, max_value: float | None, quadratic: bool) -> None:
    for quantizer in (
        qkeras.quantized_po2(bits, max_value, quadratic_approximation=quadratic),
        qkeras.quantized_relu_po2(bits, max_value, quadratic_approximation=quadratic),
        qkeras.quantized_relu_po2(bits, max_value, negative_slope=0.5, quadratic_approximation=quadratic),
        qkeras.quantized_po2(bits, max_value, log2_rounding="floor"),
    ):
        held = representable_type(quantizer)
        assert held is not None
        grid = np.concatenate([np.linspace(-20, 20, 2001), 2.0 ** np.arange(-30, 8), [0.0, 1e-9]]).astype(np.float32)
        assert _held(held, grid, quantizer(grid)), str(quantizer)
        assert activation_type(quantizer) is None


@pytest.mark.parametrize("name", ["quantized_bits", "ternary", "binary"])
def test_fitted_power_of_two_scales_need_the_weights(qkeras: Any, name: str) -> None:
    quantizer = getattr(qkeras, name)(alpha="auto_po2")
    weights = np.random.default_rng(3).normal(0, 1, (16, 5)).astype(np.float32) * np.float32([0.01, 0.1, 1, 4, 0])
    assert representable_type(quantizer) is None
    held = representable_type(quantizer, weights)
    assert held is not None
    assert _held(held, weights, quantizer(weights))


def test_no_type_for_free_scales_and_logarithms(qkeras: Any) -> None:
    weights = np.random.default_rng(3).normal(0, 1, (16, 5)).astype(np.float32)
    for quantizer in (
        qkeras.quantized_bits(6, 0, alpha="auto"),
        qkeras.quantized_bits(6, 0, alpha=0.1),
        qkeras.quantized_bits(6, 0, qnoise_factor=0.5),
        qkeras.quantized_ulaw(6),
        qkeras.quantized_po2(16),
        qkeras.hard_tanh,
        None,
    ):
        assert representable_type(quantizer, weights) is None
        assert activation_type(quantizer) is None


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=8))
def test_smallest_type_holds_and_is_narrow(values: list[float]) -> None:
    held = smallest_type(values)
    assert held is not None
    assert held.holds(values)
    if any(values):
        narrower = FixedPoint(max(held.width - 1, 1), held.integer - 1, held.signed)
        coarser = FixedPoint(max(held.width - 1, 1), held.integer, held.signed)
        assert held.width == 1 or not (narrower.holds(values) or coarser.holds(values))


def test_smallest_type_of_odd_arrays() -> None:
    assert smallest_type([0.0, 0.0]) == FixedPoint(1, 1, signed=False)
    assert smallest_type([np.nan]) is None
    assert smallest_type([0.5, -1.0]) is not None
