"""One verb, `prune`: what to do is a small frozen config, and its type finds the code that does it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, TypeVar

from fpgaprune.compress.data import TrainingData
from fpgaprune.compress.kernels import find_kernels, refuse_not_finite, refuse_without_zero, select_kernels
from fpgaprune.errors import ConfigError, FpgapruneError
from fpgaprune.registry import Registry


@dataclass(frozen=True)
class Progress:
    """Where a pruning run stands: reported after every epoch. `metric` is the validation metric named `metric_name`.

    `model` is the model in training as it is now: to be looked at during the call, not kept.
    """

    phase: str
    epoch: int
    epochs: int
    loss: float
    metric_name: str
    metric: float
    sparsity: float
    model: Any = None


OnProgress = Callable[[Progress], None]


class PruneConfig:
    """Base of every method's config: a frozen dataclass with a `method` name and an `exclude` of name patterns."""

    method: ClassVar[str]
    exclude: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """The settings as JSON-ready data."""
        settings = asdict(self)  # type: ignore[call-overload]  # every method's config is a dataclass
        return {k: list(v) if isinstance(v, tuple) else v for k, v in settings.items()}


@dataclass(frozen=True, eq=False)
class PruneResult:
    """The pruned copy of the model, not compiled, and the JSON-ready record of what was asked and found."""

    model: Any
    record: Mapping[str, Any]

    @property
    def sparsity(self) -> float:
        """Fraction of zeros among the quantized weights that were to be pruned."""
        return float(self.record["found"]["sparsity"])


class PruningDivergedError(FpgapruneError):
    """Training diverged. `result` holds the last good weights and the record up to there."""

    def __init__(self, message: str, result: PruneResult) -> None:
        super().__init__(message)
        self.result = result


def diverged(epoch: int, epochs: int, phase: str, kept: str, learning_rate: float) -> str:
    """The sentence about a training whose loss is no number any more."""
    return (
        f"the loss became NaN or infinite in epoch {epoch} of {epochs} ({phase}); {kept} are kept. A smaller "
        f"learning_rate than {learning_rate:g} usually helps"
    )


Config = TypeVar("Config", bound=PruneConfig)
Method = Callable[[Any, Any, TrainingData, OnProgress], PruneResult]

_METHODS: Registry[tuple[type[PruneConfig], Method]] = Registry("pruning method")


def pruning_method(
    config: type[Config],
) -> Callable[
    [Callable[[Any, Config, TrainingData, OnProgress], PruneResult]],
    Callable[[Any, Config, TrainingData, OnProgress], PruneResult],
]:
    """Register the decorated function as the method that `config` asks for."""

    def register(
        method: Callable[[Any, Config, TrainingData, OnProgress], PruneResult],
    ) -> Callable[[Any, Config, TrainingData, OnProgress], PruneResult]:
        _METHODS.register(config.method, (config, method))
        return method

    return register


def pruning_methods() -> tuple[str, ...]:
    """Names of the methods there are."""
    return tuple(_METHODS)


def config_type(name: str) -> type[PruneConfig]:
    """The config class of the method called `name`; raises ConfigError with the choices otherwise."""
    return _METHODS[name][0]


def prune(model: Any, config: PruneConfig, data: TrainingData, *, on_progress: OnProgress | None = None) -> PruneResult:
    """Prune a copy of a built Keras 2 or QKeras model as `config` says; the model itself is not touched.

    Raises ModelError for a model that cannot be pruned (no kernels, NaN weights, quantizers without a zero, layers
    that cannot be copied), ConfigError for settings or data that do not fit it, and PruningDivergedError, which carries
    the last good weights, when training diverges.
    """
    name = getattr(type(config), "method", type(config).__name__)
    registered, method = _METHODS[name]
    if type(config) is not registered:
        message = f"{type(config).__name__} is not the config class of the pruning method {name!r}"
        raise ConfigError(message)
    refuse_not_finite(model)
    refuse_without_zero(select_kernels(find_kernels(model), config.exclude))
    return method(model, config, data, on_progress or _ignore)


def _ignore(progress: Progress) -> None:
    """Nobody watches."""
