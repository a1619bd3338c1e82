"""A budget reached while the network trains: constants get cheaper one after the other, the rest makes up for it.

As in gradual pruning (arXiv:1710.01878) the budget closes by a polynomial, so that most goes while most is there. Each
time every constant is chosen anew from what training wants it to be, on the grid that is best for its layer; between,
gradients pass straight through the rounding. The network as it was at first teaches what becomes of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import ceil, cos, isfinite, pi
from typing import Any

import numpy as np

from fpgaprune.compress import Progress, TrainingData
from fpgaprune.compress.constants import Budget, BudgetSearch
from fpgaprune.compress.distillation import Distillation, distilled
from fpgaprune.compress.kernels import excluded_variables, find_kernels
from fpgaprune.compress.masks import quantized_sparsity
from fpgaprune.compress.quantization.folding import with_folded
from fpgaprune.compress.sensitivity import kernel_scale, kernel_variable, measure_importance
from fpgaprune.compress.signed_digits import DigitLimits, DigitProjection
from fpgaprune.compress.training import Trainer
from fpgaprune.design import Design
from fpgaprune.errors import ConfigError
from fpgaprune.flow.constants import ChangedModel, StartingPoint, change_constants, starting_point, types_follow
from fpgaprune.flow.rounding import held_constants
from fpgaprune.generate.inputs import InputSet
from fpgaprune.generate.settings import GenerateSettings
from fpgaprune.results import Estimate

_TRAINED_AT = 0.98  # of the LUTs asked for: what training moves, the last choice need not take back
_CHOICES = 20
_BEGIN, _END = 0.02, 0.6  # fractions of the steps between which the budget closes
_POWER = 3.0
_SLACK = 0.02  # of the LUTs, which choices along the way may leave
_SAMPLES = 256  # that say along the way how much a constant matters
_LAST_RATE = 0.02  # of the learning rate, at the end


def train_to_budget(  # noqa: PLR0913 - a training run has that many settings
    model: Any,
    config: Budget,
    inputs: InputSet,
    data: TrainingData,
    settings: GenerateSettings | None = None,
    *,
    loss: Any,
    epochs: int,
    steps: int | None = None,
    learning_rate: float = 1e-3,
    batch_size: int = 64,
    seed: int = 0,
    on_progress: Callable[[Progress], None] | None = None,
) -> ChangedModel:
    """Change the constants of `model` as `change_constants` does, choosing them `steps` times in `epochs` epochs.

    `steps` is 20 by default, or as many as there is time for.
    After the last choice, which comes at 60 % of the training, every weight keeps its number of signed digits, and the
    best epoch is kept; without a limit for LUTs the constants are chosen once, at the start. Unless `data` carries a
    teacher's lesson, the model as it is teaches. Raises what `change_constants` raises, and ConfigError for fewer
    training steps than choices or a loss that is not a number to begin with.
    """
    settings = settings or GenerateSettings()
    model, folded = with_folded(model, config.exclude)
    begin = starting_point(model, config, inputs, settings)
    per_epoch = ceil(data.samples / min(batch_size, data.samples))
    moments = _moments(epochs * per_epoch, 1 if config.max_lut is None else steps)
    if data.lesson is None:
        data = distilled(data, model, Distillation())
    run = _Run(model, begin, inputs, settings, moments)
    trainer = Trainer(
        model, run.kernels, data, loss=loss, batch_size=batch_size, seed=seed, on_step=run.after_step,
        project=run.projection, ties=held_constants(model, begin.rounded),
        frozen=excluded_variables(model, config.exclude),
    )  # fmt: skip
    run.train(trainer, epochs, epochs * per_epoch, learning_rate, on_progress)
    found = change_constants(model, config, inputs, settings)
    told = {"choices": run.choices, "folded": list(folded), "rounded": begin.told}
    record = {**found.record, **told}
    return replace(found, before=begin.before, record=record)


def _moments(total: int, count: int | None) -> tuple[int, ...]:
    """After which training steps constants are chosen."""
    first, last = max(1, round(_BEGIN * total)), max(1, round(_END * total))
    count = min(_CHOICES, last - first + 1) if count is None else count
    if total < 1 or count < 1 or last - first + 1 < count:
        message = (
            f"{total} training steps leave {max(0, last - first + 1)} for choosing constants {count} times: train more "
            "epochs, or choose less often (steps), at least once"
        )
        raise ConfigError(message)
    if count == 1:
        return (first,)
    return tuple(round(first + (last - first) * n / (count - 1)) for n in range(count))


class _Run:
    """One training run: when and what constants are chosen, and the best epoch after the last choice."""

    def __init__(
        self, model: Any, begin: StartingPoint, inputs: InputSet, settings: GenerateSettings, moments: Sequence[int]
    ) -> None:
        self.kernels = find_kernels(model)
        self.choices: list[dict[str, Any]] = []
        self._model, self._begin, self._moments = model, begin, moments
        self._narrow = types_follow(settings)
        self._samples = tuple(array[:_SAMPLES] for array in inputs.arrays)
        search = self._search(begin.asked)
        search.check()
        self._limits = _limits(model, begin.design, search.names, settled=False)
        self.projection = DigitProjection(self._limits)
        self._trainer: Trainer | None = None
        self._done, self._total, self._rate = 0, 1, 0.0
        self._price: float | None = None

    def train(
        self,
        trainer: Trainer,
        epochs: int,
        total: int,
        learning_rate: float,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        """All epochs; the model is left at the best one after the last choice, or the last good one before."""
        self._trainer, self._total, self._rate = trainer, total, learning_rate
        trainer.hold([kernel.values() != 0 for kernel in self.kernels])
        trainer.restart(learning_rate, l1=0.0)
        score = trainer.score()
        if not score.finite:
            message = f"the loss of the model is {score.loss}: nothing to start from"
            raise ConfigError(message)
        best, weights = None, trainer.snapshot()
        for epoch in range(1, epochs + 1):
            mean = trainer.epoch()
            score = trainer.score()
            if not (isfinite(mean) and score.finite):
                break
            settled = self._done >= self._moments[-1]
            if not settled or best is None or score.better_than(best):
                best, weights = score if settled else None, trainer.snapshot()
            if on_progress is not None:
                sparsity = quantized_sparsity(self.kernels)
                on_progress(Progress("budget", epoch, epochs, mean, score.name, score.metric, sparsity, self._model))
        trainer.go_back(weights)

    def after_step(self) -> None:
        """Count a training step; choose constants where it is time, and slow down after the last choice."""
        self._done += 1
        if self._trainer is None:
            return
        if self._done in self._moments:
            self._choose(self._trainer, (self._moments.index(self._done) + 1) / len(self._moments))
        left = self._total - self._moments[-1]
        if self._done > self._moments[-1] and left > 0:
            part = (self._done - self._moments[-1]) / left
            self._trainer.slow_down(self._rate * (_LAST_RATE + (1 - _LAST_RATE) * (1 + cos(pi * part)) / 2))

    def _choose(self, trainer: Trainer, part: float) -> None:
        """Constants for the budget as far as it has closed after `part` of the choices."""
        asked = replace(self._begin.asked, max_lut=self._closing(part))
        search = self._search(asked, self._wanted(trainer))
        found = search.at(0.0)
        if asked.max_lut is not None and not search.fits(search.estimate(found)):
            found = search.cheap_enough(self._price, _SLACK if part < 1 else _SLACK / 4)
            self._price = search.price
        self.projection.hold(_limits(self._model, found, search.names, settled=part >= 1))
        held = [
            found[k.layer].parameters["weight"].values != 0 if k.layer in self._limits else k.values() != 0
            for k in self.kernels
        ]
        trainer.hold(held)
        trainer.put_projected()
        self.choices.append({"step": self._done, "max_lut": asked.max_lut, "lut": _luts(search.estimate(found))})

    def _search(self, asked: Budget, wanted: Mapping[str, Any] | None = None) -> BudgetSearch:
        importance = measure_importance(self._model, self._samples)
        begin = self._begin
        return BudgetSearch(begin.design, asked, importance, begin.rules, narrow=self._narrow, wanted=wanted)

    def _wanted(self, trainer: Trainer) -> Mapping[str, Any]:
        """What training wants the constants to be, in steps of their types."""
        found = {}
        for kernel, values in zip(trainer.kernels, trainer.wanted(), strict=True):
            limit = self._limits.get(kernel.layer)
            if limit is not None:
                codes = np.clip(values / limit.precision.lsb, limit.precision.min_code, limit.precision.max_code)
                found[kernel.layer] = codes.reshape(-1, codes.shape[-1])
        return found

    def _closing(self, part: float) -> int | None:
        asked: int | None = self._begin.asked.max_lut
        if asked is None:
            return None
        first, final = max(_luts(self._begin.before) or 2 * asked, asked), asked * _TRAINED_AT
        return round(final + (first - final) * float((1 - part) ** _POWER))


def _luts(estimate: Estimate) -> int | None:
    lut = estimate.fabric.lut
    return None if lut is None else lut.value


def _limits(model: Any, design: Design, names: Sequence[str], *, settled: bool) -> dict[str, DigitLimits]:
    """What the kernels of these layers may hold so that they have the digits of the design's constants."""
    limits = {}
    for layer in map(design.__getitem__, names):
        weight = layer.weight
        keras_layer = next((found for found in model.layers if found.name == layer.name), None)
        kernel = None if keras_layer is None else kernel_variable(keras_layer)
        if weight is None or kernel is None or tuple(kernel.shape) != weight.values.shape:
            continue
        scale = kernel_scale(keras_layer)
        shift = float(np.log2(np.ravel(scale)[0])) if scale.size == 1 and scale.min() > 0 else np.nan
        if not shift.is_integer():  # with several scales one type does not say which digits each channel may have
            continue
        stored = replace(weight.precision, integer=weight.precision.integer - int(shift))
        limits[layer.name] = DigitLimits(weight.values / scale, stored, settled)
    return limits
