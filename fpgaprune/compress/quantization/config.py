"""What a quantization is asked for: for all layers, and for some of them otherwise."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from fnmatch import fnmatchcase
from glob import escape
from typing import Any, ClassVar, Final

from fpgaprune.compress.run import check_settings, whole
from fpgaprune.errors import ConfigError, unknown_choice

FORMS: Final = ("fixed", "po2", "ternary", "binary")
_WIDTHS = ("weight_bits", "activation_bits", "bias_bits")
_LEAST: Final = 2
_MOST: Final = 24  # QKeras computes in float32, which holds so many


@dataclass(frozen=True)
class LayerTypes:
    """The types of one layer, or of all that a pattern names; None leaves what holds for all layers.

    `weights` is the form of its weights: `fixed` point, a power of two (`po2`: sign and exponent in `weight_bits`),
    `ternary` or `binary`, all with a scale that is a power of two, one for the layer or one `per_channel`. Such a
    scale is a shift: it costs no multiplier. `activation_bits` are those of the values the layer gives.
    """

    weight_bits: int | None = None
    activation_bits: int | None = None
    bias_bits: int | None = None
    weights: str | None = None
    per_channel: bool | None = None

    def __post_init__(self) -> None:
        """Raise ConfigError for types that make no sense."""
        check_settings(self, tuple((name, _is_width(getattr(self, name)), _WANTED) for name in _WIDTHS))
        if self.weights is not None and self.weights not in FORMS:
            raise ConfigError(unknown_choice("form of weights", str(self.weights), FORMS))
        if self.per_channel not in (None, True, False):
            message = f"per_channel must be true or false, not {self.per_channel!r}"
            raise ConfigError(message)

    def given(self) -> dict[str, Any]:
        """What is not left to the settings for all."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class PostTraining:
    """Types whose integer bits and scales are placed by weights and data; nothing is trained.

    `bits` of weights and of the values between layers; `weight_bits` and `activation_bits` part the two. Biases get
    `bias_bits`: they cost an adder, not a multiplier. Layers that `exclude` names stay as they are. `layers` says
    otherwise for the layers a pattern matches, a later one over an earlier one.
    """

    method: ClassVar[str] = "post_training"

    bits: int = 8
    weight_bits: int | None = None
    activation_bits: int | None = None
    bias_bits: int = 16
    exclude: tuple[str, ...] = ()
    weights: str = "fixed"
    per_channel: bool = False
    layers: Mapping[str, LayerTypes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise ConfigError for widths that make no sense."""
        rules = [(name, getattr(self, name) is not None and _is_width(getattr(self, name)), _WANTED) for name in
                 ("bits", "bias_bits")]  # fmt: skip
        rules += [(name, _is_width(getattr(self, name)), _WANTED) for name in ("weight_bits", "activation_bits")]
        check_settings(self, tuple(rules))
        LayerTypes(weights=self.weights, per_channel=self.per_channel)

    def of(self, layer: Any) -> "Types":
        """The types of a layer, found by its name and class."""
        found = Types(
            self.bits if self.weight_bits is None else self.weight_bits,
            self.bits if self.activation_bits is None else self.activation_bits,
            self.bias_bits,
            self.weights,
            self.per_channel,
        )
        for pattern, types in self.layers.items():
            if matches(layer, (pattern,)):
                found = replace(found, **types.given())
        return found

    def settles(self, layer: Any, setting: str) -> bool:
        """Whether `layers` gives this layer the setting (such as `weight_bits`)."""
        return any(
            getattr(types, setting) is not None and matches(layer, (pattern,)) for pattern, types in self.layers.items()
        )

    def refined(self, types: Mapping[str, LayerTypes]) -> "PostTraining":
        """The same with more said of some layers, by their names."""
        layers = dict(self.layers)
        for name, more in types.items():
            pattern = escape(name)
            layers[pattern] = replace(layers.get(pattern, LayerTypes()), **more.given())
        return replace(self, layers=layers)

    def check_patterns(self, layers: Any) -> None:
        """Raise ConfigError for a pattern that matches none of the layers."""
        for what, patterns in (("to exclude from quantization", self.exclude), ("with types of its own", self.layers)):
            for pattern in patterns:
                if not any(matches(layer, (pattern,)) for layer in layers):
                    raise ConfigError(unknown_choice(f"layer {what}", pattern, [layer.name for layer in layers]))

    @classmethod
    def layers_from(cls, given: Mapping[str, Mapping[str, Any]]) -> dict[str, LayerTypes]:
        """Plain settings by layer pattern as types; raises ConfigError for a key or value that makes no sense."""
        known = [each.name for each in fields(LayerTypes)]
        for settings in given.values():
            for name in settings:
                if name not in known:
                    raise ConfigError(unknown_choice("type of a layer", name, known))
        return {pattern: LayerTypes(**settings) for pattern, settings in given.items()}

    def record(self) -> dict[str, Any]:
        """The settings as JSON-ready data."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        layers = {pattern: types.given() for pattern, types in self.layers.items()}
        return {**plain, "exclude": list(self.exclude), "layers": layers}


@dataclass(frozen=True)
class Types:
    """What one layer gets."""

    weight_bits: int
    activation_bits: int
    bias_bits: int
    weights: str
    per_channel: bool


def matches(layer: Any, patterns: Any) -> bool:
    """Whether a pattern, of a name or `type:` and a class, matches a layer; `type:Dense` matches QDense, too."""
    kind = type(layer).__name__.lower()
    return any(
        any(fnmatchcase(each, pattern[5:].strip().lower()) for each in (kind, kind.removeprefix("q")))
        if pattern.startswith("type:")
        else fnmatchcase(layer.name, pattern)
        for pattern in patterns
    )


_WANTED = f"a whole number from {_LEAST} to {_MOST}"


def _is_width(value: Any) -> bool:
    return value is None or (whole(value, _LEAST) and value <= _MOST)
