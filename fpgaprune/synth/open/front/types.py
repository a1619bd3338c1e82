"""Types and constants of LLVM's textual form: how large they are, and where their parts lie (data layout of x86-64)."""

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

from fpgaprune.errors import UnsupportedError


@dataclass(frozen=True)
class Integer:
    """An integer of `width` bits."""

    width: int

    @cached_property
    def size(self) -> int:
        """Bytes that are read and written; the memory of C++ has no integers of other sizes than 1, 2, 4, 8 and 16."""
        return -(-self.width // 8)

    @cached_property
    def align(self) -> int:
        """Alignment in bytes."""
        return min(1 << (self.size - 1).bit_length(), 16)


@dataclass(frozen=True)
class Real:
    """A floating-point number of 32 or 64 bits."""

    width: int

    @property
    def size(self) -> int:
        """Bytes it takes in memory."""
        return self.width // 8

    @property
    def align(self) -> int:
        """Alignment in bytes."""
        return self.size


@dataclass(frozen=True)
class Address:
    """A pointer."""

    size: int = 8
    align: int = 8


@dataclass(frozen=True)
class Void:
    """No value."""

    size: int = 0
    align: int = 1


@dataclass(frozen=True)
class Array:
    """`count` equal elements."""

    count: int
    element: "Type"

    @cached_property
    def size(self) -> int:
        """Bytes it takes in memory."""
        return self.count * self.element.size

    @property
    def align(self) -> int:
        """Alignment in bytes."""
        return self.element.align


@dataclass(frozen=True)
class Structure:
    """Fields one after the other."""

    fields: "tuple[Type, ...]"
    packed: bool

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """Where each field begins, in bytes."""
        found, place = [], 0
        for part in self.fields:
            if not self.packed:
                place = -(-place // part.align) * part.align
            found.append(place)
            place += part.size
        return tuple(found)

    @cached_property
    def size(self) -> int:
        """Bytes it takes in memory, padding included."""
        if not self.fields:
            return 0
        end = self.offsets[-1] + self.fields[-1].size
        return -(-end // self.align) * self.align

    @cached_property
    def align(self) -> int:
        """Alignment in bytes."""
        return 1 if self.packed or not self.fields else max(part.align for part in self.fields)


Type: TypeAlias = Integer | Real | Address | Void | Array | Structure

_POINTER: Final = Address()
_PLAIN: Final[dict[str, "Type"]] = {"ptr": _POINTER, "float": Real(32), "double": Real(64), "void": Void()}
_WORD: Final = re.compile(r'%"[^"]*"|%[\w.$-]+|\w+')
_NAME: Final = re.compile(r'[@%](?:"[^"]*"|[\w.$-]+)')


class Scanner:
    """Reads types and constants from one line of text, from left to right."""

    def __init__(self, text: str, names: Mapping[str, Type], position: int = 0) -> None:
        self.text = text
        self.names = names
        self.position = position

    def skip(self) -> None:
        """Step over blanks."""
        while self.text[self.position : self.position + 1] == " ":
            self.position += 1

    def take(self, token: str) -> bool:
        """Step over `token` if it comes next."""
        self.skip()
        if self.text.startswith(token, self.position):
            self.position += len(token)
            return True
        return False

    def need(self, token: str) -> None:
        """Step over `token`; anything else is not understood."""
        if not self.take(token):
            raise self.error()

    def match(self, pattern: re.Pattern[str]) -> str | None:
        """Step over what matches, and return it."""
        self.skip()
        found = pattern.match(self.text, self.position)
        if found is None:
            return None
        self.position = found.end()
        return found.group()

    def error(self) -> UnsupportedError:
        """The error that quotes the line."""
        return UnsupportedError(f"the compiled C++ holds what open synthesis does not understand: {self.text.strip()}")

    def type(self) -> Type:
        """The type that comes next."""
        if self.take("["):
            return self._array()
        if self.take("<{"):
            return self._structure("}>", packed=True)
        if self.take("{"):
            return self._structure("}", packed=False)
        word = self.match(_WORD)
        if word is None:
            raise self.error()
        if word[0] == "%":
            if word not in self.names:
                raise self.error()
            return self.names[word]
        if word[0] == "i" and word[1:].isdecimal():
            return Integer(int(word[1:]))
        found = _PLAIN.get(word)
        if found is None:
            raise self.error()
        return found

    def _array(self) -> Array:
        count = self.match(re.compile(r"\d+"))
        if count is None or not self.take("x"):
            raise self.error()
        element = self.type()
        self.need("]")
        return Array(int(count), element)

    def _structure(self, end: str, *, packed: bool) -> Structure:
        fields: list[Type] = []
        while not self.take(end):
            fields.append(self.type())
            self.take(",")
        return Structure(tuple(fields), packed)

    def name(self) -> str | None:
        """A register (%…) or a global (@…), if one comes next; quotation marks are left out."""
        found = self.match(_NAME)
        return None if found is None else found.replace('"', "")

    def number(self, kind: Type) -> int | float:
        """A literal of that type; integers as they are written."""
        word = self.match(re.compile(r"[-+\w.]+"))
        if word is None:
            raise self.error()
        if isinstance(kind, Real):
            if word.startswith("0x"):
                return float(struct.unpack(">d", int(word[2:].zfill(16), 16).to_bytes(8, "big"))[0])
            return float(word)
        if word in {"true", "false"}:
            return int(word == "true")
        if word.lstrip("-").isdecimal():
            return int(word)
        raise self.error()
