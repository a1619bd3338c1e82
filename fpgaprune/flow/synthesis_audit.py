"""The fourth look of the audit: the multipliers that are in the synthesized C++, held to what the weights need."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from fpgaprune.flow.audit import audit
from fpgaprune.flow.open_job import OpenSettings
from fpgaprune.flow.open_synthesis import synthesize_open
from fpgaprune.results.audit import AuditDifference, AuditResult
from fpgaprune.results.open_synthesis import OpenSynthesis
from fpgaprune.synth.execute import Watcher
from fpgaprune.synth.open.front_ends import FrontEnd

LOOK = "netlist"


def audit_synthesis(
    project: Path, front_end: FrontEnd, model: Any = None, *, watch: Watcher | None = None
) -> AuditResult:
    """The audit of `project` with open synthesis as a further look.

    A layer fails where its netlist has more multipliers than rules R1 to R3 allow for its weights; one that could not
    be synthesized, or whose multipliers are shared in time, is named in the notes. Raises what `audit` and
    `synthesize_open` raise.
    """
    result = audit(project, model)
    found = synthesize_open(project, OpenSettings(), front_end, watch=watch)
    return replace(
        result,
        looks=(*result.looks, LOOK),
        differences=(*result.differences, *synthesis_differences(found)),
        notes=(*result.notes, *_notes(found)),
    )


def synthesis_differences(found: OpenSynthesis) -> tuple[AuditDifference, ...]:
    """A difference per layer with more multipliers than its weights need."""
    return tuple(
        AuditDifference(
            f"weights against {LOOK}",
            layer.name,
            None,
            "multipliers",
            f"at most {layer.allowed}",
            str(layer.multipliers),
        )
        for layer in found.breaking
    )


def _notes(found: OpenSynthesis) -> Iterator[str]:
    held = [layer for layer in found.layers if layer.keeps_promise and layer.weights]
    if held:
        total, allowed = sum(layer.multipliers or 0 for layer in held), sum(layer.allowed or 0 for layer in held)
        yield (
            f"multipliers found in the netlists of {', '.join(layer.name for layer in held)}: {total}, "
            f"where their weights need {allowed} (rules {found.rules})"
        )
    for layer in found.layers:
        if layer.reason is not None:
            yield f"{layer.name}: not synthesized, so its multipliers are not counted: {layer.reason}"
        elif layer.weights and layer.keeps_promise is None:
            yield f"{layer.name}: its multipliers are shared in time and were not held to its weights"
