"""Slopes of leaky ReLUs, which a budget rounds where its limit of DSPs is out of reach otherwise."""

from typing import Any

import numpy as np
import pytest
from contracts.pruning import ring_data

from fpgaprune.compress.constants import Budget
from fpgaprune.csd import csd_digits
from fpgaprune.errors import ConfigError
from fpgaprune.flow.budget_training import train_to_budget
from fpgaprune.flow.compression import estimate_model
from fpgaprune.flow.constants import change_constants
from fpgaprune.frameworks import load_frameworks
from fpgaprune.generate.inputs import InputSet
from fpgaprune.generate.settings import GenerateSettings
from fpgaprune.read.model import load_model

INPUTS = InputSet((ring_data().x,), "ring", real=True)


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
def test_slopes_are_rounded_where_no_dsps_are_allowed(epochs: int, tmp_path: Any) -> None:
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
    assert set(found.record["slopes"]) == {"leaky", "own", "relu"}


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
    assert found.record["slopes"] == {}
    with pytest.raises(ConfigError, match=r"leaky .* for its slope of 0\.299988"):
        change_constants(leaky_model(), Budget(max_dsp=0, exclude=("[tl]*",)), INPUTS)
