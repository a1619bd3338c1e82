"""Strategies and reuse factors that hls4ml would move, drop or build wrongly are refused, with what would work."""

import re
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpgaprune.design import Strategy
from fpgaprune.errors import ConfigError, DependencyError
from fpgaprune.estimate import estimate_design, rules_for
from fpgaprune.flow.estimation import estimate_source
from fpgaprune.flow.generate import generate_loaded
from fpgaprune.frameworks import load_frameworks
from fpgaprune.generate.settings import GenerateSettings, LayerSettings
from fpgaprune.read.project import read_project
from fpgaprune.results import Bound
from tests.generate_models import loaded

pytestmark = pytest.mark.keras


def model(*layers: Any, shape: tuple[int, ...]) -> Any:
    keras = load_frameworks().keras
    return keras.Sequential([keras.layers.Input(shape, name="i"), *layers])


def made(network: Any, folder: Path, **settings: Any) -> Any:
    generate_loaded(loaded(network), folder / "p", GenerateSettings(**settings), run_verify=False)
    return read_project(folder / "p")


def test_moved_reuse_factors_are_refused_with_the_nearest(tmp_path: Path) -> None:
    layers = load_frameworks().keras.layers
    dense = model(layers.Dense(8, name="fc"), shape=(12,))
    with pytest.raises(ConfigError, match="'fc' cannot have reuse factor 5: the nearest that hls4ml can build is"):
        made(dense, tmp_path, strategy=Strategy.RESOURCE, reuse_factor=5)
    assert not (tmp_path / "p").exists()
    pointwise = model(layers.Conv2D(6, 1, name="pw"), shape=(5, 5, 4))
    with pytest.raises(ConfigError, match="'pw' cannot have reuse factor 5: the nearest that hls4ml can build is 4"):
        made(pointwise, tmp_path, strategy=Strategy.RESOURCE, reuse_factor=5)
    assert made(pointwise, tmp_path, strategy=Strategy.RESOURCE, reuse_factor=4)["pw"].reuse_factor == 4


def test_strategies_that_would_be_dropped_are_refused(tmp_path: Path) -> None:
    layers = load_frameworks().keras.layers
    dense = model(layers.Dense(8, name="fc"), shape=(12,))
    unrolled = {"strategy": Strategy.RESOURCE_UNROLLED, "reuse_factor": 4}
    with pytest.raises(ConfigError, match=r"'fc' cannot have strategy resource_unrolled.*io_parallel only"):
        made(dense, tmp_path, **unrolled, io_type="io_stream")
    with pytest.raises(ConfigError, match="needs a reuse factor above 1"):
        made(dense, tmp_path, strategy=Strategy.RESOURCE_UNROLLED)
    convolution = model(layers.Conv1D(4, 3, name="cv"), shape=(9, 4))
    with pytest.raises(ConfigError, match=r"'cv' cannot have strategy resource_unrolled: .* fall back to resource"):
        made(convolution, tmp_path, **unrolled)
    assert made(dense, tmp_path, **unrolled)["fc"].strategy is Strategy.RESOURCE_UNROLLED


@pytest.mark.parametrize("reuse_factor", [4, 16])
def test_unrolled_multipliers_are_those_hls4ml_allows(tmp_path: Path, reuse_factor: int) -> None:
    """A layer of 8 inputs: lanes of half an output, and of two outputs."""
    network = model(load_frameworks().keras.layers.Dense(6, name="fc"), shape=(8,))
    kernel, bias = network.get_layer("fc").get_weights()
    kernel[:4, 1] = kernel[:, 2:4] = kernel[1:, 5] = 0
    network.get_layer("fc").set_weights([kernel, bias])
    design = made(network, tmp_path, strategy=Strategy.RESOURCE_UNROLLED, reuse_factor=reuse_factor)
    text = (tmp_path / "p/firmware/nnet_utils/nnet_code_gen.h").read_text()
    (limit,) = re.findall(r"instances=mul limit=(\d+)", text)
    products = text.count("weight_t>::product(data[")
    assert products == np.count_nonzero(kernel)
    found = estimate_design(design, rules_for("vitis_hls")).layers[-1].multipliers
    assert found == Bound(ceil(products / reuse_factor), min(products, int(limit)))


