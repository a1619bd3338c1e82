"""The fast C simulation against hls4ml's own: `python -m benchmarks.simulation DIR`.

A dense 16-64-32-32-5 network, a small convolutional one in streams and a recurrent one are generated into DIR; each is
built and run both ways on the same seeded samples, and outputs must be equal. Building is counted in seconds of the
processor, because compilers of both kinds keep to one core; the last line is JSON.
"""

import argparse
import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np

from fpgaprune.csim import Simulation, build_fast_simulation, build_simulation
from fpgaprune.flow.generate import generate
from fpgaprune.frameworks import load_frameworks
from fpgaprune.generate.settings import GenerateSettings

SAMPLES = 10_000
PART = "xcvu13p-flga2577-2-e"


def networks() -> dict[str, tuple[Any, str]]:
    """Seeded models and their io_type."""
    keras = load_frameworks().keras
    layers = keras.layers
    keras.utils.set_random_seed(0)
    hidden = [layers.Dense(width, activation="relu", name=f"fc{width}_{n}") for n, width in enumerate((64, 32, 32))]
    image = [layers.Conv2D(4, 3, activation="relu", name="conv"), layers.MaxPooling2D(2, name="pool")]
    last = [layers.Flatten(name="line"), layers.Dense(5, name="out")]
    dense = keras.Sequential([layers.Input((16,), name="x"), *hidden, layers.Dense(5, name="out")])
    return {
        "dense": (dense, "io_parallel"),
        "convolution": (keras.Sequential([layers.Input((10, 10, 2), name="x"), *image, *last]), "io_stream"),
        "recurrent": (keras.Sequential([layers.Input((8, 4), name="x"), layers.LSTM(8, name="lstm")]), "io_parallel"),
    }


def timed(build: Callable[[Path], Simulation], project: Path, inputs: np.ndarray[Any, Any]) -> tuple[float, float, Any]:
    """Seconds of the processor to build, seconds to run, outputs."""
    before = _children_seconds()
    simulation = build(project)
    built = _children_seconds()
    started = time.perf_counter()
    outputs = simulation.run(inputs)
    return built - before, time.perf_counter() - started, outputs


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(name: str, model: Any, io_type: str, folder: Path) -> dict[str, Any]:
    """One network both ways."""
    project = folder / name
    rmtree(project, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / f"{name}.h5")
    generate(folder / f"{name}.h5", project, GenerateSettings(part=PART, io_type=io_type), run_verify=False)
    samples = np.random.default_rng(0).normal(0, 1, (SAMPLES, *model.input_shape[1:]))
    build, run, wanted = timed(build_simulation, project, samples)
    fast_build, fast_run, found = timed(build_fast_simulation, project, samples)
    return {
        "network": name,
        "build_seconds": round(build, 2),
        "fast_build_seconds": round(fast_build, 2),
        "build_ratio": round(build / fast_build, 2),
        "run_seconds": round(run, 3),
        "fast_run_seconds": round(fast_run, 3),
        "run_ratio": round(run / fast_run, 2),
        "equal": all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True)),
    }


def main() -> None:
    """A row per network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the projects go")
    folder = parser.parse_args().folder
    rows = [measure(name, model, io_type, folder) for name, (model, io_type) in networks().items()]
    for row in rows:
        print("  ".join(f"{key} {value}" for key, value in row.items()))
    print(json.dumps({"samples": SAMPLES, "rows": rows}))


if __name__ == "__main__":
    main()
