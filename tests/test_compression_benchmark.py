"""What the benchmark of compression methods makes of its rows."""

from typing import Any

import numpy as np
import pytest

from benchmarks.compression import load_sets
from benchmarks.compression_results import no_loss


def row(family: str, accuracy: float, lut: int | None, spread: float = 0.0) -> dict[str, Any]:
    return {
        "method": "dense" if family == "dense" else f"{family} {lut}",
        "family": family,
        "accuracy": accuracy,
        "dsp": 0,
        "lut": lut,
        "spread": spread,
    }


def test_no_loss_is_one_below_the_spread_of_the_better_dense_network() -> None:
    def found(sparsity: float, accuracy: float) -> dict[str, Any]:
        rows = [row("dense", 0.97, 900, spread=0.03), {**row("dense", 0.98, 900, spread=0.004), "method": "trained on"}]
        pruned = {"method": "polynomial 0.7", "family": "pruned", "spread": 0.01, "lut": 5, "dsp": 0}
        return no_loss([*rows, {**pruned, "accuracy": accuracy, "sparsity": sparsity}])["polynomial 0.7"]

    assert found(0.7, 0.9765)["holds"]
    assert not found(0.7, 0.975)["holds"]
    assert not found(0.69, 0.99)["holds"]
    words = (
        "70.0 % of the weights removed, accuracy 97.65 % (spread 1.00), trained on 98.00 % (spread 0.40): -0.35 points"
    )
    assert words in found(0.7, 0.9765)["words"]


@pytest.mark.shared
def test_every_set_has_classes_from_zero_and_finite_inputs(shared_data: Any) -> None:
    for x, y, test_x, test_y in load_sets(shared_data).values():
        assert len(x) == len(y) > len(test_x) == len(test_y) > 0
        assert np.isfinite(x).all()
        assert np.isfinite(test_x).all()
        assert min(y.min(), test_y.min()) >= 0
        assert max(test_y) < 30
