"""Iterative L1 magnitude pruning: train with L1 on the kernels, remove the smallest weights, repeat, fine-tune.

The removed fraction follows the cubic schedule of Zhu and Gupta, "To prune, or not to prune" (arXiv:1710.01878):
much at first, when weights are plenty, little near the end.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Any, ClassVar

from fpgaprune.compress.copying import copy_model
from fpgaprune.compress.data import TrainingData, as_tuple
from fpgaprune.compress.kernels import find_kernels, select_kernels
from fpgaprune.compress.masks import quantized_sparsity, remove_smallest
from fpgaprune.compress.method import (
    OnProgress,
    Progress,
    PruneConfig,
    PruneResult,
    PruningDivergedError,
    pruning_method,
)
from fpgaprune.compress.record import Epoch, pruning_record
from fpgaprune.compress.training import Score, Trainer
from fpgaprune.errors import ConfigError


@dataclass(frozen=True)
class IterativeL1(PruneConfig):
    """Settings of iterative L1 pruning.

    `target_sparsity` is the fraction of zeros wanted among the quantized weights of the kernels that `exclude` leaves.
    `l1` multiplies the sum of their magnitudes and is added to the loss until fine-tuning begins. `loss` is a Keras
    loss by name; None takes the one the model was compiled with.
    """

    method: ClassVar[str] = "iterative_l1"

    target_sparsity: float
    steps: int = 6
    l1: float = 1e-4
    train_epochs: int = 5  # with L1, before the first removal
    epochs_per_step: int = 5
    fine_tune_epochs: int = 20
    learning_rate: float = 1e-3
    fine_tune_learning_rate: float = 5e-4
    batch_size: int = 64
    loss: str | None = None
    layer_limit: float = 0.95  # no kernel loses more of its weights than this, unless the target is higher
    exclude: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise ConfigError for settings that make no sense."""
        rules = (
            ("target_sparsity", 0 < self.target_sparsity < 1, "a fraction between 0 and 1, such as 0.7"),
            ("steps", _whole(self.steps, 1), "a whole number, at least 1"),
            ("l1", isfinite(self.l1) and self.l1 >= 0, "a number that is not negative"),
            ("train_epochs", _whole(self.train_epochs, 0), "a whole number that is not negative"),
            ("epochs_per_step", _whole(self.epochs_per_step, 0), "a whole number that is not negative"),
            ("fine_tune_epochs", _whole(self.fine_tune_epochs, 0), "a whole number that is not negative"),
            ("learning_rate", isfinite(self.learning_rate) and self.learning_rate > 0, "a positive number"),
            (
                "fine_tune_learning_rate",
                isfinite(self.fine_tune_learning_rate) and self.fine_tune_learning_rate > 0,
                "a positive number",
            ),
            ("batch_size", _whole(self.batch_size, 1), "a whole number, at least 1"),
            ("layer_limit", 0 < self.layer_limit <= 1, "a fraction above 0, at most 1"),
            ("seed", _whole(self.seed, 0), "a whole number that is not negative"),
        )
        for name, fine, wanted in rules:
            if not fine:
                message = f"{name} must be {wanted}, not {getattr(self, name)!r}"
                raise ConfigError(message)
        if isinstance(self.exclude, str):
            message = f"exclude must be a list of names, not the text {self.exclude!r}"
            raise ConfigError(message)

    def sparsity_after(self, step: int) -> float:
        """The fraction removed after `step` of the `steps` removals."""
        return self.target_sparsity * (1 - (1 - step / self.steps) ** 3)


@pruning_method(IterativeL1)
def prune_iteratively(model: Any, config: IterativeL1, data: TrainingData, on_progress: OnProgress) -> PruneResult:
    """Prune a copy of `model`; see `prune` for what it raises."""
    loss = config.loss if config.loss is not None else getattr(model, "loss", None)
    if not (isinstance(loss, str) or callable(loss)):
        message = "the model is not compiled with one loss: name the loss to train with (loss = ...)"
        raise ConfigError(message)
    sample = tuple(array[:16] for array in as_tuple(data.validation_x))
    copy = copy_model(model, sample)
    kernels = find_kernels(copy)
    chosen = select_kernels(kernels, config.exclude)
    trainer = Trainer(copy, chosen, data, loss=loss, batch_size=config.batch_size, seed=config.seed)
    return _Run(config, trainer, kernels, on_progress).all()


class _Run:
    """One pruning run: the phases, the history, and the last weights known to be good."""

    def __init__(self, config: IterativeL1, trainer: Trainer, kernels: tuple[Any, ...], on_progress: OnProgress):
        self._config = config
        self._trainer = trainer
        self._kernels = kernels
        self._on_progress = on_progress
        self._before = trainer.score()
        self._last = self._before
        self._good = trainer.snapshot(), trainer.masks()
        self._history: list[Epoch] = []
        self._epochs = config.train_epochs + config.steps * config.epochs_per_step + config.fine_tune_epochs
        if not self._before.finite:
            message = f"the loss of the model before pruning is {self._before.loss}: nothing to start from"
            raise ConfigError(message)

    def all(self) -> PruneResult:
        config, trainer = self._config, self._trainer
        trainer.restart(config.learning_rate, config.l1)
        self._train("train", config.train_epochs)
        for step in range(1, config.steps + 1):
            masks = remove_smallest(trainer.kernels, trainer.masks(), config.sparsity_after(step), config.layer_limit)
            trainer.hold(masks)
            self._train(f"prune {step}/{config.steps}", config.epochs_per_step)
        self._fine_tune()
        return self._result(stopped=None)

    def _fine_tune(self) -> None:
        trainer = self._trainer
        trainer.restart(self._config.fine_tune_learning_rate, l1=0.0)
        best, weights = trainer.score(), trainer.snapshot()
        for _ in range(self._config.fine_tune_epochs):
            self._train("fine-tune", 1)
            if self._last.better_than(best):
                best, weights = self._last, trainer.snapshot()
        trainer.go_back(weights)
        self._last = best

    def _train(self, phase: str, epochs: int) -> None:
        for _ in range(epochs):
            loss = self._trainer.epoch()
            score = self._trainer.score()
            if not (isfinite(loss) and score.finite):
                raise self._stopped(phase)
            self._good, self._last = (self._trainer.snapshot(), self._trainer.masks()), score
            self._report(phase, loss, score)

    def _report(self, phase: str, loss: float, score: Score) -> None:
        sparsity = quantized_sparsity(self._trainer.kernels)
        self._history.append(Epoch(phase, loss, score, sparsity))
        done = len(self._history)
        self._on_progress(Progress(phase, done, self._epochs, loss, score.name, score.metric, sparsity))

    def _stopped(self, phase: str) -> PruningDivergedError:
        done = len(self._history)
        message = (
            f"the loss became NaN or infinite in epoch {done + 1} of {self._epochs} ({phase}); the weights of the "
            f"epoch before it are kept. A smaller learning_rate than {self._config.learning_rate:g} usually helps"
        )
        weights, masks = self._good
        self._trainer.go_back(weights)
        self._trainer.hold(masks)
        return PruningDivergedError(message, self._result(stopped=message))

    def _result(self, stopped: str | None) -> PruneResult:
        record = pruning_record(
            self._config,
            self._kernels,
            self._trainer,
            before=self._before,
            after=self._last,
            history=self._history,
            stopped=stopped,
        )
        return PruneResult(self._trainer.model, record)


def _whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
