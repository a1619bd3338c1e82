"""One model of the conformance table, in a process of its own: the last line it prints is its row as JSON."""

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.csim import build_simulation
from fpgaprune.design import Design
from fpgaprune.device import find_device
from fpgaprune.errors import ConfigError, FpgapruneError
from fpgaprune.estimate import estimate_design, rules_for
from fpgaprune.flow.generate import generate_loaded
from fpgaprune.flow.verify import LARGEST_RELATIVE_ERROR, LEAST_ARGMAX_AGREEMENT, verify
from fpgaprune.frameworks import load_frameworks, quiet
from fpgaprune.generate.inputs import random_inputs
from fpgaprune.generate.settings import GenerateSettings
from fpgaprune.read.arrays import read_arrays
from fpgaprune.read.model import LoadedModel, load_model

Array = NDArray[np.float64]
SAMPLES = 1000
LABELS = re.compile(r"(^|_)(y|labels?|targets?)(_|$)", re.IGNORECASE)
PIXEL = 255.0  # the largest value of 8-bit images


@dataclass(frozen=True, eq=False)
class Inputs:
    """At least SAMPLES inputs per model input; the first `real` of them are real data."""

    arrays: tuple[Array, ...]
    real: int
    description: str


def find_inputs(shapes: Sequence[tuple[int, ...]], data: Path | None) -> Inputs:
    """Real arrays whose samples are as large as the model's only input, filled up with seeded random ones."""
    seeded = random_inputs(shapes, SAMPLES)
    candidates = list(_candidates(data, prod(shapes[0]))) if data is not None and len(shapes) == 1 else []
    if not candidates:
        return Inputs(seeded.arrays, 0, seeded.description)
    # Where raw and scaled features are both there, networks are trained on the scaled ones: the smaller values.
    name, values = min(candidates, key=lambda found: (float(np.abs(found[1]).max()), -len(found[1])))
    real = values[:SAMPLES].reshape(-1, *shapes[0])
    missing = SAMPLES - len(real)
    both = np.concatenate([real, seeded.arrays[0][:missing]]) if missing else real
    return Inputs((both,), len(real), name if not missing else f"{name}; {seeded.description}")


def _candidates(data: Path, size: int) -> Iterator[tuple[str, Array]]:
    for path in sorted(data.rglob("*.np[yz]")):
        try:
            arrays = read_arrays(path)
        except ConfigError:
            continue
        for name, array in arrays.items():
            if LABELS.search(name) or array.dtype.kind not in "fiu" or array.ndim == 0 or not len(array):
                continue
            if array.size // len(array) != size or size == 1:
                continue
            values = array.reshape(len(array), -1).astype(np.float64)
            if not np.isfinite(values).all():
                continue
            scaled = array.dtype.kind in "iu" and values.max() > 1
            yield f"{path.name}:{name}" + (" / 255" if scaled else ""), values / PIXEL if scaled else values


def run(path: Path, data: Path | None, *, plain: bool) -> dict[str, Any]:
    """The row of one model."""
    started = time.perf_counter()
    row: dict[str, Any] = {"model": path.name}
    try:
        loaded = load_model(path)
    except FpgapruneError as error:
        return {**row, "outcome": "refused", "reason": str(error)}
    inputs = find_inputs([tuple(int(n) for n in tensor.shape[1:]) for tensor in loaded.model.inputs], data)
    row |= {"samples": len(inputs.arrays[0]), "real_samples": inputs.real, "inputs": inputs.description}
    with tempfile.TemporaryDirectory() as folder:
        row |= _ours(loaded, inputs, Path(folder) / "ours")
        row["seconds"] = round(time.perf_counter() - started, 1)
        if plain:
            row["plain"] = _plain(loaded.model, inputs, Path(folder) / "plain")
    return row


def _ours(loaded: LoadedModel, inputs: Inputs, folder: Path) -> dict[str, Any]:
    settings = GenerateSettings()
    arrays = inputs.arrays if inputs.real else None
    try:
        generated = generate_loaded(loaded, folder, settings, inputs=arrays, run_verify=False)
    except FpgapruneError as error:
        return {"outcome": "refused", "reason": str(error)}
    estimate = estimate_design(generated.design, rules_for("vitis_hls"), find_device(settings.part))
    row: dict[str, Any] = {"dsp": str(estimate.dsp), "widths": _widths(generated.design)}
    try:
        result = verify(folder, model=loaded.model)
    except FpgapruneError as error:
        return {**row, "outcome": "not simulated", "reason": str(error)}
    outcome = "exact" if result.exact_samples == result.samples else "agrees" if result.agrees else "DISAGREES"
    return {
        **row,
        "outcome": outcome,
        "reason": result.reason,
        "expected_exact": result.expected_exact,
        "exact_samples": result.exact_samples,
        "error_percent": 100.0 * result.relative_error,
        "error_lsb": result.largest_lsb,
        "argmax_percent": None if result.argmax_agreement is None else 100.0 * result.argmax_agreement,
        "build_seconds": round(result.build_seconds, 1),
        "run_seconds": round(result.run_seconds, 1),
    }


def _widths(design: Design) -> dict[str, str]:
    """Width and integer bits of the widest type of each kind."""
    results = [layer.output_precision for layer in design if layer.output_precision is not None]
    sums = [layer.accumulator_precision for layer in design if layer.accumulator_precision is not None]
    constants = [parameter.precision for layer in design for parameter in layer.parameters.values()]
    kinds = {"result": results, "constant": constants, "accumulator": sums}
    widest = {kind: max(types, key=lambda t: t.width) for kind, types in kinds.items() if types}
    return {kind: f"{precision.width},{precision.integer}" for kind, precision in widest.items()}


def _plain(model: Any, inputs: Inputs, folder: Path) -> dict[str, Any]:
    """What hls4ml alone makes of the model: its default types, one name per layer, otherwise our settings."""
    hls4ml = load_frameworks().hls4ml
    settings = GenerateSettings()
    try:
        with quiet("plain hls4ml"):
            config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend=settings.backend)
            graph = hls4ml.converters.convert_from_keras_model(
                model, hls_config=config, output_dir=str(folder), backend=settings.backend, part=settings.part
            )
            graph.write()
    except Exception as failure:  # noqa: BLE001 - whatever it raises is the finding
        return {"outcome": "not converted", "reason": f"{type(failure).__name__}: {failure}".splitlines()[0]}
    try:
        simulated = build_simulation(folder).run(list(inputs.arrays))[0]
    except FpgapruneError as failure:
        return {"outcome": "not simulated", "reason": str(failure)}
    with quiet("prediction"):
        batch = [array.astype(np.float32) for array in inputs.arrays]
        expected = np.asarray(model.predict(batch if len(batch) > 1 else batch[0], verbose=0), dtype=np.float64)
    simulated = simulated.reshape(expected.shape)
    error = float(np.abs(simulated - expected).max())
    spread = float(np.ptp(expected))
    same = float(np.mean(simulated.argmax(-1) == expected.argmax(-1))) if expected.shape[-1] > 1 else 1.0
    agrees = error <= LARGEST_RELATIVE_ERROR * spread and same >= LEAST_ARGMAX_AGREEMENT
    return {
        "outcome": "exact" if error == 0 else "agrees" if agrees else "DISAGREES",
        "error_percent": 100.0 * error / spread if spread else None,
        "argmax_percent": 100.0 * same,
    }


def main() -> int:
    """Run one model and print its row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--plain", action="store_true")
    args = parser.parse_args()
    print(json.dumps(run(args.model, args.data, plain=args.plain)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
