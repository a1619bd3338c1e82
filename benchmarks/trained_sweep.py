"""A trained 6 x 6 grid against its points one after another: `python -m benchmarks.trained_sweep DIR`.

The digits' network, bits 4 to 14, sparsity 0 to 0.9. Ours is the command, start-up included. The reference trains a
point with QKeras and TFMOT's polynomial decay, for as many epochs as our network has behind it at the middle target,
then converts, compiles and predicts with hls4ml; `--points` of the 36 are timed and their mean is taken for each.
The last line is JSON, with seconds and seconds of processor time, which a busy machine does not lengthen.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.sweep import timed_sweep
from fpgaprune.compress import requantized
from fpgaprune.compress.stack import GridTraining
from fpgaprune.config.study import load_study
from fpgaprune.flow.study_task import StudyData, load_task
from fpgaprune.frameworks import load_frameworks, quiet
from fpgaprune.sweep.grid import sweep_of

BITS = (4, 6, 8, 10, 12, 14)
SPARSITY = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9)
LOSS = "sparse_categorical_crossentropy"
RATE = 2e-3
PROJECT = f"""
title = "Digits, trained"
question = "How fast is a trained grid of 6 x 6 points?"

[task]
seed = 0
hidden = [64, 32, 32]
weight_integer = 1
activation_integer = 3
bits = 12

[hardware]
part = "xczu7ev-ffvc1156-2-e"

[sweep]
bits = {list(BITS)}
sparsity = {list(SPARSITY)}

[sweep.training]
loss = "{LOSS}"
learning_rate = {RATE}
"""
DIGITS = Path(__file__).parents[1] / "projects" / "digits_mlp" / "task.py"


def reference_point(study: Path, project: Path, bits: int, sparsity: float) -> float:
    """The test accuracy of one point, trained, pruned, converted and simulated by itself."""
    import hls4ml  # noqa: PLC0415 - loads frameworks
    import tensorflow_model_optimization as tfmot  # noqa: PLC0415

    keras, settings, task = load_frameworks().keras, sweep_of(load_study(study)).task, load_task(study)
    data: StudyData = task.load_data(settings)
    model: Any = requantized(task.build_model(settings), bits, data.some_inputs()[:16])
    config = GridTraining(loss=LOSS, learning_rate=RATE)
    epochs = config.length(SPARSITY[: len(SPARSITY) // 2 + 1])
    callbacks = []
    training = data.training
    steps = -(-training.samples // config.batch_size)
    pruning = tfmot.sparsity.keras
    if sparsity > 0:
        schedule = pruning.PolynomialDecay(0.0, sparsity, config.epochs * steps, (epochs - 9) * steps, frequency=steps)
        model = pruning.prune_low_magnitude(model, pruning_schedule=schedule)
        callbacks.append(pruning.UpdatePruningStep())
    model.compile(keras.optimizers.Adam(RATE), LOSS, metrics=["accuracy"])
    checked = (training.validation_x, training.validation_y)
    options = {"epochs": epochs, "batch_size": config.batch_size, "verbose": 0, "callbacks": callbacks}
    model.fit(training.x, training.y, validation_data=checked, **options)
    model = pruning.strip_pruning(model) if sparsity > 0 else model
    with quiet("conversion"):
        settings = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Vitis")
        graph = hls4ml.converters.convert_from_keras_model(
            model, hls_config=settings, output_dir=str(project), backend="Vitis"
        )
        graph.compile()
        outputs = graph.predict(np.ascontiguousarray(data.test_x))
    return task.score(outputs.reshape(len(data.test_y), -1), data.test_y)


def main() -> None:
    """The grid, and the reference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="a new folder for everything")
    parser.add_argument("--points", type=int, default=3, help="points of the reference to time")
    arguments = parser.parse_args()
    folder: Path = arguments.folder.resolve()
    study = folder / "study"
    study.mkdir(parents=True)
    (study / "project.toml").write_text(PROJECT, encoding="utf-8")
    (study / "task.py").write_text(DIGITS.read_text(encoding="utf-8"), encoding="utf-8")
    ours, ours_used = timed_sweep(study, folder / "output", 1)
    print(f"36 points in {ours:.1f} s ({ours_used:.1f} s of processor)", file=sys.stderr)
    load_frameworks()
    chosen = [(BITS[n % 6], SPARSITY[(n + 3) % 6]) for n in range(arguments.points)]
    started, used = time.perf_counter(), time.process_time()
    for number, (bits, sparsity) in enumerate(chosen):
        score = reference_point(study, folder / f"reference{number}", bits, sparsity)
        print(f"reference: {bits} bits, {sparsity:.0%} zeros, score {score:.4f}", file=sys.stderr)
    seconds = (time.perf_counter() - started) / len(chosen)
    seconds_used = (time.process_time() - used) / len(chosen)  # without the compiler, which is a process of its own
    facts = {
        "points": 36,
        "seconds": round(ours, 1),
        "processor_seconds": round(ours_used, 1),
        "reference_points": len(chosen),
        "reference_seconds_per_point": round(seconds, 1),
        "reference_processor_seconds_per_point": round(seconds_used, 1),
        "ratio": round(36 * seconds / ours, 1),
        "processor_ratio": round(36 * seconds_used / ours_used, 1),
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
