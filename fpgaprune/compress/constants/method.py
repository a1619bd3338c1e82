"""One verb, `choose_constants`: what to do is a small frozen config, and its type finds the code that does it.

These methods need no training and no framework: they work on the integer codes of a `Design`, which is where the cost
of a constant is decided, and on how much each constant matters.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from fpgaprune.csd import csd_digits
from fpgaprune.design import Design, Encoding, LayerKind, LayerSpec, Parameter
from fpgaprune.errors import ConfigError, unknown_choice
from fpgaprune.estimate import MappingRules
from fpgaprune.fixed_point import EXACT_WIDTH
from fpgaprune.registry import Registry

Codes = NDArray[np.int64]
Array = NDArray[np.float64]

_PRODUCTS = frozenset({
    LayerKind.DENSE, LayerKind.CONV1D, LayerKind.CONV2D, LayerKind.DEPTHWISE_CONV1D, LayerKind.DEPTHWISE_CONV2D,
})  # fmt: skip


@dataclass(frozen=True, eq=False)
class Importance:
    """How much a wrong constant matters, by layer name; a layer that is missing counts 1 everywhere.

    `inputs`: mean square of what each constant is multiplied by, one value per row of the codes (see `matrix_of`).
    `outputs`: how strongly the network's outputs follow each output of the layer, one value per column: mean square
    of the derivative. A constant off by d then moves the outputs by d**2 * inputs * outputs in the mean square, as
    long as the errors of different constants do not line up.
    """

    inputs: Mapping[str, Array] = field(default_factory=dict)
    outputs: Mapping[str, Array] = field(default_factory=dict)

    def of(self, layer: LayerSpec, shape: tuple[int, int]) -> Array:
        """Mean-square change of the outputs per square of a constant's change, (rows, columns)."""
        rows, columns = self.inputs.get(layer.name, np.ones(shape[0])), self.outputs.get(layer.name, np.ones(shape[1]))
        if rows.shape != shape[:1] or columns.shape != shape[1:]:
            message = (
                f"the importance of layer {layer.name!r} is given for {rows.size} x {columns.size} constants, "
                f"but it has {shape[0]} x {shape[1]}"
            )
            raise ConfigError(message)
        return np.outer(rows, columns)


class ConstantsConfig:
    """Base of every method's config: a frozen dataclass with a `method` name and an `exclude` of name patterns."""

    method: ClassVar[str]
    exclude: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """The settings as JSON-ready data."""
        settings = asdict(self)  # type: ignore[call-overload]  # every method's config is a dataclass
        return {k: list(v) if isinstance(v, tuple) else v for k, v in settings.items()}


@dataclass(frozen=True, eq=False)
class Chosen:
    """The design with its new constants, and the JSON-ready record of what was asked and done."""

    design: Design
    record: Mapping[str, Any]


Config = TypeVar("Config", bound=ConstantsConfig)
Method = Callable[[Design, Any, Importance, MappingRules, bool], Design]
_METHODS: Registry[tuple[type[ConstantsConfig], Method]] = Registry("method for constants")


def constants_method(
    config: type[Config],
) -> Callable[
    [Callable[[Design, Config, Importance, MappingRules, bool], Design]],
    Callable[[Design, Config, Importance, MappingRules, bool], Design],
]:
    """Register the decorated function as the method that `config` asks for."""

    def register(
        method: Callable[[Design, Config, Importance, MappingRules, bool], Design],
    ) -> Callable[[Design, Config, Importance, MappingRules, bool], Design]:
        _METHODS.register(config.method, (config, method))
        return method

    return register


def constants_methods() -> tuple[str, ...]:
    """Names of the methods there are."""
    return tuple(_METHODS)


def constants_config_type(name: str) -> type[ConstantsConfig]:
    """The config class of the method called `name`; raises ConfigError with the choices otherwise."""
    return _METHODS[name][0]


def choose_constants(
    design: Design, config: ConstantsConfig, importance: Importance, rules: MappingRules, *, narrow: bool = True
) -> Chosen:
    """`design` with the constants of its dense and convolution layers changed as `config` says.

    With `narrow`, types and exact sums lose the low bits that no constant uses any more, as they do in generated
    projects (see `narrowed`); without, types stay.
    Raises ConfigError for an exclusion that matches no layer, and for a budget that cannot be met (it says how far
    one gets).
    """
    name = getattr(type(config), "method", type(config).__name__)
    registered, method = _METHODS[name]
    if type(config) is not registered:
        message = f"{type(config).__name__} is not the config class of the method for constants {name!r}"
        raise ConfigError(message)
    changed = method(design, config, importance, rules, narrow)
    layers = [_layer_record(layer, changed[layer.name], importance) for layer in _products(design)]
    return Chosen(changed, {"method": name, "asked": config.record(), "layers": layers})


def changeable_layers(design: Design, exclude: Sequence[str]) -> tuple[LayerSpec, ...]:
    """The dense and convolution layers with fixed-point constants that no pattern excludes.

    A pattern is a layer's name, with `*`, `?` and `[...]` as in file names, or `type:` and a kind, such as
    `type:conv2d`. Raises ConfigError for a pattern that matches nothing, and when nothing is left.
    """
    layers = tuple(_products(design))
    for pattern in exclude:
        if not any(_matches(layer, pattern) for layer in layers):
            raise ConfigError(unknown_choice("layer to exclude", pattern, [layer.name for layer in layers]))
    chosen = tuple(layer for layer in layers if not any(_matches(layer, pattern) for pattern in exclude))
    if not chosen:
        message = "nothing is left to change: the network has no dense or convolution layer that is not excluded"
        raise ConfigError(message)
    return chosen


def matrix_of(parameter: Parameter) -> Codes:
    """The codes as (inputs, outputs): what one output sums up is a column."""
    codes = parameter.codes
    return codes.reshape(-1, codes.shape[-1]) if codes.ndim > 1 else codes.reshape(-1, 1)


def _products(design: Design) -> Iterator[LayerSpec]:
    for layer in design:
        weight = layer.weight
        if layer.kind not in _PRODUCTS or weight is None:
            continue
        if weight.encoding is Encoding.FIXED and weight.precision.width <= EXACT_WIDTH:
            yield layer


def _matches(layer: LayerSpec, pattern: str) -> bool:
    kind, colon, wanted = pattern.partition(":")
    if colon and kind == "type":
        return fnmatchcase(layer.kind.value, wanted.strip().lower())
    return fnmatchcase(layer.name, pattern)


def _layer_record(before: LayerSpec, after: LayerSpec, importance: Importance) -> dict[str, Any]:
    first, last = before.parameters["weight"], after.parameters["weight"]
    old, new = matrix_of(first), matrix_of(last)
    distance = (last.values - first.values).reshape(old.shape)
    moved = float((importance.of(before, (old.shape[0], old.shape[1])) * np.square(distance)).sum())
    return {
        "name": before.name,
        "weights": int(old.size),
        "changed": int(np.count_nonzero(distance)),
        "zeros": int(new.size - np.count_nonzero(new)),
        "sparsity": float(1 - np.count_nonzero(new) / new.size),
        "csd_digits": digit_counts(new),
        "csd_digits_before": digit_counts(old),
        "output_change": moved,
    }


def digit_counts(codes: Codes) -> dict[str, int]:
    """How many codes have how many nonzero signed digits."""
    return {str(n): int(count) for n, count in enumerate(np.bincount(csd_digits(codes).ravel())) if count}
