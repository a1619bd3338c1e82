"""C simulation of a generated project against its model: exact matches, distances, and the first layer that differs."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.csim import Headers, Simulation, build_simulation_with
from fpgaprune.design import Design, LayerKind
from fpgaprune.errors import ConfigError, ProjectError
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.frameworks import quiet
from fpgaprune.generate.inputs import random_inputs
from fpgaprune.generate.project import EXTRAS, INPUTS, MODEL, RECORD
from fpgaprune.generate.ranges import Point, watch
from fpgaprune.read.arrays import read_inputs
from fpgaprune.read.model import load_model
from fpgaprune.read.project import read_project
from fpgaprune.results.verification import LayerDifference, Verification

Array = NDArray[np.float64]
VERIFIED_SAMPLES = 1000
TRACED_SAMPLES = 100
LARGEST_RELATIVE_ERROR = 0.02
LEAST_ARGMAX_AGREEMENT = 0.99


def verify(
    project: Path,
    *,
    model: Any = None,
    data: Path | None = None,
    samples: int | None = None,
    random: bool = False,
    headers: Headers = Headers.AUTO,
) -> Verification:
    """Build and run the C simulation of a project and compare it with its model.

    The inputs are those of `data`, else those stored when the project was generated, else (or with `random`) seeded
    ones. They are first rounded to the project's input type, since that is what the hardware gets; the model gets the
    same. It agrees when every output is equal, or, where the model's quantizers do not decide every value, when the
    largest error is within 2 % of the range of outputs and the largest output is the same in 99 % of the samples.
    The simulation is compiled with the `headers` asked for; `simulated_with` says which they were.
    Raises ProjectError, ConfigError or ToolError.
    """
    if not project.is_dir():
        message = f"there is no project folder {project}"
        raise ProjectError(message)
    design = read_project(project)
    record = _record(project)
    keras_model = model if model is not None else _stored_model(project)
    arrays, description = _inputs(project, keras_model, data, random=random)
    arrays = [
        _as_typed(array[:samples], layer.output_precision)
        for array, layer in zip(arrays, design.input_layers, strict=True)
    ]
    started = time.perf_counter()
    simulation = build_simulation_with(project, headers)
    built = time.perf_counter()
    simulated = simulation.run(list(arrays))
    finished = time.perf_counter()
    run = _Run(design, simulation, keras_model, arrays, simulated, _predict(keras_model, arrays))
    places = {str(n): Point(str(p[0]), bool(p[1])) for n, p in dict(record.get("places", {})).items()}
    must_equal = bool(record.get("expected_exact", False))
    agrees, reason = run.verdict(must_equal=must_equal)
    return Verification(
        project=design.name,
        samples=run.samples,
        inputs=description,
        exact_samples=run.exact_samples,
        largest_error=run.largest_error,
        largest_lsb=run.largest_lsb,
        output_range=run.output_range,
        argmax_agreement=run.argmax_agreement,
        output_precision=", ".join(str(precision) for precision in run.output_types),
        widest_type=_widest(design),
        expected_exact=must_equal,
        first_difference=None if run.largest_error == 0 else _first_difference(run, places),
        agrees=agrees,
        reason=reason,
        build_seconds=built - started,
        run_seconds=finished - built,
        simulated_with=simulation.types,
    )


@dataclass(frozen=True, eq=False)
class _Run:
    """One simulation and the model's outputs on the same inputs, each (samples, values)."""

    design: Design
    simulation: Simulation
    model: Any
    arrays: Sequence[Array]
    simulated: Sequence[Array]
    expected: Sequence[Array]

    @cached_property
    def errors(self) -> list[Array]:
        pairs = zip(self.simulated, self.expected, strict=True)
        return [np.abs(s - e.reshape(len(e), -1)) for s, e in pairs]

    @property
    def samples(self) -> int:
        return len(self.arrays[0])

    @property
    def output_types(self) -> list[FixedPoint | None]:
        return [self.design[name].output_precision for name in self.design.outputs]

    @property
    def exact_samples(self) -> int:
        return int(np.all([np.all(error == 0, axis=1) for error in self.errors], axis=0).sum())

    @property
    def largest_error(self) -> float:
        return max(float(error.max()) for error in self.errors)

    @property
    def largest_lsb(self) -> float:
        steps = zip(self.errors, self.output_types, strict=True)
        return max(float(error.max()) / precision.lsb for error, precision in steps if precision is not None)

    @property
    def output_range(self) -> float:
        return max(float(np.ptp(expected)) for expected in self.expected)

    @property
    def argmax_agreement(self) -> float | None:
        """Over the last axis, which holds the classes also where there is one distribution per position."""
        pairs = [(s.reshape(e.shape), e) for s, e in zip(self.simulated, self.expected, strict=True) if e.shape[-1] > 1]
        return min((float(np.mean(s.argmax(-1) == e.argmax(-1))) for s, e in pairs), default=None)

    def verdict(self, *, must_equal: bool) -> tuple[bool, str]:
        """Whether simulation and model agree, and why."""
        differing = self.samples - self.exact_samples
        if differing == 0:
            return True, "every output of every sample is equal"
        relative = self.largest_error / self.output_range if self.output_range else float("inf")
        argmax = self.argmax_agreement
        figures = f"largest error {100 * relative:.2g} % of the output range"
        if argmax is not None:
            figures += f", same argmax in {100 * argmax:.4g} % of the samples"
        if must_equal:
            return (
                False,
                f"every quantizer is representable, yet {differing} of {self.samples} samples differ: {figures}",
            )
        return relative <= LARGEST_RELATIVE_ERROR and (argmax is None or argmax >= LEAST_ARGMAX_AGREEMENT), figures


