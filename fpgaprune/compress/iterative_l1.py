"""Iterative L1 magnitude pruning: train with L1 on the kernels, remove the smallest weights, repeat, fine-tune.

The removed fraction follows the cubic schedule of Zhu and Gupta, "To prune, or not to prune" (arXiv:1710.01878):
much at first, when weights are plenty, little near the end. With `rewind` what stays goes back to its early weights
after every removal, as in the search for lottery tickets (Frankle and Carbin, arXiv:1803.03635; arXiv:1912.05671).
"""

from dataclasses import dataclass
from math import isfinite
from typing import Any, ClassVar

from fpgaprune.compress.data import TrainingData
from fpgaprune.compress.masks import remove_smallest
from fpgaprune.compress.method import OnProgress, PruneResult, pruning_method
from fpgaprune.compress.run import POSITIVE, WHOLE, PruningRun, TrainedConfig, check_settings, positive, whole


@dataclass(frozen=True)
class IterativeL1(TrainedConfig):
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
    rewind: int | None = None  # after every removal, back to the weights after that many epochs with L1
    layer_limit: float = 0.95  # no kernel loses more of its weights than this, unless the target is higher
    exclude: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise ConfigError for settings that make no sense."""
        rules = (
            ("target_sparsity", 0 < self.target_sparsity < 1, "a fraction between 0 and 1, such as 0.7"),
            ("steps", whole(self.steps, 1), "a whole number, at least 1"),
            ("l1", isfinite(self.l1) and self.l1 >= 0, "a number that is not negative"),
            ("train_epochs", whole(self.train_epochs, 0), WHOLE),
            ("epochs_per_step", whole(self.epochs_per_step, 0), WHOLE),
            ("fine_tune_epochs", whole(self.fine_tune_epochs, 0), WHOLE),
            ("learning_rate", positive(self.learning_rate), POSITIVE),
            ("fine_tune_learning_rate", positive(self.fine_tune_learning_rate), POSITIVE),
            ("batch_size", whole(self.batch_size, 1), "a whole number, at least 1"),
            ("layer_limit", 0 < self.layer_limit <= 1, "a fraction above 0, at most 1"),
            ("seed", whole(self.seed, 0), WHOLE),
        )
        early = self.rewind is None or (whole(self.rewind, 0) and self.rewind <= self.train_epochs)
        check_settings(self, (*rules, ("rewind", early, "a number of epochs from 0 to train_epochs, or None")))

    def sparsity_after(self, step: int) -> float:
        """The fraction removed after `step` of the `steps` removals."""
        return self.target_sparsity * (1 - (1 - step / self.steps) ** 3)


@pruning_method(IterativeL1)
def prune_iteratively(model: Any, config: IterativeL1, data: TrainingData, on_progress: OnProgress) -> PruneResult:
    """Prune a copy of `model`; see `prune` for what it raises."""
    epochs = config.train_epochs + config.steps * config.epochs_per_step + config.fine_tune_epochs
    run = PruningRun(model, config, data, on_progress, epochs)
    trainer = run.trainer
    trainer.restart(config.learning_rate, config.l1)
    run.train("train", config.rewind or 0)
    early = trainer.snapshot()
    run.train("train", config.train_epochs - (config.rewind or 0))
    for step in range(1, config.steps + 1):
        masks = remove_smallest(trainer.kernels, trainer.masks(), config.sparsity_after(step), config.layer_limit)
        if config.rewind is not None:
            trainer.go_back(early)
            trainer.restart(config.learning_rate, config.l1)
        trainer.hold(masks)
        run.train(f"prune {step}/{config.steps}", config.epochs_per_step)
    trainer.restart(config.fine_tune_learning_rate, l1=0.0)
    run.train_for_best("fine-tune", config.fine_tune_epochs)
    return run.result()
