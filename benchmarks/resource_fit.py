"""Fit what a unit of structure costs, and the ranges, to the reports of a folder of projects.

Prices start from the laws of single operators (`PRIORS`) and move from there only as far as the reports ask for:
the sum of squared symmetric errors (beyond `_USUAL`, of absolute ones: Huber's loss, so that no single odd report
rules all prices), each repository and each design counting once, plus `STIFFNESS` times the squared
relative change of every price. None becomes negative.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fpgaprune.estimate.fabric import Structure

# Per unit of structure, from the operator tables: an adder costs a LUT a bit and 0 to 7 for its carry chain, a
# shift-add the same, multipliers and activations what their law says; the rest are orders of magnitude.
PRIORS: Final[Mapping[str, Mapping[str, float]]] = {
    "lut": {
        "adder_lut": 1.0, "shift_lut": 1.0, "multiplier_lut": 1.0, "sharing_lut": 0.5,
        "activation_lut": 1.0, "softmax_values": 140.0, "delayed_values": 10.0, "lane_sum_bits": 1.0,
        "selected_values": 36.0, "selector_lut": 1.0, "gate_lut": 1.0, "window_bits": 1.0, "pooled_bits": 2.0,
        "stream_values": 9.0, "buffer_lut": 1.0, "input_bits": 0.05, "output_bits": 0.1, "layers": 50.0,
    },
    "ff": {
        "returned_bits": 1.0, "read_bits": 1.0,
        "pipeline_bits": 0.95, "shared_pipeline_bits": 0.75, "multiplier_ff": 1.0, "delayed_bits": 1.0,
        "repeated_bits": 2.0, "streamed_pipeline_bits": 0.9, "held_bits": 1.0, "input_bits": 0.4, "output_bits": 0.7,
        "buffer_ff": 1.0, "counter_ff": 1.0, "copied_bits": 1.0, "lane_ff": 1.0, "result_bits": 2.0,
        "gate_bits": 2.0, "window_bits": 1.0, "stream_values": 1.0, "stream_bits": 0.5, "softmax_bits": 0.7,
        "layers": 10.0,
    },
    "bram_18k": {"bram_18k": 1.0},
}  # fmt: skip
STIFFNESS: Final = 0.005
# Laws read off single operators give way less than orders of magnitude.
_LAWS: Final = frozenset({
    "adder_lut", "shift_lut", "multiplier_lut", "buffer_lut", "buffer_ff", "counter_ff", "bram_18k", "pipeline_bits",
    "shared_pipeline_bits", "multiplier_ff", "returned_bits", "held_bits", "result_bits", "lane_ff", "window_bits",
    "selector_lut", "gate_lut", "lane_sum_bits",
})  # fmt: skip
_FIRMER: Final = 40.0
_ROUNDS: Final = 100
_SMALL: Final = 200.0  # counts below which the relative error of a module says little
_REWEIGHTED: Final = 8
_USUAL: Final = 0.2  # relative error up to which a report counts in full


@dataclass(frozen=True)
class Sample:
    """One project: where it comes from, its structure, and what its report says of one resource."""

    project: str
    repository: str
    digest: str
    structure: Structure
    reported: float


def fit_prices(samples: Sequence[Sample], priors: Mapping[str, float]) -> dict[str, float]:
    """Price of every term; the priors where there is nothing to learn from."""
    used = [sample for sample in samples if sample.reported > 0]
    prior = np.array(list(priors.values()))
    if not used:
        return dict(priors)
    amounts = np.array([[getattr(sample.structure, term) for term in priors] for sample in used]) * prior
    reported = np.array([sample.reported for sample in used])
    weights = np.sqrt(_weights(used))
    stiffness = np.array([_FIRMER if term in _LAWS else 1.0 for term in priors]) * STIFFNESS * len(used) / 20
    small = _SMALL if reported.max() > _SMALL else 1.0
    factors = np.ones(len(priors))
    for _ in range(_REWEIGHTED):
        expected = amounts @ factors
        scale = np.maximum((reported + expected) / 2, small)
        off = np.abs(expected - reported) / scale
        trust = weights * np.sqrt(_USUAL / np.maximum(off, _USUAL)) / scale
        factors = _nonnegative(amounts * trust[:, None], reported * trust, stiffness, factors)
    return dict(zip(priors, (factors * prior).tolist(), strict=True))


def _weights(samples: Sequence[Sample]) -> NDArray[np.float64]:
    """Every repository as much as the root of its designs, every design once."""
    designs = Counter((s.repository, s.digest, s.reported) for s in samples)
    repositories = Counter(repository for repository, _, _ in designs)
    return np.array(
        [1 / (designs[s.repository, s.digest, s.reported] * repositories[s.repository] ** 0.5) for s in samples]
    )


def _nonnegative(
    matrix: NDArray[np.float64],
    goal: NDArray[np.float64],
    stiffness: NDArray[np.float64],
    found: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Least squares with factors that are not negative and stay near one, one coordinate at a time."""
    gram = matrix.T @ matrix + np.diag(stiffness)
    right = matrix.T @ goal + stiffness
    found = found.copy()
    for _ in range(_ROUNDS):
        for index in range(found.size):
            rest = right[index] - gram[index] @ found + gram[index, index] * found[index]
            found[index] = max(0.0, rest / gram[index, index])
    return found


def predict(sample: Sample, prices: Mapping[str, float]) -> float:
    """Expected count of one project."""
    return sum(price * float(getattr(sample.structure, term)) for term, price in prices.items())


def left_out(samples: Sequence[Sample], learned: Sequence[Sample], priors: Mapping[str, float]) -> list[float]:
    """For every sample what the fit to all `learned` of *other* repositories expects."""
    found = {}
    for repository in sorted({sample.repository for sample in samples}):
        prices = fit_prices([s for s in learned if s.repository != repository], priors)
        found.update({id(s): predict(s, prices) for s in samples if s.repository == repository})
    return [found[id(sample)] for sample in samples]


def symmetric_error(expected: float, reported: float) -> float:
    """|expected - reported| over the mean of both: 0 to 2."""
    both = abs(expected) + abs(reported)
    return 0.0 if both == 0 else 2 * abs(expected - reported) / both
