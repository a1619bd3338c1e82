"""L0 pruning by hard-concrete gates."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from contracts.pruning import PruningContract, dense_model, ring_data

from fpgaprune.compress import L0, PruneConfig, prune
from fpgaprune.compress.hard_concrete import GROUPS, Gates, gate_shape
from fpgaprune.compress.kernels import find_kernels
from fpgaprune.compress.training import Trainer
from fpgaprune.errors import ConfigError
from fpgaprune.frameworks import load_frameworks

QUICK: dict[str, Any] = {"epochs": 2, "fine_tune_epochs": 1}


class TestL0(PruningContract):
    def config(self, target_sparsity: float, **settings: Any) -> PruneConfig:
        return L0(target_sparsity=target_sparsity, **QUICK, **settings)


@pytest.mark.keras
def test_gates_are_the_distribution_of_the_paper() -> None:
    """Means over many samples against the closed forms: how often a gate is not 0, and its value without noise."""
    tf = load_frameworks().tensorflow
    gates = Gates([(5, 4000)], [20000], seed=0)
    numbers = np.array([-3.0, -1.0, 0.0, 1.0, 3.0])
    gates.variables[0].assign(np.repeat(numbers[:, np.newaxis], 4000, axis=1))
    sampled = np.asarray(gates.sampled()[0])
    assert 0 <= sampled.min() <= sampled.max() <= 1
    opened = 1 / (1 + np.exp(-(numbers - 2 / 3 * np.log(0.1 / 1.1))))
    assert np.allclose((sampled > 0).mean(axis=1), opened, atol=0.03)
    steady = np.clip(1.2 / (1 + np.exp(-numbers)) - 0.1, 0, 1)
    assert np.allclose(np.asarray(gates.steady()[0])[:, 0], steady, atol=1e-5)
    assert float(gates.penalty()) == 0
    gates.aim(0.9)
    missing = 0.9 - (1 - opened.mean())
    assert float(gates.penalty()) == pytest.approx(0.5 * missing**2, rel=1e-3)
    gates.after_step()
    assert float(gates.penalty()) == pytest.approx(1.5 * missing**2, rel=1e-3)
    with tf.GradientTape() as tape:
        penalty = gates.penalty()
    assert (np.asarray(tape.gradient(penalty, gates.variables[0])) > 0).all()  # they close


@pytest.mark.keras
def test_gates_close_where_nothing_depends_on_them() -> None:
    """Six of eight inputs are noise: their gates close, and those of the two that matter stay open."""
    keras = load_frameworks().keras
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Input((8,)), keras.layers.Dense(1, name="fc")])
    data = ring_data(count=800)
    y = data.x[:, :2].sum(axis=1)
    data = type(data)(data.x, y, data.validation_x, data.validation_x[:, :2].sum(axis=1))
    trainer = Trainer(model, find_kernels(model), data, loss="mse", batch_size=32, seed=0)
    gates = Gates([(8, 1)], [8], seed=0)
    trainer.restart(1e-2, l1=0.0)
    trainer.set_gates(gates, 0.05)
    for epoch in range(1, 31):
        gates.aim(0.75 * min(1.0, epoch / 20))
        trainer.epoch()
    steady = np.asarray(gates.steady()[0]).ravel()
    assert (steady[:2] > 0.5).all()
    assert (steady[2:] < 0.1).all()
    assert np.allclose(model.layers[0].kernel[2:], 0, atol=0.05)


@pytest.mark.keras
@pytest.mark.parametrize("group", ["input", "output"])
def test_a_group_goes_as_a_whole(group: str) -> None:
    config = L0(target_sparsity=0.5, group=group, **QUICK)
    result = prune(dense_model("quantized_bits(12,1,alpha=1)"), config, ring_data())
    assert result.sparsity >= 0.5
    axis = 1 if group == "input" else 0
    for kernel in find_kernels(result.model):
        counts = np.count_nonzero(kernel.values(), axis=axis)
        assert set(counts) <= {0, kernel.variable.shape[axis]}


def test_what_shares_a_gate() -> None:
    assert {name: gate_shape(name, (3, 3, 4, 8), depthwise=False) for name in GROUPS} == {
        "weight": (3, 3, 4, 8),
        "input": (1, 1, 4, 1),  # a channel over all taps: only so the layer before can lose a filter
        "output": (1, 1, 1, 8),
    }
    assert gate_shape("output", (3, 3, 4, 2), depthwise=True) == (1, 1, 4, 2)
    assert gate_shape("input", (6, 5), depthwise=False) == (6, 1)


@pytest.mark.parametrize(
    "wrong", [{"target_sparsity": 1.0}, {"group": "rows"}, {"epochs": 0}, {"gate_learning_rate": 0.0}, {"seed": -1}]
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        replace(L0(target_sparsity=0.5), **wrong)
