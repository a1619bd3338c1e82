"""Iterative L1 pruning: the shared contract, masks at every step, divergence, settings and data."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from contracts.pruning import PruningContract, dense_model, ring_data
from hypothesis import given
from hypothesis import strategies as st

from fpgaprune.compress import (
    IterativeL1,
    PruneConfig,
    PruningDivergedError,
    TrainingData,
    config_type,
    prune,
    split_validation,
)
from fpgaprune.compress.kernels import find_kernels
from fpgaprune.compress.masks import remove_smallest
from fpgaprune.compress.training import Trainer
from fpgaprune.errors import ConfigError, ModelError
from fpgaprune.frameworks import load_frameworks


def quick(target_sparsity: float, **settings: Any) -> IterativeL1:
    defaults = {"steps": 2, "train_epochs": 1, "epochs_per_step": 1, "fine_tune_epochs": 2}
    return IterativeL1(target_sparsity, **{**defaults, **settings})


class TestIterativeL1(PruningContract):
    def config(self, target_sparsity: float, **settings: Any) -> PruneConfig:
        return quick(target_sparsity, **settings)


@pytest.mark.keras
def test_masks_hold_after_every_step() -> None:
    model = dense_model("quantized_bits(6,1,alpha=1)")
    kernels = find_kernels(model)
    seen: list[int] = []

    def check() -> None:
        for kernel, mask in zip(kernels, trainer.masks(), strict=True):
            assert not kernel.values()[~mask].any()
            assert not kernel.quantized()[~mask].any()
        seen.append(sum(int((~mask).sum()) for mask in trainer.masks()))

    trainer = Trainer(
        model, kernels, ring_data(), loss="sparse_categorical_crossentropy", batch_size=32, seed=0, on_step=check
    )
    trainer.epoch()  # fills Adam's moments with the steps of weights that will be removed
    before = [kernel.values() for kernel in kernels]
    trainer.hold(remove_smallest(kernels, trainer.masks(), 0.7, 0.95))
    trainer.epoch()
    assert seen == [0] * 6 + [112] * 6  # 180 samples in batches of 32; 70 % of 8 * 16 + 16 * 2 weights
    assert any(
        (old[mask] != k.values()[mask]).any() for old, k, mask in zip(before, kernels, trainer.masks(), strict=True)
    )


@pytest.mark.keras
def test_l1_shrinks_weights() -> None:
    sums = []
    for l1 in (0.0, 1e-2):
        model = prune(
            dense_model(), quick(0.1, l1=l1, train_epochs=10, fine_tune_epochs=0, learning_rate=1e-2), ring_data()
        ).model
        sums.append(sum(np.abs(kernel.values()).sum() for kernel in find_kernels(model)))
    assert sums[1] < 0.9 * sums[0]


@pytest.mark.keras
@pytest.mark.parametrize("rewind", [0, 1])
def test_what_stays_goes_back_to_its_early_weights(rewind: int) -> None:
    """Without epochs after the removals, the weights that are left are the early ones."""
    model, settings = dense_model(), {"train_epochs": 2, "epochs_per_step": 0, "fine_tune_epochs": 0}
    early = prune(model, quick(0.01, **{**settings, "train_epochs": rewind}), ring_data()).model if rewind else model
    result = prune(model, quick(0.5, rewind=rewind, **settings), ring_data())
    assert result.sparsity >= 0.5
    for kernel, first in zip(find_kernels(result.model), find_kernels(early), strict=True):
        kept = (kernel.values() != 0) & (first.values() != 0)
        assert kept.any()
        assert np.allclose(kernel.values()[kept], first.values()[kept], atol=1e-5)
    with pytest.raises(ConfigError, match="rewind"):
        quick(0.5, rewind=3, train_epochs=2)


@pytest.mark.keras
def test_divergence_keeps_the_last_good_weights() -> None:
    """A loss that turns NaN after some good epochs; one that explodes at once is in the contract."""
    tf = load_frameworks().tensorflow
    calls = tf.Variable(0, dtype=tf.int32)

    def fails(y: Any, answer: Any) -> Any:
        """NaN in the fourth epoch: one score at the start, then six batches and a score in each epoch."""
        loss = load_frameworks().keras.losses.sparse_categorical_crossentropy(y, answer)
        return tf.where(calls.assign_add(1) > 1 + 7 * 3 + 2, np.nan, loss)

    model = dense_model()
    model.compile(loss=fails)
    before = model.get_weights()
    seen: list[Any] = []
    with pytest.raises(PruningDivergedError, match=r"NaN or infinite.*learning_rate") as caught:
        prune(model, quick(0.5, learning_rate=1e-3, batch_size=32), ring_data(), on_progress=seen.append)
    result = caught.value.result
    assert all(np.isfinite(array).all() for array in result.model.get_weights())
    assert "NaN" in result.record["stopped"]
    assert len(result.record["history"]) == len(seen) == 3
    assert result.sparsity == seen[-1].sparsity
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.keras
def test_frozen_layers_are_left_alone() -> None:
    model = dense_model()
    model.get_layer("first").trainable = False
    result = prune(model, quick(0.5), ring_data())
    assert [layer["pruned"] for layer in result.record["found"]["layers"]] == [False, True]
    assert np.array_equal(result.model.get_layer("first").kernel, model.get_layer("first").kernel)


@pytest.mark.keras
def test_a_shared_layer_counts_once() -> None:
    keras = load_frameworks().keras
    shared = keras.layers.Dense(8, name="shared")
    inputs = keras.layers.Input((8,))
    model = keras.Model(inputs, keras.layers.Dense(2, name="out")(shared(shared(inputs))))
    result = prune(model, quick(0.5, loss="sparse_categorical_crossentropy"), ring_data())
    assert [layer["name"] for layer in result.record["found"]["layers"]] == ["shared", "out"]


@pytest.mark.keras
def test_models_inside_models_are_pruned() -> None:
    keras = load_frameworks().keras
    inner = keras.Sequential([keras.layers.Input((8,)), keras.layers.Dense(6, name="deep")], name="inner")
    model = keras.Sequential([keras.layers.Input((8,)), inner, keras.layers.Dense(2, name="out")])
    result = prune(model, quick(0.5, loss="sparse_categorical_crossentropy"), ring_data())
    assert [layer["name"] for layer in result.record["found"]["layers"]] == ["inner/deep", "out"]
    assert result.sparsity >= 0.5


@pytest.mark.keras
def test_several_inputs_and_outputs() -> None:
    keras = load_frameworks().keras
    left, right = keras.layers.Input((3,)), keras.layers.Input((2,))
    both = keras.layers.Concatenate()([left, right])
    model = keras.Model([left, right], [keras.layers.Dense(1)(both), keras.layers.Dense(4)(both)])
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(40, 3)).astype("f4"), rng.normal(size=(40, 2)).astype("f4"))
    y = (rng.normal(size=40), rng.normal(size=(40, 4)))
    result = prune(model, quick(0.5, loss="mse"), split_validation(x, y, 0.25, seed=0))
    assert result.sparsity >= 0.5
    assert result.record["validation"]["after"]["accuracy"] is None


@pytest.mark.keras
def test_a_folded_batch_normalization_counts_what_the_layer_multiplies_by() -> None:
    fw = load_frameworks()
    layer = fw.qkeras.QConv2DBatchnorm(
        4, 3, kernel_quantizer="quantized_bits(6,0,alpha=1)", bias_quantizer="quantized_bits(6,0,alpha=1)"
    )
    model = fw.keras.Sequential(
        [fw.keras.layers.Input((6, 6, 1)), layer, fw.keras.layers.Flatten(), fw.keras.layers.Dense(2)]
    )
    x = np.random.default_rng(0).normal(size=(32, 6, 6, 1)).astype("f4")
    data = split_validation(x, (x.sum(axis=(1, 2, 3)) > 0).astype(int), 0.25, seed=0)
    result = prune(model, quick(0.5, loss="sparse_categorical_crossentropy"), data)
    found = result.model.layers[0]
    folded = np.asarray(found.kernel_quantizer_internal(found.get_folded_weights()[0]))
    assert result.record["found"]["layers"][0]["zeros"] == folded.size - np.count_nonzero(folded)


@pytest.mark.keras
def test_what_cannot_be_pruned_is_refused() -> None:
    fw = load_frameworks()
    layers = fw.keras.layers
    with pytest.raises(ModelError, match="no dense"):
        prune(fw.keras.Sequential([layers.Input((8,)), layers.ReLU()]), quick(0.5), ring_data())
    uncompiled = fw.keras.Sequential([layers.Input((8,)), layers.Dense(2)])
    with pytest.raises(ConfigError, match="loss"):
        prune(uncompiled, quick(0.5), ring_data())
    with pytest.raises(ConfigError, match="unknown loss 'sparse'"):
        prune(uncompiled, quick(0.5, loss="sparse"), ring_data())
    with pytest.raises(ConfigError, match="unknown pruning method"):
        prune(uncompiled, {"target_sparsity": 0.5}, ring_data())  # type: ignore[arg-type]


@pytest.mark.keras
def test_a_copy_that_would_lose_a_setting_is_refused() -> None:
    """QKeras' quantized_bits does not write scale_axis into its configuration."""
    fw = load_frameworks()
    layer = fw.qkeras.QDense(16, kernel_quantizer=fw.qkeras.quantized_bits(3, 0, alpha="auto", scale_axis=0))
    model = fw.keras.Sequential([fw.keras.layers.Input((8,)), layer])
    with pytest.raises(ModelError, match="computes something else"):
        prune(model, quick(0.5, loss="mse"), ring_data())


