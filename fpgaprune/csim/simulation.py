"""A compiled C simulation of an HLS project, and what it computes."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fpgaprune.csim.source import Port, Recorded
from fpgaprune.errors import ConfigError, ToolError
from fpgaprune.process import run_program

Array = NDArray[np.float64]
LEAST_SAMPLES = 50  # so many are simulated one after another; more are shared between the processors


@dataclass(frozen=True)
class SimulationResult:
    """Outputs of a run, each (samples, values); warnings of the streams; arrays by layer when they were asked for."""

    outputs: tuple[Array, ...]
    warnings: tuple[str, ...]
    layers: Mapping[str, Array]


@dataclass(frozen=True)
class Simulation:
    """A built simulation. Every run is a process of its own, so a crash of generated code is an error, not the end.

    `types` says whose C++ types it was compiled with, and by what.
    """

    program: Path
    weights: Path
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    recorded: tuple[Recorded, ...]
    timeout_seconds: float = 1800.0
    types: str = ""

    def run(self, inputs: ArrayLike | Sequence[ArrayLike]) -> tuple[Array, ...]:
        """Outputs, each (samples, values) in float64, for `inputs`: one array (samples, …) per input of the model.

        Raises ConfigError when an array does not fit its port, ToolError when the program crashes or takes too long.
        """
        return self.simulate(inputs).outputs

    def trace(self, inputs: ArrayLike | Sequence[ArrayLike]) -> Mapping[str, Array]:
        """What every layer wrote, in the order of execution: layer name to (samples, values) in float64.

        A layer that writes several arrays has them under `layer.array`, and its last one under its own name.
        """
        return self.simulate(inputs, record=True).layers

    def simulate(self, inputs: ArrayLike | Sequence[ArrayLike], *, record: bool = False) -> SimulationResult:
        """Everything a run yields: outputs, stream warnings and, with `record`, the arrays of the layers."""
        arrays = self._fitted(inputs)
        parts = min(_processors(), max(1, len(arrays[0]) // LEAST_SAMPLES))
        shares = [[*share] for share in zip(*(np.array_split(array, parts) for array in arrays), strict=True)]
        with ThreadPoolExecutor(parts) as pool:
            return _joined(list(pool.map(lambda share: self._simulated(share, record=record), shares)))

    def _simulated(self, arrays: Sequence[Array], *, record: bool) -> SimulationResult:
        samples = len(arrays[0])
        with TemporaryDirectory(prefix="fpgaprune-csim-") as name:
            folder = Path(name)
            command = [str(self.program), str(samples), str(self.weights)]
            for i, array in enumerate(arrays):
                _write(folder / f"in{i}", array)
                command.append(f"in{i}")
            command += [f"out{i}" for i in range(len(self.outputs))]
            if record:
                command += [f"layer{i}" for i in range(len(self.recorded))]
            printed = run_program(command, "the C simulation", folder, self.timeout_seconds)
            outputs = tuple(_results(folder / f"out{i}", samples, port.size) for i, port in enumerate(self.outputs))
            layers = self._layers(folder, samples) if record else {}
        warnings = dict.fromkeys(line for line in printed.splitlines() if line.startswith(("WARNING", "ERROR")))
        return SimulationResult(outputs, tuple(warnings), layers)

    def _fitted(self, inputs: ArrayLike | Sequence[ArrayLike]) -> list[Array]:
        given = list(inputs) if isinstance(inputs, list | tuple) and len(self.inputs) > 1 else None
        if given is None:
            given = list(inputs) if isinstance(inputs, list | tuple) and len(inputs) == 1 else [inputs]
        if len(given) != len(self.inputs):
            names = ", ".join(port.name for port in self.inputs)
            message = f"the project has {len(self.inputs)} inputs ({names}), but {len(given)} arrays were given"
            raise ConfigError(message)
        arrays = [_fitted(array, port) for array, port in zip(given, self.inputs, strict=True)]
        if len({len(array) for array in arrays}) != 1:
            message = f"the inputs have different numbers of samples: {[len(array) for array in arrays]}"
            raise ConfigError(message)
        return arrays

    def _layers(self, folder: Path, samples: int) -> dict[str, Array]:
        last = {recorded.layer: recorded.variable for recorded in self.recorded}
        layers: dict[str, Array] = {}
        for i, recorded in enumerate(self.recorded):
            is_last = last[recorded.layer] == recorded.variable
            name = recorded.layer if is_last else f"{recorded.layer}.{recorded.variable}"
            layers[name] = _results(folder / f"layer{i}", samples, None)
        return layers


def _processors() -> int:
    """How many processes may run at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _joined(results: Sequence[SimulationResult]) -> SimulationResult:
    if len(results) == 1:
        return results[0]
    outputs = tuple(np.concatenate(parts) for parts in zip(*(result.outputs for result in results), strict=True))
    layers = {name: np.concatenate([result.layers[name] for result in results]) for name in results[0].layers}
    return SimulationResult(outputs, tuple(dict.fromkeys(w for r in results for w in r.warnings)), layers)


def _fitted(values: ArrayLike, port: Port) -> Array:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        message = f"the input {port.name} is not an array of numbers: {error}"
        raise ConfigError(message) from error
    if array.ndim == 0 or len(array) == 0:
        message = f"the input {port.name} needs at least one sample"
        raise ConfigError(message)
    rows = array.reshape(len(array), -1)
    if rows.shape[1] != port.size:
        message = (
            f"the input {port.name} takes {port.size} values per sample, but {rows.shape[1]} were given"
            f" (shape {array.shape}, samples first)"
        )
        raise ConfigError(message)
    if not np.isfinite(rows).all():
        message = f"the input {port.name} holds NaN or infinite values, which have no fixed-point value"
        raise ConfigError(message)
    return np.ascontiguousarray(rows)


def _write(path: Path, array: Array) -> None:
    try:
        path.write_bytes(array.tobytes())
    except OSError as error:
        message = f"the inputs of the C simulation cannot be written to {path.parent}: {error.strerror} (see TMPDIR)"
        raise ToolError(message) from error


def _results(path: Path, samples: int, size: int | None) -> Array:
    values = np.fromfile(path, dtype=np.float64)
    if len(values) % samples or (size is not None and len(values) != samples * size):
        message = f"the C simulation wrote {len(values)} values for {samples} samples of {size or 'one'} layer"
        raise ToolError(message)
    return values.reshape(samples, -1)