def _record(project: Path) -> Mapping[str, Any]:
    path = project / EXTRAS / RECORD
    if not path.is_file():
        return {}
    try:
        found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        message = f"{path} is not the record of a generated project: {error}"
        raise ProjectError(message) from error
    return found


def _stored_model(project: Path) -> Any:
    path = project / EXTRAS / MODEL
    if not path.is_file():
        message = f"{project} does not hold the model it was generated from; name it with --model FILE"
        raise ConfigError(message)
    return load_model(path).model


def _inputs(project: Path, model: Any, data: Path | None, *, random: bool) -> tuple[list[Array], str]:
    shapes = [tuple(int(size) for size in tensor.shape[1:]) for tensor in model.inputs]
    if data is not None:
        return read_inputs(data, shapes, model.input_names), data.name
    stored = project / EXTRAS / INPUTS
    if stored.is_file() and not random:
        with np.load(stored, allow_pickle=False) as arrays:
            return [arrays[f"input_{i}"] for i in range(len(shapes))], str(_record(project).get("inputs", stored.name))
    chosen = random_inputs(shapes, VERIFIED_SAMPLES)
    return list(chosen.arrays), chosen.description


def _as_typed(array: Array, precision: FixedPoint | None) -> Array:
    return array if precision is None else precision.quantize(array)


def _predict(model: Any, arrays: Sequence[Array]) -> list[Array]:
    batch = [array.astype(np.float32) for array in arrays]
    with quiet("prediction"):
        predicted = model.predict(batch if len(batch) > 1 else batch[0], verbose=0, batch_size=128)
    outputs = predicted if isinstance(predicted, list | tuple) else [predicted]
    return [np.asarray(output, dtype=np.float64) for output in outputs]


def _widest(design: Design) -> str:
    """The widest type between layers; accumulators, which must hold every sum, are not counted."""
    types = [layer.output_precision for layer in design if layer.output_precision is not None]
    return str(max(types, key=lambda t: t.width)) if types else "none"


def _first_difference(run: _Run, places: Mapping[str, Point]) -> LayerDifference | None:
    """The first layer, in order of execution, that is off by more than half a step of its own type."""
    known = {layer.name: layer for layer in run.design if layer.kind is not LayerKind.INPUT and layer.name in places}
    if not known:
        return None
    few = [array[:TRACED_SAMPLES] for array in run.arrays]
    traced = run.simulation.trace(list(few))
    errors = dict.fromkeys(known, 0.0)
    start = 0
    for values in watch(run.model, {name: places[name] for name in known}, few):
        for name, value in values.items():
            if name in traced:
                there = traced[name][start : start + len(value)]
                errors[name] = max(errors[name], float(np.abs(there - value.reshape(len(value), -1)).max()))
        start += len(next(iter(values.values())))
    for name, layer in known.items():
        precision = layer.output_precision
        if precision is not None and errors[name] > precision.lsb / 2:
            return LayerDifference(name, errors[name], errors[name] / precision.lsb, str(precision))
    return None
