"""What a study found: a row per variant, from training to the comparison with synthesis."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from fpgaprune.results.resources import Bound


@dataclass(frozen=True, slots=True)
class VariantResult:
    """One network of a study; what was not reached is None, and `error` says why.

    `accuracy` is the study's own score of the model on the test samples, between 0 and 1, `simulated_accuracy` that of
    the C simulation of its project. `weights` and `zeros` count the constants that multiply; `dsp_low` and `dsp_high`
    bound the DSPs expected.
    """

    name: str
    slug: str
    pruned: bool
    bits: str | None = None  # widest weight type of the project
    accuracy: float | None = None
    simulated_accuracy: float | None = None
    weights: int | None = None
    zeros: int | None = None
    products: int | None = None
    dsp_low: int | None = None
    dsp_high: int | None = None
    first_order_dsp: int | None = None
    available_dsp: int | None = None
    verified: bool | None = None
    verification: str | None = None
    audited: bool | None = None
    comparison: str | None = None
    comparison_reason: str | None = None
    seconds: float | None = None
    error: str | None = None

    @property
    def dsp(self) -> Bound | None:
        """DSPs expected."""
        return None if self.dsp_low is None or self.dsp_high is None else Bound(self.dsp_low, self.dsp_high)

    @property
    def sparsity(self) -> float | None:
        """Fraction of the weights that are zero in the project."""
        return None if not self.weights or self.zeros is None else self.zeros / self.weights

    @property
    def sound(self) -> bool:
        """Whether it was finished, its simulation agrees with its model, and its constants are the model's."""
        return self.error is None and bool(self.verified) and bool(self.audited)

    def json(self) -> dict[str, Any]:
        """Field by field, with the sparsity."""
        return {**asdict(self), "sparsity": self.sparsity}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "VariantResult":
        """What `json` gave; raises TypeError for anything else."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in data.items() if name in known})


@dataclass(frozen=True, slots=True)
class StudyResult:
    """A study's question and what each of its variants came to."""

    title: str
    question: str
    device: str
    rows: tuple[VariantResult, ...]

    @property
    def reference(self) -> VariantResult | None:
        """The variant the others are held against: the first that was not pruned and was finished."""
        return next((row for row in self.rows if not row.pruned and row.dsp is not None), None)

    def json(self) -> dict[str, Any]:
        """The study as JSON-ready data."""
        return {
            "title": self.title,
            "question": self.question,
            "device": self.device,
            "variants": [row.json() for row in self.rows],
        }
