"""One pruning run: epochs with their scores, the last weights known to be good, and the record at the end."""

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from fpgaprune.compress.channel_graph import answering
from fpgaprune.compress.copying import copy_model
from fpgaprune.compress.data import TrainingData, as_tuple
from fpgaprune.compress.kernels import Kernel, excluded_variables, find_kernels, select_kernels
from fpgaprune.compress.masks import quantized_sparsity
from fpgaprune.compress.method import OnProgress, Progress, PruneConfig, PruneResult, PruningDivergedError, diverged
from fpgaprune.compress.record import Epoch, pruning_record
from fpgaprune.compress.scores import Score
from fpgaprune.compress.training import Trainer
from fpgaprune.errors import ConfigError

_SLOWER = "fine_tune_learning_rate"  # of the methods that have one


class TrainedConfig(PruneConfig):
    """What the config of every method that trains has besides."""

    learning_rate: float
    batch_size: int
    loss: str | None
    seed: int


class PruningRun:
    """A copy of a model in training, with what pruning needs to know of it and of the epochs so far."""

    def __init__(
        self,
        model: Any,
        config: TrainedConfig,
        data: TrainingData,
        on_progress: OnProgress,
        epochs: int,
        on_step: Callable[[], None] | None = None,
        *,
        whole: Callable[[Kernel], bool] | None = None,
    ) -> None:
        """Raise ConfigError for a model without a loss, or one whose loss is not a number to begin with.

        `whole` says of the kernels that give the model's outputs whether they are left whole: what is removed from
        them otherwise are answers.
        """
        loss = config.loss if config.loss is not None else getattr(model, "loss", None)
        if not (isinstance(loss, str) or callable(loss)):
            message = "the model is not compiled with one loss: name the loss to train with (loss = ...)"
            raise ConfigError(message)
        copy = copy_model(model, tuple(array[:16] for array in as_tuple(data.validation_x)))
        self._kernels: tuple[Kernel, ...] = find_kernels(copy)
        chosen = select_kernels(self._kernels, config.exclude)
        answers = answering(copy) if whole is not None else frozenset()
        chosen = tuple(k for k in chosen if whole is None or not (k.layer in answers and whole(k)))
        if not chosen:
            message = "nothing is left to prune: what is not excluded or frozen gives the outputs of the model"
            raise ConfigError(message)
        self.trainer = Trainer(
            copy,
            chosen,
            data,
            loss=loss,
            batch_size=config.batch_size,
            seed=config.seed,
            on_step=on_step,
            frozen=excluded_variables(copy, config.exclude),
        )
        self.trainer.hold([kernel.values() != 0 for kernel in chosen])  # what was pruned before stays so
        self._config = config
        self._on_progress = on_progress
        self._epochs = epochs
        self._before = self.last = self.trainer.score()
        self._good = self.trainer.snapshot(), self.trainer.masks()
        self._history: list[Epoch] = []
        if not self._before.finite:
            message = f"the loss of the model before pruning is {self._before.loss}: nothing to start from"
            raise ConfigError(message)

    def train(self, phase: str, epochs: int) -> None:
        """Train and report epoch by epoch; raises PruningDivergedError with the last good weights."""
        for _ in range(epochs):
            loss = self.trainer.epoch()
            score = self.trainer.score()
            if not (isfinite(loss) and score.finite):
                raise self._stopped(phase)
            self._good, self.last = (self.trainer.snapshot(), self.trainer.masks()), score
            self._report(phase, loss, score)

    def train_for_best(self, phase: str, epochs: int) -> None:
        """Train and go back to the best epoch, the moment before the first included."""
        best, weights = self.trainer.score(), self.trainer.snapshot()
        for _ in range(epochs):
            self.train(phase, 1)
            if self.last.better_than(best):
                best, weights = self.last, self.trainer.snapshot()
        self.trainer.go_back(weights)
        self.last = best

    def result(self, stopped: str | None = None, more: Mapping[str, Any] | None = None) -> PruneResult:
        """The model and its record, with `more` of it at the end."""
        record = pruning_record(
            self._config,
            self._kernels,
            self.trainer,
            before=self._before,
            after=self.last,
            history=self._history,
            stopped=stopped,
        )
        return PruneResult(self.trainer.model, {**record, **(more or {})})

    def _report(self, phase: str, loss: float, score: Score) -> None:
        sparsity = quantized_sparsity(self.trainer.kernels)
        self._history.append(Epoch(phase, loss, score, sparsity))
        done = len(self._history)
        progress = Progress(phase, done, self._epochs, loss, score.name, score.metric, sparsity, self.trainer.model)
        self._on_progress(progress)

    def _stopped(self, phase: str) -> PruningDivergedError:
        done = len(self._history)
        rate = getattr(self._config, _SLOWER, None) if phase == "fine-tune" else None
        rate = self._config.learning_rate if rate is None else rate
        message = diverged(done + 1, self._epochs, phase, "the weights of the epoch before it", rate)
        weights, masks = self._good
        self.trainer.go_back(weights)
        self.trainer.hold(masks)
        return PruningDivergedError(message, self.result(stopped=message))


Rule = tuple[str, bool, str]


def check_settings(config: object, rules: tuple[Rule, ...]) -> None:
    """Raise ConfigError for the first (name, fine, what is wanted) that is not fine."""
    for name, fine, wanted in rules:
        if not fine:
            message = f"{name} must be {wanted}, not {getattr(config, name)!r}"
            raise ConfigError(message)
    exclude = getattr(config, "exclude", ())
    if isinstance(exclude, str):
        message = f"exclude must be a list of names, not the text {exclude!r}"
        raise ConfigError(message)


WHOLE = "a whole number that is not negative"
POSITIVE = "a positive number"


def whole(value: object, least: int) -> bool:
    """Whether a setting is a whole number of at least `least`."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def positive(value: float) -> bool:
    """Whether a setting is a positive finite number."""
    return isfinite(value) and value > 0
