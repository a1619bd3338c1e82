"""Constants chosen after training: CSD rounding and budgets of DSPs and LUTs."""

import json
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from estimate_designs import VITIS, WIDE, activation, dense, design, source
from hypothesis import given, settings
from hypothesis import strategies as st

from fpgaprune.compress.constants import (
    Budget,
    ConstantsConfig,
    CsdRounding,
    Importance,
    choose_constants,
    constants_config_type,
    constants_methods,
)
from fpgaprune.csd import csd_digits, nearest_with_digits
from fpgaprune.design import Design, LayerKind, LayerSpec, Parameter, Strategy, Table
from fpgaprune.errors import ConfigError
from fpgaprune.estimate import estimate_design
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.fixed_ranges import trimmed

NOTHING_KNOWN = Importance()


def net(seed: int = 0, shapes: tuple[tuple[int, int], ...] = ((12, 10), (10, 4)), **facts: Any) -> Design:
    rng = np.random.default_rng(seed)
    layers = [source(shapes[0][0])]
    for number, shape in enumerate(shapes):
        if number:
            layers.append(activation(f"relu{number}", layers[-1].name, shape[0]))
        layers.append(dense(f"fc{number}", layers[-1].name, np.round(rng.normal(size=shape) * 2000), **facts))
    return design(*layers)


def codes(found: Design, name: str = "fc0") -> np.ndarray:
    return found[name].parameters["weight"].values.astype(np.int64)  # in the types here a step is worth 1


def dsp(found: Design) -> int:
    return estimate_design(found, VITIS).dsp.high


def lut(found: Design) -> int:
    expected = estimate_design(found, VITIS).fabric.lut
    assert expected is not None
    return expected.value


def change(before: Design, after: Design) -> float:
    return float(sum(np.square(codes(before, n) - codes(after, n)).sum() for n in ("fc0", "fc1")))


@pytest.mark.parametrize("config", [CsdRounding(2), CsdRounding(1), Budget(max_dsp=0), Budget(max_dsp=20)])
def test_every_method_keeps_shapes_and_ranges_and_tells(config: ConstantsConfig) -> None:
    before = net()
    chosen = choose_constants(before, config, NOTHING_KNOWN, VITIS)
    assert [layer.name for layer in chosen.design] == [layer.name for layer in before]
    for name in ("fc0", "fc1"):
        old, new = before[name].parameters["weight"], chosen.design[name].parameters["weight"]
        assert new.precision == trimmed(old.precision, new.values)
        assert new.values.shape == old.values.shape
        assert new.precision.holds(new.values)
    record = json.loads(json.dumps(chosen.record, allow_nan=False))
    assert record["method"] == config.method
    assert [layer["name"] for layer in record["layers"]] == ["fc0", "fc1"]
    assert sum(layer["output_change"] for layer in record["layers"]) == change(before, chosen.design)
    assert record["layers"][0]["changed"] == np.count_nonzero(codes(before) != codes(chosen.design))


@pytest.mark.parametrize("digits", [1, 2, 3])
def test_rounding_leaves_few_digits_and_no_multipliers(digits: int) -> None:
    before = net()
    after = choose_constants(before, CsdRounding(digits), NOTHING_KNOWN, VITIS).design
    assert csd_digits(codes(after)).max() == digits
    assert (dsp(after) == 0) == (digits <= 2)
    assert lut(after) == estimate_design(after, VITIS).fabric.lut.value  # type: ignore[union-attr]


@given(st.integers(0, 50), st.integers(0, 120))
@settings(max_examples=25, deadline=None)
def test_a_dsp_budget_is_met_by_the_estimate(seed: int, asked: int) -> None:
    before = net(seed)
    after = choose_constants(before, Budget(max_dsp=asked), NOTHING_KNOWN, VITIS).design
    assert dsp(after) <= asked
    if asked >= dsp(before):
        assert after.digest == before.digest
    else:
        assert dsp(after) >= min(asked, dsp(before)) - 1  # spent, but for a constant nothing is lost on


@pytest.mark.parametrize("seed", range(3))
def test_more_dsps_lose_less(seed: int) -> None:
    before = net(seed)
    lost = [
        change(before, choose_constants(before, Budget(max_dsp=n), NOTHING_KNOWN, VITIS).design)
        for n in (0, 10, 40, 80, 200)
    ]
    assert lost == sorted(lost, reverse=True)
    assert lost[-1] == 0 < lost[0]
    rounded = choose_constants(before, CsdRounding(2), NOTHING_KNOWN, VITIS).design
    assert lost[0] <= change(before, rounded)


