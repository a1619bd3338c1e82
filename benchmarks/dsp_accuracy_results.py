"""What `benchmarks.dsp_accuracy` measured, and its tables."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fpgaprune.results import Bound

RIVALS = ("nonzero", "first order", "limit", "hls4ml")
_CLOSE = 0.01  # relative error up to which a project's total counts as met


@dataclass(frozen=True)
class LayerResult:
    """One layer: what was expected, what the report says, and what simpler models would have said."""

    project: str
    layer: str
    group: str
    key: str  # equal for layers that are the same experiment
    reported: int
    estimated: Bound | None
    rivals: Mapping[str, int]

    @property
    def exact(self) -> bool:
        """Whether one number was expected and reported."""
        return self.estimated is not None and self.estimated.is_exact and self.reported in self.estimated

    @property
    def within(self) -> bool:
        """Whether the report lies within the bounds."""
        return self.estimated is not None and self.reported in self.estimated


@dataclass(frozen=True)
class ProjectResult:
    """One project's total; `reason` says why it could not be read, `doubt` why its report is not held against it."""

    project: str
    estimated: Bound | None = None
    first_order: int | None = None
    reported: int | None = None
    recurrent: bool = False
    not_estimated: tuple[str, ...] = ()
    doubt: str | None = None
    reason: str | None = None

    @property
    def counts(self) -> bool:
        """Whether estimate and report can be compared."""
        return self.estimated is not None and self.reported is not None and self.doubt is None

    @property
    def error(self) -> int | None:
        """Largest distance of the report from the ends of what was expected."""
        if self.estimated is None or self.reported is None:
            return None
        return max(abs(self.estimated.low - self.reported), abs(self.estimated.high - self.reported))

    @property
    def close(self) -> bool:
        """Whether every value expected lies within 1 % of the report."""
        return self.error is not None and self.reported is not None and self.error <= _CLOSE * self.reported


@dataclass
class SetResult:
    """Distinct layers of one set."""

    layers: int = 0
    exact: int = 0
    within: int = 0
    nonzero_layers: int = 0  # with a report above zero
    nonzero_exact: int = 0
    reported: int = 0
    estimated_low: int = 0
    estimated_high: int = 0
    rivals: Counter[str] = field(default_factory=Counter)  # what each predicts in all
    rivals_exact: Counter[str] = field(default_factory=Counter)  # layers with a nonzero report it predicts exactly

    def add(self, layer: LayerResult) -> None:
        """Count one more layer."""
        self.layers += 1
        self.exact += layer.exact
        self.within += layer.within
        self.nonzero_layers += layer.reported > 0
        self.nonzero_exact += layer.exact and layer.reported > 0
        self.reported += layer.reported
        self.estimated_low += layer.estimated.low if layer.estimated else 0
        self.estimated_high += layer.estimated.high if layer.estimated else 0
        for name, predicted in layer.rivals.items():
            self.rivals[name] += predicted
            self.rivals_exact[name] += predicted == layer.reported > 0

    def json(self) -> dict[str, Any]:
        """The set as JSON-ready data."""
        return {
            "layers": self.layers,
            "exact": self.exact,
            "within": self.within,
            "nonzero_layers": self.nonzero_layers,
            "nonzero_exact": self.nonzero_exact,
            "reported": self.reported,
            "estimated": {"low": self.estimated_low, "high": self.estimated_high},
            **{
                name.replace(" ", "_"): {"predicted": self.rivals[name], "nonzero_exact": self.rivals_exact[name]}
                for name in RIVALS
            },
        }


@dataclass(frozen=True)
class Accuracy:
    """Everything measured."""

    sets: Mapping[str, SetResult]
    layers: tuple[LayerResult, ...]  # distinct ones
    projects: tuple[ProjectResult, ...]

    def totals(self, *, recurrent: bool) -> tuple[ProjectResult, ...]:
        """The projects whose total can be compared, with or without recurrent layers."""
        return tuple(p for p in self.projects if p.counts and p.recurrent == recurrent)


