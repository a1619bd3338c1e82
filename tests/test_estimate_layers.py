"""Kinds of layers other than dense, each computed by hand."""

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import pytest
from estimate_designs import VITIS, VIVADO, WIDE, dense, design, dsp, last, source

from fpgaprune.design import Geometry, LayerKind, LayerSpec, Parameter, Strategy, Table
from fpgaprune.device import find_device
from fpgaprune.estimate import estimate_design, rules_for
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.results import Bound, LayerEstimate

TABLE = Table(1024, FixedPoint(18, 8))


def alone(layer: LayerSpec, rules: Any = VITIS, io_type: str = "io_parallel", **target: Any) -> LayerEstimate:
    size = int(np.prod(layer.input_shape))
    return last(estimate_design(design(source(size), layer, io_type=io_type, **target), rules))


def convolution(kernel: Any, **facts: Any) -> LayerSpec:
    """Three taps over four positions of two channels, zero padded, two filters."""
    defaults: dict[str, Any] = {
        "input_precision": WIDE,
        "positions": 4,
        "strategy": Strategy.LATENCY,
        "reuse_factor": 1,
        "geometry": Geometry((3,), (1,), ((1, 1),)),
        "parameters": {"weight": Parameter(np.asarray(kernel, dtype=float), WIDE)},
    }
    filters = np.shape(kernel)[-1]
    return LayerSpec("conv", LayerKind.CONV1D, ("in",), (4, 2), (4, filters), WIDE, **{**defaults, **facts})


KERNEL = np.array([45, 53, 77, 83, 91, 107, 45, 45, 53, 3, 0, 11]).reshape(3, 2, 2)


@pytest.mark.parametrize("io_type", ["io_parallel", "io_stream"])
def test_a_convolution_is_one_dense_product_per_position_at_once(io_type: str) -> None:
    """Per input (tap and channel): 45 53 | 77 83 | 91 107 | 45 once | 53 | 11."""
    layer = alone(convolution(KERNEL), io_type=io_type)
    assert (dsp(layer), layer.products, layer.first_order_dsp) == (9, 11, 12)
    assert not layer.extrapolated


def test_positions_in_parallel_have_a_product_each() -> None:
    layer = alone(convolution(KERNEL, parallelization_factor=2, multiplier_limit=None))
    assert (dsp(layer), layer.first_order_dsp) == (18, 24)
    assert layer.extrapolated
    stream = alone(convolution(KERNEL, parallelization_factor=2), io_type="io_stream")
    assert dsp(stream) == 9


@pytest.mark.parametrize(
    ("own", "clock_ns", "interval"),
    [
        (False, 4.0, 6 + 1 + 3),  # a position a cycle
        (True, 4.0, 6 * 3 + 3),  # the function takes one clock edge for the product and two for the window
        (True, 50.0, 6 * 2 + 3),  # the product needs none
    ],
)
def test_a_window_in_a_function_takes_a_position_when_it_has_returned(
    own: bool, clock_ns: float, interval: int
) -> None:
    """Six padded positions."""
    layer = convolution(KERNEL, attributes={"window_function": True} if own else {})
    found = alone(layer, VITIS, io_type="io_stream", clock_ns=clock_ns).fabric
    assert found.ii is not None
    assert found.ii.value == interval


@pytest.mark.parametrize(("reuse_factor", "expected"), [(1, 120), (2, {"low": 60, "high": 120})])
def test_einsum_multiplies_as_often_as_its_axes_say(reuse_factor: int, expected: object) -> None:
    facts = {"attributes": {"products": 120}, "accumulator_precision": WIDE, "reuse_factor": reuse_factor}
    layer = LayerSpec("e", LayerKind.MERGE, ("in", "in"), (40,), (30,), WIDE, WIDE, operation="einsum", **facts)
    found = alone(layer)
    assert (dsp(found), found.products) == (expected, 120)
    assert found.extrapolated
    assert found.fabric.lut is not None
    # 90 additions of 16 bits: four products to each of 30 sums.
    assert found.fabric.lut.value >= 90 * 16


