"""From a recipe to its numbers: pruned, rounded, converted, emulated and counted, without training or C++."""

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from fpgaprune.compress import has_widths, prune_smallest, requantized
from fpgaprune.config.study import Sweep
from fpgaprune.design import Design
from fpgaprune.emulate import emulate
from fpgaprune.errors import ConfigError, FpgapruneError
from fpgaprune.fixed_ranges import Range
from fpgaprune.flow.estimation import estimate_for
from fpgaprune.flow.study import GENERATE_SAMPLES, settings_of
from fpgaprune.flow.study_model import called
from fpgaprune.flow.study_task import StudyData, Task, load_task
from fpgaprune.generate.inputs import InputSet
from fpgaprune.generate.project import convert_network, observe_model
from fpgaprune.generate.settings import GenerateSettings
from fpgaprune.read.model import load_model
from fpgaprune.results import Estimate, Expected
from fpgaprune.results.sweep import PointResult, Recipe
from fpgaprune.sweep.grid import Planned, Start
from fpgaprune.sweep.training import network_file, trained_weights

_COPY_SAMPLES = 16
_KEPT_MODELS = 32  # copies at other bits


@dataclass(frozen=True, slots=True)
class Job:
    """What every point of a sweep has in common; small, so that it can be sent to another process."""

    folder: Path
    starts: tuple[Start, ...]  # one for each seed
    sweep: Sweep
    trained: Path | None = None  # the folder of trained networks, where the grid is a trained one

    def start(self, seed: int | None) -> Start:
        """What the points of a seed start from."""
        return next(start for start in self.starts if start.seed == seed)


@dataclass
class _Prepared:
    """The last model made: points that differ in neither seed, bits of quantizers nor sparsity share it."""

    key: tuple[int | None, int | None, float]
    model: Any
    ranges: dict[str, Range]


@dataclass
class Evaluation:
    """Computes the points of one job; keeps data and models between them."""

    job: Job
    task: Task
    data: StudyData
    bases: dict[int | None, Any]  # models by seed, as far as they are loaded
    has_widths: bool
    _models: dict[tuple[int | None, int | None], tuple[Any, Any]] = field(default_factory=dict, init=False)
    _prepared: _Prepared | None = field(default=None, init=False)

    @classmethod
    def of(cls, job: Job, data: StudyData | None = None) -> "Evaluation":
        """Load what the job names; raises ConfigError or ModelError."""
        task = load_task(job.folder)
        given: StudyData = called(task.load_data, job.sweep.task) if data is None else data
        base = _loaded(job.starts[0])
        return cls(job, task, given, {job.starts[0].seed: base}, has_widths(base))

    def point(self, planned: Planned) -> PointResult:
        """The numbers of a point; what a user can cause or cure becomes its error."""
        started = time.perf_counter()
        try:
            found = self._found(planned)
        except FpgapruneError as error:
            found = PointResult(planned.recipe, planned.digest, error=str(error))
        return replace(found, seconds=round(time.perf_counter() - started, 3))

    def model(self, recipe: Recipe) -> Any:
        """The Keras model of a point: its quantizers at the point's bits, its smallest weights zero."""
        return self._prepare(recipe).model

    def design(self, recipe: Recipe) -> Design:
        """The design that `generate` would write for the point's model, settings and inputs."""
        prepared = self._prepare(recipe)
        settings = self.settings(recipe)
        return convert_network(prepared.model, settings, self.inputs, Path("project"), prepared.ranges).design

    def settings(self, recipe: Recipe) -> GenerateSettings:
        """What a point asks of its project.

        Where the model has quantizers, the bits of the point are theirs; the rest is as wide as `generate` makes it.
        """
        hardware = self.job.sweep.hardware.model_copy(
            update={"strategy": recipe.strategy, "reuse_factor": recipe.reuse_factor}
        )
        return replace(settings_of(hardware), width=None if self.has_widths else recipe.bits)

    @property
    def inputs(self) -> InputSet:
        """The training inputs that place the types."""
        return InputSet((self.data.some_inputs()[:GENERATE_SAMPLES],), "the given inputs", real=True)

    def _prepare(self, recipe: Recipe) -> _Prepared:
        key = (recipe.seed, recipe.bits if self.has_widths else None, recipe.sparsity)
        if self._prepared is None or self._prepared.key != key:
            model, weights = self._requantized(recipe)
            if self.job.sweep.training is None or self.job.trained is None:
                model.set_weights(weights)
                prune_smallest(model, recipe.sparsity, self.job.sweep.layer_limit)
            else:
                job = self.job
                common = job.start(recipe.seed).common
                path = network_file(self.job.trained, common, job.sweep, recipe, widths=self.has_widths)
                model.set_weights(trained_weights(path))
            self._prepared = _Prepared(key, model, observe_model(model, self.inputs))
        return self._prepared

    def _requantized(self, recipe: Recipe) -> tuple[Any, Any]:
        """The model at that many bits and its whole weights; its own weights are pruned and restored in place."""
        key = (recipe.seed, recipe.bits if self.has_widths else None)
        if key not in self._models:
            if recipe.seed not in self.bases:
                self.bases[recipe.seed] = _loaded(self.job.start(recipe.seed))
            base = self.bases[recipe.seed]
            model = requantized(base, recipe.bits, self.data.some_inputs()[:_COPY_SAMPLES])
            if len(self._models) >= _KEPT_MODELS:
                del self._models[next(iter(self._models))]
            self._models[key] = (model, model.get_weights())
        return self._models[key]

    def _found(self, planned: Planned) -> PointResult:
        design = self.design(planned.recipe)
        (outputs,) = emulate(design, np.asarray(self.data.test_x, dtype=np.float64))
        model = self._prepare(planned.recipe).model
        shape = (len(outputs), *(int(size) for size in model.outputs[0].shape[1:]))
        score = float(called(self.task.score, outputs.reshape(shape), self.data.test_y))
        if not np.isfinite(score):
            message = f"the study's score is {score}, which is no number to compare"
            raise ConfigError(message)
        estimate = estimate_for(design, tool=self.job.sweep.hardware.tool)
        return _counted(PointResult(planned.recipe, planned.digest, score=score, design=design.digest), estimate)


def _loaded(start: Start) -> Any:
    model = load_model(start.model).model
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        message = f"{start.model} has {len(model.inputs)} inputs and {len(model.outputs)} outputs; a study has one each"
        raise ConfigError(message)
    return model


def _counted(point: PointResult, estimate: Estimate) -> PointResult:
    fabric = estimate.fabric
    return replace(
        point,
        dsp_low=estimate.dsp.low,
        dsp_high=estimate.dsp.high,
        lut=_value(fabric.lut),
        ff=_value(fabric.ff),
        latency_cycles=_value(fabric.latency_cycles),
        ii=_value(fabric.ii),
        weights=sum(layer.weights for layer in estimate.layers),
        zeros=sum(layer.zeros for layer in estimate.layers),
    )


def _value(expected: Expected | None) -> int | None:
    return None if expected is None else expected.value
