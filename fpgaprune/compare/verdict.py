"""The comparison: a row per layer, the total, and a verdict with its reasons."""

from collections.abc import Mapping, Sequence
from math import floor
from typing import Final

from fpgaprune.compare.explain import explain
from fpgaprune.compare.figures import layer_figures, total_figures
from fpgaprune.compare.matching import Match, match_modules
from fpgaprune.compare.trust import foreign, other_multiplications, other_target, own_functions, remarks
from fpgaprune.compare.wrapping import network_report, surroundings
from fpgaprune.design import Design
from fpgaprune.errors import ConfigError
from fpgaprune.results import (
    METRIC,
    Bound,
    Comparison,
    ComparisonRow,
    Estimate,
    LayerEstimate,
    Stage,
    StageFacts,
    SynthesisReport,
    Verdict,
)

DEFAULT_TOLERANCE: Final = METRIC["dsp"].tolerance
_LEAST: Final = int(METRIC["dsp"].least)  # DSPs that never count as a disagreement


def compare(
    design: Design,
    estimate: Estimate,
    report: SynthesisReport | None,
    tolerance: float = DEFAULT_TOLERANCE,
    reasons: Sequence[str] = (),
    *,
    others: Sequence[SynthesisReport] = (),
    older: str | None = None,
) -> Comparison:
    """Hold `estimate` against `report`, layer by layer and in total, and show what `others` (later stages) say.

    `tolerance` is relative to the reported count, and one DSP more or less always agrees; a bounded estimate agrees
    where the report lies inside. Without a report, with one of other weights or another DSP block, or where layers
    are not estimated, the verdict is unknown. `reasons` are said first; `older` says why the report is known to be
    older than the project. Raises ConfigError for a tolerance that is negative or no number.
    """
    if not 0 <= tolerance < 1e6:
        message = f"the tolerance {tolerance} is not a relative error such as 0.02"
        raise ConfigError(message)
    reports = [*(() if report is None else (report,)), *others]
    found = {one.stage: match_modules(design, one) for one in reports if one.modules}
    matches = {} if report is None else found.get(report.stage, {})
    rows = tuple(_row(layer, matches.get(layer.name), report, tolerance, found) for layer in estimate.layers)
    network = None if report is None else network_report(design, report)
    total = _total(estimate, network, tolerance, [*(() if network is None else (network,)), *others])
    stale: tuple[str, ...] = ()
    if report is not None:
        stale = (*foreign(design, report, matches), *other_multiplications(design, estimate, report, matches))
    if older is not None and total.verdict is not Verdict.AGREES:
        stale = (*stale, older)
    verdict, why = _verdict(estimate, report, (*stale, *_own(design, report, total)), rows, total)
    more = _more(design, estimate, report, network, (*_unmatched(rows, total),))
    if older is not None and older not in why:
        more = (older, *more)
    return Comparison(
        design=design.name,
        rows=rows,
        total=total,
        verdict=verdict,
        tolerance=tolerance,
        rules=estimate.rules,
        report=None if report is None or report.path is None else str(report.path),
        reasons=tuple(dict.fromkeys((*reasons, *why, *more))),
        explanations=(*(() if stale else _by_rule(estimate, rows)), *explain(estimate, reports, report)),
        stale=bool(stale),
        basis=None if report is None else report.stage,
        stages=tuple(StageFacts.of(one) for one in sorted(reports, key=lambda one: list(Stage).index(one.stage))),
    )


def _own(design: Design, report: SynthesisReport | None, total: ComparisonRow) -> tuple[str, ...]:
    """Why a disagreement may be nobody's error: layers that hls4ml did not write."""
    held = total.reported is None or total.verdict is Verdict.AGREES
    reason = None if held else own_functions(design, report)
    return () if reason is None else (reason,)


def _more(
    design: Design,
    estimate: Estimate,
    report: SynthesisReport | None,
    network: SynthesisReport | None,
    unmatched: tuple[str, ...],
) -> tuple[str, ...]:
    """What qualifies the verdict without deciding it."""
    if report is None or network is None:
        return ()
    around = surroundings(report, network)
    return (*remarks(design, estimate, report), *unmatched, *report.notes, *(() if around is None else (around,)))


def within(estimated: Bound, reported: int, tolerance: float) -> bool:
    """Whether a report lies inside the bounds of an estimate, give or take the tolerance and one DSP."""
    slack = max(_LEAST, floor(tolerance * reported))
    return estimated.low - slack <= reported <= estimated.high + slack


