"""What never changes and what nothing reads: sparse kernels leave it out, and the rest stays exact."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpgaprune.estimate.kernels import plan_kernel
from fpgaprune.flow.audit import audit
from fpgaprune.frameworks import load_frameworks
from fpgaprune.generate.settings import SparseKernels
from tests.kernel_cases import outputs_of_both
from tests.kernel_networks import dense_model, generated


@pytest.mark.keras
@pytest.mark.slow
@pytest.mark.parametrize("reuse_factor", [1, 4])
def test_neurons_that_nothing_reads_are_left_out(tmp_path: Path, reuse_factor: int) -> None:
    """Only output 5 of the first layer meets a weight that is not zero."""
    keras_model = dense_model(0.0)
    design = generated(tmp_path / "ours", keras_model, SparseKernels.ALWAYS, "Vitis", reuse_factor)
    generated(tmp_path / "plain", keras_model, SparseKernels.NEVER, "Vitis", reuse_factor)
    weight = design["sparse"].weight
    assert weight is not None
    read = np.zeros_like(weight.codes)
    read[:, 5] = weight.codes[:, 5]
    plan = plan_kernel(read, reuse_factor)
    assert design["sparse"].attributes["kernel_products"] == plan.multiplied
    assert design["sparse"].attributes["kernel_multipliers"] == plan.multipliers
    inputs = [np.random.default_rng(4).uniform(-4, 4, (200, 10))]
    np.testing.assert_array_equal(*outputs_of_both(tmp_path, inputs))
    assert audit(tmp_path / "ours").agrees


def constant_model() -> Any:
    """Two filters and two neurons without weights, a filter and a neuron that nothing reads, two filters a channel."""
    frameworks = load_frameworks()
    q, layers = frameworks.qkeras, frameworks.keras.layers
    frameworks.keras.backend.clear_session()
    eight = "quantized_bits(8,0,alpha=1)"
    both = {"kernel_quantizer": eight, "bias_quantizer": eight}
    made = frameworks.keras.Sequential([
        layers.Input((5, 5, 2), name="x"),
        q.QActivation("quantized_bits(9,3,alpha=1)", name="taken"),
        q.QConv2D(6, 2, **both, name="filters"),
        q.QActivation("quantized_relu(8,3)", name="r1"),
        q.QConv2D(3, 2, **both, name="after"),
        q.QActivation("quantized_relu(8,3)", name="r2"),
        layers.Flatten(name="line"),
        q.QDense(6, **both, name="neurons"),
        q.QActivation("quantized_relu(8,3)", name="r3"),
        q.QDense(3, **both, name="last"),
    ])  # fmt: skip
    rng = np.random.default_rng(6)
    for layer in made.layers:
        if layer.weights:
            layer.set_weights([rng.uniform(-1, 1, weight.shape) for weight in layer.weights])
    for name, follower in (("filters", "after"), ("neurons", "last")):
        kernel, bias = made.get_layer(name).get_weights()
        kernel[..., :2] = 0
        bias[:2] = (0.75, -0.5)  # one stays above zero behind the ReLU, one becomes zero
        made.get_layer(name).set_weights([kernel, bias])
        kernel, bias = made.get_layer(follower).get_weights()
        kernel[..., 3, :] = 0
        made.get_layer(follower).set_weights([kernel, bias])
    return made


@pytest.mark.keras
@pytest.mark.slow
@pytest.mark.parametrize(("io_type", "reuse_factor"), [("io_parallel", 4), ("io_stream", 3)])
def test_what_never_changes_and_what_nothing_reads_costs_nothing(
    tmp_path: Path, io_type: str, reuse_factor: int
) -> None:
    keras_model = constant_model()
    design = generated(tmp_path / "ours", keras_model, SparseKernels.ALWAYS, "Vitis", reuse_factor, io_type)
    generated(tmp_path / "plain", keras_model, SparseKernels.NEVER, "Vitis", reuse_factor, io_type)
    inputs = [np.random.default_rng(4).uniform(-4, 4, (200, 50))]
    np.testing.assert_array_equal(*outputs_of_both(tmp_path, inputs))
    assert audit(tmp_path / "ours").agrees
    for name, inputs_left, outputs_left in (
        ("filters", range(8), (2, 4, 5)),
        ("after", [place for place in range(24) if place % 6 not in {0, 1, 3}], range(3)),
        ("last", (2, 4, 5), range(3)),
    ):
        weight = design[name].weight
        assert weight is not None
        left = weight.codes.reshape(-1, weight.codes.shape[-1])[np.ix_(list(inputs_left), list(outputs_left))]
        expected = plan_kernel(left, reuse_factor)
        assert design[name].attributes["kernel_products"] == expected.multiplied
        assert design[name].attributes["kernel_multipliers"] == expected.multipliers
    header = next(path for path in (tmp_path / "ours/firmware/kernels").iterdir() if "Layer last" in path.read_text())
    text = header.read_text()
    assert "still<data_T>(0, 24)" in text  # 0.75 in steps of 1/32
    assert "x[1]" not in text
    header.write_text(text.replace("still<data_T>(0, 24)", "still<data_T>(0, 25)"))
    assert any("always 25" in one.right for one in audit(tmp_path / "ours").differences)
