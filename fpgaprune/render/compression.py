"""What a compression changed, before and after."""

from collections.abc import Mapping
from typing import Any

from fpgaprune.render.sheet import Cell, Column, Row, Sheet
from fpgaprune.results import Bound

_COLUMNS = (
    Column("figure", "figure", style="cyan"),
    Column("before", "before", numeric=True),
    Column("after", "after", numeric=True, style="bold"),
)


def compression_sheet(record: Mapping[str, Any]) -> Sheet:
    """Score, zeros, DSPs and LUTs of the record that `prune` or `quantize` writes."""
    before, after = (record["estimate"][when] for when in ("before", "after"))
    rows = [
        *_score_rows(record["score"]["before"], record["score"]["after"]),
        *_output_rows(record["score"]["outputs"]["before"], record["score"]["outputs"]["after"]),
        _row("weights", *(record["weights"][when] for when in ("before", "after"))),
        _row("zero weights", *(_percent(record["sparsity"][when]) for when in ("before", "after"))),
        _row("DSPs expected", _bound(before["dsp"]), _bound(after["dsp"])),
        _row("first-order count", before["first_order_dsp"], after["first_order_dsp"]),
        _row("LUTs expected", _value(before["lut"]), _value(after["lut"])),
    ]
    judged = "the test part of the data" if record["score"]["test"] else "all of the data, the training samples too"
    notes = [f"Scores are on {judged}."]
    fixed = record.get("not_changeable", ())
    if fixed:
        notes.append(f"Left as they are, since their constants are not one kernel of the model: {', '.join(fixed)}.")
    left = record.get("left_float", ())
    if left:
        notes.append(f"Left in float, excluded or of no kind that QKeras layers replace: {', '.join(left)}.")
    removed = record.get("removed_neurons")
    if removed is not None:
        named = ", ".join(f"{count} of {name}" for name, count in removed.items())
        notes.append(f"Neurons and filters taken out: {named or 'none that the others could do without'}.")
    coding = record.get("coding")
    if coding is not None:
        plain, coded = (coding[key] / 8192 for key in ("plain_bits", "coded_bits"))
        notes.append(
            f"Coded by Huffman's codes the weights take {coded:.2f} KiB with their tables, {plain:.2f} KiB as they "
            f"are: {coding['ratio']:.1f} times less."
        )
    rounded = record.get("rounded", ())
    if rounded:
        notes.append(f"Rounded to few signed digits as a whole, which is not weighed: {', '.join(rounded)}.")
    teacher = record.get("teacher")
    if teacher is not None:
        accuracy = teacher["accuracy"]
        worth = f"loss {_short(teacher['loss'])}" if accuracy is None else f"accuracy {_percent(accuracy)}"
        notes.append(f"The teacher {teacher['model']}: {worth}.")
    title = f"{record['model']} by {record['method']}: {record['output']}"
    return Sheet(title=title, columns=_COLUMNS, rows=tuple(rows), footnotes=tuple(notes))


def _score_rows(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Row]:
    rows = []
    if after["accuracy"] is not None:
        rows.append(_row("accuracy", _percent(before["accuracy"]), _percent(after["accuracy"])))
    own = [name for name in after if name not in ("accuracy", "loss")]
    rows += [_row(name, _short(before.get(name)), _short(after[name])) for name in own]
    rows.append(_row("loss", _short(before["loss"]), _short(after["loss"])))
    return rows


def _output_rows(before: Mapping[str, float], after: Mapping[str, float]) -> list[Row]:
    """By place: a quantized model may call its outputs otherwise."""
    pairs = zip(before.items(), after.values(), strict=True)
    return [_row(f"accuracy of {name}", _percent(one), _percent(other)) for (name, one), other in pairs]


def _row(what: str, before: Cell, after: Cell) -> Row:
    return Row(cells=(what, before, after))


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{100 * value:.2f} %"


def _short(value: float | None) -> str | None:
    return None if value is None else f"{value:.4g}"


def _bound(count: int | Mapping[str, int]) -> Bound:
    return Bound.exactly(count) if isinstance(count, int) else Bound(count["low"], count["high"])


def _value(count: Mapping[str, Any] | None) -> int | None:
    return None if count is None else int(count["value"])
