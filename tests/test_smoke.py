"""The whole way from a model file to a judged project, on every TensorFlow that is promised to work."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpgaprune.design import load_design, save_design
from fpgaprune.flow.audit import audit
from fpgaprune.flow.estimation import compare_project, estimate_source
from fpgaprune.flow.generate import generate
from fpgaprune.frameworks import Frameworks, load_frameworks
from fpgaprune.generate.settings import GenerateSettings
from fpgaprune.read.project import read_project
from fpgaprune.results import Verdict

pytestmark = [pytest.mark.oldest, pytest.mark.keras, pytest.mark.slow]


def quantized(frameworks: Frameworks) -> Any:
    q, keras = frameworks.qkeras, frameworks.keras
    weights = "quantized_bits(6,0,alpha=1)"
    return keras.Sequential([
        keras.layers.Input((8,), name="features"),
        q.QActivation("quantized_bits(8,2,alpha=1)", name="taken"),
        q.QDense(6, kernel_quantizer=weights, bias_quantizer=weights, name="hidden"),
        q.QActivation("quantized_relu(6,2)", name="relu"),
        q.QDense(3, kernel_quantizer=weights, bias_quantizer=weights, name="scores"),
    ])  # fmt: skip


def plain(frameworks: Frameworks) -> Any:
    layers = frameworks.keras.layers
    return frameworks.keras.Sequential([
        layers.Input((6, 6, 1), name="image"),
        layers.Conv2D(3, 3, activation="relu", name="conv"),
        layers.BatchNormalization(name="norm"),
        layers.MaxPooling2D(name="pool"),
        layers.Flatten(name="flat"),
        layers.Dense(4, activation="softmax", name="classes"),
    ])  # fmt: skip


@pytest.mark.parametrize(("build", "exact"), [(quantized, True), (plain, False)])
def test_from_model_to_judged_project(build: Callable[[Frameworks], Any], exact: bool, tmp_path: Path) -> None:
    frameworks = load_frameworks()
    frameworks.keras.utils.set_random_seed(1)
    model = build(frameworks)
    kernel = model.layers[-1].get_weights()
    model.layers[-1].set_weights([np.where(np.abs(kernel[0]) < 0.2, 0, kernel[0]), *kernel[1:]])
    model.save(tmp_path / "model.h5")

    generated = generate(tmp_path / "model.h5", tmp_path / "project", GenerateSettings(part="xc7z020clg400-1"))

    assert generated.verification is not None
    assert generated.verification.agrees, generated.verification.reason
    assert generated.verification.expected_exact == exact
    assert generated.verification.samples >= 1000
    design = read_project(tmp_path / "project")
    assert design.digest == generated.design.digest
    assert design[model.layers[-1].name].weight is not None
    save_design(design, tmp_path / "design.npz")
    assert load_design(tmp_path / "design.npz").digest == design.digest
    result = audit(tmp_path / "project")
    assert result.agrees, [str(difference) for difference in result.differences]
    estimates = [estimate_source(tmp_path / name, part="xc7z020clg400-1") for name in ("model.h5", "project")]
    assert estimates[0].dsp == estimates[1].dsp
    assert compare_project(tmp_path / "project").verdict is Verdict.UNKNOWN
