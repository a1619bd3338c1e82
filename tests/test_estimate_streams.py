"""Streamed layers against single modules of public projects: pooling, windows, and lanes that read weights."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from estimate_designs import dense, design, source

from fpgaprune.design import Geometry, LayerKind, LayerSpec, Parameter, Strategy
from fpgaprune.device import find_device
from fpgaprune.estimate import estimate_design, rules_for
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.results import Fabric

SIX, TWENTY = FixedPoint(6, 0, signed=False), FixedPoint(20, 10)
WIDE = FixedPoint(16, 6)


def module(layer: LayerSpec, tool: str, version: str, part: str, clock_ns: float) -> Fabric:
    """What is expected of the layer's own module in a design of streams."""
    start = source(1, layer.input_precision or WIDE)
    start = replace(start, output_shape=layer.input_shape, input_shape=layer.input_shape)
    end = LayerSpec(
        "end", LayerKind.ACTIVATION, (layer.name,), *(layer.output_shape,) * 2, WIDE, WIDE, operation="relu"
    )
    found = design(start, layer, end, io_type="io_stream", part=part, clock_ns=clock_ns)
    return estimate_design(found, rules_for(tool, version), find_device(part)).layers[1].fabric


def lanes(inputs: int, outputs: int, reuse_factor: int, **facts: Any) -> LayerSpec:
    codes = np.arange(1, inputs * outputs + 1).reshape(inputs, outputs) % 500 + 1
    facts = {"strategy": Strategy.RESOURCE, "reuse_factor": reuse_factor, **facts}
    return dense("fc", "in", codes, **facts)


@pytest.mark.parametrize(
    ("layer", "version", "part", "clock_ns", "reported"),
    [
        # 20 lanes that take two inputs at a time: two multiplexers of 16 (Vitis HLS 2023.1).
        (lanes(32, 10, 16), "2023.1", "xc7a200tfbg676-2", 10.0, 1598),
        # One lane for 24 sums of 53 inputs: a multiplexer of each (2023.1).
        (lanes(53, 24, 1272), "2023.1", "xcvu13p-flga2577-2-e", 5.0, 3321),
    ],
)
def test_lanes_of_vitis_hls_share_what_chooses_their_inputs(
    layer: LayerSpec, version: str, part: str, clock_ns: float, reported: int
) -> None:
    found = module(layer, "vitis_hls", version, part, clock_ns).lut
    assert found is not None
    assert found.value == pytest.approx(reported, rel=0.2)


def test_a_lane_with_several_sums_reads_from_a_table_which_is_next() -> None:
    """1272 turns among 24 sums: two blocks of weights and one of the order."""
    found = module(lanes(53, 24, 1272, weight=FixedPoint(10, 3)), "vitis_hls", "2023.1", "xcvu13p-flga2577-2-e", 5.0)
    one = module(lanes(1272, 1, 1272, weight=FixedPoint(10, 3)), "vitis_hls", "2023.1", "xcvu13p-flga2577-2-e", 5.0)
    assert found.bram_18k is not None
    assert one.bram_18k is not None
    assert found.bram_18k.value == one.bram_18k.value + 1


def test_lanes_that_saturate_cost_more_than_their_adders() -> None:
    """143 LUTs a lane beside the adders, 24 bits (Vivado HLS 2020.1)."""
    layer = lanes(40, 8, 2, accumulator_precision=FixedPoint(24, 16), data=FixedPoint(24, 16), weight=FixedPoint(8, 3))
    sums = FixedPoint.from_cpp("ap_fixed<24,16,AP_RND,AP_SAT,0>")
    part = "xc7a200tfbg676-2"
    wraps = module(layer, "vivado_hls", "2020.1", part, 10.0).lut
    saturates = module(replace(layer, accumulator_precision=sums), "vivado_hls", "2020.1", part, 10.0).lut
    assert wraps is not None
    assert saturates is not None
    assert (saturates.value - wraps.value) / 160 == pytest.approx(143, rel=0.3)


