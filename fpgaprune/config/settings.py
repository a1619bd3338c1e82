"""Settings given as KEY=VALUE words."""

from collections.abc import Sequence
from typing import Any

from fpgaprune.errors import ConfigError


def parse_settings(words: Sequence[str]) -> dict[str, Any]:
    """KEY=VALUE words as a mapping: whole numbers, numbers and text; raises ConfigError for anything else."""
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


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
