"""An audit as a table, and its differences in words."""

from fpgaprune.render.sheet import Column, Row, Sheet
from fpgaprune.results.audit import AuditResult, AuditRow

_SHOWN = 20  # differences written out; JSON has all
_COLUMNS = (
    Column("layer", "layer", style="cyan"),
    Column("array", "array"),
    Column("precision", "written\ntype"),
    Column("size", "values", numeric=True),
    Column("model_zeros", "zeros in\nthe model", numeric=True),
    Column("graph_zeros", "in the\ngraph", numeric=True),
    Column("project_zeros", "in the\nproject", numeric=True, style="bold"),
    Column("claimed_zeros", "claimed\n(n_zeros)", numeric=True),
    Column("powers_of_two", "powers\nof two", numeric=True, rank=2),
    Column("rounded", "rounded", numeric=True, rank=2),
    Column("reuse_factor", "reuse\nfactor", numeric=True, rank=1),
    Column("model_precision", "model's\ntype", rank=3),
    Column("agrees", "verdict"),
)
_LEGEND = (
    "rounded: constants that the written type cannot hold exactly, each its nearest value. "
    "A dash is a number that the look does not have.",
)


def audit_sheet(result: AuditResult) -> Sheet:
    """A row per array of constants, the verdict, and the first differences."""
    weights = [row for row in result.rows if row.array.endswith("weight")]
    size, zeros = sum(row.size for row in weights), sum(row.project_zeros for row in weights)
    notes = [f"! {difference}" for difference in result.differences[:_SHOWN]]
    if len(result.differences) > _SHOWN:
        notes.append(f"! and {len(result.differences) - _SHOWN} more (--format json has all)")
    return Sheet(
        title=f"Audit of {result.project}: {', '.join(result.looks)}",
        columns=_COLUMNS,
        rows=tuple(_row(row) for row in result.rows),
        summary=(_sentence(result), *_sparsity(zeros, size)),
        footnotes=(*notes, *result.notes),
        legend=_LEGEND,
        summary_style="bold green" if result.agrees else "bold red",
    )


def _row(row: AuditRow) -> Row:
    return Row(
        cells=(
            row.layer,
            row.array,
            row.precision,
            row.size,
            row.model_zeros,
            row.graph_zeros,
            row.project_zeros,
            row.claimed_zeros,
            row.powers_of_two,
            row.rounded,
            row.reuse_factor,
            row.model_precision,
            "agrees" if row.agrees else "DISAGREES",
        ),
        style="" if row.agrees else "red",
    )


def _sentence(result: AuditResult) -> str:
    if result.agrees:
        return f"Verdict: {' and '.join(_listed(result.looks))} agree in every constant."
    count = len(result.differences)
    return f"Verdict: they disagree, {count} difference{'s' if count > 1 else ''}."


def _listed(looks: tuple[str, ...]) -> tuple[str, str]:
    return ", ".join(looks[:-1]), looks[-1]


def _sparsity(zeros: int, size: int) -> tuple[str, ...]:
    return (f"Weights: {zeros} of {size} are zero ({100 * zeros / size:.1f} %).",) if size else ()
