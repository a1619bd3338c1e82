"""Slopes and recurrent matrices, which a budget rounds where its limit of DSPs is out of reach otherwise."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.pruning import ring_data

from fpgaprune.compress import TrainingData
from fpgaprune.compress.constants import Budget, CsdRounding
from fpgaprune.compress.copying import predict
from fpgaprune.csd import csd_digits
from fpgaprune.errors import ConfigError
from fpgaprune.estimate import estimate_design, rules_for
from fpgaprune.flow.budget_training import train_to_budget
from fpgaprune.flow.compression import estimate_model
from fpgaprune.flow.constants import change_constants
from fpgaprune.flow.generate import generate
from fpgaprune.frameworks import load_frameworks
from fpgaprune.generate.inputs import InputSet
from fpgaprune.generate.settings import GenerateSettings
from fpgaprune.read.model import load_model

INPUTS = InputSet((ring_data().x,), "ring", real=True)
STEPS = InputSet((np.random.default_rng(0).normal(size=(100, 4, 2)).astype(np.float32),), "steps", real=True)


def leaky_model() -> Any:
    """Three kinds of leaky ReLUs: slopes of a layer each, of one for every neuron, and a ReLU's own."""
    fw = load_frameworks()
    la = fw.keras.layers
    fw.keras.utils.set_random_seed(0)
    x = inputs = la.Input((8,), name="values")
    slopes = fw.keras.initializers.RandomUniform(0.05, 0.4, seed=1)
    x = la.LeakyReLU(0.3, name="leaky")(la.Dense(12, name="first")(x))
    x = la.PReLU(alpha_initializer=slopes, name="own")(la.Dense(10, name="second")(x))
    x = la.ReLU(negative_slope=0.17, name="relu")(la.Dense(6, name="third")(x))
    return fw.keras.Model(inputs, la.Dense(2, name="out")(x))


def slopes_of(model: Any) -> list[float]:
    leaky, relu, own = (model.get_layer(name) for name in ("leaky", "relu", "own"))
    return [float(leaky.alpha), float(relu.negative_slope), *np.asarray(own.alpha).tolist()]


@pytest.mark.keras
@pytest.mark.parametrize("epochs", [0, 2])
def test_slopes_are_rounded_where_no_dsps_are_allowed(epochs: int, tmp_path: Path) -> None:
    model = leaky_model()
    before = np.array(slopes_of(model))
    found = _train(model, epochs) if epochs else change_constants(model, Budget(max_dsp=0), INPUTS)
    assert found.before.dsp.high > found.after.dsp.high == 0
    found.model.save(tmp_path / "m.h5")
    again = load_model(tmp_path / "m.h5").model
    after = np.array(slopes_of(again))
    assert (after != before).all()
    assert (csd_digits(np.round(after * 2**20).astype(np.int64)) <= 2).all()
    assert np.array_equal(after, after.astype(np.float32))
    assert np.abs(after / before - 1).max() < 0.1
    assert estimate_model(again, GenerateSettings(), INPUTS).dsp.high == 0
    assert found.record["rounded"] == ["leaky/alpha", "own/alpha", "relu/negative_slope"]


def _train(model: Any, epochs: int) -> Any:
    data = ring_data()
    loss = load_frameworks().keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return train_to_budget(model, Budget(max_dsp=0), INPUTS, data, loss=loss, epochs=epochs)


@pytest.mark.keras
def test_slopes_stay_where_the_limit_is_met_without_and_where_they_are_excluded() -> None:
    model = leaky_model()
    before = slopes_of(model)
    enough = sum(
        each.dsp.high
        for each in estimate_model(model, GenerateSettings(), INPUTS).layers
        if each.dsp is not None and each.name in ("leaky", "own", "relu")
    )
    found = change_constants(model, Budget(max_dsp=enough), INPUTS)
    assert found.after.dsp.high <= enough
    assert slopes_of(found.model) == before
    assert found.record["rounded"] == []
    with pytest.raises(ConfigError, match=r"leaky .* for its slope of 0\.299988"):
        change_constants(leaky_model(), Budget(max_dsp=0, exclude=("third", "leaky")), INPUTS)


