"""A 10 x 10 post-training grid by the command line, start-up included: `python -m benchmarks.sweep DIR`.

The network of `benchmarks.emulator` (16-64-32-32-5), 10 000 seeded synthetic samples whose labels are the whole
network's own answers, bits 4 to 13, sparsity 0 to 0.9. Then the same command again, which only reads what is there.
The reference is hls4ml's convert, compile and predict of one such point, times a hundred. The last line is JSON.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.emulator import SAMPLES, measure

PROJECT = """
title = "16-64-32-32-5"
question = "How fast is a grid of 10 x 10 points?"

[hardware]
part = "xcvu13p-flga2577-2-e"

[sweep]
bits = [4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
sparsity = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
"""

TASK = f'''
"""The benchmark's network, its weights as they are seeded, on the samples that it labels itself."""

import numpy as np

from benchmarks.emulator import network
from fpgaprune.compress import TrainingData
from fpgaprune.flow.study_task import StudyData

SAMPLES = {SAMPLES}


def load_data(settings):
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (SAMPLES + 1000, 16))
    labels = np.zeros(len(x), dtype=np.int64)
    path = settings.get("labels")
    if path is not None:
        labels = np.load(path)
    training, test = x[SAMPLES:], x[:SAMPLES]
    y = labels[SAMPLES:]
    return StudyData(TrainingData(training, y, training, y), test, labels[:SAMPLES])


def build_model(settings):
    return network()


def train(model, data, settings, on_epoch):
    on_epoch(1, 1, 0.0)


def score(outputs, targets):
    return float(np.mean(outputs.argmax(axis=-1) == targets))
'''


def write_study(folder: Path) -> None:
    """The study, with the labels that the whole network in double precision gives."""
    from benchmarks.emulator import network  # noqa: PLC0415 - loads frameworks

    folder.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(0).normal(0, 1, (SAMPLES + 1000, 16))
    labels = np.asarray(network()(samples, training=False)).argmax(axis=-1)
    np.save(folder / "labels.npy", labels)
    task = f"\n[task]\nlabels = {json.dumps(str(folder / 'labels.npy'))}\n"
    (folder / "project.toml").write_text(PROJECT.replace("\n[hardware]", f"{task}\n[hardware]"), encoding="utf-8")
    (folder / "task.py").write_text(TASK, encoding="utf-8")


def timed_sweep(study: Path, output: Path, jobs: int) -> float:
    """Seconds of one run of the command."""
    words = ["sweep", str(study), "-o", str(output), "--jobs", str(jobs), "--format", "json"]
    command = [sys.executable, "-c", "from fpgaprune.cli import main; main()", *words]
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    """The grid, the same again, and the reference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="a new folder for study, points and the reference's project")
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    folder: Path = arguments.folder.resolve()
    write_study(folder / "study")
    grid = timed_sweep(folder / "study", folder / "output", arguments.jobs)
    again = timed_sweep(folder / "study", folder / "output", arguments.jobs)
    reference = measure(folder / "reference", None, np.random.default_rng(0).normal(0, 1, (SAMPLES, 16)))
    hls4ml = float(reference["hls4ml_seconds"])
    print(f"100 points in {grid:.1f} s, again in {again:.1f} s; hls4ml needs {hls4ml:.1f} s for one")
    facts = {
        "points": 100,
        "samples": SAMPLES,
        "jobs": arguments.jobs,
        "seconds": round(grid, 2),
        "again_seconds": round(again, 2),
        "hls4ml_seconds_per_point": hls4ml,
        "ratio": round(100 * hls4ml / grid, 1),
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
