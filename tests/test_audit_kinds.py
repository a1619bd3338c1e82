"""Audits of every kind of layer, of settings by pattern, and of what hls4ml writes by itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpgaprune.design import Strategy
from fpgaprune.flow.audit import audit
from fpgaprune.flow.generate import generate
from fpgaprune.frameworks import load_frameworks, quiet
from fpgaprune.generate.settings import GenerateSettings, LayerSettings
from tests.audit_models import quantized_model, randomized

pytestmark = pytest.mark.keras


def _float_model(keras: Any, qkeras: Any) -> Any:
    layers = keras.layers
    first = layers.Input((12, 12, 2), name="image")
    x = layers.Conv2D(4, 3, dilation_rate=2, name="dilated")(first)
    x = layers.BatchNormalization(name="folded")(x)
    x = layers.ReLU(name="r")(x)
    x = layers.Conv2D(4, 3, groups=2, use_bias=False, name="grouped")(x)
    x = layers.SeparableConv2D(3, 3, name="separable")(x)
    x = layers.Flatten(name="f")(x)
    x = layers.BatchNormalization(name="alone")(layers.LeakyReLU(0.25, name="leaky")(x))
    return keras.Model(first, layers.Dense(3, name="out")(x))


def _scaled_model(keras: Any, qkeras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((8, 8, 2)),
            qkeras.QConv2DBatchnorm(
                3, 3, kernel_quantizer="quantized_bits(5,0,alpha=1)", bias_quantizer="quantized_bits(8,2)", name="cb"
            ),
            qkeras.QActivation("quantized_relu(6,2)", name="a1"),
            qkeras.QDepthwiseConv2D(2, depthwise_quantizer="quantized_bits(4,0,alpha=1)", name="dw"),
            layers.Flatten(),
            qkeras.QDense(6, kernel_quantizer="quantized_bits(4,0,alpha='auto')", name="scaled"),
            layers.BatchNormalization(name="bn"),
            qkeras.QActivation("quantized_tanh(6)", name="a2"),
            qkeras.QDense(5, kernel_quantizer="ternary(alpha='auto_po2')", use_bias=False, name="ternary"),
            qkeras.QActivation("quantized_bits(8,3)", name="a3"),
            qkeras.QDense(2, kernel_quantizer="quantized_bits(6,0,keep_negative=0,alpha=1)", name="positive"),
        ]
    )


def _recurrent_model(keras: Any, qkeras: Any) -> Any:
    layers = keras.layers
    first = layers.Input((4, 3))
    x = layers.LSTM(4, return_sequences=True, name="lstm")(first)
    x = layers.GRU(3, name="gru")(x)
    return keras.Model(first, layers.Dense(2, name="out")(x))


@pytest.mark.slow
@pytest.mark.parametrize("make", [_float_model, _scaled_model, _recurrent_model])
@pytest.mark.parametrize("io_type", ["io_parallel", "io_stream"])
def test_every_kind_of_layer_agrees(tmp_path: Path, make: Callable[[Any, Any], Any], io_type: str) -> None:
    frameworks = load_frameworks()
    model = randomized(make(frameworks.keras, frameworks.qkeras), 0.3)
    model.save(tmp_path / "m.h5")
    generate(tmp_path / "m.h5", tmp_path / "p", GenerateSettings(io_type=io_type), run_verify=False)
    result = audit(tmp_path / "p")
    assert result.agrees, [str(one) for one in result.differences]
    compared = {row.layer for row in result.rows if row.model_zeros is not None}
    named = {layer.name for layer in model.layers if layer.weights} - {"separable", "folded", "bn"}
    assert named <= compared | {name.removesuffix("_alpha") for name in compared}


def test_reuse_factors_asked_for_by_pattern(tmp_path: Path) -> None:
    quantized_model().save(tmp_path / "m.h5")
    settings = GenerateSettings(
        strategy=Strategy.RESOURCE, reuse_factor=3, layers={"fc2": LayerSettings(reuse_factor=8)}
    )
    generate(tmp_path / "m.h5", tmp_path / "p", settings, run_verify=False)
    result = audit(tmp_path / "p")
    assert result.agrees, [str(one) for one in result.differences]
    assert {(row.layer, row.reuse_factor) for row in result.rows} == {("fc1", 3), ("fc2", 8)}


# Projects of plain hls4ml


def _plain_hls4ml(model: Any, folder: Path, **options: Any) -> Path:
    hls4ml = load_frameworks().hls4ml
    with quiet("hls4ml"):
        config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Vitis")
        for name, factor in options.get("reuse", {}).items():
            config["LayerName"][name]["ReuseFactor"] = factor
        graph = hls4ml.converters.convert_from_keras_model(
            model, hls_config=config, output_dir=str(folder), backend="Vitis"
        )
        graph.write()
    return folder


def test_plain_hls4ml_floors_float_weights(tmp_path: Path) -> None:
    """Its project holds tiny negative weights as -1 LSB: seen, since only the nearest value would do."""
    keras = load_frameworks().keras
    model = randomized(keras.Sequential([keras.layers.Input((6,)), keras.layers.Dense(4, name="fc")]))
    kernel, bias = model.get_weights()
    kernel[0, 0], bias[:] = -3e-4, 0
    model.set_weights([kernel, bias])
    result = audit(_plain_hls4ml(model, tmp_path / "p"), model)
    assert result.looks == ("model", "project")
    assert any("no saved graph" in note for note in result.notes)
    (value, *_) = [one for one in result.differences if one.what == "value"]
    assert value.index == (0, 0)
    assert float(value.right) == -(2.0**-10)


def test_plain_hls4ml_is_right_about_representable_weights(tmp_path: Path) -> None:
    model = quantized_model()
    result = audit(_plain_hls4ml(model, tmp_path / "p"), model)
    assert result.agrees, [str(one) for one in result.differences]


def test_plain_hls4ml_loses_a_bit_of_unsigned_weights(tmp_path: Path) -> None:
    frameworks = load_frameworks()
    quantizer = "quantized_bits(6,0,keep_negative=0,alpha=1)"
    model = frameworks.keras.Sequential(
        [frameworks.keras.layers.Input((6,)), frameworks.qkeras.QDense(4, kernel_quantizer=quantizer, name="fc")]
    )
    model.set_weights([np.full((6, 4), 61 / 64, np.float32), np.zeros(4, np.float32)])
    result = audit(_plain_hls4ml(model, tmp_path / "p"), model)
    assert [one.array for one in result.differences if one.what == "value"] == ["weight"]