def recurrent_model(quantized: bool) -> Any:
    """Two recurrent layers of three units, so 18 products of values that no constant saves."""
    fw = load_frameworks()
    la, q = fw.keras.layers, fw.qkeras
    fw.keras.utils.set_random_seed(0)
    inputs = la.Input((4, 2), name="steps")
    if not quantized:
        x = la.GRU(3, name="gru")(la.LSTM(3, return_sequences=True, name="lstm")(inputs))
        return fw.keras.Model(inputs, la.Dense(2, name="out")(x))
    bits = {f"{name}_quantizer": "quantized_bits(14,1,alpha=1)" for name in ("kernel", "bias")}
    more = {"recurrent_quantizer": "quantized_bits(14,0,alpha=0.5)", "activation": "tanh"}
    more |= {"recurrent_activation": "sigmoid"}
    x = q.QActivation("quantized_bits(12,2,alpha=1)")(inputs)
    x = q.QGRU(3, name="gru", reset_after=True, **bits, **more)(
        q.QLSTM(3, return_sequences=True, name="lstm", **bits, **more)(x)
    )
    return fw.keras.Model(inputs, q.QDense(2, name="out", **bits)(x))


@pytest.mark.keras
@pytest.mark.parametrize("quantized", [False, True])
@pytest.mark.parametrize("config", [Budget(max_dsp=18), CsdRounding(2)])
def test_both_matrices_of_recurrent_layers_are_rounded(config: Any, quantized: bool, tmp_path: Path) -> None:
    model = recurrent_model(quantized)
    np.savez(tmp_path / "d.npz", x=STEPS.arrays[0], y=np.arange(len(STEPS.arrays[0])) % 2)
    before = predict(model, STEPS.arrays[0])[0]
    found = change_constants(model, config, STEPS)
    assert found.before.dsp.high > 40
    assert found.after.dsp.high == 18
    assert found.record["rounded"] == [f"{n}/{k}" for n in ("lstm", "gru") for k in ("kernel", "recurrent_kernel")]
    found.model.save(tmp_path / "m.h5")
    project = generate(tmp_path / "m.h5", tmp_path / "p", data=tmp_path / "d.npz", run_verify=False)
    for layer in (project.design["lstm"], project.design["gru"]):
        assert all(csd_digits(layer.parameters[n].codes).max() <= 2 for n in ("weight", "recurrent_weight"))
    assert estimate_design(project.design, rules_for("vitis_hls")).dsp.high == 18
    after = predict(load_model(tmp_path / "m.h5").model, STEPS.arrays[0])[0]
    assert 0 < np.abs(after - before).max() < 0.2 * np.ptp(before)


@pytest.mark.keras
def test_a_limit_below_the_products_between_gates_is_refused_and_nothing_is_changed() -> None:
    model = recurrent_model(quantized=False)
    before = model.get_weights()
    with pytest.raises(ConfigError, match=r"18 DSPs do not .*lstm \(lstm\) 9, in which every unit .* fewer units"):
        change_constants(model, Budget(max_dsp=17), STEPS)
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))
    assert change_constants(model, Budget(max_dsp=1000), STEPS).record["rounded"] == []
    found = change_constants(model, CsdRounding(2, exclude=("type:lstm",)), STEPS)
    assert found.record["rounded"] == ["gru/kernel", "gru/recurrent_kernel"]
    with pytest.raises(ConfigError, match="unknown layer to exclude"):
        change_constants(model, CsdRounding(2, exclude=("type:conv1d",)), STEPS)


@pytest.mark.keras
def test_rounded_matrices_stay_while_the_rest_trains() -> None:
    model = recurrent_model(quantized=False)
    x = STEPS.arrays[0]
    y = (x.sum(axis=(1, 2)) > 0).astype(np.int64)
    loss = load_frameworks().keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    found = train_to_budget(model, Budget(max_dsp=18), STEPS, TrainingData(x, y, x, y), loss=loss, epochs=3)
    assert found.after.dsp.high == 18
    for array in (found.model.get_layer("lstm").cell.recurrent_kernel, found.model.get_layer("gru").cell.kernel):
        assert csd_digits(np.round(np.asarray(array, dtype=np.float64) * 2**20).astype(np.int64)).max() <= 2


