"""What no recorded report shows, or shows in part: an interval or a mark, each computed by hand."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from estimate_designs import VITIS, VIVADO, WIDE, dense, design, dsp, last, source

from fpgaprune.cli import main
from fpgaprune.design import Geometry, LayerKind, LayerSpec, Parameter, Strategy, Table, save_design
from fpgaprune.estimate import estimate_design
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.results import LayerEstimate

TABLE = Table(1024, FixedPoint(18, 8))


def alone(layer: LayerSpec, rules: Any = VITIS, io_type: str = "io_parallel", **target: Any) -> LayerEstimate:
    size = int(np.prod(layer.input_shape))
    return last(estimate_design(design(source(size), layer, io_type=io_type, **target), rules))


def contracted(codes: Any, positions: int, **facts: Any) -> LayerSpec:
    """`codes` (kept, summed, outputs) on each of `positions` positions."""
    values = np.asarray(codes, dtype=float)
    kept, summed, outputs = values.shape
    defaults: dict[str, Any] = {"strategy": Strategy.LATENCY, "reuse_factor": 1, "parallelization_factor": positions}
    defaults["parameters"] = {"weight": Parameter(values, WIDE)}
    return LayerSpec(
        "e", LayerKind.EINSUM_DENSE, ("in",), (positions * kept * summed,), (positions * kept * outputs,), WIDE, WIDE,
        positions=positions, **{**defaults, **facts},
    )  # fmt: skip


def test_einsum_dense_is_a_dense_product_per_matrix_and_position() -> None:
    """Equal constants share on one input (45 twice), never across matrices; 3 and 0 need none."""
    found = alone(contracted([[[45, 45, 53], [3, 0, 77]], [[45, 53, 53], [45, 91, 3]]], positions=3))
    assert (dsp(found), found.products) == (3 * (2 + 1 + 2 + 2), 3 * 11)
    assert found.extrapolated
    assert "einsum_dense" in found.notes[0]
    assert found.complexity is not None
    assert found.complexity.macs == 3 * 12
    assert found.fabric.lut is not None
    assert found.fabric.lut.value > 0


def test_the_limit_of_an_einsum_dense_is_that_of_one_position() -> None:
    one = contracted([[[45, 53], [77, 83]]], positions=3, reuse_factor=2, multiplier_limit=2)
    assert dsp(alone(one)) == 3 * 2
    turns = replace(one, parallelization_factor=1)
    assert dsp(alone(turns)) == 2
    fabric = alone(turns).fabric
    assert fabric.ii is not None
    assert fabric.ii.value == 3


def test_of_several_matrices_no_limit_is_written() -> None:
    several = contracted([[[45, 53]], [[77, 83]]], positions=1, reuse_factor=2)
    assert dsp(alone(several)) == {"low": 2, "high": 4}
    assert "bounded" in alone(several).notes[0]


def test_an_einsum_dense_of_adders_has_no_multiplier() -> None:
    adders = contracted([[[45]]], positions=2, parameters={}, strategy=Strategy.DISTRIBUTED_ARITHMETIC)
    assert dsp(alone(adders)) == 0


def averaged(taps: int, io_type: str = "io_parallel", **facts: Any) -> LayerEstimate:
    pool = LayerSpec(
        "p", LayerKind.POOLING, ("in",), (2 * taps, 3), (2, 3), WIDE, WIDE, operation="average",
        geometry=Geometry((taps,), (taps,), facts.pop("padding", ((0, 0),))), **facts,
    )  # fmt: skip
    return alone(pool, io_type=io_type)


@pytest.mark.parametrize(("io_type", "most"), [("io_parallel", 6), ("io_stream", 3)])
def test_means_of_no_power_of_two_may_multiply(io_type: str, most: int) -> None:
    assert dsp(averaged(4, io_type)) == 0
    found = averaged(3, io_type)
    assert dsp(found) == {"low": 0, "high": most}  # 16 bits by 17
    assert found.extrapolated
    assert "bounded" in found.notes[0]
    assert dsp(averaged(3, io_type, accumulator_precision=FixedPoint(8, 8))) == 0  # 8 bits by 9


def test_means_at_the_border_are_of_fewer_values() -> None:
    assert dsp(averaged(4, padding=((0, 1),))) == {"low": 0, "high": 6}
    assert dsp(averaged(4, padding=((0, 1),), attributes={"count_pad": True})) == 0


@pytest.mark.parametrize(("size", "expected"), [(1024, 0), (1000, 5), (1020, 0)])
def test_the_size_of_a_table_is_multiplied_out(size: int, expected: int) -> None:
    """1000 = 1024 - 32 + 8."""
    table = {"table": Table(size, FixedPoint(18, 8))}
    layer = LayerSpec("a", LayerKind.ACTIVATION, ("in",), (5,), (5,), WIDE, WIDE, operation="tanh", tables=table)
    found = alone(layer)
    assert dsp(found) == expected
    assert found.extrapolated == bool(expected)


def test_tables_of_all_values_and_quantizers_multiply_nothing() -> None:
    for operation in ("unary_lut", "quantize"):
        layer = LayerSpec(
            "a", LayerKind.ACTIVATION, ("in",), (5,), (5,), WIDE, WIDE, operation=operation,
            tables={"table": Table(256, FixedPoint(8, 8))},
        )  # fmt: skip
        found = alone(layer)
        assert (dsp(found), found.extrapolated) == (0, False)
        assert found.fabric.lut is not None
        assert (found.fabric.lut.value >= 5 * 8 * 4) == (operation == "unary_lut")


@pytest.mark.parametrize(("widths", "expected"), [("16 16", 2), ("16 4", 1), ("0 4", 0), (None, {"low": 0, "high": 2})])
def test_types_per_element_price_the_products_and_bound_them_where_unknown(widths: str | None, expected: Any) -> None:
    facts = {} if widths is None else {"element_widths": widths, "element_integers": widths}
    narrow = LayerSpec(
        "q", LayerKind.ACTIVATION, ("in",), (2,), (2,), WIDE, WIDE, operation="quantize", attributes=facts
    )
    layer = dense("fc", "q", [[45], [53]])
    found = estimate_design(design(source(2), narrow, layer), VITIS)
    assert dsp(last(found)) == expected
    assert any("a quantizer gives every value its own type" in note for note in last(found).notes)
    assert found.fabric.lut is None
    assert "quantizer" in str(found.fabric.doubt)


@pytest.mark.parametrize(
    ("rules", "reuse_factor", "directives", "marked"),
    [
        (VITIS, 2, (), True),
        (VITIS, 1, (), False),
        (VIVADO, 2, (), False),
        (VITIS, 2, ("config_op mul -impl dsp",), False),
    ],
)
def test_scales_and_streamed_softmax_that_share_are_unseen_in_vitis(
    rules: Any, reuse_factor: int, directives: tuple[str, ...], marked: bool
) -> None:
    scale = LayerSpec(
        "bn", LayerKind.BATCH_NORM, ("in",), (2,), (2,), WIDE, WIDE, reuse_factor=reuse_factor,
        parameters={"weight": Parameter(np.array([45.0, 53.0]), WIDE)}, multiplier_limit=2 // reuse_factor,
    )  # fmt: skip
    assert alone(scale, rules, directives=directives).extrapolated == marked
    softmax = LayerSpec(
        "sm", LayerKind.SOFTMAX, ("in",), (6,), (6,), WIDE, WIDE, operation="stable", reuse_factor=reuse_factor,
        tables={"exp_table": TABLE, "inv_table": TABLE},
    )  # fmt: skip
    assert alone(softmax, rules, "io_stream", directives=directives).extrapolated == marked


_ONE = {"parameters": {"weight": Parameter(np.array([[[45.0]]]), WIDE)}, "geometry": Geometry((1,), (1,), ((0, 0),))}
COMBINATIONS = {
    "seen": (dense("fc", "in", [[45]]), {}, False),
    "resource": (dense("fc", "in", [[45], [53]], strategy=Strategy.RESOURCE, reuse_factor=2), {}, True),
    "reuse": (dense("fc", "in", [[45], [53]], reuse_factor=2), {}, True),
    "forced": (dense("fc", "in", [[45], [53]], reuse_factor=2), {"directives": ("config_op mul -impl dsp",)}, False),
    "positions": (
        LayerSpec(
            "fc", LayerKind.CONV1D, ("in",), (2, 1), (2, 1), WIDE, WIDE, positions=2, parallelization_factor=2,
            strategy=Strategy.LATENCY, reuse_factor=1, **_ONE,
        ),
        {},
        True,
    ),
    "versal": (dense("fc", "in", [[45]]), {"part": "xcvc1902-vsva2197-2MP-e-S"}, True),
}  # fmt: skip


@pytest.mark.parametrize("form", ["text", "json", "csv", "md"])
@pytest.mark.parametrize("name", COMBINATIONS)
def test_every_format_marks_what_no_report_has(
    tmp_path: Path, name: str, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    layer, target, marked = COMBINATIONS[name]
    path = tmp_path / "net.npz"
    save_design(design(source(int(np.prod(layer.input_shape))), layer, **target), path)
    with pytest.raises(SystemExit) as stopped:
        main(["estimate", str(path), "--tool", "vitis_hls:2023.2", "--format", form])
    assert not stopped.value.code
    written = capsys.readouterr().out
    if form == "json":
        assert json.loads(written)["layers"][-1]["extrapolated"] is marked
    row = next(line for line in written.splitlines() if "fc" in line) if form in ("csv", "md") else written
    assert ("extrapolated" in row) == marked or form == "json"
