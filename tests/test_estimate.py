"""DSP counts computed by hand, rule by rule."""

from typing import Any

import numpy as np
import pytest

from fpgaprune.design import Design, Encoding, LayerKind, LayerSpec, Parameter, Strategy, Target
from fpgaprune.estimate import MappingRules, estimate_design, rules_for
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.results import Bound, Estimate, LayerEstimate

WIDE = FixedPoint(16, 16)  # integer codes: a weight's value is its code
VITIS = rules_for("vitis_hls", "2023.2")
VIVADO = rules_for("vivado_hls", "2019.2")
U250 = "xcu250-figd2104-2L-e"


def source(size: int, precision: FixedPoint = WIDE) -> LayerSpec:
    return LayerSpec("in", LayerKind.INPUT, (), (size,), (size,), precision)


def dense(
    name: str, reads: str, codes: Any, data: FixedPoint = WIDE, weight: FixedPoint = WIDE, **facts: Any
) -> LayerSpec:
    matrix = np.atleast_2d(np.asarray(codes, dtype=float))
    parameters = {"weight": Parameter(matrix, weight, facts.pop("encoding", Encoding.FIXED))}
    defaults: dict[str, Any] = {"strategy": Strategy.LATENCY, "reuse_factor": 1, "input_precision": data}
    shape = (matrix.shape[0],), (matrix.shape[1],)
    return LayerSpec(name, LayerKind.DENSE, (reads,), *shape, data, parameters=parameters, **{**defaults, **facts})


def activation(name: str, reads: str, size: int, operation: str = "relu") -> LayerSpec:
    return LayerSpec(name, LayerKind.ACTIVATION, (reads,), (size,), (size,), WIDE, WIDE, operation=operation)


def design(*layers: LayerSpec, io_type: str = "io_parallel", **target: Any) -> Design:
    aim = Target(**{"part": U250, "clock_ns": 5.0, **target})
    return Design("net", layers, io_type, (layers[-1].name,), aim)


def one(codes: Any, rules: MappingRules = VITIS, target: dict[str, Any] | None = None, **facts: Any) -> LayerEstimate:
    layer = dense("fc", "in", codes, **facts)
    return last(estimate_design(design(source(layer.input_shape[0]), layer, **(target or {})), rules))


def last(estimate: Estimate) -> LayerEstimate:
    return estimate.layers[-1]


def dsp(layer: LayerEstimate) -> Any:
    return None if layer.dsp is None else layer.dsp.json()


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
    assert dsp(one([[3, 4, 31]], rules_for("yosys"), data=small)) == 2
    assert dsp(one([[3, 4, 7]], rules_for("yosys"), data=FixedPoint(5, 5))) == 1  # 5 x 3 bits give 8, 5 x 4 give 9
