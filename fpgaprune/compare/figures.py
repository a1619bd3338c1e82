"""The numbers of a layer or a design by metric and stage, estimated and reported."""

from collections.abc import Mapping, Sequence
from typing import Final

from fpgaprune.compare.matching import Match
from fpgaprune.results import METRICS, Bound, Estimate, Expected, Figure, LayerEstimate, Metric, Stage, SynthesisReport

_OF_USED: Final = {"dsp", "lut", "ff", "bram_18k", "uram"}
_LOGIC: Final = (Stage.VSYNTH, Stage.IMPL)
_FITTED: Final = (Stage.CSYNTH, Stage.COSIM)  # what LUTs, registers, memories and cycles are estimated for


def layer_figures(layer: LayerEstimate, matches: Mapping[Stage, Match]) -> dict[str, Figure]:
    """Every metric that is estimated or reported of one layer."""
    figures = {}
    for metric in METRICS:
        if metric.layers:
            expected = layer.dsp if metric.name == "dsp" else getattr(layer.fabric, metric.name)
            reported = {stage: _of(metric.name, match.used, match) for stage, match in matches.items()}
            figures[metric.name] = _figure(metric, expected, reported)
    return {name: figure for name, figure in figures.items() if figure.estimated is not None or figure.reported}


def total_figures(estimate: Estimate, reports: Sequence[SynthesisReport]) -> dict[str, Figure]:
    """Every metric that is estimated or reported of the whole design."""
    figures = {}
    for metric in METRICS:
        expected = estimate.dsp if metric.name == "dsp" else getattr(estimate.fabric, metric.name, None)
        reported: dict[Stage, int | float | None]
        if metric.name == "lut_after_synthesis":
            reported = {report.stage: report.used.lut for report in reports if report.stage in _LOGIC}
        else:
            reported = {report.stage: _of(metric.name, report.used, report) for report in reports}
        figures[metric.name] = _figure(metric, expected, reported)
    return {name: figure for name, figure in figures.items() if figure.estimated is not None or figure.reported}


def _of(name: str, used: object, report: object) -> int | float | None:
    value: int | float | None = getattr(used if name in _OF_USED else report, name)
    return value


def _figure(metric: Metric, expected: Bound | Expected | None, reported: Mapping[Stage, int | float | None]) -> Figure:
    about = tuple(Stage) if metric.decides else _LOGIC if metric.name == "lut_after_synthesis" else _FITTED
    said = {stage: value for stage, value in reported.items() if value is not None}
    return Figure(metric.name, expected, said, about)
