"""`Budget` against magnitude pruning and against fewer bits, weights and values of 16 bits: accuracy, DSPs, LUTs.

    python -m benchmarks.budget [DIR] [--sets digits,mnist,...] [--seeds N] [--jobs N] [--full] [--netlist]
                                [--sparsities 0.9,0.95] [--bits 3,2] [--shares 0.1,0.05]

The networks and data are those of `python -m benchmarks.compression`: 64, 32 and 32 neurons, the digits of 8x8 pixels
by default, other sets from DIR/data by name. A dense network is trained per seed; from it start, all with the same
number of epochs, the same split and that network as their teacher:

- `pruned`: single weights by magnitude, polynomial decay, at several sparsities;
- `fewer bits`: weights of b bits, values still of 16, trained with them;
- `budget`: no DSPs and a share of the dense network's LUTs, constants chosen while it trains.

Epochs are chosen on the validation part; accuracy is on the test part, mean and spread (largest less smallest) over
the seeds. For each loss of accuracy against the dense network (0, with the standard error of its mean allowed as far as
that is below 0.5 %; 0.5 and 1 %) `fewest_lut` names what each family needs; `ratio` is the better of the other two over
the budget. A family whose last point is still good enough goes on to cheaper ones until it is not, or is as small as it
gets (`at_end`).
`--netlist` compiles these networks of the first seed through clang and counts adders. `--full`: more seeds, more
points. Rows go to standard error as they come; the last line is JSON.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from math import sqrt
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.budget_points import FAMILIES, FULL, USUAL, Point, Row, Setting, train_dense, train_point
from benchmarks.compression import load_sets
from fpgaprune.csd import csd_digits
from fpgaprune.errors import FpgapruneError
from fpgaprune.flow.generate import generate_loaded
from fpgaprune.flow.open_job import OpenSettings, open_job
from fpgaprune.generate.settings import GenerateSettings
from fpgaprune.read.model import load_model
from fpgaprune.synth.open.front_ends import find_front_end
from fpgaprune.synth.open.netlist import Netlist, Op

LOSSES = (0.0, 0.005, 0.01)


def main(arguments: list[str] | None = None) -> None:
    """Print a row per set and method, what each family needs at each loss, and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("../shared"))
    parser.add_argument("--sets", default="digits")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--netlist", action="store_true")
    parser.add_argument("--sparsities", type=_numbers, help="shares of the weights to remove, ascending")
    parser.add_argument("--bits", type=_numbers, help="bits of the weights, descending")
    parser.add_argument("--shares", type=_numbers, help="shares of the dense network's LUTs, descending")
    asked = parser.parse_args(arguments)
    given = dict(zip(FAMILIES, (asked.sparsities, asked.bits, asked.shares), strict=True))
    usual = FULL if asked.full else USUAL
    points = [Point(family, value) for family in FAMILIES for value in given[family] or usual[family]]
    seeds = range(asked.seeds or (5 if asked.full else 3))
    os.environ.update({"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"})  # processes side by side instead
    result: dict[str, Any] = {"epochs": asked.epochs, "seeds": len(seeds)}
    with tempfile.TemporaryDirectory() as kept, ProcessPoolExecutor(asked.jobs, get_context("spawn")) as pool:
        for name in asked.sets.split(","):
            settings = [Setting(asked.folder, name, seed, asked.epochs, Path(kept)) for seed in seeds]
            rows = run_set(settings, points, pool)
            for row in rows:
                print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in row.items()), flush=True)
            found = at_losses(rows)
            if asked.netlist:
                add_netlists(found, asked.folder, name, Path(kept))
            for loss, each in found.items():
                print(f"{name}, loss {loss}: {json.dumps(each)}", flush=True)
            result[name] = {"rows": rows, "at_loss": found}
    print(json.dumps(result))


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(number) for number in text.split(","))


def run_set(settings: Sequence[Setting], points: Sequence[Point], pool: Executor) -> list[Row]:
    """The rows of a data set, averaged over the settings' seeds, each family's points in the order they were tried."""
    dense = dict(_each({pool.submit(train_dense, setting): setting for setting in settings}))
    rows = [averaged([dense[setting] for setting in settings])]
    wanted = list(points)
    while wanted:
        tasks = {
            pool.submit(train_point, setting, point, dense[setting]["lut"]): (setting, point)
            for point in wanted
            for setting in settings
        }
        found = dict(_each(tasks))
        out_of_reach = set()
        for point in wanted:
            same = [found[setting, point] for setting in settings]
            if None in same:
                out_of_reach.add(point.family)
            else:
                rows.append(averaged(same))
        rows.sort(key=lambda row: ("dense", *FAMILIES).index(row["family"]))
        last = {point.family: point for point in wanted}
        at_end = {family for each in at_losses(rows).values() for family in each["at_end"]} - out_of_reach
        wanted = [next_one for family, point in last.items() if family in at_end and (next_one := point.further())]
    return rows


