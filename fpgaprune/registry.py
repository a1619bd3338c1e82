"""A named set of plug-ins: one file registers itself, everyone else looks it up by name."""

from collections.abc import Iterator
from typing import Generic, TypeVar

from fpgaprune.errors import ConfigError, unknown_choice

T = TypeVar("T")


class Registry(Generic[T]):
    """Plug-ins of one sort under unique names, in the order they were registered."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._entries: dict[str, T] = {}

    def register(self, name: str, entry: T) -> T:
        """Add `entry` under `name`; a name already taken raises ConfigError."""
        if name in self._entries:
            message = f"the {self._what} {name!r} is registered twice"
            raise ConfigError(message)
        self._entries[name] = entry
        return entry

    def __getitem__(self, name: str) -> T:
        """The plug-in called `name`; raises ConfigError with the choices otherwise."""
        if name not in self._entries:
            raise ConfigError(unknown_choice(self._what, name, self._entries))
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
