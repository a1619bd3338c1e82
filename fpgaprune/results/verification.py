"""How a simulated project's outputs compare with its model's."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LayerDifference:
    """The first layer whose simulated values differ from the model's by more than its type's resolution."""

    name: str
    largest_error: float
    largest_lsb: float  # the same in steps of the layer's output type
    precision: str


@dataclass(frozen=True, slots=True)
class Verification:
    """C simulation against the model on the same inputs; every figure is over all samples and outputs.

    `argmax_agreement` is None for a single output. `expected_exact` says that the model's quantizers decide every
    value, so that only equality counts as agreement.
    """

    project: str
    samples: int
    inputs: str
    exact_samples: int
    largest_error: float
    largest_lsb: float
    output_range: float
    argmax_agreement: float | None
    output_precision: str
    widest_type: str
    expected_exact: bool
    first_difference: LayerDifference | None
    agrees: bool
    reason: str
    build_seconds: float
    run_seconds: float
    simulated_with: str  # whose C++ types, compiled by what

    @property
    def relative_error(self) -> float:
        """Largest error as a fraction of the range of the model's outputs; 0 where both are constant and equal."""
        if self.largest_error == 0:
            return 0.0
        return self.largest_error / self.output_range if self.output_range else float("inf")

    def json(self) -> dict[str, Any]:
        """The verification as JSON-ready data."""
        first = self.first_difference
        return {
            "project": self.project,
            "agrees": self.agrees,
            "reason": self.reason,
            "samples": self.samples,
            "inputs": self.inputs,
            "exact_samples": self.exact_samples,
            "largest_error": self.largest_error,
            "largest_lsb": self.largest_lsb,
            "relative_error": self.relative_error,
            "argmax_agreement": self.argmax_agreement,
            "output_precision": self.output_precision,
            "widest_type": self.widest_type,
            "expected_exact": self.expected_exact,
            "first_difference": None
            if first is None
            else {
                "layer": first.name,
                "largest_error": first.largest_error,
                "largest_lsb": first.largest_lsb,
                "precision": first.precision,
            },
            "build_seconds": round(self.build_seconds, 2),
            "run_seconds": round(self.run_seconds, 2),
            "simulated_with": self.simulated_with,
        }
