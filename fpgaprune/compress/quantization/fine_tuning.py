"""Quantization-aware fine-tuning: gradients pass straight through the quantizers, zeros stay zero."""

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

from fpgaprune.compress.data import TrainingData
from fpgaprune.compress.kernels import Kernel, excluded_variables, find_kernels
from fpgaprune.compress.masks import quantized_sparsity
from fpgaprune.compress.method import Progress, diverged
from fpgaprune.compress.training import Trainer
from fpgaprune.errors import ConfigError


def fine_tune(  # noqa: PLR0913 - a training run has that many settings
    model: Any,
    data: TrainingData,
    *,
    loss: Any,
    epochs: int,
    learning_rate: float = 1e-3,
    batch_size: int = 64,
    seed: int = 0,
    on_progress: Callable[[Progress], None] | None = None,
    project: Callable[[Kernel, Any], Any] | None = None,
    ties: Sequence[tuple[Any, Callable[[Any], Any]]] = (),
    on_stopped: Callable[[str], None] | None = None,
    exclude: Sequence[str] = (),
) -> Any:
    """Train a built (Q)Keras model in place, keep its best epoch, the start included; stored zeros stay zero.

    With `project` the kernels hold what it makes of them, with `ties` other variables (see `Trainer`); layers that
    `exclude` names stay as they are. An epoch whose
    loss is not a number ends the training with the best weights so far, and `on_stopped` is called with a sentence.
    Raises ConfigError for settings that make no sense, or a loss that is not a number to begin with.
    """
    if epochs < 1 or not (isfinite(learning_rate) and learning_rate > 0):
        message = f"fine-tuning needs at least one epoch and a positive learning_rate, not {epochs}, {learning_rate}"
        raise ConfigError(message)
    kernels = find_kernels(model)
    how: dict[str, Any] = {"loss": loss, "batch_size": batch_size, "seed": seed, "project": project, "ties": ties}
    trainer = Trainer(model, kernels, data, **how, frozen=excluded_variables(model, exclude))
    trainer.hold([kernel.values() != 0 for kernel in kernels])
    trainer.restart(learning_rate, l1=0.0)
    best, weights = trainer.score(), trainer.snapshot()
    if not best.finite:
        message = f"the loss of the quantized model is {best.loss}: nothing to start from"
        raise ConfigError(message)
    for epoch in range(1, epochs + 1):
        mean = trainer.epoch()
        score = trainer.score()
        if not (isfinite(mean) and score.finite):
            if on_stopped is not None:
                on_stopped(diverged(epoch, epochs, "fine-tune", "the best weights before it", learning_rate))
            break
        if score.better_than(best):
            best, weights = score, trainer.snapshot()
        if on_progress is not None:
            sparsity = quantized_sparsity(kernels)
            on_progress(Progress("fine-tune", epoch, epochs, mean, score.name, score.metric, sparsity, model))
    trainer.go_back(weights)
    return model
