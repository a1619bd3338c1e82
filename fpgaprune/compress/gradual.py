"""Magnitude pruning in one training run: the removed fraction grows by polynomial decay while the network trains.

The schedule is that of Zhu and Gupta, "To prune, or not to prune" (arXiv:1710.01878), as TFMOT has it: between the
fractions `begin` and `end` of the run, `updates` times, to target * (1 - (1 - t)**power). What a removal takes away
differs: single weights, all but n of every m, blocks, or the lanes of shared multipliers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod
from typing import Any, ClassVar

from fpgaprune.compress.data import TrainingData
from fpgaprune.compress.kernels import Kernel
from fpgaprune.compress.masks import (
    Mask,
    blocks_of,
    keep_n_of_m,
    lanes_of,
    remove_smallest,
    remove_smallest_groups,
    remove_smallest_in_each,
)
from fpgaprune.compress.method import OnProgress, PruneResult, pruning_method
from fpgaprune.compress.run import POSITIVE, WHOLE, PruningRun, TrainedConfig, check_settings, positive, whole
from fpgaprune.errors import ConfigError, unknown_choice

_SCOPES = ("global", "layer")


@dataclass(frozen=True, kw_only=True)
class _Schedule(TrainedConfig):
    """The training run: the last `1 - end` of it goes on with what is left, and its best epoch is kept."""

    epochs: int = 40
    begin: float = 0.1
    end: float = 0.6
    updates: int = 20
    power: float = 3.0
    learning_rate: float = 1e-3
    batch_size: int = 64
    loss: str | None = None
    layer_limit: float = 0.95  # no kernel loses more of its weights than this, unless the target is higher
    exclude: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise ConfigError for settings that make no sense."""
        rules = (
            ("epochs", whole(self.epochs, 1), "a whole number, at least 1"),
            ("begin", 0 <= self.begin < 1, "a fraction from 0, below 1"),
            ("end", self.begin < self.end <= 1, "a fraction above begin, at most 1"),
            ("updates", whole(self.updates, 1), "a whole number, at least 1"),
            ("power", positive(self.power), POSITIVE),
            ("learning_rate", positive(self.learning_rate), POSITIVE),
            ("batch_size", whole(self.batch_size, 1), "a whole number, at least 1"),
            ("layer_limit", 0 < self.layer_limit <= 1, "a fraction above 0, at most 1"),
            ("seed", whole(self.seed, 0), WHOLE),
        )
        check_settings(self, rules)

    def fraction_after(self, update: int) -> float:
        """How much of the target is removed after `update` of the `updates` removals."""
        return float(1 - (1 - update / self.updates) ** self.power)

    def removal_steps(self, samples: int) -> tuple[int, ...]:
        """After which optimizer step each removal comes.

        Raises ConfigError where there are fewer steps than removals: the network would end up unpruned.
        """
        per_epoch = ceil(samples / min(self.batch_size, samples))
        total = self.epochs * per_epoch
        first, last = max(1, round(self.begin * total)), round(self.end * total)
        if last - first + 1 < self.updates:
            message = (
                f"{self.epochs} epochs of {per_epoch} steps leave {max(0, last - first + 1)} steps between begin and "
                f"end for {self.updates} removals: train more epochs, or set updates lower"
            )
            raise ConfigError(message)
        gap = (last - first) / max(1, self.updates - 1)
        return tuple(last - round(gap * (self.updates - 1 - n)) for n in range(self.updates))

    def masks_after(self, update: int, kernels: Sequence[Kernel], masks: Sequence[Mask]) -> tuple[Mask, ...]:
        """What stays after a removal."""
        raise NotImplementedError

    def takes_outputs(self, kernel: Kernel) -> bool:  # noqa: ARG002 - for those that can
        """Whether a removal takes all weights of an output of this kernel at once."""
        return False


@dataclass(frozen=True, kw_only=True)
class Polynomial(_Schedule):
    """Single weights, the smallest first: over all layers together (`global`), or the same fraction in each `layer`."""

    method: ClassVar[str] = "polynomial"

    target_sparsity: float
    scope: str = "global"

    def __post_init__(self) -> None:
        """Raise ConfigError for settings that make no sense."""
        super().__post_init__()
        check_settings(self, (("target_sparsity", 0 < self.target_sparsity < 1, "a fraction between 0 and 1"),))
        if self.scope not in _SCOPES:
            raise ConfigError(unknown_choice("scope", self.scope, _SCOPES))

    def masks_after(self, update: int, kernels: Sequence[Kernel], masks: Sequence[Mask]) -> tuple[Mask, ...]:
        """See the base class."""
        remove = remove_smallest if self.scope == "global" else remove_smallest_in_each
        return remove(kernels, masks, self.target_sparsity * self.fraction_after(update), self.layer_limit)


@dataclass(frozen=True, kw_only=True)
class NofM(_Schedule):
    """At most `n` weights of every `m` along the inputs of an output: `target_sparsity` is 1 - n / m."""

    method: ClassVar[str] = "n_m"

    n: int
    m: int

    def __post_init__(self) -> None:
        """Raise ConfigError for settings that make no sense."""
        super().__post_init__()
        rules = (
            ("m", whole(self.m, 2), "a whole number, at least 2"),
            ("n", whole(self.n, 1) and self.n < self.m, "a whole number from 1, below m"),
        )
        check_settings(self, rules)

    @property
    def target_sparsity(self) -> float:
        """Fraction of zeros in whole groups."""
        return 1 - self.n / self.m

    def record(self) -> dict[str, Any]:
        """The settings, and the sparsity they mean."""
        return {**super().record(), "target_sparsity": self.target_sparsity}

    def masks_after(self, update: int, kernels: Sequence[Kernel], masks: Sequence[Mask]) -> tuple[Mask, ...]:
        """See the base class."""
        return keep_n_of_m(kernels, masks, self.m - round((self.m - self.n) * self.fraction_after(update)), self.m)


