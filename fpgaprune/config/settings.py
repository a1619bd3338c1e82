"""Settings given as KEY=VALUE words."""

from collections.abc import Sequence
from typing import Any

from fpgaprune.errors import ConfigError


def parse_settings(words: Sequence[str]) -> dict[str, Any]:
    """KEY=VALUE words as a mapping: true, false, whole numbers, numbers, text; raises ConfigError for anything else."""
    found: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not (key.strip() and equals and value.strip()):
            message = f"a setting is KEY=VALUE, such as learning_rate=0.002, not {word!r}"
            raise ConfigError(message)
        if key.strip() in found:
            message = f"the setting {key.strip()!r} is given twice"
            raise ConfigError(message)
        found[key.strip()] = _value(value.strip())
    return found


def parse_layer_settings(words: Sequence[str]) -> dict[str, dict[str, Any]]:
    """LAYER:KEY=VALUE,KEY=VALUE words as settings by layer pattern; raises ConfigError for anything else.

    The pattern may hold a colon itself, as in `type:Dense:weight_bits=4`.
    """
    found: dict[str, dict[str, Any]] = {}
    for word in words:
        pattern, colon, settings = word.rpartition(":")
        if not (pattern.strip() and colon):
            message = f"settings of a layer are LAYER:KEY=VALUE,KEY=VALUE, such as dense_1:weight_bits=4, not {word!r}"
            raise ConfigError(message)
        found.setdefault(pattern.strip(), {}).update(parse_settings(settings.split(",")))
    return found


def _value(text: str) -> bool | int | float | str:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