@pytest.mark.parametrize(
    "wrong",
    [
        {"target_sparsity": 7},
        {"target_sparsity": 0.0},
        {"target_sparsity": 1.0},
        {"target_sparsity": float("nan")},
        {"steps": 0},
        {"steps": 2.5},
        {"l1": -1e-4},
        {"l1": float("inf")},
        {"fine_tune_epochs": -1},
        {"learning_rate": 0.0},
        {"batch_size": 0},
        {"layer_limit": 0.0},
        {"exclude": "output"},
        {"seed": -1},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        replace(IterativeL1(0.5), **wrong)


def test_methods_are_found_by_name() -> None:
    assert config_type("iterative_l1") is IterativeL1
    with pytest.raises(ConfigError, match="did you mean iterative_l1"):
        config_type("iterative_l2")


@given(st.floats(0.01, 0.99), st.integers(1, 20))
def test_the_schedule_rises_to_the_target(target: float, steps: int) -> None:
    config = IterativeL1(target, steps=steps)
    values = [config.sparsity_after(step) for step in range(steps + 1)]
    assert values == sorted(values)
    assert values[0] == 0
    assert values[-1] == target


class FakeKernel:
    """A kernel without a framework: values, and the step they are rounded to."""

    def __init__(self, values: np.ndarray, step: float = 0.0) -> None:
        self._values, self._step, self.size = values, step, values.size

    def values(self) -> np.ndarray:
        return self._values

    def quantized(self) -> np.ndarray:
        return np.round(self._values / self._step) * self._step if self._step else self._values


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=4),
    st.floats(0.01, 0.99),
    st.floats(0.01, 1.0),
    st.sampled_from([0.0, 0.25]),
    st.integers(0, 99),
)
def test_exactly_the_asked_weights_are_removed(
    sizes: list[int], sparsity: float, limit: float, step: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    kernels: list[Any] = [FakeKernel(rng.normal(size=size), step) for size in sizes]
    kept = [np.ones(size, dtype=np.bool_) for size in sizes]
    half = remove_smallest(kernels, kept, sparsity / 2, limit)
    masks = remove_smallest(kernels, half, sparsity, limit)
    removed = [int((~mask).sum()) for mask in masks]
    assert sum(removed) == int(np.ceil(sparsity * sum(sizes)))
    assert all(n <= np.ceil(max(limit, sparsity) * size) for n, size in zip(removed, sizes, strict=True))
    assert all(not mask[~old].any() for mask, old in zip(masks, half, strict=True))
    for kernel, mask in zip(kernels, masks, strict=True):
        if (~mask).any() and mask.any():
            assert np.abs(kernel.quantized()[~mask]).max() <= np.abs(kernel.quantized()[mask]).min()


def test_data_that_does_not_fit_is_refused() -> None:
    x, y = np.zeros((4, 2)), np.zeros(4)
    with pytest.raises(ConfigError, match="validation inputs"):
        TrainingData(x, y, x[:0], y[:0])
    with pytest.raises(ConfigError, match="training inputs"):
        TrainingData(x, y[:3], x, y)
    with pytest.raises(ConfigError, match="finite"):
        TrainingData(x * np.nan, y, x, y)
    with pytest.raises(ConfigError, match="finite"):
        TrainingData(x, np.array(list("abcd")), x, y)
    with pytest.raises(ConfigError, match="fraction"):
        split_validation(x, y, 0.01, seed=0)
    with pytest.raises(ConfigError, match="equally many"):
        split_validation(x, y[:3], 0.5, seed=0)


def test_a_split_keeps_every_sample_once() -> None:
    data = split_validation(np.arange(10.0), np.arange(10), 0.3, seed=4)
    assert (len(data.x), len(data.validation_x)) == (7, 3)
    assert sorted([*data.x, *data.validation_x]) == list(range(10))
    assert np.array_equal(data.x, data.y)