def test_a_limit_written_for_one_position_bounds_the_others() -> None:
    layer = alone(convolution(KERNEL, parallelization_factor=2, multiplier_limit=6, reuse_factor=2))
    assert dsp(layer) == {"low": 6, "high": 12}


def test_padding_folds_away_where_every_position_is_unrolled() -> None:
    """By place: channel 0 meets 45, 53, 91 and 107 (53 from two taps), channel 1 meets 77, 83, 45 and 11.

    The first place is not reached through the last tap (11), nor the last through the first one (45, 77 and 83).
    """
    assert dsp(alone(convolution(KERNEL, parallelization_factor=4))) == 4 * (4 + 4) - 1 - 3
    unpadded = convolution(KERNEL, parallelization_factor=4, geometry=None)
    assert dsp(alone(unpadded)) == 4 * 9


def test_padding_in_two_dimensions() -> None:
    kernel = np.array([45, 53, 77, 83, 91, 107, 109, 115, 11]).reshape(3, 3, 1, 1)
    layer = LayerSpec(
        "conv", LayerKind.CONV2D, ("in",), (3, 3, 1), (2, 2, 1), WIDE, WIDE,
        geometry=Geometry((3, 3), (2, 2), ((1, 1), (1, 1))), positions=4, parallelization_factor=4,
        parameters={"weight": Parameter(kernel, WIDE)}, strategy=Strategy.LATENCY, reuse_factor=1,
    )  # fmt: skip
    assert dsp(alone(layer)) == 4 * 4  # each of four corners sees four taps of nine


def test_a_depthwise_convolution_multiplies_each_channel_by_its_own() -> None:
    kernel = np.array([45, 53, 45, 0, 3, 11]).reshape(3, 2, 1)
    layer = replace(convolution(kernel), kind=LayerKind.DEPTHWISE_CONV1D)
    assert dsp(alone(layer, VIVADO, "io_stream")) == 3
    assert dsp(alone(layer, VITIS, "io_stream")) == 4  # 11 needs a DSP there
    assert alone(layer, VITIS, "io_stream").extrapolated
    assert not alone(layer, VIVADO, "io_stream").extrapolated


def norm(scale: Any, shape: tuple[int, ...], **facts: Any) -> LayerSpec:
    parameters = {"weight": Parameter(np.asarray(scale, dtype=float), WIDE)}
    return LayerSpec("bn", LayerKind.BATCH_NORM, ("in",), shape, shape, WIDE, WIDE, parameters=parameters, **facts)


def test_batch_normalization_multiplies_by_scales_of_three_digits() -> None:
    assert dsp(alone(norm([45, 45, 4, 3], (4,), reuse_factor=1))) == 2
    assert dsp(alone(norm([45, 45], (3, 2), reuse_factor=1))) == 6
    assert dsp(alone(norm([45, 45], (3, 2), reuse_factor=1), io_type="io_stream")) == 2