@dataclass(frozen=True, kw_only=True)
class Blocks(_Schedule):
    """Whole blocks of `rows` inputs by `columns` outputs, the smallest mean magnitudes of all layers first.

    `rows = 1` and `columns` as wide as a layer empties inputs; `columns = 1` and `rows` as high empties neurons. Layers
    that give the outputs of the network are left whole, and not counted, where a block would take an output.
    """

    method: ClassVar[str] = "blocks"

    target_sparsity: float
    rows: int = 4
    columns: int = 1

    def __post_init__(self) -> None:
        """Raise ConfigError for settings that make no sense."""
        super().__post_init__()
        rules = (
            ("target_sparsity", 0 < self.target_sparsity < 1, "a fraction between 0 and 1"),
            ("rows", whole(self.rows, 1), "a whole number, at least 1"),
            ("columns", whole(self.columns, 1), "a whole number, at least 1"),
        )
        check_settings(self, rules)

    def masks_after(self, update: int, kernels: Sequence[Kernel], masks: Sequence[Mask]) -> tuple[Mask, ...]:
        """See the base class."""
        sparsity = self.target_sparsity * self.fraction_after(update)
        groups = [blocks_of(mask.shape, self.rows, self.columns) for mask in masks]
        return remove_smallest_groups(kernels, masks, sparsity, self.layer_limit, groups)

    def takes_outputs(self, kernel: Kernel) -> bool:
        """See the base class."""
        return self.rows >= _inputs(kernel)


@dataclass(frozen=True, kw_only=True)
class Lanes(_Schedule):
    """All weights that one multiplier sees at a reuse factor above 1 together, the smallest mean magnitudes first.

    In the strategy resource_unrolled only an empty lane saves its multiplier. `reuse_factor` is that of the design.
    """

    method: ClassVar[str] = "lanes"

    target_sparsity: float
    reuse_factor: int

    def __post_init__(self) -> None:
        """Raise ConfigError for settings that make no sense."""
        super().__post_init__()
        rules = (
            ("target_sparsity", 0 < self.target_sparsity < 1, "a fraction between 0 and 1"),
            ("reuse_factor", whole(self.reuse_factor, 2), "a whole number, at least 2: at 1 every weight is a lane"),
        )
        check_settings(self, rules)

    def masks_after(self, update: int, kernels: Sequence[Kernel], masks: Sequence[Mask]) -> tuple[Mask, ...]:
        """See the base class."""
        sparsity = self.target_sparsity * self.fraction_after(update)
        groups = [lanes_of(mask.shape, self.reuse_factor) for mask in masks]
        return remove_smallest_groups(kernels, masks, sparsity, self.layer_limit, groups)

    def takes_outputs(self, kernel: Kernel) -> bool:
        """See the base class."""
        return self.reuse_factor >= _inputs(kernel)


def _inputs(kernel: Kernel) -> int:
    """Weights of one output."""
    return prod(int(size) for size in kernel.variable.shape[:-1])


@pruning_method(Polynomial)
def prune_polynomially(model: Any, config: Polynomial, data: TrainingData, on_progress: OnProgress) -> PruneResult:
    """Prune a copy of `model`; see `prune` for what it raises."""
    return _prune(model, config, data, on_progress)


@pruning_method(NofM)
def prune_n_of_m(model: Any, config: NofM, data: TrainingData, on_progress: OnProgress) -> PruneResult:
    """Prune a copy of `model`; see `prune` for what it raises."""
    return _prune(model, config, data, on_progress)


@pruning_method(Lanes)
def prune_lanes(model: Any, config: Lanes, data: TrainingData, on_progress: OnProgress) -> PruneResult:
    """Prune a copy of `model`; see `prune` for what it raises."""
    return _prune(model, config, data, on_progress)


@pruning_method(Blocks)
def prune_blocks(model: Any, config: Blocks, data: TrainingData, on_progress: OnProgress) -> PruneResult:
    """Prune a copy of `model`; see `prune` for what it raises."""
    return _prune(model, config, data, on_progress)


def _prune(model: Any, config: _Schedule, data: TrainingData, on_progress: OnProgress) -> PruneResult:
    removals = {step: number for number, step in enumerate(config.removal_steps(data.samples), start=1)}
    done = 0

    def after_step() -> None:
        nonlocal done
        done += 1
        if done in removals:
            trainer = run.trainer
            trainer.hold(config.masks_after(removals[done], trainer.kernels, trainer.masks()))

    run = PruningRun(model, config, data, on_progress, config.epochs, on_step=after_step, whole=config.takes_outputs)
    run.trainer.restart(config.learning_rate, l1=0.0)
    pruning = ceil(max(removals) / ceil(data.samples / min(config.batch_size, data.samples)))
    run.train("prune", pruning)
    if any(config.takes_outputs(kernel) for kernel in run.trainer.kernels):
        run.trainer.silence_emptied()
    run.train_for_best("fine-tune", config.epochs - pruning)
    return run.result()