@pytest.mark.parametrize("seed", range(4))
def test_no_choice_of_constants_loses_less_than_the_greedy_one(seed: int) -> None:
    """Four constants on two inputs, everything they could become tried, one or two multipliers to spend."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(-900, 900, size=(2, 2))
    before = design(source(2), dense("fc0", "in", weights))
    for budget in (0, 1, 2):
        after = choose_constants(before, Budget(max_dsp=budget), NOTHING_KNOWN, VITIS).design
        spent = np.square(codes(after) - codes(before)).sum()
        assert spent == _best(codes(before), budget)


def _best(original: np.ndarray, budget: int) -> float:
    free = np.arange(-1024, 1025)
    free = free[csd_digits(free) <= 2]
    rows = []
    for row in original:
        costs = {}
        kept = [c for c in row if csd_digits(c) > 2]
        for chosen in product((False, True), repeat=len(kept)):
            there = np.concatenate([free, [c for c, take in zip(kept, chosen, strict=True) if take]])
            cost = float(sum(np.square(there - c).min() for c in row))
            costs[sum(chosen)] = min(cost, costs.get(sum(chosen), np.inf))
        rows.append(costs)
    return min(a + b for (n, a), (m, b) in product(rows[0].items(), rows[1].items()) if n + m <= budget)


def test_constants_move_to_a_shared_one_where_it_is_nearer() -> None:
    before = design(source(1), dense("fc0", "in", [[1211, 1211, 1213, 1212]]))
    after = choose_constants(before, Budget(max_dsp=1), NOTHING_KNOWN, VITIS).design
    assert codes(after).tolist() == [[1211, 1211, 1211, 1211]] or codes(after).tolist() == [[1212] * 4]
    assert dsp(after) == 1


def test_what_matters_more_gets_the_multiplier() -> None:
    before = design(source(2), dense("fc0", "in", [[1243, 0], [0, 1243]]))
    for heavy in (0, 1):
        weight = np.array([1.0, 1.0])
        weight[heavy] = 9.0
        for importance in (Importance({"fc0": weight}), Importance({}, {"fc0": weight})):
            after = choose_constants(before, Budget(max_dsp=1), importance, VITIS).design
            assert codes(after)[heavy, heavy] == 1243
            assert csd_digits(codes(after)[1 - heavy, 1 - heavy]) <= 2


@pytest.mark.parametrize("share", [0.95, 0.7, 0.4, 0.2])
@pytest.mark.parametrize("max_dsp", [None, 0, 20])
def test_a_lut_budget_is_met_and_nearly_used(share: float, max_dsp: int | None) -> None:
    before = net()
    asked = round(lut(before) * share)
    after = choose_constants(before, Budget(max_dsp=max_dsp, max_lut=asked), NOTHING_KNOWN, VITIS).design
    assert 0.85 * asked <= lut(after) <= asked
    assert max_dsp is None or dsp(after) <= max_dsp


def test_a_budget_loses_less_than_cutting_bits_for_the_same_luts() -> None:
    before = net()
    coarse = choose_constants(before, CsdRounding(1), NOTHING_KNOWN, VITIS).design
    after = choose_constants(before, Budget(max_dsp=0, max_lut=lut(coarse)), NOTHING_KNOWN, VITIS).design
    assert change(before, after) < change(before, coarse)


@pytest.mark.parametrize("kind", ["narrow data", "narrow weights", "8 bits"])
def test_what_needs_no_dsp_anyway_is_left_alone(kind: str) -> None:
    narrow = FixedPoint(8, 8)
    facts = {
        "narrow data": {"data": narrow, "weight": FixedPoint(10, 10)},
        "narrow weights": {"weight": FixedPoint(4, 4)},
        "8 bits": {"data": narrow, "weight": narrow},
    }[kind]
    before = design(source(3, narrow), dense("fc0", "in", np.random.default_rng(0).integers(-8, 8, (3, 5)), **facts))
    assert choose_constants(before, Budget(max_dsp=0), NOTHING_KNOWN, VITIS).design.digest == before.digest


def test_positions_in_parallel_count() -> None:
    rng = np.random.default_rng(1)
    weight = dense("fc0", "in", rng.integers(-900, 900, size=(9, 4)))
    conv = replace(weight, kind=LayerKind.CONV1D, input_shape=(6, 9), output_shape=(6, 4), positions=6)
    conv = replace(conv, parallelization_factor=3)
    before = design(replace(source(54), input_shape=(6, 9), output_shape=(6, 9)), conv)
    assert dsp(before) > 30
    for asked in (0, 7, 30):
        after = choose_constants(before, Budget(max_dsp=asked), NOTHING_KNOWN, VITIS).design
        assert asked - 3 < dsp(after) <= asked


def test_the_error_says_what_no_choice_of_constants_saves() -> None:
    table = Table(1024, FixedPoint(18, 8))
    softmax = LayerSpec(
        "classes", LayerKind.SOFTMAX, ("fc0",), (5,), (5,), WIDE, WIDE, operation="stable",
        tables={"exp_table": table, "inv_table": table}, attributes={"slices": 1, "slice_size": 5},
    )  # fmt: skip
    before = design(source(4), dense("fc0", "in", np.full((4, 5), 1243)), softmax)
    with pytest.raises(ConfigError, match=r"5 DSPs do not depend.*classes \(softmax\) 5, one for each class: a model"):
        choose_constants(before, Budget(max_dsp=4), NOTHING_KNOWN, VITIS)
    assert dsp(choose_constants(before, Budget(max_dsp=5), NOTHING_KNOWN, VITIS).design) == 5


@pytest.mark.parametrize(
    ("kind", "operation", "parameter", "values", "said"),
    [
        (LayerKind.ACTIVATION, "leaky_relu", "slope", [1243 / 2**12], r"of 0.303467: one of 0.3125 needs none"),
        (LayerKind.ACTIVATION, "prelu", "slope", [1243 / 2**12, 0.5, 0.71, 0.25, 0.1], r"3 slopes of more than 2"),
        (LayerKind.BATCH_NORM, None, "weight", [1243 / 2**12, 0.5, 0.71, 0.25, 0.1], r"3, for scales of more than 2"),
    ],
)  # fmt: skip
def test_the_error_names_the_slopes_and_scales_that_cost(
    kind: LayerKind, operation: str | None, parameter: str, values: list[float], said: str
) -> None:
    constants = Parameter(np.array(values), FixedPoint(16, 4))
    layer = LayerSpec(
        "bent", kind, ("fc0",), (5,), (5,), WIDE, WIDE, operation=operation, parameters={parameter: constants}
    )
    before = design(source(4), dense("fc0", "in", np.full((4, 5), 1243)), layer)
    with pytest.raises(ConfigError, match=rf"DSPs do not depend.*bent .*{said}"):
        choose_constants(before, Budget(max_dsp=0), NOTHING_KNOWN, VITIS)
    nearest = nearest_with_digits(constants.codes, 2, 15) * constants.precision.lsb
    helped = replace(layer, parameters={parameter: Parameter(nearest, constants.precision)})
    after = choose_constants(design(*before.layers[:2], helped), Budget(max_dsp=0), NOTHING_KNOWN, VITIS).design
    assert dsp(after) == 0


def test_too_few_luts_are_refused_with_the_least_there_is() -> None:
    with pytest.raises(ConfigError, match=r"max_lut=1 cannot be met.*LUTs are still expected"):
        choose_constants(net(), Budget(max_lut=1), NOTHING_KNOWN, VITIS)


def test_time_multiplexed_layers_cannot_be_helped() -> None:
    before = net(strategy=Strategy.RESOURCE, reuse_factor=4)
    with pytest.raises(ConfigError, match="no layer's cost depends"):
        choose_constants(before, Budget(max_dsp=1), NOTHING_KNOWN, VITIS)


@pytest.mark.parametrize("config", [CsdRounding(1), Budget(max_dsp=60)])
@pytest.mark.parametrize(("pattern", "kept"), [("fc1", ["fc1"]), ("*1", ["fc1"]), ("type:dense", [])])
def test_excluded_layers_stay(config: Any, pattern: str, kept: list[str]) -> None:
    before = net()
    if not kept:
        with pytest.raises(ConfigError, match="nothing is left"):
            choose_constants(before, replace(config, exclude=(pattern,)), NOTHING_KNOWN, VITIS)
        return
    after = choose_constants(before, replace(config, exclude=(pattern,)), NOTHING_KNOWN, VITIS).design
    assert all(np.array_equal(codes(before, name), codes(after, name)) for name in kept)
    assert not np.array_equal(codes(before), codes(after))


@pytest.mark.parametrize("pattern", ["fc7", "type:conv2d", "fc[5-9]"])
def test_an_exclusion_that_matches_nothing_is_an_error(pattern: str) -> None:
    with pytest.raises(ConfigError, match="unknown layer to exclude"):
        choose_constants(net(), CsdRounding(2, (pattern,)), NOTHING_KNOWN, VITIS)


@pytest.mark.parametrize(
    "wrong", [{"max_dsp": -1}, {"max_dsp": 1.5}, {"max_lut": True}, {"max_dsp": None, "max_lut": None}]
)
def test_budgets_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"max_dsp|max_lut"):
        Budget(**wrong)


def test_digits_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigError, match="digits"):
        CsdRounding(0)


def test_methods_are_found_by_name() -> None:
    assert constants_methods() == ("budget", "csd_rounding")
    assert constants_config_type("budget") is Budget
    with pytest.raises(ConfigError, match="did you mean budget"):
        constants_config_type("budge")


def test_importance_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"layer 'fc0'.*12 x 10"):
        choose_constants(net(), Budget(max_dsp=0), Importance({"fc0": np.ones(3)}), VITIS)
