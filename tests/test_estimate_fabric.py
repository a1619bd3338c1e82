"""LUTs, flip-flops, block RAM and latency: laws against recorded operators, small layers by hand, invariants."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from estimate_designs import U250, VITIS, VIVADO, WIDE, activation, dense, design, source
from hypothesis import given, settings
from hypothesis import strategies as st

from fpgaprune.design import LayerKind, LayerSpec, Strategy
from fpgaprune.device import find_device
from fpgaprune.estimate import estimate_design, rules_for
from fpgaprune.estimate.complexity import count_complexity
from fpgaprune.estimate.fabric import load_model
from fpgaprune.estimate.fabric.buffers import LineBuffers, fifo_bram, fifo_ff, packed_fifo
from fpgaprune.estimate.fabric.constants import count_constants
from fpgaprune.estimate.fabric.prices import (
    adder_price,
    compare_lut,
    fabric_multiplier_lut,
    memory_bram,
    multiplexer_lut,
    select_lut,
)
from fpgaprune.estimate.fabric.schedule import build_clock, levels_of, series_of
from fpgaprune.estimate.fabric.trees import grow_trees, operand_widths
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.results import Estimate, Expected

DATA = Path(__file__).parent / "data" / "operator_prices.csv"
BYTE = FixedPoint(8, 8)
NO_PRICE = np.zeros(64)


def rows(operation: str) -> list[dict[str, str]]:
    with DATA.open(newline="", encoding="utf-8") as stream:
        return [row for row in csv.DictReader(stream) if row["operation"] == operation]


def sizes(row: dict[str, str]) -> tuple[int, int, int]:
    return int(row["size_a"]), int(row["size_b"]), int(row["price"])


def test_block_ram_follows_the_shapes_of_its_blocks():
    # Tables of 1024 words are kept once for every two readers: their copies are counted by the layers.
    recorded = [sizes(row) for row in rows("memory_bram") if int(row["size_a"]) != 1024]
    assert len(recorded) >= 15
    wrong = [(a, b, price, memory_bram(a, b)) for a, b, price in recorded if memory_bram(a, b) != price]
    assert len(wrong) <= 0.3 * len(recorded), wrong


def test_fifos_take_block_ram_by_its_shapes():
    recorded = [sizes(row) for row in rows("fifo_bram") if row["tool"] == "vivado_hls"]
    assert len(recorded) >= 100
    assert [(a, b, price, fifo_bram(a, b)) for a, b, price in recorded if fifo_bram(a, b) != price] == []


def test_fifos_of_vivado_hls_take_the_flip_flops_of_their_addresses():
    recorded = [sizes(row) for row in rows("fifo_ff") if row["tool"] == "vivado_hls"]
    assert len(recorded) >= 80
    far = [(a, b, price, fifo_ff(a, b)) for a, b, price in recorded if abs(fifo_ff(a, b) - price) > 4]
    assert len(far) <= 0.12 * len(recorded), far


@pytest.mark.parametrize(("operation", "name"), [("fifo_ff", "buffer_ff"), ("fifo_bram", "bram_18k")])
def test_fifos_of_vitis_hls_hold_all_channels_and_follow_the_device(operation: str, name: str) -> None:
    recorded = [row for row in rows(operation) if row["tool"] == "vitis_hls"]
    assert len({row["source"] for row in recorded}) >= 8
    for row in recorded:
        depth, bits, price = sizes(row)
        found = getattr(packed_fifo(depth, bits, find_device(row["part"]).family), name)
        assert found == pytest.approx(price, rel=0.08), row


@pytest.mark.parametrize("resource", ["ff", "lut"])
def test_line_buffers_cost_the_same_at_any_width(resource):
    recorded = [row for row in rows(f"line_buffer_{resource}") if row["tool"] == "vivado_hls"]
    assert len(recorded) >= 30
    for row in recorded:
        depth, bits, price = sizes(row)
        series = series_of(find_device(row["part"]))
        found = LineBuffers(rows=2, channels=1, depth=depth, bits=bits).structure(series)
        assert {"ff": found.buffer_ff, "lut": found.buffer_lut}[resource] == price, row


def test_multipliers_in_luts_cost_by_their_wider_operand():
    recorded = [(row, *sizes(row)) for row in rows("multiplier")]
    small = [(row, a, b, price) for row, a, b, price in recorded if max(a, b) <= 10]
    assert len(small) >= 15
    for row, a, b, price in small:
        series = "7series" if row["part"].startswith("xc7") else "ultrascale+"
        assert fabric_multiplier_lut(a, b, tool=row["tool"], series=series) == pytest.approx(price, abs=3)


def test_multiplexers_cost_by_their_inputs_whatever_their_width():
    recorded = [sizes(row) for row in rows("multiplexer")]
    usual = [abs(float(multiplexer_lut(a)) - price) <= 2 for a, _, price in recorded]
    assert sum(usual) >= 0.7 * len(usual)
    assert multiplexer_lut([1, 2, 3, 4, 7, 8]).tolist() == [0, 9, 15, 21, 39, 42]


def test_comparisons_and_choices_are_priced_as_vivado_hls_does():
    compared = [sizes(row) for row in rows("compare") if row["tool"] == "vivado_hls" and row["version"] >= "2019"]
    assert compared
    assert all(compare_lut(max(a, b)) == pytest.approx(price, abs=4) for a, b, price in compared)
    chosen = [sizes(row) for row in rows("select") if row["tool"] == "vivado_hls" and int(row["size_b"]) >= 4]
    assert chosen
    assert all(select_lut(b) == pytest.approx(price, abs=2) for _, b, price in chosen)


def test_adders_are_priced_by_tool_version_and_series():
    usual = adder_price("vivado_hls", "2020.1", "ultrascale+", "virtexuplus")
    assert usual.lut(16, 1) == pytest.approx((23 + 2 * 16) / 3)  # one alone, two of three operands
    assert adder_price("vivado_hls", "2016.4", "7series", "virtex7").lut(18, 1) == pytest.approx(12)
    assert adder_price("vitis_hls", None, "7series", "zynq") == usual


def test_adders_narrower_than_their_sum_stand_alone() -> None:
    """Of 12 bits in Vitis HLS 2022.2: 961 with a carry chain of 7 LUTs, 146 in pairs; of 16: 2242 and 7598."""
    usual = adder_price("vitis_hls", "2022.2", "ultrascale+", "virtexuplus")
    assert usual.lut(12, 1, 1) == pytest.approx((961 * 19 + 146 * 17) / 1107, rel=0.02)
    assert usual.lut(16, 1) == pytest.approx((2242 * 23 + 7598 * 16) / 9840, rel=0.05)


@pytest.mark.parametrize(("clock_ns", "price"), [(5.0, 16 + 7), (20.0, 16 + 7 / 3)])
def test_adders_of_vitis_hls_pair_only_where_two_fit_a_period(clock_ns: float, price: float) -> None:
    """117 of 117 of 16 bits stand alone on Zynq-7000 of grade 1 at 5 ns (Vitis HLS 2025.1)."""
    clock = build_clock("vitis_hls", "2025.1", find_device("xc7z020clg400-1"), clock_ns)
    assert clock.adders.lut(16, 1) == pytest.approx(price)


def test_every_digit_is_a_shift_and_the_second_one_an_adder():
    # 1 and 2 are shifts, 3 = 4 - 1 and 5 = 4 + 1 one adder each, 0 nothing, 11 a multiplier.
    found = count_constants(np.array([[0, 1, 2, 3, 5, 11]]), 8, NO_PRICE)
    assert (found.shift_adds, found.multipliers, found.products) == (2, 1, 5)
    # -1 is a negation, -5 one and a subtraction, -3 = 1 - 4 a subtraction.
    assert count_constants(np.array([[-1, -5, -3]]), 8, NO_PRICE).shift_adds == 4
    assert count_constants(np.array([[-1, -5, -3]]), 8, NO_PRICE, negates=False).shift_adds == 3


def test_equal_constants_on_an_input_are_one_product():
    shared = count_constants(np.array([[5, 5, 5]]), 8, NO_PRICE)
    apart = count_constants(np.array([[5], [5], [5]]), 8, NO_PRICE)
    assert (shared.shift_adds, apart.shift_adds) == (1, 3)


def test_a_tree_of_four_equal_operands_by_hand():
    # Four values of 8 bits: two adders of 9 bits, one of 10.
    trees = grow_trees(operand_widths(np.ones((4, 1), dtype=np.int64), 8, signed=True), None, dropped=0, cap=32)
    assert (trees.count, trees.bits, trees.levels, trees.growing) == (3, 28, 2, 3)
    assert trees.live_bits == (32, 18, 10)
    capped = grow_trees(operand_widths(np.ones((4, 1), dtype=np.int64), 8, signed=True), None, dropped=0, cap=8)
    assert (capped.bits, capped.growing) == (24, 0)


def test_only_the_first_vitis_hls_adds_in_a_chain_where_no_bit_is_cut() -> None:
    layer = dense("fc", "in", np.full((128, 4), 3), data=FixedPoint(8, 8), weight=FixedPoint(8, 8))
    layer = replace(layer, output_precision=WIDE, accumulator_precision=WIDE)
    old, new = (
        estimate_design(design(source(128, FixedPoint(8, 8)), layer), rules_for("vitis_hls", version)).layers[-1].fabric
        for version in ("2021.1", "2023.2")
    )
    assert value(old.latency_cycles) > 2 * value(new.latency_cycles)
    assert value(old.ff) > 3 * value(new.ff)


def test_a_bias_is_one_more_operand_and_no_operand_is_no_tree():
    one = operand_widths(np.ones((1, 1), dtype=np.int64), 8, signed=True)
    assert grow_trees(one, None, dropped=0, cap=16).count == 0
    assert grow_trees(one, np.array([5]), dropped=0, cap=16).count == 1
    assert grow_trees(np.zeros((3, 2), dtype=np.int8), None, dropped=0, cap=16).count == 0


@pytest.mark.parametrize(("summands", "levels"), [(0, 0), (1, 0), (2, 1), (3, 2), (8, 3), (9, 4)])
def test_levels_of_a_balanced_tree(summands, levels):
    assert levels_of(summands) == levels


def estimate(*codes: object, **facts: object) -> Estimate:
    layers = [source(np.shape(codes[0])[0])]
    for index, matrix in enumerate(codes):
        if index:
            layers.append(activation(f"a{index}", layers[-1].name, np.shape(matrix)[0]))
        layers.append(dense(f"d{index}", layers[-1].name, matrix, **facts))
    return estimate_design(design(*layers), VITIS)


def value(expected: Expected | None) -> int:
    assert expected is not None
    return expected.value


MATRICES = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).integers(-40, 41, (12, 6)))


@settings(max_examples=40, deadline=None)
@given(MATRICES, st.integers(0, 71))
def test_more_zeros_never_raise_luts_or_flip_flops(codes, position):
    fewer = codes.copy()
    fewer.flat[position] = 0
    more, less = estimate(codes).fabric, estimate(fewer).fabric
    assert value(less.lut) <= value(more.lut)
    assert value(less.ff) <= value(more.ff) + 1


@settings(max_examples=20, deadline=None)
@given(MATRICES, st.integers(4, 8) | st.integers(11, 14))  # from 11 bits on multipliers leave the LUTs for DSPs
def test_wider_data_never_take_fewer_luts(codes, width):
    narrow = estimate(codes, data=FixedPoint(width, width), accumulator_precision=FixedPoint(24, 24)).fabric
    wide = estimate(codes, data=FixedPoint(width + 2, width + 2), accumulator_precision=FixedPoint(24, 24)).fabric
    assert value(narrow.lut) <= value(wide.lut)


def test_a_range_holds_its_value_and_absent_is_none():
    found = estimate(np.arange(-8, 8).reshape(4, 4))
    for name in ("lut", "ff", "bram_18k", "latency_cycles", "ii"):
        expected = getattr(found.fabric, name)
        assert expected.low <= expected.value <= expected.high
    assert found.fabric.uram is None
    assert found.json()["total"]["uram"] is None


@pytest.mark.parametrize("io_type", ["io_parallel", "io_stream"])
@pytest.mark.parametrize("rules", [VIVADO, VITIS], ids=["vivado", "vitis"])
def test_layers_and_what_lies_between_them_are_the_whole(io_type, rules):
    codes = np.random.default_rng(3).integers(-100, 101, (16, 8))
    layers = [source(16), dense("d", "in", codes), activation("a", "d", 8), dense("e", "a", codes[:8])]
    found = estimate_design(design(*layers, io_type=io_type), rules)
    for name in ("lut", "ff"):
        parts = [value(getattr(layer.fabric, name)) for layer in found.layers]
        between = value(getattr(found.between, name))
        assert sum(parts) + between == pytest.approx(value(getattr(found.fabric, name)), abs=len(parts) + 1)
        if io_type == "io_stream":  # two FIFOs of eight channels or one of all; the result has none
            assert between >= 8
    assert set(found.json()["between_layers"]) == {"lut", "ff", "bram_18k"}


def test_multiplexers_of_vivado_hls_cost_what_those_of_the_last_layer_do():
    ones = np.ones((64, 32))
    reused = {"strategy": Strategy.RESOURCE, "reuse_factor": 16}
    wide = design(source(64), dense("d", "in", ones, **reused))
    narrow = design(source(64), dense("d", "in", ones, **reused), dense("e", "d", ones[:32, :1], **reused))
    last = design(source(64), dense("d", "in", ones, **reused), dense("e", "d", ones[:32, :1], reuse_factor=1))
    alone, before, without = (estimate_design(found, VIVADO).layers[1].fabric for found in (wide, narrow, last))
    assert value(before.lut) < value(alone.lut) == value(without.lut)


def test_a_layer_without_a_rule_leaves_the_total_open_and_says_so():
    other = LayerSpec("odd", LayerKind.OTHER, ("in",), (4,), (4,), BYTE, BYTE, operation="something")
    found = estimate_design(design(source(4), other), VITIS)
    assert found.fabric.lut is None
    assert found.layers[-1].fabric.lut is None
    assert "odd" in str(found.fabric.doubt)


def test_the_open_flow_has_no_price_in_luts():
    found = estimate_design(design(source(4), dense("d", "in", np.eye(4))), rules_for("yosys"))
    assert found.fabric.lut is None


def test_json_keeps_its_keys_and_adds_resources():
    data = estimate(np.arange(16).reshape(4, 4)).json()
    assert {"dsp", "lut", "ff", "bram_18k", "latency_cycles", "ii", "macs", "bops", "ebops"} <= set(data["total"])
    assert {"value", "low", "high", "coverage"} == set(data["total"]["lut"])
    assert {"name", "dsp", "multipliers", "products", "zeros", "lut", "ff"} <= set(data["layers"][-1])
    assert data["available"]["lut"] == 1728000
    assert 0 < data["share"]["lut"] < 1
    after = data["total"]["lut_after_synthesis"]
    assert after["low"] < after["value"] < data["total"]["lut"]["value"]


def test_time_multiplexed_weights_fill_block_ram_and_take_their_turns():
    codes = np.full((64, 32), 11)
    facts = {"strategy": Strategy.RESOURCE, "reuse_factor": 64}
    layer = dense("d", "in", codes, data=FixedPoint(16, 6), weight=FixedPoint(16, 6), **facts)
    found = estimate_design(design(source(64, FixedPoint(16, 6)), layer), VIVADO).fabric
    # 32 lanes of 16-bit weights, 64 words deep: 512 bits side by side in blocks of 36.
    assert value(found.bram_18k) == pytest.approx(15, abs=1)
    assert value(found.latency_cycles) >= 64
    assert value(found.ii) == 64


def test_macs_bops_and_ebops_by_hand():
    layer = dense("d", "in", [[3, 0], [4, 1]], data=BYTE, weight=BYTE)
    found = count_complexity(layer, BYTE)
    assert found is not None
    assert found.macs == 4
    # Two products for the first output: 2 (64 + 16 + log2 2), one for the second: 64 + 16.
    assert found.bops == 2 * (64 + 16 + 1) + 80
    # 3 = 11b spans two bits, 4 and 1 one each.
    assert found.ebops == 8 * (2 + 1 + 1)


def test_the_model_says_where_it_comes_from_and_prices_nothing_below_zero():
    model = load_model()
    assert "hls4ml" in model.source
    assert all(price >= 0 for prices in model.prices.values() for price in prices.values())
    assert all(found["all"].count >= 100 for found in model.ranges.values())
    assert U250.startswith("xcu250")