def test_inputs_that_are_moved_cost_a_choice_a_bit() -> None:
    """Vivado HLS 2019.2: 784 inputs of 16 bits in 196 turns; in 784 each stays a turn where it is."""
    part = "xczu5ev-sfvc784-2-e"
    moved, kept = (module(lanes(784, 4, turns), "vivado_hls", "2019.2", part, 5.0).lut for turns in (196, 784))
    assert moved is not None
    assert kept is not None
    assert moved.value - kept.value > 784 * 16


def pooling(channels: int, data: FixedPoint, size: int) -> LayerSpec:
    shape = (size, size, channels), (size // 2, size // 2, channels)
    return LayerSpec(
        "pool", LayerKind.POOLING, ("in",), *shape, WIDE, data, operation="max", geometry=Geometry((2, 2), (2, 2), ())
    )


@pytest.mark.parametrize(
    ("layer", "tool", "version", "part", "clock_ns", "reported"),
    [
        (pooling(64, WIDE, 32), "vitis_hls", "2022.1", "xczu7ev-ffvc1156-2-e", 5.0, 8458),
        (pooling(4, WIDE, 16), "vitis_hls", "2022.1", "xczu7ev-ffvc1156-2-e", 5.0, 955),
        (pooling(8, WIDE, 4), "vivado_hls", "2020.1", "xcu50-fsvh2104-2-e", 25.0, 1958),
    ],
)
def test_streamed_pooling_is_comparisons_choices_and_counts(
    layer: LayerSpec, tool: str, version: str, part: str, clock_ns: float, reported: int
) -> None:
    found = module(layer, tool, version, part, clock_ns).lut
    assert found is not None
    assert found.value == pytest.approx(reported, rel=0.25)


def window(**attributes: bool) -> LayerSpec:
    codes = np.arange(1, 3 * 3 * 16 * 16 + 1).reshape(3, 3, 16, 16) % 31 + 1
    return LayerSpec(
        "conv", LayerKind.CONV2D, ("in",), (13, 13, 16), (11, 11, 16), WIDE, WIDE,
        geometry=Geometry((3, 3), (1, 1), ()), parameters={"weight": Parameter(codes, FixedPoint(6, 1))},
        strategy=Strategy.RESOURCE, reuse_factor=1152, positions=121, accumulator_precision=WIDE,
        attributes=dict(attributes),
    )  # fmt: skip


def test_an_encoded_window_is_fifos() -> None:
    """144 in block RAM, beside three blocks of weights and order; 6980 LUTs (Vivado HLS 2020.1)."""
    found = module(window(window_encoded=True), "vivado_hls", "2020.1", "xc7z020clg400-1", 5.0)
    assert found.bram_18k is not None
    assert found.lut is not None
    assert found.bram_18k.value == pytest.approx(147, rel=0.02)
    assert found.lut.value == pytest.approx(6980, rel=0.25)


def test_a_window_in_the_loop_keeps_no_copies() -> None:
    apart = module(window(), "vivado_hls", "2019.2", "xc7z020clg400-1", 5.0)
    inside = module(window(window_inlined=True), "vivado_hls", "2019.2", "xc7z020clg400-1", 5.0)
    for name in ("lut", "ff"):
        assert getattr(inside, name).value < getattr(apart, name).value


def test_repeating_positions_keeps_a_row() -> None:
    """Rows of 4, 8 and 16 positions (Vivado HLS 2019.2)."""
    wide = FixedPoint(32, 16)
    for columns, channels, lut, ff in ((4, 4, 435, 541), (8, 4, 622, 1071), (16, 8, 1492, 4177)):
        shape = (columns, columns, channels), (2 * columns, 2 * columns, channels)
        layer = LayerSpec("up", LayerKind.UPSAMPLING, ("in",), *shape, wide, wide, operation="nearest")
        found = module(layer, "vivado_hls", "2019.2", "xc7z020clg400-1", 5.0)
        assert found.lut is not None
        assert found.ff is not None
        assert found.lut.value == pytest.approx(lut, rel=0.2)
        assert found.ff.value == pytest.approx(ff, rel=0.15)
