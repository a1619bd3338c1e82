"""What the rows of `benchmarks.compression` say: means over seeds, claims that hold or not, families side by side."""

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


def at_losses(rows: list[Row]) -> dict[str, Any]:
    """For each loss the row of fewest LUTs of each family, and the ratio of the others' to the budget's."""
    dense = next(row for row in rows if row["method"] == "dense")
    result = {}
    for loss in (0.0, 0.005, 0.01):
        least = dense["accuracy"] - max(loss, dense["spread"] if loss == 0 else 0.0) - 1e-9
        best: dict[str, Any] = {}
        for family in ("pruned", "fewer bits", "budget"):
            fine = [row for row in rows if row["family"] == family and row["accuracy"] >= least and row["lut"]]
            best[family] = min(fine, key=lambda row: row["lut"]) if fine else None
        others = [best[family]["lut"] for family in ("pruned", "fewer bits") if best[family]]
        mine = best["budget"]
        result[str(loss)] = {
            "fewest_lut": {
                family: None if row is None else {key: row[key] for key in ("method", "accuracy", "dsp", "lut")}
                for family, row in best.items()
            },
            "ratio": round(min(others) / mine["lut"], 3) if others and mine else None,
        }
    return result