def _each(tasks: dict[Any, Any]) -> Iterator[tuple[Any, Row | None]]:
    """What a task is of, and its row, as they end; shown as well."""
    for number, task in enumerate(as_completed(tasks), start=1):
        row = task.result()
        words = "out of reach" if row is None else f"{row['method']}: {row['accuracy']:.4f}, {row['lut']} LUTs"
        print(f"{number} of {len(tasks)}: {words}", file=sys.stderr, flush=True)
        yield tasks[task], row


def averaged(same: Sequence[Row]) -> Row:
    """The mean of a method over the seeds, with what its accuracy scatters; the model is that of the first seed."""
    values = [row["accuracy"] for row in same]
    means = {key: round(float(np.mean([row[key] for row in same])), 4) for key in ("accuracy", "dsp", "lut", "seconds")}
    error = float(np.std(values, ddof=1)) / sqrt(len(values)) if len(values) > 1 else 0.0
    each = {
        "spread": round(max(values) - min(values), 4),
        "error": round(error, 4),
        "most_dsp": max(row["dsp"] for row in same),
    }
    return {"method": same[0]["method"], "family": same[0]["family"], **means, **each, "model": same[0]["model"]}


def at_losses(rows: Sequence[Row]) -> dict[str, Row]:
    """For each loss the row of fewest LUTs of each family, and the better of the others' LUTs over the budget's."""
    dense = next(row for row in rows if row["family"] == "dense")
    result = {}
    for loss in LOSSES:
        least = dense["accuracy"] - (loss or min(dense["error"], *LOSSES[1:])) - 1e-9
        best: dict[str, Row | None] = {}
        for family in FAMILIES:
            fine = [{"number": n, **r} for n, r in enumerate(rows) if r["family"] == family and r["accuracy"] >= least]
            best[family] = min(fine, key=lambda row: float(row["lut"]), default=None)
        mine, others = best["budget"], [row["lut"] for row in (best["pruned"], best["fewer bits"]) if row]
        ratio = round(min(others) / mine["lut"], 3) if mine and others else None
        last = {row["family"]: number for number, row in enumerate(rows)}
        at_end = [family for family, row in best.items() if row and row["number"] == last[family]]
        result[str(loss)] = {"fewest_lut": best, "ratio": ratio, "at_end": at_end}
    return result


def add_netlists(found: dict[str, Row], folder: Path, name: str, kept: Path) -> None:
    """Put the adders and multipliers of the first seed's netlists into the rows of `found`."""
    inputs = load_sets(folder / "data")[name][0][:1024]
    counted: dict[str, dict[str, int | str]] = {}
    for each in found.values():
        for row in each["fewest_lut"].values():
            if row is None:
                continue
            model = row["model"]
            if model not in counted:
                counted[model] = _count(kept / model, inputs)
            row["netlist"] = counted[model]


def _count(path: Path, inputs: Any) -> dict[str, int | str]:
    project = path.with_suffix("")
    try:
        generate_loaded(load_model(path), project, GenerateSettings(), inputs=[inputs], run_verify=False)
        job = open_job(project, OpenSettings("vitis_hls"))
        network = find_front_end()(project, job.design, project)
    except FpgapruneError as error:
        return {"not_synthesized": str(error)}
    total = [sum(counts) for counts in zip(*map(adders, network.netlists), strict=True)]
    return {"adders": total[0], "adder_bits": total[1], "multipliers": total[2]}


def adders(netlist: Netlist) -> tuple[int, int, int]:
    """Adders and their bits, those inside products by constants of two digits included, and other products."""
    count = bits = multipliers = 0
    for node in netlist.nodes:
        digits = 0
        if node.op is Op.MUL:
            constant = netlist.nodes[node.arguments[1]]
            digits = int(csd_digits(constant.number)) if constant.op is Op.CONSTANT else 3
        if node.op in (Op.ADD, Op.SUB, Op.NEG) or digits == 2:
            count, bits = count + 1, bits + node.width
        multipliers += digits > 2
    return count, bits, multipliers


if __name__ == "__main__":
    main()