def render(accuracy: Accuracy) -> str:
    """The tables as text."""
    head = f"{'':40}|{'distinct layers':^20}|{'reported DSP > 0':^16}|{'DSP':^24}|"
    head += "|".join(f"{name:^15}" for name in RIVALS)
    columns = f"{'set':40}|{'all':>5}{'exact':>7}{'in range':>8}|{'layers':>8}{'exact':>8}"
    columns += f"|{'reported':>9}{'predicted':>15}|" + "|".join(f"{'DSP':>8}{'exact':>7}" for _ in RIVALS)
    lines = [head, columns, "-" * len(columns)]
    lines += [_row(name, result) for name, result in accuracy.sets.items()]
    missed = [layer for layer in accuracy.layers if not layer.exact]
    lines += ["", "layers not exact:"] if missed else ["", "all layers exact"]
    lines += [f"  {m.project} {m.layer}: {m.estimated} predicted, {m.reported} reported" for m in missed]
    lines += _totals(accuracy)
    for title, projects in (
        ("left out, the report is not of these weights:", [(p, p.doubt) for p in accuracy.projects if p.doubt]),
        ("not read:", [(p, p.reason) for p in accuracy.projects if p.reason is not None]),
    ):
        lines += ["", title] if projects else []
        lines += [f"  {project.project}: {why}" for project, why in projects]
    return "\n".join([*lines, ""])


def _row(name: str, result: SetResult) -> str:
    low, high = result.estimated_low, result.estimated_high
    predicted = f"{low}" if low == high else f"{low}–{high}"
    row = f"{name:40}|{result.layers:5}{result.exact:7}{result.within - result.exact:8}"
    row += f"|{result.nonzero_layers:8}{result.nonzero_exact:8}|{result.reported:9}{predicted:>15}|"
    return row + "|".join(f"{result.rivals[rival]:8}{result.rivals_exact[rival]:7}" for rival in RIVALS)


def _totals(accuracy: Accuracy) -> list[str]:
    lines = []
    for recurrent, name in ((False, "without recurrent layers"), (True, "with recurrent layers")):
        facts = _total_facts(accuracy, recurrent=recurrent)
        totals = accuracy.totals(recurrent=recurrent)
        if not totals:
            continue
        lines += ["", f"projects {name}: {facts['projects']}, total exact in {facts['exact']}, "]
        lines[-1] += f"within 1 % in {facts['within_1_percent']} ({facts['share']:.1%}); "
        lines[-1] += f"reported {facts['reported']}, first order {facts['first_order']}"
        for p in totals:
            if p.error:
                missing = f", not estimated: {', '.join(p.not_estimated)}" if p.not_estimated else ""
                lines.append(
                    f"  {p.project}: {p.estimated} predicted, {p.reported} reported, "
                    f"first order {p.first_order}{missing}"
                )
    return lines


def _total_facts(accuracy: Accuracy, *, recurrent: bool) -> dict[str, Any]:
    totals = accuracy.totals(recurrent=recurrent)
    close = sum(p.close for p in totals)
    return {
        "projects": len(totals),
        "exact": sum(p.error == 0 for p in totals),
        "within_1_percent": close,
        "share": close / len(totals) if totals else None,
        "reported": sum(p.reported or 0 for p in totals),
        "predicted": {
            "low": sum(p.estimated.low for p in totals if p.estimated),
            "high": sum(p.estimated.high for p in totals if p.estimated),
        },
        "first_order": sum(p.first_order or 0 for p in totals),
    }


def summary(accuracy: Accuracy) -> dict[str, Any]:
    """Everything measured as JSON-ready data."""
    return {
        "sets": {name: result.json() for name, result in accuracy.sets.items()},
        "projects": {
            "not_recurrent": _total_facts(accuracy, recurrent=False),
            "recurrent": _total_facts(accuracy, recurrent=True),
        },
        "left_out": {p.project: p.doubt for p in accuracy.projects if p.doubt},
        "not_read": {p.project: p.reason for p in accuracy.projects if p.reason is not None},
    }
