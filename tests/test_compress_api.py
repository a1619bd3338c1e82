"""The functions of `fpgaprune.compress` one after the other, as a script would call them."""

import numpy as np
import pytest
from contracts.pruning import dense_model, ring_data

from fpgaprune import compress
from fpgaprune.compress.copying import predict
from fpgaprune.compress.kernels import find_kernels
from fpgaprune.frameworks import load_frameworks

LOSS = "sparse_categorical_crossentropy"


@pytest.mark.keras
def test_what_one_function_gives_the_others_take(tmp_path) -> None:
    teacher, data = dense_model(), ring_data()
    before = teacher.get_weights()
    taught = compress.distilled(data, teacher, compress.Distillation())
    low_rank = compress.factorize(teacher, compress.LowRank(energy=0.9), [data.x]).model
    gates = compress.L0(target_sparsity=0.4, group="output", epochs=3, fine_tune_epochs=1, loss=LOSS)
    neurons = compress.prune(low_rank, gates, taught).model
    small = compress.shrink(neurons).model
    assert small.count_params() < low_rank.count_params()
    assert np.allclose(predict(small, data.x)[0], predict(neurons, data.x)[0], atol=1e-6)
    weights = compress.Polynomial(target_sparsity=0.5, epochs=3, updates=2, loss=LOSS)
    zeros = [kernel.values() == 0 for kernel in find_kernels(compress.prune(small, weights, taught).model)]
    sparse = compress.prune(small, weights, taught).model
    found = compress.quantize(sparse, compress.PostTraining(8), [data.x]).model
    compress.fine_tune(found, taught, loss=LOSS, epochs=1)
    assert all(not kernel.quantized()[zero].any() for kernel, zero in zip(find_kernels(found), zeros, strict=True))
    assert any(zero.any() for zero in zeros)
    assert all(np.array_equal(one, other) for one, other in zip(before, teacher.get_weights(), strict=True))
    found.save(tmp_path / "found.keras")
    objects: dict = {}
    load_frameworks().qkeras.utils._add_supported_quantized_objects(objects)
    again = load_frameworks().keras.models.load_model(tmp_path / "found.keras", custom_objects=objects)
    assert np.array_equal(predict(again, data.x)[0], predict(found, data.x)[0])
