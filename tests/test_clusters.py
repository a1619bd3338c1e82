"""Shared weights: few distinct values, zeros kept, and their coded size."""

from dataclasses import replace
from itertools import product
from math import log2
from typing import Any

import numpy as np
import pytest
from contracts.pruning import CompressionContract, dense_model, ring_data, zoo_data, zoo_model
from hypothesis import given
from hypothesis import strategies as st

from fpgaprune.compress import Clusters, PruneConfig, prune
from fpgaprune.compress.clusters import huffman_lengths, k_means
from fpgaprune.compress.kernels import find_kernels
from fpgaprune.compress.quantization import PostTraining, quantize
from fpgaprune.errors import ConfigError


class TestClusters(CompressionContract):
    def config(self, target_sparsity: float, **settings: Any) -> PruneConfig:
        return Clusters(clusters=4, epochs=2, **settings)

    @pytest.mark.parametrize("quantizer", [None, "quantized_bits(6,1,alpha=1)"])
    def test_zeros_stay_zero(self, quantizer: str | None) -> None:
        model = dense_model(quantizer)
        kernel, bias = model.get_layer("first").get_weights()
        kernel[::2] = 0
        model.get_layer("first").set_weights([kernel, bias])
        result = prune(model, self.config(0.6), ring_data())
        assert not result.model.get_layer("first").kernel.numpy()[::2].any()


def distinct(values: np.ndarray) -> int:
    return np.unique(values[values != 0]).size


@pytest.mark.keras
@pytest.mark.parametrize("quantizer", [None, "quantized_bits(8,1,alpha=1)"])
@pytest.mark.parametrize("scope", ["layer", "input"])
def test_few_values_are_left_and_they_are_trained(quantizer: str | None, scope: str) -> None:
    model, data = dense_model(quantizer), ring_data()
    untrained = prune(model, Clusters(clusters=3, scope=scope, epochs=0), data)
    trained = prune(model, Clusters(clusters=3, scope=scope, epochs=15, learning_rate=1e-2), data)
    assert trained.record["validation"]["after"]["loss"] < untrained.record["validation"]["after"]["loss"]
    for kernel in find_kernels(trained.model):
        rows = kernel.quantized() if scope == "input" else [kernel.quantized()]
        assert all(1 <= distinct(row) <= 3 for row in rows)
    coding = trained.record["coding"]
    layers = trained.record["coding_by_layer"]
    assert coding["coded_bits"] == sum(layer["code_bits"] + layer["table_bits"] for layer in layers)
    assert layers[0]["bits_per_value"] == (8 if quantizer else 32)
    assert coding["ratio"] > (1.5 if scope == "layer" else 0.9)


@pytest.mark.keras
@pytest.mark.parametrize("quantized", [False, True])
def test_every_kind_of_kernel(quantized: bool) -> None:
    config = Clusters(clusters=2, epochs=1, loss="sparse_categorical_crossentropy")
    result = prune(zoo_model(quantized), config, zoo_data())
    assert all(distinct(kernel.quantized()) <= 2 for kernel in find_kernels(result.model))


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_no_prefix_code_is_shorter(counts: list[int]) -> None:
    lengths = huffman_lengths(counts)
    found = sum(n * length for n, length in zip(counts, lengths, strict=True))
    if len(counts) == 1:
        assert lengths == [0]
        return
    assert sum(2.0**-length for length in lengths) == 1
    every = product(range(1, len(counts)), repeat=len(counts))  # Kraft: these lengths have a prefix code
    best = min(
        sum(n * length for n, length in zip(counts, tried, strict=True))
        for tried in every
        if sum(2.0**-length for length in tried) <= 1
    )
    assert found == best
    share = np.array(counts) / sum(counts)
    entropy = float(-(share * np.log2(share)).sum())
    assert entropy - 1e-9 <= found / sum(counts) < entropy + 1 + log2(1.0)


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=60), st.integers(1, 8))
def test_values_go_to_the_nearest_mean(values: list[float], clusters: int) -> None:
    array = np.array(values)
    numbers = k_means(array, clusters)
    assert 0 <= numbers.min() <= numbers.max() < clusters
    nonzero = array != 0
    means = {n: array[nonzero & (numbers == n)].mean() for n in np.unique(numbers[nonzero])}
    for value, number in zip(array[nonzero], numbers[nonzero], strict=True):
        assert abs(value - means[number]) <= min(abs(value - mean) for mean in means.values()) + 1e-9


@pytest.mark.parametrize("wrong", [{"clusters": 0}, {"scope": "row"}, {"epochs": -1}, {"exclude": "out"}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        replace(Clusters(clusters=4), **wrong)


@pytest.mark.keras
def test_under_scales_for_every_channel_the_weights_before_them_are_shared() -> None:
    model, data = dense_model(), ring_data()
    kernel, bias = model.get_layer("first").get_weights()
    model.get_layer("first").set_weights([kernel * np.exp2(-np.arange(16) / 4), bias])
    scaled = quantize(model, PostTraining(8, per_channel=True), [data.x]).model
    result = prune(scaled, Clusters(clusters=4, epochs=2, loss="sparse_categorical_crossentropy"), data)
    first = find_kernels(result.model)[0]
    scales = np.asarray(first.quantizer.alpha)
    assert len(set(scales.tolist())) > 2
    assert distinct(first.quantized() / scales) <= 4
    assert result.record["coding_by_layer"][0]["distinct"] <= 4
