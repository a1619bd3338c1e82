"""What a study found: a row per variant, from training to the comparison with synthesis."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from fpgaprune.results.resources import Bound


@dataclass(frozen=True, slots=True)
class SynthesizedLayer:
    """One layer of a variant after open synthesis: what was estimated, what was found, or why nothing was.

    `multipliers` were found in the netlist of the generated C++, `dsp` is what they were mapped to, under the rules
    of the tool the variant is meant for; `estimated_low` and `estimated_high` bound the DSPs expected.
    """

    name: str
    multipliers: int | None
    estimated_low: int | None
    estimated_high: int | None
    dsp: int | None
    reason: str | None = None

    @property
    def estimated(self) -> Bound | None:
        """DSPs expected."""
        if self.estimated_low is None or self.estimated_high is None:
            return None
        return Bound(self.estimated_low, self.estimated_high)

    @property
    def agrees(self) -> bool | None:
        """Whether as many DSPs were found as estimated; None where either is not known."""
        return None if self.dsp is None or self.estimated is None else self.dsp in self.estimated


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
    synthesized: tuple[SynthesizedLayer, ...] = ()  # layers that multiply, by open synthesis
    synthesis_reason: str | None = None  # why there are none
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
    def synthesized_dsp(self) -> int | None:
        """DSPs found by open synthesis in all layers that multiply; None where one was not synthesized."""
        counts = [layer.dsp for layer in self.synthesized]
        known = [count for count in counts if count is not None]
        return sum(known) if known and len(known) == len(counts) else None

    @property
    def sound(self) -> bool:
        """Whether it was finished, its simulation, its constants and its synthesis are as they should be."""
        met = all(layer.agrees is not False for layer in self.synthesized)
        return self.error is None and bool(self.verified) and bool(self.audited) and met

    def json(self) -> dict[str, Any]:
        """Field by field, with the sparsity and the DSPs synthesized."""
        return {**asdict(self), "sparsity": self.sparsity, "synthesized_dsp": self.synthesized_dsp}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "VariantResult":
        """What `json` gave; raises TypeError for anything else."""
        known = {field.name for field in fields(cls)}
        found = {name: value for name, value in data.items() if name in known}
        layers = tuple(SynthesizedLayer(**layer) for layer in found.pop("synthesized", ()))
        return cls(**found, synthesized=layers)


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
