"""Unread neurons taken out: smaller layers, the same results."""

from typing import Any

import numpy as np
import pytest

from fpgaprune.compress.copying import predict
from fpgaprune.compress.shrink import shrink
from fpgaprune.frameworks import load_frameworks


def network(quantized: bool) -> Any:
    fw = load_frameworks()
    fw.keras.utils.set_random_seed(0)
    la, q = fw.keras.layers, fw.qkeras
    bits = "quantized_bits(10,1,alpha=1)"

    def dense(units: int, name: str, **options: Any) -> Any:
        if quantized:
            return q.QDense(units, kernel_quantizer=bits, bias_quantizer=bits, name=name)
        return la.Dense(units, name=name, **options)

    x = inputs = la.Input((6,))
    x = dense(8, "first")(x)
    x = la.BatchNormalization(name="norm")(x)
    x = q.QActivation("quantized_relu(8,2)", name="act")(x) if quantized else la.ReLU(name="act")(x)
    x = dense(7, "second")(x)
    x = la.ReLU(name="act2")(x)
    x = dense(3, "third")(x)
    model = fw.keras.Model(inputs, la.Softmax()(x))
    rng = np.random.default_rng(0)
    model.get_layer("norm").set_weights([rng.uniform(0.5, 2, 8), *rng.normal(size=(2, 8)), rng.uniform(0.5, 2, 8)])
    return model


def silence(model: Any, reader: str, neurons: list[int], value: float = 0.0) -> None:
    kernel, bias = model.get_layer(reader).get_weights()
    kernel[neurons] = value
    model.get_layer(reader).set_weights([kernel, bias])


@pytest.mark.keras
@pytest.mark.parametrize("quantized", [False, True])
def test_unread_neurons_go_and_the_results_stay(quantized: bool) -> None:
    model = network(quantized)
    silence(model, "second", [0, 3, 7])
    # What a quantizer rounds to zero is not read either.
    silence(model, "third", [2], 1e-4 if quantized else 0.0)
    x = np.random.default_rng(1).normal(size=(50, 6)).astype(np.float32)
    before = [array.copy() for array in model.get_weights()]
    result = shrink(model)
    assert result.removed == {"first": 3, "second": 1}
    assert [result.model.get_layer(name).units for name in ("first", "second", "third")] == [5, 6, 3]
    assert result.model.get_layer("second").kernel.shape == (5, 6)
    assert result.model.get_layer("norm").gamma.shape == (5,)
    assert np.allclose(predict(model, x)[0], predict(result.model, x)[0], atol=1e-6)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.keras
def test_neurons_that_others_read_and_outputs_stay() -> None:
    fw = load_frameworks()
    la = fw.keras.layers
    inputs = la.Input((4,))
    shared = la.Dense(5, name="shared")(inputs)
    seen = la.Dense(4, activation="softmax", name="seen")(shared)
    model = fw.keras.Model(inputs, [la.Dense(2, name="left")(shared), la.Dense(2, name="right")(seen)])
    silence(model, "left", [0, 1])
    silence(model, "right", [0, 1])
    assert shrink(model).removed == {}


@pytest.mark.keras
def test_what_only_unread_neurons_read_goes_too() -> None:
    model = network(quantized=False)
    silence(model, "third", [1, 4])
    kernel, bias = model.get_layer("second").get_weights()
    kernel[5, [n for n in range(7) if n not in (1, 4)]] = 0
    model.get_layer("second").set_weights([kernel, bias])
    assert dict(shrink(model).removed) == {"first": 1, "second": 2}


@pytest.mark.keras
def test_a_layer_keeps_one_neuron() -> None:
    model = network(quantized=False)
    silence(model, "third", list(range(7)))
    result = shrink(model)
    assert result.model.get_layer("second").units == 1
