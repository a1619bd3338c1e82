"""In words, where the numbers of one stage and the next part: capacity, moved constants, another run."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from fpgaprune.compare.parts import same_part
from fpgaprune.results import Estimate, Stage, SynthesisReport

_USUAL: Final = 0.02  # 42 of 52 recorded designs that fit their part change by no more between the two syntheses
_ANOTHER_RUN: Final = 0.25  # no recorded pair of one run gains more DSPs than this
_WIDE: Final = 2  # DSPs of a multiplication from which logic synthesis has been seen to prefer LUTs
_ZONE: Final = timedelta(minutes=1)
_NAMES: Final = {
    Stage.CSYNTH: "C synthesis",
    Stage.COSIM: "co-simulation",
    Stage.VSYNTH: "logic synthesis",
    Stage.IMPL: "implementation",
    Stage.OPEN: "open synthesis",
}


def stage_doubts(basis: SynthesisReport, other: SynthesisReport) -> Iterator[str]:
    """Reasons why the report of another stage does not follow from the one of C synthesis."""
    name = _NAMES[other.stage]
    if basis.part and other.part and not same_part(basis.part, other.part):
        yield f"{name} is for the part {other.part}, C synthesis for {basis.part}"
    if other.stage is Stage.OPEN:
        return
    if basis.written and other.written and other.written < basis.written - _ZONE:
        yield (
            f"{name} was written {other.written:%Y-%m-%d %H:%M}, before C synthesis ({basis.written:%Y-%m-%d %H:%M}): "
            "it is of an earlier run (stale?)"
        )
    before, after = basis.used.dsp, other.used.dsp
    if before is not None and after is not None and after > max(before + 2, before * (1 + _ANOTHER_RUN)):
        around = other.top.endswith("_wrapper")
        if not around:
            yield f"{name} reports {after} DSPs where C synthesis has {before}: it is of another run (stale?)"


def explain(estimate: Estimate, reports: Sequence[SynthesisReport], basis: SynthesisReport | None) -> tuple[str, ...]:
    """Where differences between the stages come from, a sentence each."""
    said: list[str] = []
    for report in reports:
        if basis is not None and report is not basis and basis.stage is Stage.CSYNTH:
            said += stage_doubts(basis, report)
            said += _after_c_synthesis(basis, report)
        if report.stage is Stage.OPEN and report.rules and not estimate.rules.startswith(report.rules):
            said.append(f"open synthesis follows the rules of {report.rules}, the estimate those of {estimate.rules}")
        if report.stage is Stage.COSIM and report.passed is False:
            said.append("co-simulation failed: its latency is of a design that does not compute what it should")
        said += report.notes if report is not basis else ()
    return tuple(dict.fromkeys(said))


def _after_c_synthesis(basis: SynthesisReport, other: SynthesisReport) -> Iterator[str]:
    """Fewer DSPs after logic synthesis: the part is full, wide constants went to LUTs, or the usual trimming."""
    before, after, name = basis.used.dsp, other.used.dsp, _NAMES[other.stage]
    if before is None or after is None or other.stage not in {Stage.VSYNTH, Stage.IMPL} or after >= before:
        return
    available = other.available.dsp or basis.available.dsp
    moved = before - after
    if available is not None and before > available and after == available:
        yield (
            f"over capacity: {name} uses all {available} DSPs of the part and puts the other {moved} of C synthesis "
            "into LUTs"
        )
        return
    if moved <= max(2, _USUAL * before):
        yield f"{name} has {moved} DSPs fewer than C synthesis: within the usual 2 per cent"
        return
    wide = _wide(basis)
    if wide * 2 >= moved:
        yield (
            f"{name} moved {moved} DSPs to LUTs; C synthesis spends {wide} on multiplications of two DSPs and more "
            "each, which Vivado prefers in LUTs where one operand is constant"
        )
        return
    yield f"{name} has {moved} DSPs fewer than C synthesis, and no known reason explains that many"


def _wide(report: SynthesisReport) -> int:
    return sum(
        multiplier.dsp
        for module in report.modules
        for multiplier in module.multipliers
        if multiplier.dsp is not None and multiplier.dsp >= _WIDE
    )
