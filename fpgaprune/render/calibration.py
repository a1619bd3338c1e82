"""A calibration as a table: each threshold, its value, and what speaks for and against it."""

from fpgaprune.render.sheet import Column, Row, Sheet
from fpgaprune.results import Calibration, Finding, Fit

_COLUMNS = (
    Column("threshold", "threshold", style="cyan"),
    Column("finding", "finding"),
    Column("value", "value", numeric=True, style="bold green"),
    Column("default", "package", numeric=True),
    Column("low", "low", numeric=True, rank=2),
    Column("high", "high", numeric=True, rank=2),
    Column("supporting", "for it", numeric=True),
    Column("contradicting", "against", numeric=True),
    Column("text", "evidence", wrap=True),
)
_LEGEND = (
    "fitted: only this value explains the reports. bounded: low to high do, and the package's own value is kept where "
    "it is among them. thin, contradictory: the package's value is kept.",
)


def calibration_sheet(calibration: Calibration, written: str | None) -> Sheet:
    """A row per threshold; `written` is the file the rules went to."""
    versions = dict.fromkeys(text for text in (calibration.first_version, calibration.last_version) if text)
    summary = (
        f"{calibration.multipliers} multipliers of {len(calibration.projects)} projects, {calibration.tool} "
        f"{' to '.join(versions)}; with these rules {calibration.exact} of {calibration.layers} layers are exact.",
        f"Rules written to {written}: give it to estimate and compare with --rules."
        if written
        else "Nothing written: name a file with --output.",
    )
    return Sheet(
        title=f"Thresholds of {calibration.tool} from reports of one's own",
        columns=_COLUMNS,
        rows=tuple(_row(fit) for fit in calibration.fits),
        summary=summary,
        footnotes=tuple(f"! left out: {reason}" for reason in calibration.skipped),
        legend=_LEGEND,
    )


def _row(fit: Fit) -> Row:
    style = {Finding.CONTRADICTORY: "red", Finding.FITTED: ""}.get(fit.finding, "yellow")
    cells = (fit.threshold, fit.finding.value, _plain(fit.value), _plain(fit.default))
    return Row(cells=(*cells, fit.low, fit.high, fit.supporting, fit.contradicting, fit.text), style=style)


def _plain(value: int | bool) -> str | int:
    return ("yes" if value else "no") if isinstance(value, bool) else value
