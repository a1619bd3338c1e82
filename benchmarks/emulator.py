"""The emulator against hls4ml's own convert, compile and predict: `python -m benchmarks.emulator DIR`.

One 16-64-32-32-5 network with ReLU and 10 000 seeded samples, converted twice into DIR: with accumulators that hold
every sum, and with ap_fixed<16,6> ones that truncate every product. Reading the graph is counted neither way; outputs
must be equal. The last line is JSON: seconds, and ratios of hls4ml's time to the emulator's.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.emulate import emulate
from fpgaprune.frameworks import load_frameworks, quiet
from fpgaprune.read.graph import read_graph

SAMPLES = 10_000
REPEATS = 5
WIDTHS = (64, 32, 32)
PART = "xcvu13p-flga2577-2-e"


def network() -> Any:
    """The network with seeded weights."""
    keras = load_frameworks().keras
    keras.utils.set_random_seed(0)
    x = start = keras.Input((16,), name="x")
    for number, width in enumerate(WIDTHS):
        x = keras.layers.Dense(width, activation="relu", name=f"fc{number}")(x)
    return keras.Model(start, keras.layers.Dense(5, name="out")(x))


def measure(folder: Path, accumulator: str | None, samples: NDArray[np.float64]) -> dict[str, Any]:
    """Seconds of both, their ratios, and whether the outputs are equal."""
    import hls4ml  # noqa: PLC0415 - loads frameworks

    model = network()
    started = time.perf_counter()
    with quiet("conversion"):
        config = hls4ml.utils.config_from_keras_model(
            model, granularity="name", default_precision="fixed<16,6>", backend="Vitis"
        )
        for layer in config["LayerName"].values():
            if isinstance(layer.get("Precision"), dict):
                layer["Precision"]["result"] = "fixed<16,6>"
                if accumulator is not None and "accum" in layer["Precision"]:
                    layer["Precision"]["accum"] = accumulator
        graph = hls4ml.converters.convert_from_keras_model(
            model, hls_config=config, output_dir=str(folder), backend="Vitis", part=PART
        )
        graph.compile()
    compiled = time.perf_counter()
    expected = graph.predict(samples)
    predicted = time.perf_counter()
    design = read_graph(graph)
    seconds = []
    for _ in range(REPEATS):
        before = time.perf_counter()
        (outputs,) = emulate(design, samples)
        seconds.append(time.perf_counter() - before)
    ours = float(np.median(seconds))
    return {
        "accumulator": accumulator or "full precision",
        "hls4ml_seconds": round(predicted - started, 3),
        "hls4ml_predict_seconds": round(predicted - compiled, 3),
        "emulator_seconds": round(ours, 4),
        "ratio": round((predicted - started) / ours, 1),
        "ratio_to_predict": round((predicted - compiled) / ours, 2),
        "equal": bool(np.array_equal(expected.reshape(outputs.shape), outputs)),
    }


def main() -> None:
    """Both rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the two projects go")
    folder = parser.parse_args().folder
    samples = np.random.default_rng(0).normal(0, 1, (SAMPLES, 16))
    rows = [measure(folder / name, kind, samples) for name, kind in (("full", None), ("truncating", "fixed<16,6>"))]
    for row in rows:
        print("  ".join(f"{key} {value}" for key, value in row.items()))
    print(json.dumps({"samples": SAMPLES, "rows": rows}))


if __name__ == "__main__":
    main()
