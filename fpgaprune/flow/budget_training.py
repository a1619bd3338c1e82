"""A budget reached in steps, with training between them: what a step costs in accuracy is won back before the next."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from fpgaprune.compress import Progress, TrainingData
from fpgaprune.compress.constants import Budget
from fpgaprune.compress.quantization import fine_tune
from fpgaprune.compress.sensitivity import kernel_scale, kernel_variable
from fpgaprune.compress.signed_digits import DigitLimits, projection
from fpgaprune.design import Design
from fpgaprune.errors import ConfigError
from fpgaprune.flow.constants import ChangedModel, change_constants
from fpgaprune.generate.inputs import InputSet
from fpgaprune.generate.settings import GenerateSettings

_TRAINED_AT = 0.98  # of the LUTs asked for: what training moves, the last choice need not take back


def train_to_budget(  # noqa: PLR0913 - a training run has that many settings
    model: Any,
    config: Budget,
    inputs: InputSet,
    data: TrainingData,
    settings: GenerateSettings | None = None,
    *,
    loss: Any,
    epochs: int,
    steps: int = 4,
    learning_rate: float = 1e-3,
    seed: int = 0,
    on_progress: Callable[[Progress], None] | None = None,
) -> ChangedModel:
    """Change the constants of `model` in place until `config` is met, in `steps` steps of `epochs` epochs in all.

    The LUTs shrink by the same factor in every step. In between every weight trains within the signed digits that
    were chosen for it, straight through. Raises what `change_constants` and `fine_tune` raise.
    """
    if steps < 1 or epochs < steps:
        message = f"a budget in {steps} steps needs at least one epoch for each, not {epochs} in all"
        raise ConfigError(message)
    first = (
        change_constants(model, replace(config, max_lut=None), inputs, settings) if config.max_dsp is not None else None
    )
    before = None if first is None else first.before
    luts = None if first is None or first.after.fabric.lut is None else first.after.fabric.lut.value
    count = 1 if config.max_lut is None else steps
    for step in range(1, count + 1):
        asked = config
        if config.max_lut is not None:
            start = max(luts or 2 * config.max_lut, config.max_lut)
            share = (config.max_lut * _TRAINED_AT / start) ** (step / count)
            asked = replace(config, max_lut=round(start * share))
        chosen = change_constants(model, asked, inputs, settings)
        before = before or chosen.before
        fine_tune(
            model,
            data,
            loss=loss,
            epochs=epochs // count,
            learning_rate=learning_rate,
            seed=seed + step,
            on_progress=on_progress,
            project=projection(_limits(model, chosen.design)),
        )
    found = change_constants(model, config, inputs, settings)
    return replace(found, before=before or found.before)


def _limits(model: Any, design: Design) -> dict[str, DigitLimits]:
    limits = {}
    for layer in design:
        weight = layer.weight
        keras_layer = next((found for found in model.layers if found.name == layer.name), None)
        kernel = None if keras_layer is None else kernel_variable(keras_layer)
        if weight is None or kernel is None or tuple(kernel.shape) != weight.values.shape:
            continue
        scale = kernel_scale(keras_layer)
        shift = float(np.log2(np.ravel(scale)[0])) if scale.size == 1 and scale.min() > 0 else np.nan
        if not shift.is_integer():  # with several scales one type does not say which digits each channel may have
            continue
        if np.abs(np.asarray(kernel) * scale - weight.values).max() <= weight.precision.lsb:
            stored = replace(weight.precision, integer=weight.precision.integer - int(shift))
            limits[layer.name] = DigitLimits(weight.values / scale, stored)
    return limits
