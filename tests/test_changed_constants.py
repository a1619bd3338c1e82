"""Constants chosen for hardware in models: what is changed, what stays, and what is refused."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from contracts.pruning import dense_model, ring_data

from fpgaprune.compress.constants import Budget, CsdRounding
from fpgaprune.compress.copying import predict
from fpgaprune.compress.sensitivity import measure_importance
from fpgaprune.csd import csd_digits
from fpgaprune.errors import ConfigError, ModelError
from fpgaprune.flow.budget_training import train_to_budget
from fpgaprune.flow.compression import estimate_model
from fpgaprune.flow.constants import change_constants
from fpgaprune.frameworks import load_frameworks
from fpgaprune.generate.inputs import InputSet
from fpgaprune.generate.settings import GenerateSettings

BITS = "quantized_bits(14,1,alpha=1)"


@pytest.mark.keras
@pytest.mark.parametrize("quantizer", [None, BITS])
@pytest.mark.parametrize("config", [Budget(max_dsp=0, exclude=("second",)), CsdRounding(2, exclude=("second",))])
def test_changed_constants_keep_zeros_and_excluded_layers_and_come_out_again(
    config: Any, quantizer: str | None
) -> None:
    inputs = InputSet((ring_data().x,), "ring", real=True)
    found = []
    for _ in range(2):
        trained = dense_model(quantizer)
        loaded = load_frameworks().keras.Model(trained.inputs, trained.layers[-2].output)
        kernel, bias = loaded.get_layer("first").get_weights()
        loaded.get_layer("first").set_weights([np.where(np.abs(kernel) < 0.2, 0, kernel), bias])
        before = [array.copy() for array in loaded.get_weights()]
        if isinstance(config, Budget):  # what the excluded layer needs is not to be had
            inside = estimate_model(loaded, GenerateSettings(), inputs).layers
            config = replace(config, max_dsp=next(e.dsp.high for e in inside if e.name == "second" and e.dsp))
        found.append(change_constants(loaded, config, inputs).model.get_weights())
        assert not found[-1][0][before[0] == 0].any()
        assert (found[-1][0] != before[0]).any()
        assert all(np.array_equal(a, b) for a, b in zip(found[-1][1:], before[1:], strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.keras
def test_convolutions_keep_what_was_chosen_and_what_is_no_kernel_is_named() -> None:
    fw = load_frameworks()
    la = fw.keras.layers
    fw.keras.utils.set_random_seed(0)
    x = inputs = la.Input((8, 8, 2))
    x = la.Conv2D(3, 3, activation="relu", name="conv")(x)
    x = la.DepthwiseConv2D(2, name="depth")(x)
    x = la.SeparableConv2D(3, 2, name="sep")(x)
    x = la.Flatten()(x)
    model = fw.keras.Model(inputs, la.Dense(2, activation="softmax", name="out")(x))
    data = InputSet((np.random.default_rng(0).uniform(size=(20, 8, 8, 2)),), "noise", real=True)
    importance = measure_importance(model, data.arrays)
    assert importance.inputs["conv"].shape == (18,)
    assert importance.outputs["conv"].shape == (3,)
    assert importance.inputs["depth"].shape == (12,)
    assert all((array > 0).any() for array in importance.outputs.values())
    changed = change_constants(model, CsdRounding(1), data)
    for name in ("conv", "depth", "out"):
        assert csd_digits(changed.design[name].parameters["weight"].codes).max() == 1
    assert changed.record["not_changeable"] == []
    for name in ("sep_depthwise", "sep_pointwise"):
        assert csd_digits(changed.design[name].parameters["weight"].codes).max() == 1
    changed = change_constants(model, CsdRounding(1, exclude=("sep",)), data)
    assert changed.record["not_changeable"] == ["sep_depthwise", "sep_pointwise"]
    assert all(name.startswith("sep") for name in changed.record["not_changeable"])


@pytest.mark.keras
@pytest.mark.parametrize("epochs", [0, 1])
def test_a_budget_takes_in_the_normalizations_behind_layers(epochs: int) -> None:
    fw = load_frameworks()
    la, data = fw.keras.layers, ring_data()
    fw.keras.utils.set_random_seed(0)
    x = inputs = la.Input((8,))
    x = la.Dense(6, use_bias=False, name="first")(x)
    x = la.BatchNormalization(name="norm", moving_variance_initializer="random_uniform", epsilon=0.3)(x)
    model = fw.keras.Model(inputs, la.Dense(2, name="last")(la.ReLU()(x)))
    samples = InputSet((data.x,), "ring", real=True)
    before = predict(model, data.x)[0]
    assert estimate_model(model, GenerateSettings(), samples).dsp.high > 20
    config = Budget(max_dsp=0)
    if epochs:
        logits = fw.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        found = train_to_budget(model, config, samples, data, loss=logits, epochs=epochs)
    else:
        found = change_constants(model, config, samples)
        assert np.abs(predict(found.model, data.x)[0] - before).max() < 0.1 * np.abs(before).max()
    assert (found.after.dsp.high, found.record["folded"]) == (0, ["norm"])
    assert np.array_equal(predict(model, data.x)[0], before)
    assert not any(type(layer).__name__ == "BatchNormalization" for layer in found.model.layers)
    with pytest.raises(ConfigError, match="first"):
        change_constants(model, Budget(max_dsp=0, exclude=("first",)), samples)


@pytest.mark.keras
def test_importance_tells_how_far_the_outputs_move() -> None:
    """Against the change that one wrong weight really makes, in a linear network, where it is exact."""
    fw = load_frameworks()
    fw.keras.utils.set_random_seed(0)
    la = fw.keras.layers
    inputs = la.Input((4,))
    hidden = la.Dense(5, use_bias=False, name="first")(inputs)
    model = fw.keras.Model(inputs, la.Dense(3, name="second")(hidden))
    x = np.random.default_rng(0).normal(size=(1024, 4)).astype(np.float32)
    importance = measure_importance(model, [x])
    kernel = model.get_layer("first").kernel
    before = np.asarray(model(x))
    for place in ((0, 0), (3, 2), (1, 4)):
        moved = kernel.numpy()
        moved[place] += 0.5
        kept = kernel.numpy()
        kernel.assign(moved)
        measured = np.square(np.asarray(model(x)) - before).sum(axis=1).mean()
        kernel.assign(kept)
        expected = 0.25 * importance.inputs["first"][place[0]] * importance.outputs["first"][place[1]]
        assert measured == pytest.approx(expected, rel=0.15)  # random mixes of outputs


@pytest.mark.keras
@pytest.mark.parametrize(
    ("alpha", "words"), [("'auto'", r"no layer.*fc"), ("'auto_po2'", r"'fc' would not keep.*alpha")]
)
def test_a_quantizer_that_scales_by_the_weights_is_refused(alpha: str, words: str) -> None:
    fw = load_frameworks()
    fw.keras.utils.set_random_seed(0)
    layer = fw.qkeras.QDense(
        6,
        kernel_quantizer=f"quantized_bits(8,0,alpha={alpha})",
        bias_quantizer="quantized_bits(8,0,alpha=1)",
        name="fc",
    )
    inputs = fw.keras.layers.Input((8,))
    model = fw.keras.Model(inputs, layer(inputs))
    data = InputSet((ring_data().x,), "ring", real=True)
    with pytest.raises(ModelError, match=words):
        change_constants(model, CsdRounding(1), data)


@pytest.mark.keras
def test_constants_of_dilated_filters_stay_and_those_of_others_change() -> None:
    fw = load_frameworks()
    la = fw.keras.layers
    fw.keras.utils.set_random_seed(0)
    inputs = la.Input((8, 3))
    x = la.Conv1D(4, 3, dilation_rate=2, padding="same", name="wide")(inputs)
    model = fw.keras.Model(inputs, la.Dense(2, name="out")(la.Flatten()(la.ReLU()(x))))
    data = InputSet((np.random.default_rng(0).uniform(size=(20, 8, 3)),), "noise", real=True)
    changed = change_constants(model, CsdRounding(1), data)
    assert changed.record["not_changeable"] == ["wide"]
    assert csd_digits(changed.design["out"].parameters["weight"].codes).max() == 1
