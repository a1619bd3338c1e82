"""Sparse kernels: the products a matrix needs, spread over multipliers; written, simulated and read back."""

from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpgaprune.csd import csd_digits
from fpgaprune.csim import build_simulation_with
from fpgaprune.design import Strategy
from fpgaprune.design.differences import differences
from fpgaprune.estimate import estimate_design, rules_for
from fpgaprune.estimate.kernels import kernel_needs, plan_kernel
from fpgaprune.flow.audit import audit
from fpgaprune.flow.generate import generate_loaded
from fpgaprune.frameworks import load_frameworks
from fpgaprune.generate.settings import GenerateSettings, LayerSettings, SparseKernels
from fpgaprune.read.project import read_project
from fpgaprune.render.design import design_sheet
from tests.generate_models import loaded
from tests.kernel_cases import outputs_of_both
from tests.kernel_networks import dense_model, generated


@pytest.mark.keras
@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "reuse_factor", "sparsity"),
    [("Vitis", 1, 0.5), ("Vitis", 4, 0.75), ("Vivado", 3, 0.0), ("Vivado", 16, 1.0)],
)
def test_a_dense_network_is_exact_and_counted(tmp_path: Path, backend: str, reuse_factor: int, sparsity: float) -> None:
    keras_model = dense_model(sparsity)
    design = generated(tmp_path / "ours", keras_model, SparseKernels.ALWAYS, backend, reuse_factor)
    generated(tmp_path / "plain", keras_model, SparseKernels.NEVER, backend, reuse_factor)
    inputs = [np.random.default_rng(4).uniform(-4, 4, (200, 10))]
    np.testing.assert_array_equal(*outputs_of_both(tmp_path, inputs))

    written = read_project(tmp_path / "ours")
    assert differences(design, written) == ()
    estimated = {layer.name: layer for layer in estimate_design(written, rules_for("vitis_hls")).layers}
    for name in ("sparse", "single", "equal"):
        weight = written[name].weight
        assert weight is not None
        needed = plan_kernel(kernel_needs(written[name], written), reuse_factor).multiplied
        assert needed <= sum(len({int(c) for c in row if csd_digits([c])[0] > 2}) for row in weight.codes)
        assert written[name].attributes["kernel_multipliers"] == ceil(needed / reuse_factor)
        assert estimated[name].multipliers is not None
        assert estimated[name].multipliers.high == ceil(needed / reuse_factor)


