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
the seeds. For each loss of accuracy against the dense network (0, with the spread of its own seeds allowed, 0.5 and
1 %) `fewest_lut` names what each family needs; `ratio` is the better of the other two over the budget. Families whose
last point is still good enough are `at_end`: easier sets need points further down. `--netlist` compiles these networks
of the first seed through clang and counts adders. `--full`: more seeds, more points. The last line is JSON.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.compression import LOSS, build, load_sets
from fpgaprune.compress import Polynomial, TrainingData, prune, split_validation
from fpgaprune.compress.constants import Budget
from fpgaprune.compress.copying import predict
from fpgaprune.compress.distillation import Distillation, distilled
from fpgaprune.compress.quantization import fine_tune
from fpgaprune.csd import csd_digits
from fpgaprune.errors import FpgapruneError
from fpgaprune.flow.budget_training import train_to_budget
from fpgaprune.flow.compression import estimate_model
from fpgaprune.flow.generate import generate_loaded
from fpgaprune.flow.open_job import OpenSettings, open_job
from fpgaprune.generate.inputs import InputSet
from fpgaprune.generate.settings import GenerateSettings
from fpgaprune.read.model import load_model
from fpgaprune.synth.open.front_ends import find_front_end
from fpgaprune.synth.open.netlist import Netlist, Op

FAMILIES = ("pruned", "fewer bits", "budget")
LOSSES = (0.0, 0.005, 0.01)
Row = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What is tried of each family, and for how long."""

    epochs: int
    sparsities: tuple[float, ...]
    bits: tuple[int, ...]
    shares: tuple[float, ...]


def usual(epochs: int) -> Plan:
    """Five points of each family at most."""
    return Plan(epochs, (0.7, 0.8, 0.85, 0.9), (6, 5, 4, 3), (0.2, 0.17, 0.15, 0.12, 0.1))


def full(epochs: int) -> Plan:
    """Twice as many."""
    return Plan(
        epochs,
        (0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95),
        (8, 7, 6, 5, 4, 3, 2),
        (0.3, 0.2, 0.17, 0.15, 0.13, 0.12, 0.1, 0.08, 0.06),
    )


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
    plan = (full if asked.full else usual)(asked.epochs)
    given = {"sparsities": asked.sparsities, "shares": asked.shares, "bits": asked.bits and tuple(map(int, asked.bits))}
    plan = replace(plan, **{name: points for name, points in given.items() if points})
    seeds = range(asked.seeds or (5 if asked.full else 3))
    os.environ.update({"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"})  # processes side by side instead
    result: dict[str, Any] = {"epochs": asked.epochs, "seeds": len(seeds)}
    with tempfile.TemporaryDirectory() as kept:
        for name in asked.sets.split(","):
            rows = averaged(run_set(asked.folder, name, seeds, plan, Path(kept), asked.jobs))
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


def run_set(folder: Path, name: str, seeds: Sequence[int], plan: Plan, kept: Path, jobs: int) -> list[list[Row]]:
    """The rows of every seed, `jobs` seeds at a time; models go to `kept`."""
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        running = [pool.submit(run_seed, folder, name, seed, plan, kept) for seed in seeds]
        return [each.result() for each in running]


def run_seed(folder: Path, name: str, seed: int, plan: Plan, kept: Path) -> list[Row]:
    """One row per method; each model is saved as `kept`/set-seed-number.h5."""
    x, y, test_x, test_y = load_sets(folder / "data")[name]
    training = split_validation(x, y, 0.15, seed)
    inputs = InputSet((x[:1024],), "training data", real=True)
    classes = int(max(y.max(), test_y.max())) + 1
    rows: list[Row] = []
    dense = build(x.shape[1], classes, 16, seed)

    def judge(method: str, family: str, make: Callable[[Any], Any], bits: int = 16) -> Row:
        started = time.perf_counter()
        copy = build(x.shape[1], classes, bits, seed)
        copy.set_weights(dense.get_weights())
        model = make(copy)
        seconds = time.perf_counter() - started
        estimate = estimate_model(model, GenerateSettings(), inputs)
        lut = estimate.fabric.lut
        model.save(kept / f"{name}-{seed}-{len(rows)}.h5")
        row = {
            "method": method,
            "family": family,
            "accuracy": float(np.mean(predict(model, test_x)[0].argmax(axis=-1) == test_y)),
            "dsp": estimate.dsp.high,
            "lut": 0 if lut is None else lut.value,
            "seconds": seconds,
        }
        rows.append(row)
        return row

    def train(model: Any) -> Any:
        dense.fit(training.x, training.y, epochs=plan.epochs, batch_size=64, verbose=0)
        model.set_weights(dense.get_weights())
        return model

    luts = judge("dense", "dense", train)["lut"]
    taught = distilled(training, dense, Distillation())
    common: dict[str, Any] = {"loss": LOSS, "epochs": plan.epochs, "seed": seed}
    for sparsity in plan.sparsities:
        decay = Polynomial(target_sparsity=sparsity, learning_rate=2e-3, **common)
        judge(f"{sparsity:.0%} of the weights removed", "pruned", partial(_pruned, config=decay, data=taught))
    for bits in plan.bits:
        make = partial(fine_tune, data=taught, learning_rate=2e-3, **common)
        judge(f"{bits}-bit weights", "fewer bits", make, bits)
    for share in plan.shares:
        config = Budget(max_dsp=0, max_lut=round(share * luts))
        make = partial(_budgeted, config=config, inputs=inputs, data=taught, **common)
        judge(f"no DSPs, {share:.0%} of the LUTs", "budget", make)
    return rows


def _pruned(model: Any, config: Polynomial, data: TrainingData) -> Any:
    return prune(model, config, data).model


def _budgeted(model: Any, config: Budget, inputs: InputSet, data: TrainingData, **settings: Any) -> Any:
    return train_to_budget(model, config, inputs, data, **settings).model


def averaged(seeds: Sequence[Sequence[Row]]) -> list[Row]:
    """The mean of every method over the seeds, with the spread of its accuracy."""
    result = []
    for same in zip(*seeds, strict=True):
        values = [row["accuracy"] for row in same]
        mean = {
            key: round(float(np.mean([row[key] for row in same])), 4) for key in ("accuracy", "dsp", "lut", "seconds")
        }
        each = {"spread": round(max(values) - min(values), 4), "most_dsp": max(row["dsp"] for row in same)}
        result.append({"method": same[0]["method"], "family": same[0]["family"], **mean, **each})
    return result


def at_losses(rows: Sequence[Row]) -> dict[str, Row]:
    """For each loss the row of fewest LUTs of each family, and the better of the others' LUTs over the budget's."""
    dense = next(row for row in rows if row["family"] == "dense")
    result = {}
    for loss in LOSSES:
        least = dense["accuracy"] - (loss or dense["spread"]) - 1e-9
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
    counted: dict[int, dict[str, int | str]] = {}
    for each in found.values():
        for row in each["fewest_lut"].values():
            if row is None:
                continue
            number = row["number"]
            if number not in counted:
                counted[number] = _count(kept / f"{name}-0-{number}.h5", inputs)
            row["netlist"] = counted[number]


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