@pytest.mark.parametrize(("reuse_factor", "expected"), [(1, 3), (2, 3), (4, 2)])
def test_packets_of_a_stream_take_turns_at_the_multipliers_of_a_normalization(reuse_factor: int, expected: int) -> None:
    """Four channels in two packets: a choice of 45 or 77, of 45 or 3, of two small ones, and always 91."""
    scale = Parameter(np.array([45.0, 45, 1, 91, 77, 3, 2, 91]), WIDE)
    norm = LayerSpec("bn", LayerKind.BATCH_NORM, ("pool",), (8,), (8,), WIDE, parameters={"weight": scale})
    norm = replace(norm, input_precision=WIDE, reuse_factor=reuse_factor)
    pool = LayerSpec("pool", LayerKind.POOLING, ("in",), (2, 2, 4), (1, 2, 4), WIDE, operation="max")
    stream = design(source(16), pool, norm, io_type="io_stream")
    assert dsp(last(estimate_design(stream, VITIS))) == expected
    assert dsp(last(estimate_design(replace(stream, io_type="io_parallel"), VITIS))) == min(5, 8 // reuse_factor)


def test_batch_normalization_is_limited_by_reuse() -> None:
    assert dsp(alone(norm([45] * 8, (8,), reuse_factor=4))) == 2
    assert dsp(alone(norm([45] * 8, (8,), reuse_factor=4, multiplier_limit=3))) == 3


def softmax(operation: str, shape: tuple[int, ...], reuse_factor: int, **attributes: Any) -> LayerSpec:
    tables = {"exp_table": TABLE, "inv_table": TABLE}
    return LayerSpec(
        "softmax", LayerKind.SOFTMAX, ("in",), shape, shape, WIDE, WIDE, operation=operation, tables=tables,
        reuse_factor=reuse_factor, attributes=attributes,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "io_type", "reuse_factor", "expected"),
    [
        ("stable", "io_parallel", 1, 16),
        ("stable", "io_parallel", 100, 16),
        ("latency", "io_parallel", 1, 16),
        ("stable", "io_stream", 1, 16),
        ("stable", "io_stream", 6, 3),
        ("stable", "io_stream", 100, 1),
        ("legacy", "io_parallel", 1, 0),
        ("argmax", "io_parallel", 1, 0),
    ],
)
def test_softmax_multiplies_once_per_class(operation: str, io_type: str, reuse_factor: int, expected: int) -> None:
    assert dsp(alone(softmax(operation, (16,), reuse_factor), io_type=io_type)) == expected


@pytest.mark.parametrize(("width", "signed", "blocks"), [(18, False, 2), (18, True, 1), (17, False, 1)])
def test_yosys_multiplies_tables_without_a_sign_by_one_bit_more(width: int, signed: bool, blocks: int) -> None:
    """Its multipliers are signed: 18 bits without a sign are 19, more than the narrow port of a DSP48E2 takes."""
    tables = {name: replace(TABLE, precision=FixedPoint(width, 1, signed)) for name in ("exp_table", "inv_table")}
    layer = replace(softmax("stable", (4,), 1), tables=tables)
    assert dsp(alone(layer, rules_for("yosys"))) == 4 * blocks


def test_softmax_over_slices() -> None:
    assert dsp(alone(softmax("stable", (4, 3), 1, slices=4, slice_size=3))) == {"low": 3, "high": 12}
    assert dsp(alone(softmax("stable", (4, 3), 1, slices=1, slice_size=12), io_type="io_stream")) == 3
    small = replace(
        softmax("stable", (4,), 1), tables={n: Table(64, FixedPoint(8, 4)) for n in ("exp_table", "inv_table")}
    )
    assert dsp(alone(small)) == 0
    assert dsp(alone(replace(small, tables={}))) is None


@pytest.mark.parametrize("kind", [
    LayerKind.POOLING, LayerKind.GLOBAL_POOLING, LayerKind.RESHAPE, LayerKind.PADDING, LayerKind.UPSAMPLING,
    LayerKind.CONCATENATE,
])  # fmt: skip
def test_layers_that_only_move_or_compare_are_free(kind: LayerKind) -> None:
    assert dsp(alone(LayerSpec("layer", kind, ("in",), (4,), (4,), WIDE, WIDE))) == 0


@pytest.mark.parametrize("operation", ["relu", "sigmoid", "tanh", "linear", "ternary_tanh", "softplus", "relu6"])
def test_tables_and_comparisons_are_free(operation: str) -> None:
    layer = LayerSpec("act", LayerKind.ACTIVATION, ("in",), (4,), (4,), WIDE, WIDE, operation=operation)
    assert dsp(alone(layer)) == 0