@pytest.mark.keras
@pytest.mark.slow
def test_a_planted_product_fails_the_audit(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    generated(folder, dense_model(0.9), SparseKernels.ALWAYS, "Vitis", 1)
    assert audit(folder).agrees
    (header,) = [path for path in (folder / "firmware/kernels").iterdir() if "Layer single" in path.read_text()]
    text = header.read_text()
    planted = "{ const accum_t p = times<accum_t, -7, 7>(x[0], 45); add(acc[0], p); }\n    }"
    header.write_text(text.replace("\n    }", f"\n        {planted}", 1))
    found = audit(folder)
    assert not found.agrees
    assert any("product" in one.what and one.layer == "single" for one in found.differences)


def lanes_model() -> Any:
    """A convolution of 8 inputs and a dense layer of 16, whose weights are zero in whole runs of four inputs."""
    frameworks = load_frameworks()
    q, layers = frameworks.qkeras, frameworks.keras.layers
    frameworks.keras.backend.clear_session()
    both = dict.fromkeys(("kernel_quantizer", "bias_quantizer"), "quantized_bits(16,0,alpha=1)")
    made = frameworks.keras.Sequential([
        layers.Input((3, 3, 2), name="x"),
        q.QActivation("quantized_bits(9,3,alpha=1)", name="taken"),
        q.QConv2D(4, 2, **both, name="window"),
        q.QActivation("quantized_relu(8,3)", name="r"),
        layers.Flatten(name="line"),
        q.QDense(6, **both, name="fc"),
    ])  # fmt: skip
    rng = np.random.default_rng(5)
    for name in ("window", "fc"):
        kernel, bias = (rng.uniform(-1, 1, weight.shape) for weight in made.get_layer(name).weights)
        rows, outputs = kernel.size // kernel.shape[-1], kernel.shape[-1]
        kept = np.repeat(rng.random((rows // 4, outputs)) < 0.5, 4, axis=0).reshape(kernel.shape)
        made.get_layer(name).set_weights([kernel * kept, bias])
    return made


@pytest.mark.keras
@pytest.mark.slow
@pytest.mark.parametrize(("backend", "io_type"), [("Vitis", "io_parallel"), ("Vivado", "io_stream")])
def test_weights_that_are_zero_in_lanes_come_from_tables(tmp_path: Path, backend: str, io_type: str) -> None:
    keras_model = lanes_model()
    design = generated(tmp_path / "ours", keras_model, SparseKernels.AUTO, backend, 4, io_type)
    generated(tmp_path / "plain", keras_model, SparseKernels.NEVER, backend, 4, io_type)
    inputs = [np.random.default_rng(4).uniform(-4, 4, (200, 18))]
    quick = [build_simulation_with(tmp_path / name).run(inputs)[0] for name in ("ours", "plain")]
    np.testing.assert_array_equal(*quick)
    written = read_project(tmp_path / "ours")
    assert differences(design, written) == ()
    assert audit(tmp_path / "ours").agrees
    estimated = {layer.name: layer for layer in estimate_design(written, rules_for("vitis_hls")).layers}
    for name in ("window", "fc"):
        weight = written[name].weight
        assert weight is not None
        lanes = weight.codes.reshape(-1, weight.codes.shape[-1]).T.reshape(-1, 4)
        assert written[name].attributes["kernel_form"] == "lanes"
        assert written[name].attributes["kernel_multipliers"] == int(lanes.any(axis=1).sum())
        assert estimated[name].multipliers is not None
        assert estimated[name].multipliers.high == int(lanes.any(axis=1).sum())
    (told,) = [line for line in design_sheet(written).footnotes if line.startswith("sparse kernels")]
    assert "fc has" in told
    assert "weights in tables" in told
    header = next(path for path in (tmp_path / "ours/firmware/kernels").iterdir() if "Layer fc" in path.read_text())
    text = header.read_text()
    table = text.split("w[slots] = {", 1)[1].split("}", 1)[0]
    header.write_text(text.replace(table, f"1{table}", 1))
    assert any(one.layer == "fc" and "product" in one.what for one in audit(tmp_path / "ours").differences)


def image_model() -> Any:
    """Windows with padding, one position and several at a time, 1x1, depthwise and 1D."""
    frameworks = load_frameworks()
    q, layers = frameworks.qkeras, frameworks.keras.layers
    frameworks.keras.backend.clear_session()
    eight = "quantized_bits(8,0,alpha=1)"
    both = {"kernel_quantizer": eight, "bias_quantizer": eight}
    x = start = frameworks.keras.Input((4, 4, 2), name="x")
    x = q.QActivation("quantized_bits(9,3,alpha=1)", name="taken")(x)
    x = q.QConv2D(3, 3, padding="same", **both, name="window")(x)
    x = q.QActivation("quantized_relu(8,3)", name="r1")(x)
    x = q.QConv2D(5, 1, **both, name="point")(x)
    x = q.QActivation("quantized_relu(8,3)", name="r2")(x)
    x = q.QDepthwiseConv2D(2, depthwise_quantizer=eight, bias_quantizer=eight, name="deep")(x)
    x = q.QActivation("quantized_relu(8,3)", name="r3")(x)
    x = layers.Reshape((9, 5), name="line")(x)
    x = q.QConv1D(4, 3, **both, name="along")(x)
    x = q.QActivation("quantized_relu(8,3)", name="r4")(x)
    made = frameworks.keras.Model(start, q.QConv1D(3, 1, **both, name="point1")(x))
    rng = np.random.default_rng(5)
    for layer in made.layers:
        values = [rng.uniform(-1, 1, w.shape) * (rng.random(w.shape) > 0.6) for w in layer.weights]
        if values:
            layer.set_weights(values)
    return made


@pytest.mark.keras
@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "reuse_factor", "io_type"),
    [("Vitis", 3, "io_parallel"), ("Vivado", 1, "io_parallel"), ("Vitis", 4, "io_stream"), ("Vivado", 2, "io_stream")],
)
def test_convolutions_are_exact_and_counted(tmp_path: Path, backend: str, reuse_factor: int, io_type: str) -> None:
    keras_model = image_model()
    design = generated(tmp_path / "ours", keras_model, SparseKernels.ALWAYS, backend, reuse_factor, io_type)
    generated(tmp_path / "plain", keras_model, SparseKernels.NEVER, backend, reuse_factor, io_type)
    inputs = [np.random.default_rng(4).uniform(-4, 4, (100, 32))]
    np.testing.assert_array_equal(*outputs_of_both(tmp_path, inputs))
    written = read_project(tmp_path / "ours")
    assert differences(design, written) == ()
    assert audit(tmp_path / "ours").agrees
    for name in ("window", "point", "deep", "along", "point1"):
        assert written[name].attributes["sparse_kernel"] is True


@pytest.mark.keras
@pytest.mark.slow
def test_dense_layers_between_streams_are_exact(tmp_path: Path) -> None:
    keras_model = dense_model(0.75)
    design = generated(tmp_path / "ours", keras_model, SparseKernels.ALWAYS, "Vitis", 4, "io_stream")
    generated(tmp_path / "plain", keras_model, SparseKernels.NEVER, "Vitis", 4, "io_stream")
    inputs = [np.random.default_rng(4).uniform(-4, 4, (200, 10))]
    np.testing.assert_array_equal(*outputs_of_both(tmp_path, inputs))
    assert differences(design, read_project(tmp_path / "ours")) == ()


@pytest.mark.keras
@pytest.mark.slow
def test_layers_asked_for_as_resource_are_replaced_where_that_is_cheaper(tmp_path: Path) -> None:
    keras_model = dense_model(0.75)
    five = {"sparse": LayerSettings(reuse_factor=5)}
    settings = GenerateSettings(strategy=Strategy.RESOURCE, reuse_factor=4, layers=five)
    made = generate_loaded(loaded(keras_model), tmp_path / "plain", settings, run_verify=False)
    ours = generate_loaded(
        loaded(keras_model),
        tmp_path / "ours",
        replace(settings, sparse_kernels=SparseKernels.AUTO, layers=five | {"eq*": LayerSettings(reuse_factor=1)}),
        run_verify=False,
    )
    assert made.design["sparse"].strategy is Strategy.RESOURCE
    assert ours.design["sparse"].strategy is Strategy.LATENCY
    assert ours.design["sparse"].attributes["sparse_kernel"] is True
    assert ours.design["equal"].strategy is Strategy.RESOURCE  # at reuse factor 1 synthesis folds the constants
    assert any("where hls4ml's needs 16 with strategy resource, which it replaces" in note for note in ours.notes)
    inputs = [np.random.default_rng(4).uniform(-4, 4, (200, 10))]
    np.testing.assert_array_equal(*outputs_of_both(tmp_path, inputs))
    assert differences(ours.design, read_project(tmp_path / "ours")) == ()


@pytest.mark.keras
@pytest.mark.slow
def test_several_filters_a_channel_are_right_where_hls4ml_has_no_kernel(tmp_path: Path) -> None:
    frameworks = load_frameworks()
    layers = frameworks.keras.layers
    frameworks.keras.backend.clear_session()
    frameworks.keras.utils.set_random_seed(1)
    made = frameworks.keras.Sequential([
        layers.Input((5, 5, 2), name="x"),
        layers.DepthwiseConv2D(2, depth_multiplier=3, name="deep"),
        layers.Flatten(name="line"),
        layers.Dense(2, name="last"),
    ])  # fmt: skip
    reuse_factor = 4
    settings = GenerateSettings(reuse_factor=reuse_factor, sparse_kernels=SparseKernels.ALWAYS)
    written = generate_loaded(loaded(made), tmp_path / "p", settings)
    assert written.verification is not None
    assert written.verification.agrees
    weight = written.design["deep"].weight
    assert weight is not None
    needed = int((csd_digits(weight.codes.ravel()) > 2).sum())
    assert written.design["deep"].attributes["kernel_products"] <= needed
    assert written.design["deep"].attributes["kernel_multipliers"] == ceil(
        int(written.design["deep"].attributes["kernel_products"]) / reuse_factor
    )
