"""Pruning in one training run: single weights, n of m, blocks; the schedule and its masks."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from contracts.pruning import PruningContract, dense_model, ring_data
from hypothesis import given
from hypothesis import strategies as st

from fpgaprune.compress import Blocks, Lanes, NofM, Polynomial, PruneConfig, config_type, prune
from fpgaprune.compress.kernels import find_kernels
from fpgaprune.compress.masks import blocks_of, keep_n_of_m, lanes_of, remove_smallest_groups
from fpgaprune.errors import ConfigError

QUICK: dict[str, Any] = {"epochs": 4, "updates": 4}


class TestPolynomial(PruningContract):
    def config(self, target_sparsity: float, **settings: Any) -> PruneConfig:
        return Polynomial(target_sparsity=target_sparsity, **QUICK, **settings)


class TestBlocks(PruningContract):
    def config(self, target_sparsity: float, **settings: Any) -> PruneConfig:
        return Blocks(target_sparsity=target_sparsity, rows=2, columns=2, **QUICK, **settings)


class TestNofM(PruningContract):
    def config(self, target_sparsity: float, **settings: Any) -> PruneConfig:
        return NofM(n=int(8 * (1 - target_sparsity) + 1e-9), m=8, **QUICK, **settings)


class TestLanes(PruningContract):
    def config(self, target_sparsity: float, **settings: Any) -> PruneConfig:
        return Lanes(target_sparsity=target_sparsity, reuse_factor=4, **QUICK, **settings)


@pytest.mark.keras
def test_per_layer_means_every_layer() -> None:
    result = prune(dense_model(), Polynomial(target_sparsity=0.75, scope="layer", **QUICK), ring_data())
    assert [layer["sparsity"] for layer in result.record["found"]["layers"]] == [0.75, 0.75]


@pytest.mark.keras
def test_n_of_m_holds_in_every_group() -> None:
    result = prune(dense_model("quantized_bits(6,1,alpha=1)"), NofM(n=1, m=4, **QUICK), ring_data())
    for kernel in find_kernels(result.model):
        groups = kernel.quantized().reshape(-1, 4, kernel.variable.shape[-1])
        assert (np.count_nonzero(groups, axis=1) <= 1).all()


@pytest.mark.keras
def test_blocks_are_removed_whole() -> None:
    result = prune(dense_model(), Blocks(target_sparsity=0.5, rows=4, columns=2, **QUICK), ring_data())
    for kernel in find_kernels(result.model):
        rows, columns = kernel.variable.shape
        counts = np.count_nonzero(kernel.values().reshape(rows // 4, 4, columns // 2, 2), axis=(1, 3))
        assert set(counts.ravel()) <= {0, 8}


@pytest.mark.keras
def test_too_few_steps_are_an_error_before_training() -> None:
    seen: list[Any] = []
    with pytest.raises(ConfigError, match=r"2 epochs of 3 steps leave 4 steps.*for 20 removals"):
        prune(dense_model(), Polynomial(target_sparsity=0.5, epochs=2), ring_data(), on_progress=seen.append)
    assert not seen


@given(st.integers(1, 60), st.integers(1, 500), st.floats(0, 0.8), st.floats(0.05, 0.2), st.integers(1, 30))
def test_removals_come_in_order_and_the_last_at_the_end(
    epochs: int, samples: int, begin: float, length: float, updates: int
) -> None:
    config = Polynomial(target_sparsity=0.5, epochs=epochs, begin=begin, end=begin + length, updates=updates)
    total = epochs * -(-samples // 64) if samples > 64 else epochs
    try:
        steps = config.removal_steps(samples)
    except ConfigError:
        assert round(config.end * total) - max(1, round(begin * total)) + 1 < updates
        return
    assert len(set(steps)) == updates
    assert list(steps) == sorted(steps)
    assert 1 <= steps[0] <= steps[-1] == round(config.end * total)
    fractions = [config.fraction_after(n) for n in range(updates + 1)]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0, 1)


class FakeKernel:
    """A kernel without a framework."""

    def __init__(self, values: np.ndarray) -> None:
        self._values, self.size = values, values.size

    def values(self) -> np.ndarray:
        return self._values

    quantized = values


@given(st.integers(1, 20), st.integers(1, 5), st.integers(2, 8), st.integers(0, 99))
def test_the_largest_of_every_group_stay(rows: int, columns: int, m: int, seed: int) -> None:
    kernel: Any = FakeKernel(np.random.default_rng(seed).normal(size=(rows, columns)))
    for n in range(1, m):
        (mask,) = keep_n_of_m([kernel], [np.ones((rows, columns), dtype=bool)], n, m)
        for start in range(0, rows - m + 1, m):
            kept, size = mask[start : start + m], np.abs(kernel.values()[start : start + m])
            assert (kept.sum(axis=0) == n).all()
            assert (np.where(kept, size, np.inf).min(axis=0) >= np.where(kept, 0, size).max(axis=0)).all()
        assert mask.any()
        (fewer,) = keep_n_of_m([kernel], [mask], max(1, n - 1), m)
        assert not (fewer & ~mask).any()


@given(st.floats(0.05, 0.9), st.integers(1, 5), st.integers(1, 5), st.integers(0, 99))
def test_enough_blocks_go_and_no_more(sparsity: float, rows: int, columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    kernels: list[Any] = [FakeKernel(rng.normal(size=shape)) for shape in ((11, 9), (3, 3, 2, 7))]
    full = [np.ones(kernel.values().shape, dtype=bool) for kernel in kernels]
    groups = [blocks_of(mask.shape, rows, columns) for mask in full]
    masks = remove_smallest_groups(kernels, full, sparsity, 1.0, groups)
    removed = sum(int((~mask).sum()) for mask in masks)
    total = sum(kernel.size for kernel in kernels)
    assert np.ceil(sparsity * total) <= removed + 2 * rows * columns
    assert removed < np.ceil(sparsity * total) + rows * columns
    assert all(mask.any() for mask in masks)


@pytest.mark.parametrize(("shape", "reuse_factor"), [((6, 4), 3), ((5, 7), 5), ((2, 2, 3, 4), 6), ((8, 2), 16)])
def test_a_lane_is_what_a_multiplier_of_the_resource_kernel_sees(shape: tuple[int, ...], reuse_factor: int) -> None:
    """The loops of hls4ml's kernel over transposed weights, written out."""
    inputs, outputs = int(np.prod(shape[:-1])), shape[-1]
    flat = lanes_of(shape, reuse_factor).reshape(inputs, outputs).T.ravel()
    for turn in range(reuse_factor):
        for multiplier in range(-(-flat.size // reuse_factor)):
            place = turn + reuse_factor * multiplier
            assert place >= flat.size or flat[place] == multiplier


@pytest.mark.keras
def test_lanes_are_emptied_whole() -> None:
    result = prune(dense_model(), Lanes(target_sparsity=0.5, reuse_factor=4, **QUICK), ring_data())
    for kernel in find_kernels(result.model):
        counts = np.count_nonzero(kernel.values().T.reshape(-1, 4), axis=1)
        assert set(counts) == {0, 4}


@pytest.mark.parametrize(
    ("config", "wrong"),
    [
        (Polynomial(target_sparsity=0.5), {"target_sparsity": 7}),
        (Polynomial(target_sparsity=0.5), {"epochs": 0}),
        (Polynomial(target_sparsity=0.5), {"begin": 0.7}),
        (Polynomial(target_sparsity=0.5), {"updates": 0}),
        (Polynomial(target_sparsity=0.5), {"power": 0.0}),
        (Polynomial(target_sparsity=0.5), {"exclude": "output"}),
        (Polynomial(target_sparsity=0.5), {"scope": "layers"}),
        (NofM(n=2, m=4), {"n": 4}),
        (NofM(n=2, m=4), {"m": 1}),
        (Blocks(target_sparsity=0.5), {"rows": 0}),
        (Lanes(target_sparsity=0.5, reuse_factor=2), {"reuse_factor": 1}),
        (Blocks(target_sparsity=0.5), {"target_sparsity": 0.0}),
    ],
)
def test_settings_that_make_no_sense_are_refused(config: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="end|" + next(iter(wrong))):
        replace(config, **wrong)


def test_methods_are_found_by_name() -> None:
    assert [config_type(name) for name in ("polynomial", "n_m", "blocks")] == [Polynomial, NofM, Blocks]
