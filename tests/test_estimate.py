"""DSP counts computed by hand, rule by rule."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from estimate_designs import VITIS, VIVADO, dense, design, dsp, last, network, one, source

from fpgaprune.design import Encoding, LayerKind, LayerSpec, Strategy
from fpgaprune.device import find_device
from fpgaprune.errors import ConfigError
from fpgaprune.estimate import MappingRules, estimate_design, rules_for, tool_of
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.results import Bound


@pytest.mark.parametrize(
    ("code", "multipliers"),
    [(0, 0), (1, 0), (-64, 0), (127, 0), (96, 0), (-5, 0), (11, 1), (-11, 1), (13, 1), (45, 1), (-1000, 1), (-1001, 1)],
)
def test_constants_of_up_to_two_signed_digits_need_no_multiplier(code: int, multipliers: int) -> None:
    assert one([[code]]).multipliers == Bound.exactly(multipliers)


def test_equal_constants_share_per_input_but_negatives_and_doubles_do_not() -> None:
    assert dsp(one([[45, 45, 45]])) == 1
    assert dsp(one([[45, -45, 90]])) == 3
    assert dsp(one([[45], [45]])) == 2


@pytest.mark.parametrize(("rules", "positive", "negative"), [(VITIS, 1, 1), (VIVADO, 0, 1)])
def test_vivado_takes_a_positive_constant_without_its_sign(rules: MappingRules, positive: int, negative: int) -> None:
    assert dsp(one([[11]], rules)) == positive
    assert dsp(one([[-11]], rules)) == negative


def test_vivados_pipelined_multipliers_count_the_sign() -> None:
    slow = {"part": "xc7z020clg400-1"}
    assert dsp(one([[11]], VIVADO, {**slow, "clock_ns": 5.0})) == 1
    assert dsp(one([[11]], VIVADO, {**slow, "clock_ns": 10.0})) == 0


def test_an_unknown_clock_bounds_vivados_count() -> None:
    assert dsp(one([[11, 45]], VIVADO, {"clock_ns": None})) == {"low": 1, "high": 2}
    assert dsp(one([[11, 45]], VITIS, {"clock_ns": None})) == 2


@pytest.mark.parametrize(
    ("width", "code", "count"), [(10, 1001, 1), (10, 501, 0), (11, 501, 1), (8, 501, 0), (11, 11, 1)]
)
def test_products_below_eleven_by_five_bits_stay_in_luts(width: int, code: int, count: int) -> None:
    layer = one([[code]], data=FixedPoint(width, width))
    assert (dsp(layer), layer.multipliers) == (count, Bound.exactly(1))


def test_unsigned_data_counts_its_raw_width() -> None:
    assert dsp(one([[45]], data=FixedPoint(10, 10, signed=False))) == 0
    assert dsp(one([[45]], data=FixedPoint(11, 11, signed=False))) == 1


def test_wide_products_take_several_blocks() -> None:
    wide = FixedPoint(32, 32)
    assert dsp(one([[2**20 + 45]], data=FixedPoint(35, 35), weight=wide)) == 2  # 35 x 22: ceil(21/26) * ceil(34/17)
    assert dsp(one([[45]], data=FixedPoint(28, 28))) == 2
    assert dsp(one([[45]], data=FixedPoint(27, 27))) == 1
    assert dsp(one([[45]], data=FixedPoint(26, 26), target={"part": "xc7z020clg400-1"})) == 2
    yosys = one([[2**20 + 45]], rules_for("yosys"), data=FixedPoint(35, 35), weight=wide)
    assert dsp(yosys) == 4


def test_yosys_multiplies_whatever_is_no_power_of_two() -> None:
    small = FixedPoint(6, 6)
    assert dsp(one([[3, 4, 31]], rules_for("yosys"), data=small)) == 1
    assert dsp(one([[3, 4, 31]], rules_for("yosys"), data=FixedPoint(8, 8))) == 2
    assert dsp(one([[3, 4, 7]], rules_for("yosys"), data=FixedPoint(5, 5))) == 0  # 5 x 4 bits give 8
    assert dsp(one([[3, 5, 10]], rules_for("yosys"), data=FixedPoint(6, 6))) == 1  # 6 x 3 give 8, 6 x 4 give 9, shared
    unsigned = FixedPoint(6, 6, signed=False)  # by 3 in 8 bits, by 5 in 9; by -3 with a sign in 9
    assert [dsp(one([[code]], rules_for("yosys"), data=unsigned)) for code in (3, 5, -3)] == [0, 1, 1]


def test_an_unknown_tool_or_version_is_refused_with_the_choices() -> None:
    with pytest.raises(ConfigError, match=r"did you mean vitis_hls .*known are vitis_hls, vivado_hls, yosys"):
        rules_for("vitis_hsl")
    with pytest.raises(ConfigError, match="not a tool version"):
        rules_for("vitis_hls", "new")


@pytest.mark.parametrize(
    ("tool", "version", "extrapolated"),
    [
        ("vitis_hls", "2021.1", False),
        ("vitis_hls", "2025.1", False),
        ("vitis_hls", "2025.2", True),
        ("vitis_hls", "2020.2", True),
        ("vivado_hls", "2019.2.1", False),
        ("vivado_hls", "2015.4", True),
        ("Vivado HLS", "2016.4", False),
        ("yosys", "0.40", False),
        ("vitis_hls", None, False),
    ],
)
def test_versions_outside_the_range_are_extrapolated(tool: str, version: str | None, extrapolated: bool) -> None:
    rules = rules_for(tool, version)
    assert rules.extrapolated == extrapolated
    assert one([[45]], rules).extrapolated == extrapolated
    notes = estimate_design(design(source(1), dense("fc", "in", [[45]])), rules).notes
    assert any("extrapolated" in note for note in notes) == extrapolated


def test_the_tool_of_a_backend() -> None:
    assert [tool_of(name) for name in ("Vivado", "VivadoAccelerator", "Vitis", None)] == [
        "vivado_hls", "vivado_hls", "vitis_hls", "vitis_hls",
    ]  # fmt: skip


def test_directives_put_all_multipliers_where_the_project_says() -> None:
    small = FixedPoint(8, 8)
    forced = {"directives": ("config_compile -name_max_length 80", "config_op mul -impl dsp")}
    fabric = {"directives": ("config_op mul -impl fabric",)}
    later = {"directives": ("config_op mul -impl dsp", "config_op mul -impl auto")}
    other = {"directives": ("config_op add -impl dsp",)}
    assert [dsp(one([[45, 3]], target=target, data=small)) for target in (forced, later, other)] == [1, 0, 0]
    assert dsp(one([[45, 3]], target=fabric)) == 0
    assert dsp(one([[45, 3]])) == 1
    assert any("config_op" in note for note in estimate_design(design(source(1), **fabric), VITIS).notes)


def test_the_limit_caps_latency_multipliers() -> None:
    codes = [[45, 53, 77, 83], [45, 53, 77, 83]]
    assert dsp(one(codes, reuse_factor=2, multiplier_limit=3, claimed_zeros=1)) == 3
    assert dsp(one(codes, reuse_factor=2)) == 4  # none written: ceil(8 / 2) - 0
    assert dsp(one(codes, reuse_factor=100, multiplier_limit=0)) == 1
    assert dsp(one(codes, reuse_factor=2, multiplier_limit=100)) == 8
    layer = one(codes, reuse_factor=2)
    assert layer.extrapolated
    assert any("reuse factor" in note for note in layer.notes)
    assert not one(codes, VIVADO, reuse_factor=2).extrapolated


def test_shared_multipliers_may_leave_small_products_in_luts() -> None:
    """Eight products want DSPs, three do not, ten multipliers serve them: seven to ten of them are DSPs."""
    codes = [[45, 53, 77, 83, 11, 13], [45, 53, 77, 83, 11, 0]]
    layer = one(codes, VIVADO, reuse_factor=2, multiplier_limit=10)
    assert layer.multipliers == Bound.exactly(10)
    assert dsp(layer) == {"low": 7, "high": 8}
    assert any("bounded" in note for note in layer.notes)
    assert dsp(one(codes, VIVADO, reuse_factor=4, multiplier_limit=3)) == 3  # shared so much that DSPs take them along


def test_resource_at_a_reuse_factor_does_not_depend_on_the_weights() -> None:
    for codes in (np.zeros((8, 4)), np.full((8, 4), 45)):
        layer = one(codes, VIVADO, strategy=Strategy.RESOURCE, reuse_factor=4, multiplier_limit=1)
        assert (dsp(layer), layer.multipliers, layer.first_order_dsp) == (8, Bound.exactly(8), 8)
    assert dsp(one(np.zeros((8, 4)), VIVADO, strategy=Strategy.RESOURCE, reuse_factor=1)) == 0
    assert one(np.ones((8, 4)), VITIS, strategy=Strategy.RESOURCE, reuse_factor=4).extrapolated


@pytest.mark.parametrize(
    ("largest", "expected"), [(2**17, 14), (-(2**17), 14), (2**26 - 1, 14), (2**26, 16), (-(2**26) - 1, 16), (0, 16)]
)
def test_the_last_resource_lane_is_as_wide_as_its_values_need(largest: int, expected: int) -> None:
    """Four multipliers of 32 x 32 bits, four blocks each; the last one takes two where 27 bits hold its constants."""
    wide, codes = FixedPoint(32, 32), np.full((8, 4), 2**28)
    codes[:, 3] = 0
    codes[5:, 3] = largest, -(largest // 2), largest // 8
    facts = {"data": wide, "weight": wide, "strategy": Strategy.RESOURCE, "reuse_factor": 8}
    assert dsp(one(codes, VIVADO, **facts)) == expected
    assert dsp(one(codes[:, ::-1], VIVADO, **facts)) == 16


@pytest.mark.parametrize(("version", "expected"), [("2019.2", 0), ("2020.1", 8), (None, {"low": 0, "high": 8})])
def test_small_resource_lanes_join_their_adders_in_the_last_vivado_hls(version: str | None, expected: Any) -> None:
    small = FixedPoint(4, 1)
    facts = {"strategy": Strategy.RESOURCE, "reuse_factor": 2, "data": small, "weight": small}
    layer = one(np.ones((8, 4)) / 8, rules_for("vivado_hls", version), **facts)
    assert dsp(layer) == expected  # sixteen lanes, four per output: two of four join


def test_strategies_without_multipliers() -> None:
    for facts in ({"strategy": Strategy.DISTRIBUTED_ARITHMETIC}, {"encoding": Encoding.POWER_OF_TWO}):
        assert dsp(one([[4, 64]], **facts)) == 0
    assert dsp(one([[1, -1]], weight=FixedPoint(1, 1, signed=False), encoding=Encoding.XNOR)) == 0


def test_an_adder_graph_without_constants_needs_no_multiplier() -> None:
    layer = replace(dense("fc", "in", [[45]], strategy=Strategy.DISTRIBUTED_ARITHMETIC), parameters={})
    assert dsp(last(estimate_design(design(source(1), layer), VITIS))) == 0
    unknown = replace(layer, strategy=Strategy.LATENCY)
    assert dsp(last(estimate_design(design(source(1), unknown), VITIS))) is None


def test_resource_unrolled_is_bounded() -> None:
    layer = one(np.full((8, 4), 45), strategy=Strategy.RESOURCE_UNROLLED, reuse_factor=4)
    assert dsp(layer) == {"low": 0, "high": 8}
    pruned = np.full((8, 4), 45)
    pruned[:4, 1] = pruned[4:, 2] = pruned[:3, 3] = 0  # two of eight lanes of four, and most of a third
    assert dsp(one(pruned, strategy=Strategy.RESOURCE_UNROLLED, reuse_factor=4)) == {"low": 0, "high": 6}
    assert layer.extrapolated
    assert layer.notes


def test_a_layer_without_a_rule_has_no_number_and_says_so() -> None:
    odd = LayerSpec("odd", LayerKind.OTHER, ("in",), (1,), (1,), None, operation="nnet::einsum")
    estimate = estimate_design(design(source(1), odd), VITIS)
    assert estimate.not_estimated == ("odd",)
    assert dsp(last(estimate)) is None
    assert "einsum" in last(estimate).notes[0]


def test_unknown_data_is_not_estimated() -> None:
    fc = replace(dense("fc", "in", [[45]]), input_precision=None)
    bare = LayerSpec("in", LayerKind.INPUT, (), (1,), (1,), None)
    assert dsp(last(estimate_design(design(bare, fc), VITIS))) is None
    assert dsp(last(estimate_design(design(source(1), fc), VITIS))) == 1  # its source tells


def test_the_device_comes_from_the_argument_the_design_or_a_default() -> None:
    net = design(source(1), dense("fc", "in", [[45]]), part="xcvc1902-vsva2197-2MP-e-S")
    assert estimate_design(net, VITIS).dsp_block == "DSP58 (27x24), unconfirmed"
    assert last(estimate_design(net, VITIS)).extrapolated
    given_device = estimate_design(net, VITIS, find_device("xc7z020clg400-1"))
    assert (given_device.dsp_block, given_device.available_dsp) == ("DSP48E1 (25x18)", 220)
    for part in (None, "nonsense"):
        nowhere = estimate_design(design(source(1), part=part), VITIS)
        assert any("estimated for xcvu13p" in note for note in nowhere.notes)


def test_a_part_too_small_is_noted() -> None:
    codes = np.arange(-2000, 2000).reshape(1, -1)
    estimate = estimate_design(design(source(1), dense("fc", "in", codes), part="xc7z020clg400-1"), VITIS)
    assert estimate.dsp.low > 220
    assert any("more than the 220" in note for note in estimate.notes)


def test_the_first_order_model_of_the_jet_tagger_is_the_number_people_quote() -> None:
    """16-64-32-32-5 at 16 bits and reuse factor 1: 4256 on slides, whatever the weights."""
    sizes = (16, 64, 32, 32, 5)
    codes = [np.zeros((a, b)) for a, b in pairwise(sizes)]
    estimate = network(*codes)
    assert estimate.first_order_dsp == 4256
    assert estimate.dsp == Bound.exactly(0)


def test_the_json_names_every_count() -> None:
    record = network([[45, 45, 3, 0]]).json()
    layer = record["layers"][-1]
    assert {key: layer[key] for key in ("dsp", "multipliers", "products", "weights", "zeros", "first_order_dsp")} == {
        "dsp": 1, "multipliers": 1, "products": 3, "weights": 4, "zeros": 1, "first_order_dsp": 4,
    }  # fmt: skip
    assert record["rules"] == "vitis_hls 2021.1–2025.1"


@pytest.mark.parametrize("tool", ["vitis_hls", "vivado_hls"])
def test_rules_say_how_exact_they_were(tool: str) -> None:
    residuals = rules_for(tool).residuals
    assert any(residual.case == "latency, reuse factor 1" for residual in residuals)
    assert all(0 <= residual.exact <= residual.layers for residual in residuals)
