"""What must hold for any weights."""

from time import process_time
from typing import Any

import numpy as np
import pytest
from estimate_designs import VITIS, VIVADO, dense, design, last, network, one, source
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fpgaprune.csd import csd_digits
from fpgaprune.design import Strategy
from fpgaprune.estimate import MappingRules, estimate_design, rules_for
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.results import Bound

RULES = st.sampled_from([VITIS, VIVADO, rules_for("yosys")])
WIDTHS = st.integers(2, 24)


@st.composite
def matrices(draw: st.DrawFn, width: int = 12) -> NDArray[np.int64]:
    rows, columns = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    code = st.integers(-(2 ** (width - 1)), 2 ** (width - 1) - 1) | st.sampled_from([0, 11, -11, 45, 3])
    values = draw(st.lists(code, min_size=rows * columns, max_size=rows * columns))
    return np.array(values).reshape(rows, columns)


def bounds(codes: Any, rules: MappingRules, **facts: Any) -> Bound:
    found = one(codes, rules, **facts).dsp
    assert found is not None
    return found


@given(matrices(), RULES, WIDTHS, st.integers(0, 35))
def test_zeroing_a_weight_never_costs(codes: NDArray[np.int64], rules: MappingRules, width: int, place: int) -> None:
    before = bounds(codes, rules, data=FixedPoint(width, width))
    fewer = codes.copy()
    fewer.flat[place % fewer.size] = 0
    after = bounds(fewer, rules, data=FixedPoint(width, width))
    assert after.low <= before.low
    assert after.high <= before.high


@given(matrices(), RULES, WIDTHS, st.integers(1, 40), st.randoms())
def test_the_order_of_inputs_and_outputs_does_not_matter(
    codes: NDArray[np.int64], rules: MappingRules, width: int, reuse_factor: int, random: Any
) -> None:
    rows, columns = list(range(codes.shape[0])), list(range(codes.shape[1]))
    random.shuffle(rows)
    random.shuffle(columns)
    facts = {"data": FixedPoint(width, width), "reuse_factor": reuse_factor}
    assert bounds(codes[rows][:, columns], rules, **facts) == bounds(codes, rules, **facts)


@given(matrices(), st.sampled_from([VITIS, VIVADO]), st.integers(2, 18), st.integers(1, 40))
def test_at_latency_the_first_order_model_is_an_upper_bound(
    codes: NDArray[np.int64], rules: MappingRules, width: int, reuse_factor: int
) -> None:
    layer = one(codes, rules, data=FixedPoint(width, width), reuse_factor=reuse_factor)
    assert layer.dsp is not None
    assert layer.first_order_dsp is not None
    assert 0 <= layer.dsp.low <= layer.dsp.high <= layer.first_order_dsp


@given(matrices(), WIDTHS)
def test_the_count_equals_its_definition(codes: NDArray[np.int64], width: int) -> None:
    """Distinct constants of three or more digits per input, wide enough for a DSP, one by one."""
    layer = one(codes, data=FixedPoint(width, width))
    wanted = multipliers = 0
    for row in codes.tolist():
        for code in {code for code in row if csd_digits(code) >= 3}:
            bits = (code if code > 0 else -code - 1).bit_length() + 1
            multipliers += 1
            wanted += max(bits, width) >= 11 and min(bits, width) >= 5
    assert layer.multipliers == Bound.exactly(multipliers)
    assert layer.dsp == Bound.exactly(wanted)


@given(matrices(), matrices())
def test_a_stream_costs_no_less_than_a_parallel_network(one_: NDArray[np.int64], other: NDArray[np.int64]) -> None:
    """Dead neurons are removed in parallel only; nothing else differs."""
    other = np.resize(other, (one_.shape[1], other.shape[1]))
    assert network(one_, other).dsp.high <= network(one_, other, io_type="io_stream").dsp.low


@given(st.integers(1, 64), st.integers(1, 64), st.sampled_from([VITIS, VIVADO, rules_for("yosys")]))
def test_forced_multipliers_cost_at_least_one_block_each(width: int, weight: int, rules: MappingRules) -> None:
    target = {"directives": ("config_op mul -impl dsp",)}
    small = one([[11]], rules, target, data=FixedPoint(width, width))
    assert small.dsp is not None
    if rules.tool != "yosys":
        assert small.dsp.low >= 1
        none = one([[11]], rules, {"directives": ("config_op mul -impl fabric",)}, data=FixedPoint(weight, weight))
        assert none.dsp == Bound(0, 0)


@given(matrices(), st.integers(2, 40))
@settings(max_examples=50)
def test_resource_ignores_the_values_of_all_lanes_but_the_last(codes: NDArray[np.int64], reuse_factor: int) -> None:
    facts: dict[str, Any] = {"strategy": Strategy.RESOURCE, "reuse_factor": reuse_factor}
    found, of_zeros = bounds(codes, VIVADO, **facts), bounds(np.zeros_like(codes), VIVADO, **facts)
    assert 0 <= of_zeros.high - found.high <= 1
    last = -(codes.size % reuse_factor or reuse_factor)
    flat = np.zeros_like(codes).T.ravel()
    flat[last:] = codes.T.ravel()[last:]
    assert bounds(flat.reshape(codes.T.shape).T, VIVADO, **facts) == found


@pytest.mark.parametrize("width", [16, 24, 32])
def test_a_million_weights_cost_little_more_than_ten_times_a_hundred_thousand(width: int) -> None:
    precision = FixedPoint(width, width)
    codes = np.random.default_rng(0).integers(precision.min_code, precision.max_code, (1000, 1000))
    spent = []
    for rows in (100, 1000):  # what it takes in seconds is measured by benchmarks.estimate_speed
        net = design(source(rows), dense("fc", "in", codes[:rows], weight=precision))
        best = float("inf")
        for _ in range(3):
            start = process_time()
            layer = last(estimate_design(net, VITIS))
            best = min(best, process_time() - start)
        spent.append(best)
    assert layer.multipliers is not None
    assert layer.multipliers.low > 900_000
    assert spent[1] < 40 * max(spent[0], 0.005)
