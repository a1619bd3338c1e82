"""Generated projects compute what their models compute, bit for bit where the model's quantizers decide everything."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpgaprune.design import LayerKind, Strategy
from fpgaprune.flow.generate import Generated, generate_loaded
from fpgaprune.generate.settings import GenerateSettings, LayerSettings
from fpgaprune.read.project import read_project
from fpgaprune.read.quantizers import quantized_parameters
from tests import generate_models as models
from tests.generate_models import Build, built, loaded

pytestmark = [pytest.mark.keras, pytest.mark.slow]

RESOURCE = GenerateSettings(strategy=Strategy.RESOURCE, reuse_factor=1)


def made(model: Any, folder: Path, settings: GenerateSettings | None = None, **options: Any) -> Generated:
    return generate_loaded(loaded(model), folder / "project", settings or GenerateSettings(), **options)


def ties(shape: tuple[int, ...], step: float, samples: int = 1000) -> np.ndarray[Any, Any]:
    """Values of both signs exactly on and exactly between the steps of a quantizer, and beyond its ends."""
    rng = np.random.default_rng(3)
    return rng.integers(-40, 40, (samples, *shape)) * (step / 2)


@pytest.mark.parametrize(
    ("build", "settings"),
    [
        (models.dense, GenerateSettings()),
        (models.dense, GenerateSettings(backend="Vivado", part="xc7z020clg400-1")),
        (models.image, GenerateSettings()),
        (models.image, GenerateSettings(io_type="io_stream")),
        (models.image, RESOURCE),
        (models.signal, GenerateSettings()),
        (models.signal, GenerateSettings(backend="Vivado", io_type="io_stream", part="xc7z020clg400-1")),
    ],
    ids=lambda value: getattr(value, "__name__", None) or f"{value.backend}-{value.io_type}-{value.strategy.value}",
)
def test_representable_quantizers_are_met_bit_for_bit(build: Build, settings: GenerateSettings, tmp_path: Path) -> None:
    model = built(build)
    generated = made(model, tmp_path, settings)
    verification = generated.verification
    assert verification is not None
    assert verification.expected_exact
    assert verification.exact_samples == verification.samples >= 1000, verification.reason
    quantized = quantized_parameters(model)
    design = read_project(tmp_path / "project")
    for layer in design:
        if layer.weight is not None and layer.kind is LayerKind.DENSE:
            assert layer.weight.zeros == int(np.sum(quantized[layer.name]["weight"] == 0)), layer.name


@pytest.mark.parametrize("build", [models.dense, models.signal], ids=lambda build: build.__name__)
def test_ties_and_saturation_of_inputs_are_met_bit_for_bit(build: Build, tmp_path: Path) -> None:
    model = built(build, seed=5)
    inputs = ties(model.input_shape[1:], 2.0**-6)
    verification = made(model, tmp_path, inputs=[inputs]).verification
    assert verification is not None
    assert verification.exact_samples == verification.samples, verification.reason


@pytest.mark.parametrize(
    ("build", "settings"),
    [
        (models.scaled, GenerateSettings()),
        (models.functions, GenerateSettings()),
        (models.two_ended, GenerateSettings()),
        (models.separable, GenerateSettings()),
        (models.separable, GenerateSettings(io_type="io_stream")),
        (models.recurrent, GenerateSettings()),
        (models.recurrent, GenerateSettings(backend="Vivado", part="xc7z020clg400-1")),
    ],
    ids=lambda value: getattr(value, "__name__", None) or f"{value.backend}-{value.io_type}",
)
def test_other_models_agree(build: Build, settings: GenerateSettings, tmp_path: Path) -> None:
    verification = made(built(build), tmp_path, settings).verification
    assert verification is not None
    assert verification.agrees, (verification.reason, verification.first_difference)
    design = read_project(tmp_path / "project")
    for layer in design:
        assert layer.output_precision is not None
        assert layer.output_precision.width <= 18, layer.name


def test_settings_reach_the_project_globally_and_by_layer(tmp_path: Path) -> None:
    settings = GenerateSettings(
        backend="Vivado",
        part="xc7z045ffg900-2",
        clock_ns=4.0,
        strategy=Strategy.RESOURCE,
        reuse_factor=2,
        layers={"d_*": LayerSettings(strategy=Strategy.LATENCY), "d_tanh": LayerSettings(reuse_factor=4)},
    )
    generated = made(built(models.functions), tmp_path, settings, run_verify=False)
    design = read_project(tmp_path / "project")
    assert design.digest == generated.design.digest
    assert design.target.part == "xc7z045ffg900-2"
    assert design.target.clock_ns == 4.0
    assert design.target.backend == "Vivado"
    assert {layer.strategy for layer in design if layer.kind is LayerKind.DENSE} == {Strategy.LATENCY}
    assert design["d_tanh"].reuse_factor == 4
    assert design["d_relu"].reuse_factor == 2
