"""What open synthesis found, layer by layer, beside what was expected and what the weights allow."""

from dataclasses import dataclass
from typing import Any

from fpgaprune.results.resources import Bound, Resources
from fpgaprune.results.synthesis import SynthesisReport


@dataclass(frozen=True, slots=True)
class LayerSynthesis:
    """One layer. What was not synthesized has a `reason`, and None instead of every number.

    `multipliers` were found in the netlist of the generated C++; `allowed` is the most that the layer's weights need
    (rules R1 to R3: constants of three or more signed digits, shared per input, dead neurons removed), and
    `expected` what the analytic estimate says with reuse. `dsp` is the estimate under the same rules.
    """

    name: str
    kind: str
    weights: int
    zeros: int
    multipliers: int | None
    allowed: int | None
    expected: Bound | None
    used: Resources | None
    dsp: Bound | None
    reason: str | None = None
    notes: tuple[str, ...] = ()
    seconds: float | None = None

    @property
    def keeps_promise(self) -> bool | None:
        """Whether no more multipliers were found than the weights need; None where either is not known."""
        return None if self.multipliers is None or self.allowed is None else self.multipliers <= self.allowed

    @property
    def agrees(self) -> bool | None:
        """Whether the synthesized DSPs are those estimated; None where either is not known."""
        if self.used is None or self.used.dsp is None or self.dsp is None:
            return None
        return self.used.dsp in self.dsp

    def json(self) -> dict[str, Any]:
        """The layer as JSON-ready data."""
        return {
            "name": self.name,
            "kind": self.kind,
            "weights": self.weights,
            "zeros": self.zeros,
            "multipliers": self.multipliers,
            "multipliers_allowed": self.allowed,
            "multipliers_estimated": None if self.expected is None else self.expected.json(),
            "synthesized": None if self.used is None else self.used.json(),
            "estimated_dsp": None if self.dsp is None else self.dsp.json(),
            "agrees": self.agrees,
            "keeps_promise": self.keeps_promise,
            "not_synthesized": self.reason,
            "notes": list(self.notes),
            "seconds": None if self.seconds is None else round(self.seconds, 2),
        }


@dataclass(frozen=True, slots=True)
class OpenSynthesis:
    """A whole project, synthesized openly."""

    project: str
    rules: str
    depth: str
    part: str
    report: SynthesisReport
    layers: tuple[LayerSynthesis, ...]
    checks: tuple[str, ...]  # what was checked, in words
    notes: tuple[str, ...] = ()
    seconds: float | None = None
    folder: str | None = None

    @property
    def disagreeing(self) -> tuple[LayerSynthesis, ...]:
        """Layers whose DSPs are not those estimated."""
        return tuple(layer for layer in self.layers if layer.agrees is False)

    @property
    def breaking(self) -> tuple[LayerSynthesis, ...]:
        """Layers with more multipliers than their weights need."""
        return tuple(layer for layer in self.layers if layer.keeps_promise is False)

    @property
    def not_synthesized(self) -> tuple[LayerSynthesis, ...]:
        """Layers without a number."""
        return tuple(layer for layer in self.layers if layer.reason is not None)

    def json(self) -> dict[str, Any]:
        """The result as JSON-ready data."""
        report = self.report
        return {
            "project": self.project,
            "stage": report.stage.value,
            "tool": report.tool,
            "tool_version": report.tool_version,
            "rules": self.rules,
            "depth": self.depth,
            "part": self.part,
            "total": report.used.json(),
            "complete": not self.not_synthesized,
            "agrees": not self.disagreeing,
            "checks": list(self.checks),
            "notes": list(self.notes),
            "seconds": None if self.seconds is None else round(self.seconds, 2),
            "folder": self.folder,
            "layers": [layer.json() for layer in self.layers],
        }