def _row(
    layer: LayerEstimate,
    match: Match | None,
    report: SynthesisReport | None,
    tolerance: float,
    found: Mapping[Stage, Mapping[str, Match]],
) -> ComparisonRow:
    reported = None if match is None else match.dsp
    if layer.dsp is None or reported is None:
        verdict = Verdict.UNKNOWN
    else:
        verdict = Verdict.AGREES if within(layer.dsp, reported, tolerance) else Verdict.DISAGREES
    return ComparisonRow(
        name=layer.name,
        kind=layer.kind,
        estimated=layer.dsp,
        reported=reported,
        first_order=layer.first_order_dsp,
        module=None if match is None else ", ".join(match.modules),
        evidence=None if match is None else match.evidence,
        verdict=verdict,
        note=_note(layer, match, report),
        figures=layer_figures(layer, {stage: some[layer.name] for stage, some in found.items() if layer.name in some}),
    )


def _note(layer: LayerEstimate, match: Match | None, report: SynthesisReport | None) -> str | None:
    said = []
    if layer.dsp is None:
        said.append("not estimated")
    elif layer.extrapolated:
        said.append("extrapolated")
    if report is not None and match is None and (layer.weights or (layer.dsp and layer.dsp.high)):
        said.append("no module of its own in the report: inlined, or part of another one")
    elif match is not None and match.dsp is None:
        said.append("its module does not state its DSPs")
    return "; ".join(said) or None


def _total(
    estimate: Estimate, report: SynthesisReport | None, tolerance: float, reports: Sequence[SynthesisReport]
) -> ComparisonRow:
    reported = None if report is None else report.used.dsp
    if reported is None:
        verdict = Verdict.UNKNOWN
    elif within(estimate.dsp, reported, tolerance):
        verdict = Verdict.AGREES
    else:  # what is not estimated may be what is missing
        missing = bool(estimate.not_estimated) and estimate.dsp.low <= reported
        verdict = Verdict.UNKNOWN if missing else Verdict.DISAGREES
    return ComparisonRow(
        name="total",
        kind="",
        estimated=estimate.dsp,
        reported=reported,
        first_order=estimate.first_order_dsp,
        module=None if report is None else report.top,
        evidence=None if report is None else "the report's total",
        verdict=verdict,
        figures=total_figures(estimate, reports),
    )


def _verdict(
    estimate: Estimate,
    report: SynthesisReport | None,
    doubtful: Sequence[str],
    rows: Sequence[ComparisonRow],
    total: ComparisonRow,
) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict over all rows, and the reasons that decided it."""
    if report is None or total.reported is None or total.estimated is None:
        return Verdict.UNKNOWN, () if report is None else ("the report does not state its DSPs",)
    doubts = [reason for reason in (other_target(estimate, report), *doubtful) if reason]
    if doubts:
        return Verdict.UNKNOWN, tuple(doubts)
    if total.verdict is Verdict.UNKNOWN:
        names = ", ".join(estimate.not_estimated)
        return Verdict.UNKNOWN, (f"not estimated, and so not in the total: {names}",)
    marked = [row for row in rows if row.verdict is Verdict.DISAGREES]
    if total.verdict is Verdict.AGREES and sum(abs(row.error or 0) for row in marked) > _slack(total):
        names = ", ".join(row.name for row in marked)
        return Verdict.DISAGREES, (f"the total agrees only because the errors of {names} cancel",)
    return total.verdict, ()


def _by_rule(estimate: Estimate, rows: Sequence[ComparisonRow]) -> tuple[str, ...]:
    """Which layers a disagreement comes from, and what the estimate itself said of them."""
    said = []
    for row, layer in zip(rows, estimate.layers, strict=True):
        if row.verdict is not Verdict.DISAGREES or row.error is None:
            continue
        kind = " ".join(str(word) for word in (layer.strategy, f"reuse factor {layer.reuse_factor}") if word)
        notes = "; ".join(layer.notes)
        if layer.extrapolated:
            cause = f"no recorded report has its combination ({layer.kind}, {kind})"
        elif notes:
            cause = f"the estimate says of it: {notes}"
        else:
            cause = f"the rules for {layer.kind}, {kind}, do not hold here"
        said.append(f"{row.name}: {row.error:+d} DSPs, {cause}")
    return tuple(said)


def _slack(total: ComparisonRow) -> int:
    bound = total.estimated
    return 0 if bound is None else 2 * _LEAST + bound.high - bound.low


def _unmatched(rows: Sequence[ComparisonRow], total: ComparisonRow) -> tuple[str, ...]:
    """DSPs of the report that lie in no layer's module."""
    if total.reported is None:
        return ()
    rest = total.reported - sum(row.reported or 0 for row in rows)
    if rest > 0:
        return (f"{rest} of the {total.reported} DSPs reported lie outside of the modules matched to a layer",)
    return ()