def test_slopes_multiply() -> None:
    def act(operation: str, slope: Any) -> LayerSpec:
        parameters = {"slope": Parameter(np.asarray(slope, dtype=float), WIDE)}
        return LayerSpec(
            "act", LayerKind.ACTIVATION, ("in",), (4,), (4,), WIDE, WIDE, operation=operation, parameters=parameters
        )

    assert dsp(alone(act("leaky_relu", [45]))) == 4
    assert dsp(alone(act("leaky_relu", [4]))) == 0
    assert dsp(alone(act("prelu", [45, 4, 53, 0]))) == 2
    assert alone(act("prelu", [45, 4, 53, 0])).extrapolated
    selu = LayerSpec("act", LayerKind.ACTIVATION, ("in",), (4,), (4,), WIDE, WIDE, operation="selu")
    assert dsp(alone(selu)) == 4  # each times 1.0507, 34429 of 32768
    unknown = LayerSpec("act", LayerKind.ACTIVATION, ("in",), (4,), (4,), WIDE, WIDE, operation="gelu")
    assert dsp(alone(unknown)) is None
    assert "gelu" in alone(unknown).notes[0]


def test_merging_by_product_multiplies_data_by_data() -> None:
    def merge(operation: str, reads: tuple[str, ...] = ("in", "in")) -> LayerSpec:
        return LayerSpec("merge", LayerKind.MERGE, reads, (4,), (4,), WIDE, WIDE, operation=operation)

    assert [dsp(alone(merge(operation))) for operation in ("add", "average", "maximum", "multiply")] == [0, 0, 0, 4]
    assert dsp(alone(merge("multiply", ("in",)))) is None


def recurrent(kind: LayerKind, width: int = 16, **facts: Any) -> LayerSpec:
    """Two inputs, three units."""
    gates = 4 if kind is LayerKind.LSTM else 3
    precision = FixedPoint(width, 6)
    parameters = {
        "weight": Parameter(precision.quantize(np.full((2, 3 * gates), 0.7)), precision),
        "recurrent_weight": Parameter(precision.quantize(np.full((3, 3 * gates), -0.7)), precision),
    }
    defaults: dict[str, Any] = {"strategy": Strategy.LATENCY, "reuse_factor": 1, "attributes": {"units": 3}}
    return LayerSpec(
        "rnn", kind, ("in",), (5, 2), (3,), precision, precision, precision, parameters, **{**defaults, **facts}
    )


@pytest.mark.parametrize("kind", [LayerKind.LSTM, LayerKind.GRU])
def test_a_recurrent_layer_has_two_matrices_and_three_products_per_unit(kind: LayerKind) -> None:
    """One shared constant per input and state (0.7 floored has at least three digits), plus nine gate products."""
    layer = alone(recurrent(kind), VIVADO)
    assert dsp(layer) == 2 + 3 + 9
    assert not layer.extrapolated
    assert alone(recurrent(kind), VITIS).extrapolated


def test_a_recurrent_layer_time_multiplexes_its_matrices_only() -> None:
    facts = {"strategy": Strategy.RESOURCE, "reuse_factor": 2, "attributes": {"units": 3, "recurrent_reuse_factor": 9}}
    assert dsp(alone(recurrent(LayerKind.GRU, **facts), VIVADO)) == 9 + 3 + 9
    assert dsp(alone(recurrent(LayerKind.GRU, **facts), rules_for("yosys"))) is None


def test_a_bidirectional_layer_is_two() -> None:
    layer = recurrent(LayerKind.GRU)
    both = {**layer.parameters, **{f"backward_{name}": value for name, value in layer.parameters.items()}}
    twice = replace(layer, parameters=both, attributes={"units": 3, "bidirectional": True})
    assert dsp(alone(twice, VIVADO)) == 2 * 14
    wider = replace(twice, attributes={**twice.attributes, "backward_kind": "lstm", "backward_units": 5})
    assert dsp(alone(wider, VIVADO)) == 2 * 14 + 2 * 3
    missing = replace(layer, attributes={"units": 3, "bidirectional": True})
    assert dsp(alone(missing, VIVADO)) is None


def test_small_gates_join_their_adder() -> None:
    small = recurrent(LayerKind.GRU, width=6)
    assert dsp(alone(small, VIVADO)) == 3
    assert dsp(alone(small, VITIS)) == {"low": 0, "high": 3}


