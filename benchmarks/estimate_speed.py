"""Time and memory of the estimate from 10**4 to 10**7 weights: `python -m benchmarks.estimate_speed [PROJECT]`.

Designs of four dense layers of 16-bit weights, half of them zero, with activations between: estimated as they are in
memory, and loaded from a saved file and estimated. The ratio is against sorting the rows of the same integers once,
which any count of distinct constants needs. With PROJECT, an hls4ml project folder, the whole command
`fpgaprune estimate PROJECT` is timed too, the start of Python included. The last line is JSON.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from fpgaprune.design import Design, LayerKind, LayerSpec, Parameter, Strategy, Target
from fpgaprune.design.storage import load_design, save_design
from fpgaprune.estimate import estimate_design, rules_for
from fpgaprune.fixed_point import FixedPoint

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
_LAYERS = 4
_TYPE = FixedPoint(16, 6)
_MOST_SAVED = 1_000_000  # compressing more takes longer than everything else here
_RULES = rules_for("vitis_hls", "2023.2")


@dataclass(frozen=True)
class Speed:
    """One size: seconds are the fastest of the repetitions."""

    weights: int
    estimate_s: float
    saved_s: float | None  # loading the saved design and estimating it
    sort_s: float  # the reference
    memory_ratio: float  # peak of the estimate's own memory / memory of the weights
    dsp: int

    @property
    def ratio(self) -> float:
        """Estimate against one sort of all weights."""
        return self.estimate_s / self.sort_s


def build(weights: int, seed: int = 0) -> Design:
    """A design of about so many weights."""
    random = np.random.default_rng(seed)
    side = math.isqrt(weights // _LAYERS)
    layers = [LayerSpec("input", LayerKind.INPUT, (), (side,), (side,), _TYPE)]
    for index in range(_LAYERS):
        values = random.normal(0.0, 0.3, (side, side))
        values[random.random(values.shape) < 0.5] = 0.0
        weight = Parameter(np.round(values * 2.0**_TYPE.fraction) * 2.0**-_TYPE.fraction, _TYPE)
        facts: dict[str, Any] = {"strategy": Strategy.LATENCY, "reuse_factor": 1, "input_precision": _TYPE}
        shape = ((side,), (side,), _TYPE)
        before = layers[-1].name
        layers.append(
            LayerSpec(f"dense{index}", LayerKind.DENSE, (before,), *shape, parameters={"weight": weight}, **facts)
        )
        layers.append(LayerSpec(f"relu{index}", LayerKind.ACTIVATION, (f"dense{index}",), *shape, operation="relu"))
    target = Target("Vitis", "xcvu13p-flga2577-2-e", 5.0)
    return Design("speed", tuple(layers), "io_parallel", (layers[-1].name,), target)


def measure(weights: int, repetitions: int = 3) -> Speed:
    """Time one size."""
    design = build(weights)
    codes = [weight.codes for layer in design if (weight := layer.weight) is not None]
    own = sum(code.nbytes for code in codes)
    sort_s = _fastest(lambda: [np.sort(code, axis=1) for code in codes], repetitions)
    # A fresh design each time: what a design has computed about itself (its digest) is part of the cost.
    fresh = [Design(design.name, design.layers, design.io_type, design.outputs, design.target) for _ in range(9)]
    estimate_s = _fastest(lambda: estimate_design(fresh.pop(), _RULES), repetitions)
    saved_s = None
    if weights <= _MOST_SAVED:
        with tempfile.TemporaryDirectory() as folder:
            path = save_design(design, Path(folder) / "speed.design.npz")
            saved_s = _fastest(lambda: estimate_design(load_design(path), _RULES), repetitions)
    tracemalloc.start()
    estimate = estimate_design(fresh.pop(), _RULES)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return Speed(sum(layer.weight_count for layer in design), estimate_s, saved_s, sort_s, peak / own, estimate.dsp.low)


def _fastest(work: Callable[[], object], repetitions: int) -> float:
    times = []
    for _ in range(repetitions):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return min(times)


def command_s(project: Path) -> float:
    """Seconds of `fpgaprune estimate PROJECT`; raises CalledProcessError where it fails."""
    start = "import sys; from fpgaprune.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", start, "estimate", str(project), "--format", "json"]
    return _fastest(lambda: subprocess.run(command, check=True, capture_output=True, timeout=60), 3)


def main(arguments: list[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.estimate_speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("project", nargs="?", type=Path, metavar="PROJECT")
    options = parser.parse_args(arguments)
    columns = f"{'weights':>10}{'estimate':>11}{'from file':>11}{'sort once':>11}{'ratio':>7}"
    print(columns + f"{'memory / weights':>18}{'DSP':>9}")
    found = []
    for weights in SIZES:
        speed = measure(weights)
        found.append(speed)
        saved = "" if speed.saved_s is None else f"{speed.saved_s:.4f} s"
        print(
            f"{speed.weights:10}{speed.estimate_s:9.4f} s{saved:>11}{speed.sort_s:9.4f} s{speed.ratio:7.2f}"
            f"{speed.memory_ratio:18.2f}{speed.dsp:9}"
        )
    growth = _growth(found)
    print(f"time grows as weights ** {growth:.2f} above 10**5")
    result: dict[str, Any] = {"sizes": [{**asdict(s), "ratio": s.ratio} for s in found], "growth": growth}
    if options.project is not None:
        result["command_s"] = command_s(options.project)
        print(f"fpgaprune estimate {options.project.name}: {result['command_s']:.2f} s")
    print(json.dumps(result))
    return 0


def _growth(found: list[Speed]) -> float:
    """Exponent of the time over the weights, between 10**5 and the largest size: 1 is linear."""
    large = [speed for speed in found if speed.weights > 90_000]
    first, last = large[0], large[-1]
    return math.log(last.estimate_s / first.estimate_s) / math.log(last.weights / first.weights)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
