"""What the benchmark of compression methods makes of its rows."""

from typing import Any

import numpy as np
import pytest

from benchmarks.compression import at_losses, load_sets


def row(family: str, accuracy: float, lut: int | None, spread: float = 0.0) -> dict[str, Any]:
    return {"method": f"{family} {lut}", "family": family, "accuracy": accuracy, "dsp": 0, "lut": lut, "spread": spread}


def test_the_cheapest_of_each_family_within_the_loss_is_named() -> None:
    rows = [
        row("dense", 0.98, 900, spread=0.002),
        row("pruned", 0.979, 400),
        row("pruned", 0.976, 300),
        row("fewer bits", 0.95, 100),
        row("budget", 0.98, 350),
        row("budget", 0.975, 150),
        row("budget", 0.99, None),
    ]
    found = at_losses(rows)
    assert found["0.0"]["ratio"] == round(400 / 350, 3)
    assert found["0.005"]["ratio"] == 300 / 150
    assert found["0.005"]["fewest_lut"]["fewer bits"] is None
    assert found["0.01"]["fewest_lut"]["budget"]["lut"] == 150


def test_no_ratio_without_two_to_compare() -> None:
    assert at_losses([row("dense", 0.9, 5), row("budget", 0.9, 4)])["0.0"]["ratio"] is None


@pytest.mark.shared
def test_every_set_has_classes_from_zero_and_finite_inputs(shared_data: Any) -> None:
    for x, y, test_x, test_y in load_sets(shared_data).values():
        assert len(x) == len(y) > len(test_x) == len(test_y) > 0
        assert np.isfinite(x).all()
        assert np.isfinite(test_x).all()
        assert min(y.min(), test_y.min()) >= 0
        assert max(test_y) < 30