def test_weights_in_memory_are_no_constants() -> None:
    layer = convolution(KERNEL, attributes={"store_weights_in_bram": True}, reuse_factor=2)
    assert dsp(alone(layer)) == 6


def test_a_quantizer_with_a_type_per_value_narrows_each_product_and_ends_dead_ones() -> None:
    """Values of 16 bits, 6 of them integer: ten fraction bits stay, and what has no bits left multiplies nothing."""
    data = FixedPoint(16, 6)

    def quantizer(name: str, reads: str, widths: str, integers: str) -> LayerSpec:
        sizes = (len(widths.split()),)
        types = {"element_widths": widths, "element_integers": integers}
        facts: dict[str, Any] = {"operation": "quantize", "attributes": types}
        return LayerSpec(name, LayerKind.ACTIVATION, (reads,), sizes, sizes, data, data, **facts)

    first = quantizer("q", "in", "8 3 0 9", "1 0 0 9")  # 11, 10, no and 16 bits wide where it is multiplied
    codes = np.array([[45, 90], [45, 91], [45, 93], [3, 77]])
    fc = dense("fc", "q", codes, data=data)
    second = quantizer("r", "fc", "8 0", "4 0")
    out = dense("out", "r", [[1], [45]], data=data)
    layer = estimate_design(design(source(4, data), first, fc, second, out), VITIS).layers[2]
    assert (dsp(layer), layer.multipliers) == (1, Bound.exactly(2))
    layer = estimate_design(design(source(4, data), first, fc, replace(second, attributes={}), out), VITIS).layers[2]
    assert dsp(layer) == 3  # 45 and 90 by 11 bits, 77 by 16


@pytest.mark.parametrize(
    ("part", "values", "attributes", "blocks"),
    [
        ("xcu250-figd2104-2L-e", 5, {}, 8),  # three pairs of ports and the inverse, two blocks each (five projects)
        ("xcu250-figd2104-2L-e", 6, {"inp_norm_precision": "ap_fixed<18,8>"}, 5),  # 11 bits: one block a pair
        ("xc7z020clg400-1", 3, {}, 3),
    ],
)
def test_tables_of_a_parallel_softmax_share_ports(
    part: str, values: int, attributes: dict[str, str], blocks: int
) -> None:
    layer = LayerSpec(
        "s", LayerKind.SOFTMAX, ("in",), (values,), (values,), WIDE, WIDE, operation="stable", attributes=attributes,
        tables={"exp_table": Table(1024, FixedPoint(18, 8))},
    )  # fmt: skip
    found = estimate_design(design(source(values, WIDE), layer, part=part), VITIS, find_device(part)).layers[-1].fabric
    assert found.bram_18k is not None
    assert found.bram_18k.value == pytest.approx(blocks, rel=0.03)


@pytest.mark.parametrize(
    ("tool", "version", "shape", "turns", "expected"),
    [
        ("vitis_hls", "2024.2", (100, 5), 50, 5),  # ten lanes, two for each of five sums
        ("vivado_hls", "2020.1", (64, 32), 32, 32),
        ("vivado_hls", "2020.1", (32, 5), 16, 5),
        ("vivado_hls", "2019.2", (64, 32), 32, 0),
        ("vitis_hls", "2024.2", (726, 1), 66, {"low": 6, "high": 7}),  # eleven lanes for one sum: seven were reported
    ],
)
def test_small_lanes_join_their_adders(
    tool: str, version: str, shape: tuple[int, int], turns: int, expected: object
) -> None:
    six = FixedPoint(6, 0, signed=False)
    codes = np.arange(prod(shape)).reshape(shape) % 31 + 1
    layer = dense("fc", "in", codes, data=six, weight=FixedPoint(6, 1), strategy=Strategy.RESOURCE, reuse_factor=turns)
    found = estimate_design(design(source(shape[0], six), layer), rules_for(tool, version)).layers[-1]
    assert dsp(found) == expected
