"""What registers and memory hold while a layer is followed: numbers, addresses, functions, or nothing yet."""

from dataclasses import dataclass
from typing import Final, TypeAlias

from fpgaprune.errors import UnsupportedError
from fpgaprune.synth.open.front.intervals import Number, Value
from fpgaprune.synth.open.front.values import Builder


class Undefined:
    """What memory holds that nothing was written to."""

    __slots__ = ()


UNDEFINED: Final = Undefined()


class Block:
    """One variable: its cells by offset, each with its size in bytes."""

    __slots__ = ("cells", "name", "serial", "zeroed")

    def __init__(self, serial: int, name: str, *, zeroed: bool) -> None:
        self.serial = serial
        self.name = name
        self.zeroed = zeroed
        self.cells: dict[int, tuple[int, Word]] = {}


@dataclass(frozen=True, slots=True)
class Pointer:
    """A place in a block: `offset` bytes, and `scale` bytes times `index` where that depends on inputs."""

    block: Block
    offset: int
    index: Value | None = None
    scale: int = 0


@dataclass(frozen=True, slots=True)
class Choice:
    """One pointer where the condition is 1, else another."""

    condition: Value
    one: "Word"
    other: "Word"


@dataclass(frozen=True, slots=True)
class Routine:
    """The address of a function."""

    name: str


Word: TypeAlias = int | Value | float | Undefined | Pointer | Choice | Routine
Cell: TypeAlias = tuple[int, Word]


def moved(address: Word, by: int) -> Word:
    """The address `by` bytes further."""
    if isinstance(address, Pointer):
        return Pointer(address.block, address.offset + by, address.index, address.scale) if by else address
    if isinstance(address, Choice):
        return Choice(address.condition, moved(address.one, by), moved(address.other, by))
    if by == 0:
        return address
    message = "the compiled C++ computes an address from no variable"
    raise UnsupportedError(message)


def select(builder: Builder, condition: Number, one: Word, other: Word) -> Word:
    """`one` where the condition is 1, else `other`."""
    if isinstance(condition, int):
        return one if condition else other
    if isinstance(one, (int, Value)) and isinstance(other, (int, Value)):
        return builder.select(condition, one, other)
    if one is other or one == other or isinstance(other, Undefined):
        return one
    if isinstance(one, Undefined):
        return other
    if isinstance(one, (Pointer, Choice)) and isinstance(other, (Pointer, Choice)):
        return Choice(condition, one, other)
    message = "fractions or functions depend on the data"
    raise UnsupportedError(message)
