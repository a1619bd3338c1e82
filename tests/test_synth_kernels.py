"""Sparse kernels through open synthesis: the multipliers in their netlists are those that their text counts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpgaprune.estimate import rules_for
from fpgaprune.estimate.kernels import KernelForm, kernel_attributes, plan_kernel
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.flow.generate import generate_loaded
from fpgaprune.flow.open_job import OpenSettings, open_job
from fpgaprune.frameworks import load_frameworks
from fpgaprune.generate.settings import GenerateSettings, SparseKernels
from fpgaprune.read.project import read_project
from fpgaprune.results import Bound
from fpgaprune.synth.open.front import front_end
from fpgaprune.synth.open.lanes import multiplexed_kernel
from fpgaprune.synth.open.layers import count_multipliers
from fpgaprune.synth.open.netlist import multipliers
from fpgaprune.synth.open.positions import one_position
from tests.estimate_designs import VIVADO, dense, one
from tests.generate_models import loaded

NAMES = ("along", "fc", "scale")


def model() -> Any:
    """A convolution, a dense layer and a scale, half of their weights zero."""
    frameworks = load_frameworks()
    q, layers = frameworks.qkeras, frameworks.keras.layers
    frameworks.keras.backend.clear_session()
    both = dict.fromkeys(("kernel_quantizer", "bias_quantizer"), "quantized_bits(8,0,alpha=1)")
    start = frameworks.keras.Input((6, 3), name="x")
    x = q.QActivation("quantized_bits(9,3,alpha=1)", name="taken")(start)
    x = q.QConv1D(4, 3, **both, name="along")(x)
    x = q.QActivation("quantized_relu(8,3)", name="r")(x)
    x = q.QDense(5, **both, name="fc")(layers.Flatten(name="line")(x))
    x = q.QActivation("quantized_bits(8,3,alpha=1)", name="between")(x)
    made = frameworks.keras.Model(start, layers.BatchNormalization(name="scale")(x))
    rng = np.random.default_rng(9)
    for name in ("along", "fc"):
        kernel, bias = (rng.uniform(-1, 1, weight.shape) for weight in made.get_layer(name).weights)
        made.get_layer(name).set_weights([kernel * (rng.random(kernel.shape) < 0.5), bias])
    made.get_layer("scale").set_weights([rng.uniform(0.3, 2, 5) for _ in range(4)])
    return made


@pytest.mark.keras
@pytest.mark.slow
@pytest.mark.parametrize("kernels", [SparseKernels.ALWAYS, SparseKernels.ADDERS])
def test_a_netlist_has_the_multipliers_of_the_text(tmp_path: Path, kernels: SparseKernels) -> None:
    project = tmp_path / "p"
    generate_loaded(loaded(model()), project, GenerateSettings(sparse_kernels=kernels), run_verify=False)
    design = read_project(project)
    (tmp_path / "netlists").mkdir()
    netlists = {one.name: one for one in front_end(project, design, tmp_path / "netlists").netlists}
    for name in NAMES:
        layer, netlist = design[name], netlists[name]
        if layer.geometry is not None:
            netlist = one_position(layer, netlist).netlist
        counted = layer.attributes["kernel_multipliers"]
        assert len(multipliers(netlist)) == counted
        assert (counted == 0) is (kernels is SparseKernels.ADDERS)
        job = open_job(project, OpenSettings("yosys"))
        expected = job.expected[name].multipliers
        assert expected is not None
        assert count_multipliers(netlist, job.context.pricing) in expected


@pytest.mark.parametrize(
    ("form", "reuse_factor", "multipliers"),
    [(KernelForm.SLOTS, 1, 2), (KernelForm.SLOTS, 2, 2), (KernelForm.LANES, 2, 4)],
)
def test_yosys_multiplies_what_the_text_of_a_kernel_multiplies(
    form: KernelForm, reuse_factor: int, multipliers: int
) -> None:
    codes = np.array([[11, 22, 3, 683], [1, 3, 0, 5]])  # 22 is twice 11; by 3 and 5 only tables multiply
    plan = plan_kernel(codes, reuse_factor, form=form)
    found = one(codes, rules_for("yosys"), reuse_factor=reuse_factor, attributes=kernel_attributes(plan))
    assert found.multipliers == Bound.exactly(multipliers)


def test_lanes_with_tables_idle_where_a_weight_is_zero() -> None:
    codes = np.array([[11, 0], [0, 0], [43, 0], [0, 0], [0, 2], [0, 0], [53, 0], [45, -8]])
    layer = dense("fc", "in", codes, accumulator_precision=FixedPoint(30, 30))
    plan = plan_kernel(codes, 4, form=KernelForm.LANES)
    found = multiplexed_kernel(layer, FixedPoint(8, 8), layer.accumulator_precision, plan)
    assert found.multipliers == 2
    assert found.cycles == 4
    assert [slot is None for slot in found.lanes[0]] == [False, True, False, True]
    data = np.random.default_rng(0).integers(-128, 128, (50, 8))
    np.testing.assert_array_equal(found.evaluate(data), layer.output_precision.codes(data @ codes))


def test_vivado_takes_a_kernels_positive_constants_without_their_sign() -> None:
    """And wide products in pipelined multipliers, where the clock asks for them: four blocks instead of two."""
    codes = np.array([[11, -11, 13]])
    attributes = kernel_attributes(plan_kernel(codes, 1))
    found = one(codes, VIVADO, data=FixedPoint(16, 16), target={"clock_ns": 10.0}, attributes=attributes)
    assert found.dsp == Bound.exactly(1)  # 4 bits of 11 and 13 stay in LUTs, 5 of -11 do not
    wide = np.array([[1398101]])
    facts = {"data": FixedPoint(32, 32), "weight": FixedPoint(32, 32)}
    attributes = kernel_attributes(plan_kernel(wide, 1))
    slow = one(wide, VIVADO, target={"clock_ns": 10.0}, attributes=attributes, **facts)
    fast = one(wide, VIVADO, target={"clock_ns": 2.0}, attributes=attributes, **facts)
    assert (slow.dsp, fast.dsp) == (Bound.exactly(2), Bound.exactly(4))
