"""What the rows of `benchmarks.compression` say: means over seeds, claims that hold or not."""

from typing import Any

import numpy as np

Row = dict[str, Any]


def mean(rows: list[Row]) -> Row:
    """One row of several seeds: means, and the spread of the accuracy."""
    numbers = ("accuracy", "sparsity", "dsp", "first_order_dsp", "lut", "seconds")
    means = {key: _average([row[key] for row in rows]) for key in numbers}
    values = [row["accuracy"] for row in rows]
    names = {key: rows[0][key] for key in ("method", "family")}
    return {**names, **means, "spread": round(max(values) - min(values), 4), "seeds": len(rows)}


def _average(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(float(np.mean(known)), 4) if len(known) == len(values) else None


def no_loss(rows: list[Row], sparsity: float = 0.7) -> dict[str, Any]:
    """Whether iterative L1 and polynomial decay remove that share of the weights without losing accuracy.

    No loss: the mean over the seeds lies below that of the better dense network by less than the spread of its seeds.
    """
    dense = max((row for row in rows if row["family"] == "dense"), key=lambda row: row["accuracy"])
    found = {}
    for row in rows:
        if row["method"] not in (f"iterative_l1 {sparsity}", f"polynomial {sparsity}"):
            continue
        change = round(row["accuracy"] - dense["accuracy"], 4)
        holds = row["sparsity"] >= sparsity and change >= -dense["spread"]
        words = (
            f"{100 * row['sparsity']:.1f} % of the weights removed, accuracy {_percent(row)}, {dense['method']} "
            f"{_percent(dense)}: {100 * change:+.2f} points, {'no loss' if holds else 'a loss'}"
        )
        found[row["method"]] = {"holds": holds, "change": change, "spread": dense["spread"], "words": words}
    return found


def _percent(row: Row) -> str:
    return f"{100 * row['accuracy']:.2f} % (spread {100 * row['spread']:.2f})"
