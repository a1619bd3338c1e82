"""What `fit` tried, as a table, and its answer."""

from fpgaprune.render.sheet import Column, Row, Sheet
from fpgaprune.results.fit import Attempt, FitResult

_COLUMNS = (
    Column("combination", "combination", style="cyan", wrap=True),
    Column("score", "score", numeric=True),
    Column("sparsity", "zero\nweights", numeric=True, rank=1),
    Column("dsp", "DSPs\nexpected", numeric=True),
    Column("lut", "LUTs\nexpected", numeric=True),
    Column("seconds", "seconds", numeric=True, rank=2),
    Column("outcome", "outcome", wrap=True),
)


def fit_sheet(result: FitResult) -> Sheet:
    """A row for every attempt, in the order they were made; the best one is bold."""
    rows = tuple(
        Row(
            cells=(
                each.name,
                None if each.score is None else f"{each.score:.4f}",
                None if each.sparsity is None else f"{100 * each.sparsity:.1f} %",
                each.dsp,
                each.lut,
                f"{each.seconds:.0f}",
                _outcome(each, result),
            ),
            style="bold" if each is result.best else "",
        )
        for each in result.attempts
    )
    names = {each.score_name for each in result.attempts if each.score_name}
    notes = [f"Scores are the {' or '.join(sorted(names))} on the validation samples."] if names else []
    if result.record is not None:
        kept = "test samples, which nothing else saw" if result.record["score"]["test"] else "all samples of the data"
        told = ", ".join(f"{k} {v:.4g}" for k, v in result.record["score"]["after"].items() if v is not None)
        notes.append(f"The model that was written, on the {kept}: {told}.")
    limits = [
        f"{value:.4g} {what} at {which}" if isinstance(value, float) else f"{value} {what} at {which}"
        for value, what, which in (
            (result.limits.max_dsp, "DSPs", "most"),
            (result.limits.max_lut, "LUTs", "most"),
            (result.limits.min_score, "score", "least"),
            (result.limits.max_loss, "loss", "most"),
        )
        if value is not None
    ]
    if result.limits.is_default:
        named = "--min-score" if result.limits.max_loss is None else "a --score such as r2 and --min-score"
        notes.append(
            f"{str(result.limits.least).capitalize()} keeps nine tenths of what the model that was given is above a "
            f"constant answer: a default, another one by {named}."
        )
    title = f"Within {', '.join(limits)}"
    return Sheet(title=title, columns=_COLUMNS, rows=rows, summary=(result.answer,), footnotes=tuple(notes))


def _outcome(attempt: Attempt, result: FitResult) -> str:
    if attempt.error is not None:
        first = next(each for each in result.attempts if each.error == attempt.error)
        return f"failed: {attempt.error}" if first is attempt else f"failed as {first.name} did"
    if attempt.skipped is not None:
        return attempt.skipped
    if attempt is result.best:
        return "best within the limits"
    if attempt.file is None:
        return "over the limits"
    good = result.limits.is_good(attempt.score, attempt.loss)
    return "within the limits" if good else "within the limits, not good enough"
