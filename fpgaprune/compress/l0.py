"""L0 pruning: every weight, input or neuron gets a gate that learns whether it is worth its place."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from fpgaprune.compress.data import TrainingData
from fpgaprune.compress.hard_concrete import GROUPS, Gates, gate_shape
from fpgaprune.compress.masks import remove_smallest_groups
from fpgaprune.compress.method import OnProgress, PruneResult, pruning_method
from fpgaprune.compress.run import POSITIVE, WHOLE, PruningRun, TrainedConfig, check_settings, positive, whole
from fpgaprune.errors import ConfigError, unknown_choice


@dataclass(frozen=True, kw_only=True)
class L0(TrainedConfig):
    """Hard-concrete gates, pushed until `target_sparsity` of the weights is expected to be closed, then fixed.

    `group`: a gate for every `weight`, for every `input` of a layer (a channel that it reads) or for every `output` (a
    neuron or filter, which goes with its bias; layers that give the outputs of the network are left whole, and not
    counted). The asked fraction grows over the first half of `epochs`; then the gates that are open least go, and
    `fine_tune_epochs` train what is left.
    """

    method: ClassVar[str] = "l0"

    target_sparsity: float
    group: str = "weight"
    epochs: int = 30
    fine_tune_epochs: int = 20
    learning_rate: float = 1e-3
    gate_learning_rate: float = 0.05
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
            ("epochs", whole(self.epochs, 1), "a whole number, at least 1"),
            ("fine_tune_epochs", whole(self.fine_tune_epochs, 0), WHOLE),
            ("learning_rate", positive(self.learning_rate), POSITIVE),
            ("gate_learning_rate", positive(self.gate_learning_rate), POSITIVE),
            ("fine_tune_learning_rate", positive(self.fine_tune_learning_rate), POSITIVE),
            ("batch_size", whole(self.batch_size, 1), "a whole number, at least 1"),
            ("layer_limit", 0 < self.layer_limit <= 1, "a fraction above 0, at most 1"),
            ("seed", whole(self.seed, 0), WHOLE),
        )
        check_settings(self, rules)
        if self.group not in GROUPS:
            raise ConfigError(unknown_choice("group", self.group, GROUPS))

    def aim_in(self, epoch: int) -> float:
        """The fraction to be closed in one of the epochs, from 1."""
        return self.target_sparsity * min(1.0, 2 * epoch / self.epochs)


@pruning_method(L0)
def prune_by_gates(model: Any, config: L0, data: TrainingData, on_progress: OnProgress) -> PruneResult:
    """Prune a copy of `model`; see `prune` for what it raises."""
    epochs, neurons = config.epochs + config.fine_tune_epochs, config.group == "output"
    run = PruningRun(model, config, data, on_progress, epochs, whole=lambda _: neurons)
    trainer = run.trainer
    shapes = [tuple(int(size) for size in kernel.variable.shape) for kernel in trainer.kernels]
    gated = [
        gate_shape(config.group, shape, depthwise=kernel.is_depthwise)
        for kernel, shape in zip(trainer.kernels, shapes, strict=True)
    ]
    gates = Gates(gated, [kernel.size for kernel in trainer.kernels], config.seed)
    trainer.restart(config.learning_rate, l1=0.0)
    trainer.set_gates(gates, config.gate_learning_rate)
    for epoch in range(1, config.epochs + 1):
        gates.aim(config.aim_in(epoch))
        run.train("gates", 1)
    # Among gates that are as open, the smaller weights go: no gate differs by less than a thousandth of a logit.
    labels, scores = [], []
    for kernel, number, shape, gate in zip(trainer.kernels, gates.variables, shapes, gated, strict=True):
        numbers = np.arange(int(np.prod(gate))).reshape(gate)
        labels.append(np.broadcast_to(numbers, shape))
        size = np.abs(kernel.values())
        scores.append(number.numpy().astype(np.float64) + 1e-3 * size / (size.max() or 1.0))
    kept = trainer.masks()
    trainer.set_gates(None)
    trainer.hold(
        remove_smallest_groups(trainer.kernels, kept, config.target_sparsity, config.layer_limit, labels, scores)
    )
    if neurons:
        trainer.silence_emptied()
    trainer.restart(config.fine_tune_learning_rate, l1=0.0)
    run.train_for_best("fine-tune", config.fine_tune_epochs)
    return run.result()