def test_distributed_arithmetic_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dense = model(load_frameworks().keras.layers.Dense(3, name="fc"), shape=(4,))
    monkeypatch.setattr("fpgaprune.generate.strategies.find_spec", lambda _: None)
    with pytest.raises(DependencyError, match=r"'fc' has strategy distributed_arithmetic.*da4ml"):
        made(dense, tmp_path, strategy=Strategy.DISTRIBUTED_ARITHMETIC)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("da4ml") is None, reason="da4ml, an optional package, is not installed here")
def test_distributed_arithmetic_computes_the_model_without_a_multiplier(tmp_path: Path) -> None:
    dense = model(load_frameworks().keras.layers.Dense(3, name="fc"), shape=(4,))
    settings = GenerateSettings(strategy=Strategy.DISTRIBUTED_ARITHMETIC)
    generated = generate_loaded(loaded(dense), tmp_path / "p", settings)
    assert generated.verification is not None
    assert generated.verification.agrees, generated.verification.reason
    assert estimate_source(tmp_path / "p").dsp == Bound.exactly(0)


def test_depthwise_layers_keep_latency_unless_told_by_name(tmp_path: Path) -> None:
    layers = load_frameworks().keras.layers
    network = model(layers.DepthwiseConv2D(3, name="dw"), layers.Conv2D(2, 1, name="pw"), shape=(6, 6, 2))
    by_name = {"dw": LayerSettings(strategy=Strategy.RESOURCE)}
    with pytest.raises(ConfigError, match=r"'dw' \(DepthwiseConv2D\) cannot have strategy resource"):
        made(network, tmp_path, layers=by_name)
    design = made(network, tmp_path, strategy=Strategy.RESOURCE)
    assert (design["dw"].strategy, design["pw"].strategy) == (Strategy.LATENCY, Strategy.RESOURCE)


def test_parallelization_is_for_convolutions(tmp_path: Path) -> None:
    layers = load_frameworks().keras.layers
    network = model(layers.Conv1D(2, 3, name="cv"), layers.Flatten(), layers.Dense(2, name="fc"), shape=(8, 2))
    with pytest.raises(ConfigError, match="'fc' is not a convolution"):
        made(network, tmp_path, layers={"fc": LayerSettings(parallelization_factor=2)})
    with pytest.raises(ConfigError, match="cannot compute 4 positions in parallel: the nearest is 3"):
        made(network, tmp_path, layers={"cv": LayerSettings(parallelization_factor=4)})
    design = made(network, tmp_path, layers={"cv": LayerSettings(parallelization_factor=3)})
    assert design["cv"].parallelization_factor == 3


@pytest.mark.parametrize("quantizer", ["binary(alpha=1)", "quantized_po2(4)"])
def test_zeros_that_a_quantizer_does_not_have_are_said(quantizer: str, tmp_path: Path) -> None:
    q = load_frameworks().qkeras
    network = model(q.QDense(4, kernel_quantizer=quantizer, use_bias=False, name="fc"), shape=(4,))
    kernel = np.full((4, 4), 0.5)
    kernel[:3] = 0
    network.set_weights([kernel])
    generated = generate_loaded(loaded(network), tmp_path / "p", GenerateSettings(), run_verify=False)
    assert any("12 of the 16 stored weights of layer 'fc' are zero" in note for note in generated.notes)
    weight = generated.design["fc"].weight
    assert weight is not None
    assert weight.zeros == 0


def test_what_streams_cannot_do_is_refused(tmp_path: Path) -> None:
    layers, keras = load_frameworks().keras.layers, load_frameworks().keras
    pool = model(layers.MaxPooling2D(3, strides=2, padding="same", name="pool"), shape=(9, 9, 2))
    with pytest.raises(ConfigError, match=r"'pool' \(MaxPooling2D\) has padding.*use io_parallel"):
        made(pool, tmp_path, io_type="io_stream")
    ends = [layers.Input((6,), name=name) for name in ("a", "b")]
    dot = keras.Model(ends, layers.Dot(axes=1, name="dot")(ends))
    with pytest.raises(ConfigError, match=r"'dot' is a dot product.*io_parallel"):
        made(dot, tmp_path, io_type="io_stream")
