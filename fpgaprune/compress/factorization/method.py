"""One verb, `factorize`: layers become cheaper ones of another form. The type of its config finds the code."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any, ClassVar, TypeVar

from numpy.typing import NDArray

from fpgaprune.compress.kernels import Kernel, refuse_not_finite
from fpgaprune.errors import ConfigError, unknown_choice
from fpgaprune.frameworks import quiet
from fpgaprune.registry import Registry

Samples = Sequence[NDArray[Any]]
Count = Callable[[Any], int]  # DSPs of a model
Project = Callable[[Kernel, Any], Any]
Tie = tuple[Any, Callable[[Any], Any]]  # a variable and what it has to be, made of what it is


class FactorizeConfig:
    """Base of every method's config: a frozen dataclass with a `method` name and an `exclude` of name patterns."""

    method: ClassVar[str]
    exclude: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """The settings as JSON-ready data."""
        settings = asdict(self)  # type: ignore[call-overload]  # every method's config is a dataclass
        return {k: list(v) if isinstance(v, tuple) else v for k, v in settings.items()}


@dataclass(frozen=True, eq=False)
class FactorizeResult:
    """The new model, not compiled, the JSON-ready record, and what fine-tuning keeps: kernels and other variables."""

    model: Any
    record: Mapping[str, Any]
    project: Project | None = None
    ties: tuple[Tie, ...] = ()


Config = TypeVar("Config", bound=FactorizeConfig)
Method = Callable[[Any, Any, Samples, Count | None], FactorizeResult]
_METHODS: Registry[tuple[type[FactorizeConfig], Method]] = Registry("way to factorize")


def factorization(
    config: type[Config],
) -> Callable[
    [Callable[[Any, Config, Samples, Count | None], FactorizeResult]],
    Callable[[Any, Config, Samples, Count | None], FactorizeResult],
]:
    """Register the decorated function as the method that `config` asks for."""

    def register(
        method: Callable[[Any, Config, Samples, Count | None], FactorizeResult],
    ) -> Callable[[Any, Config, Samples, Count | None], FactorizeResult]:
        _METHODS.register(config.method, (config, method))
        return method

    return register


def factorizations() -> tuple[str, ...]:
    """Names of the methods there are."""
    return tuple(_METHODS)


def factorize_config_type(name: str) -> type[FactorizeConfig]:
    """The config class of the method called `name`; raises ConfigError with the choices otherwise."""
    return _METHODS[name][0]


def factorize(model: Any, config: FactorizeConfig, samples: Samples, count: Count | None = None) -> FactorizeResult:
    """A copy of a built Keras 2 or QKeras model with layers replaced as `config` says; the model is not touched.

    `samples` are inputs, one array per input of the model: they decide what an approximation may lose, and the types
    of new values in a QKeras model. `count` gives the DSPs of a model, for a config that limits them.
    Raises ConfigError for an exclusion that matches nothing or a limit that cannot be met, ModelError for a model that
    has no layer to replace or cannot be rebuilt.
    """
    name = getattr(type(config), "method", type(config).__name__)
    registered, method = _METHODS[name]
    if type(config) is not registered:
        message = f"{type(config).__name__} is not the config class of the method {name!r}"
        raise ConfigError(message)
    refuse_not_finite(model)
    for pattern in config.exclude:
        if not any(excluded(layer, (pattern,)) for layer in model.layers):
            names = [layer.name for layer in model.layers if layer.weights]
            raise ConfigError(unknown_choice("layer to exclude", pattern, names))
    with quiet("factorize"):  # Keras warns of how QKeras writes its quantizers
        return method(model, config, samples, count)


def excluded(layer: Any, patterns: Sequence[str]) -> bool:
    """Whether a pattern names the layer, or by `type:` its class (`type:Dense` is QDense, too)."""
    kind = type(layer).__name__.lower()
    return any(
        fnmatchcase(kind, pattern[5:].strip().lower()) or fnmatchcase(kind.removeprefix("q"), pattern[5:].lower())
        if pattern.startswith("type:")
        else fnmatchcase(layer.name, pattern)
        for pattern in patterns
    )