@pytest.mark.keras
@pytest.mark.parametrize("epochs", [0, 2])
def test_normalizations_that_no_layer_takes_in_are_rounded(epochs: int, tmp_path: Path) -> None:
    fw = load_frameworks()
    la = fw.keras.layers
    fw.keras.utils.set_random_seed(0)
    inputs = la.Input((8,), name="values")
    x = la.BatchNormalization(name="norm")(la.Dense(6, activation="relu", name="first")(inputs))
    model = fw.keras.Model(inputs, la.Dense(2, name="out")(x))
    rng = np.random.default_rng(0)
    model.get_layer("norm").set_weights(
        [rng.uniform(0.5, 2, 6), rng.normal(size=6), rng.normal(size=6), rng.uniform(0.5, 2, 6)]
    )
    before = predict(model, INPUTS.arrays[0])[0]
    found = _train(model, epochs) if epochs else change_constants(model, Budget(max_dsp=0), INPUTS)
    assert found.before.dsp.high > found.after.dsp.high == 0
    assert found.record["rounded"] == ["norm/gamma", "norm/moving_variance"]
    found.model.save(tmp_path / "m.h5")
    again = load_model(tmp_path / "m.h5").model
    assert estimate_model(again, GenerateSettings(), INPUTS).dsp.high == 0
    if not epochs:
        assert 0 < np.abs(predict(again, INPUTS.arrays[0])[0] - before).max() < 0.3 * np.ptp(before)


@pytest.mark.keras
def test_separable_layers_and_scales_of_fine_types_are_rounded() -> None:
    fw = load_frameworks()
    la, q = fw.keras.layers, fw.qkeras
    fw.keras.utils.set_random_seed(0)
    bits = {f"{name}_quantizer": "quantized_bits(12,1,alpha=1)" for name in ("kernel", "bias")}
    inputs = la.Input((5, 5, 2), name="image")
    x = la.SeparableConv2D(3, 2, activation="relu", name="sep")(inputs)
    x = q.QActivation("quantized_bits(12,2,alpha=1)", name="typed")(la.Flatten(name="flat")(x))
    x = la.BatchNormalization(name="norm")(q.QDense(16, name="first", **bits)(x))
    model = fw.keras.Model(inputs, la.Dense(2, name="out")(x))
    rng = np.random.default_rng(1)
    parts = [rng.uniform(1, 4, 16), rng.normal(size=16), rng.normal(size=16), rng.uniform(0.5, 2, 16)]
    model.get_layer("norm").set_weights(parts)
    images = InputSet((rng.normal(size=(60, 5, 5, 2)).astype(np.float32),), "images", real=True)
    found = change_constants(model, Budget(max_dsp=0), images)
    assert found.before.dsp.high > found.after.dsp.high == 0
    assert found.record["not_changeable"] == []
    kernels = ["sep/depthwise_kernel", "sep/pointwise_kernel"]
    assert found.record["rounded"] == [*kernels, "norm/gamma", "norm/moving_variance"]


@pytest.mark.keras
def test_scales_that_a_quantizer_chooses_are_named() -> None:
    fw = load_frameworks()
    q = fw.qkeras
    fw.keras.utils.set_random_seed(0)
    inputs = fw.keras.layers.Input((8,), name="values")
    x = q.QDense(6, kernel_quantizer="quantized_bits(6,0,alpha='auto')", name="first")(inputs)
    model = fw.keras.Model(inputs, fw.keras.layers.Dense(2, name="out")(x))
    with pytest.raises(ConfigError, match=r"first_alpha .*chooses \(alpha\): with alpha=1 or alpha='auto_po2'"):
        change_constants(model, Budget(max_dsp=0), INPUTS)
