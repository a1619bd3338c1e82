"""A generation recipe: a TOML file and command-line flags, checked, as GenerateSettings."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from fpgaprune.design import Strategy
from fpgaprune.device import find_device
from fpgaprune.errors import ConfigError, unknown_choice
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.generate.settings import (
    DEFAULT_CLOCK_NS,
    DEFAULT_PART,
    GenerateSettings,
    LayerSettings,
    SparseKernels,
)
from fpgaprune.results import Limits

_OF_COST: Final = ("max_dsp", "max_lut")
_OF_TIME: Final = ("max_latency_cycles", "max_latency_ns", "max_ii")


class _Layer(BaseModel):
    """One `[layers."name or pattern"]` table."""

    model_config = ConfigDict(extra="forbid")

    precision: str | None = None
    strategy: str | None = None
    reuse_factor: int | None = Field(default=None, strict=True)
    parallelization_factor: int | None = Field(default=None, strict=True)
    sparse_kernels: str | None = None

    @field_validator("strategy")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        parse_strategy(value)
        return value


class _Recipe(_Layer):
    """The top level of a recipe file."""

    backend: str | None = None
    part: str | None = None
    clock_ns: float | None = None
    io_type: str | None = None
    width: int | None = Field(default=None, strict=True)
    project_name: str | None = Field(default=None, pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    multipliers: str | None = None
    max_dsp: int | str | None = None
    max_lut: int | str | None = None
    max_latency_cycles: int | None = Field(default=None, ge=1, strict=True)
    max_latency_ns: float | None = Field(default=None, gt=0)
    max_ii: int | None = Field(default=None, ge=1, strict=True)
    layers: dict[str, _Layer] = Field(default_factory=dict)


def parse_sparse_kernels(text: str | None) -> SparseKernels | None:
    """`auto`, `always`, `adders` or `never` in any case; raises ConfigError with the choices."""
    if text is None:
        return None
    try:
        return SparseKernels(text.strip().lower())
    except ValueError as error:
        raise ConfigError(unknown_choice("sparse_kernels", text, [choice.value for choice in SparseKernels])) from error


def parse_strategy(text: Strategy | str | None) -> Strategy | None:
    """A strategy by name in any case; raises ConfigError with the choices."""
    if text is None or isinstance(text, Strategy):
        return text
    try:
        return Strategy(text.strip().lower().replace("-", "_"))
    except ValueError as error:
        raise ConfigError(unknown_choice("strategy", text, [strategy.value for strategy in Strategy])) from error


def settings_from(file: Path | None, flags: Mapping[str, Any], layer_flags: Sequence[str] = ()) -> GenerateSettings:
    """Settings from a recipe file, overridden by flags (None: not given) and NAME:KEY=VALUE layer flags.

    Raises ConfigError naming the key for anything unknown, misspelt or of the wrong type.
    """
    return _settings(_recipe(file, flags, layer_flags))


def costed_settings(
    file: Path | None, flags: Mapping[str, Any], limits: Mapping[str, Any]
) -> tuple[GenerateSettings, dict[str, int]]:
    """Settings to count costs with, no strategies chosen, and the limits of DSPs and LUTs that a method has to meet.

    `limits` are flags, max_dsp and max_lut, None where they are not given; what the recipe says stands in for them.
    Raises ConfigError as `settings_from` does, and for a recipe with limits of time: only a choice of strategies
    meets these.
    """
    recipe = _recipe(file, flags, ())
    timed = [name for name in _OF_TIME if getattr(recipe, name) is not None]
    if timed:
        message = (
            f"{file} limits {' and '.join(timed)}, which no change of the weights can meet: generate meets it by "
            "choosing strategies. Leave it out of the recipe here"
        )
        raise ConfigError(message)
    part = recipe.part or DEFAULT_PART
    asked = {name: getattr(recipe, name) if limits.get(name) is None else limits[name] for name in _OF_COST}
    amounts = {name: parse_amount(name, value, part) for name, value in asked.items()}
    recipe.max_dsp = recipe.max_lut = None
    return _settings(recipe), {name: amount for name, amount in amounts.items() if amount is not None}


def _recipe(file: Path | None, flags: Mapping[str, Any], layer_flags: Sequence[str]) -> _Recipe:
    values = {} if file is None else _read(file)
    values |= {name: value for name, value in flags.items() if value is not None}
    layers = _tables(values.get("layers", {}))
    for flag in layer_flags:
        name, key, value = _split(flag)
        layers[name] = {**dict(layers.get(name, {})), key: value}
    values["layers"] = layers
    try:
        return _Recipe.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        source = "the flags" if file is None else f"{file} and the flags"
        message = f"the settings in {source} are wrong at {where!r}: {first['msg'].lower()}"
        raise ConfigError(message) from error


def _tables(layers: Any) -> dict[str, Any]:
    if not isinstance(layers, dict) or not all(isinstance(table, dict) for table in layers.values()):
        message = (
            'the key layers is for tables: write [layers."NAME or pattern"] and the settings of the layer below it'
        )
        raise ConfigError(message)
    return dict(layers)


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        message = f"{file} is not a recipe that can be read (TOML): {error}"
        raise ConfigError(message) from error


def _split(flag: str) -> tuple[str, str, Any]:
    name, colon, rest = flag.partition(":")
    key, equals, value = rest.partition("=")
    if not (name and colon and key and equals and value):
        message = f"a layer setting is NAME:KEY=VALUE, such as fc1:reuse_factor=4, not {flag!r}"
        raise ConfigError(message)
    return name, key.strip(), int(value) if value.strip().isdigit() else value.strip()


def _settings(recipe: _Recipe) -> GenerateSettings:
    limits = _limits(recipe)
    if limits and (recipe.strategy or recipe.reuse_factor):
        message = (
            "limits choose strategy and reuse factor of every layer: leave strategy and reuse_factor out, or set them "
            "for single layers, as in --layer NAME:reuse_factor=N"
        )
        raise ConfigError(message)
    if limits and recipe.sparse_kernels is None:
        recipe.sparse_kernels = SparseKernels.AUTO.value
    chosen: dict[str, Any] = {
        "backend": _backend(recipe.backend),
        "part": recipe.part,
        "clock_ns": recipe.clock_ns,
        "io_type": recipe.io_type,
        "width": recipe.width,
        "project_name": recipe.project_name,
        "strategy": parse_strategy(recipe.strategy),
        "reuse_factor": recipe.reuse_factor,
        "sparse_kernels": parse_sparse_kernels(recipe.sparse_kernels),
        "precision": None if recipe.precision is None else FixedPoint.from_cpp(recipe.precision),
        "multipliers": None if recipe.multipliers is None else recipe.multipliers.strip().lower(),
        "layers": {name: _layer(layer) for name, layer in recipe.layers.items()},
        "limits": limits,
    }
    if recipe.parallelization_factor is not None:
        message = (
            'parallelization_factor is set per layer: use [layers."NAME"] or --layer NAME:parallelization_factor=N'
        )
        raise ConfigError(message)
    return GenerateSettings(**{name: value for name, value in chosen.items() if value is not None})


def _limits(recipe: _Recipe) -> Limits:
    """The limits in counts: shares are of what the part has, nanoseconds are at the clock."""
    part = recipe.part or DEFAULT_PART
    cycles = recipe.max_latency_cycles
    if recipe.max_latency_ns is not None:
        in_time = floor(recipe.max_latency_ns / (recipe.clock_ns or DEFAULT_CLOCK_NS))
        cycles = in_time if cycles is None else min(cycles, in_time)
    return Limits(
        dsp=parse_amount("max_dsp", recipe.max_dsp, part),
        lut=parse_amount("max_lut", recipe.max_lut, part),
        latency_cycles=cycles,
        ii=recipe.max_ii,
    )


def parse_amount(key: str, value: int | str | None, part: str) -> int | None:
    """The limit called `key`, max_dsp or max_lut, as a count: of what the part has where a share is given.

    A count, a share such as "40%" of what the part has, or "0.5slr" of one of its dies. Raises ConfigError for
    anything else, and for a share of what is not known; DeviceError for a share of an unknown part.
    """
    if value is None:
        return None
    text = str(value).strip().lower()
    number = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(%|slr|%\s*slr)", text)
    if number is None:
        if not text.isdecimal():
            message = (
                f"{key} is a count, a share of the part or of one of its SLRs, as in 500, 40% or 0.5slr, not {value!r}"
            )
            raise ConfigError(message)
        return int(text)
    share = Fraction(number[1]) / (100 if "%" in number[2] else 1)  # 29 % of 100 are 29: no float says so
    return floor(_available(key, text, part, of_slr="slr" in number[2]) * share)


def _available(key: str, text: str, part: str, *, of_slr: bool) -> int:
    """What the part, or one of its super logic regions, has of what `key` limits."""
    device = find_device(part)
    resources = device.available_in_slr if of_slr else device.available
    available: int | None = None if resources is None else getattr(resources, key.removeprefix("max_"))
    if available is None:
        missing = "how many SLRs" if of_slr and device.available.dsp is not None else "how many"
        message = f"{key} is {text}, but {missing} the part {part} has is not known: give a count"
        raise ConfigError(message)
    return available


def _layer(layer: _Layer) -> LayerSettings:
    return LayerSettings(
        precision=None if layer.precision is None else FixedPoint.from_cpp(layer.precision),
        strategy=parse_strategy(layer.strategy),
        reuse_factor=layer.reuse_factor,
        parallelization_factor=layer.parallelization_factor,
        sparse_kernels=parse_sparse_kernels(layer.sparse_kernels),
    )


def _backend(name: str | None) -> str | None:
    return None if name is None else {"vitis": "Vitis", "vivado": "Vivado"}.get(name.lower(), name)
