"""A function in the form in which it is followed: registers are places in a list, blocks are steps and an end."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from fpgaprune.synth.open.front.words import Word

Datum: TypeAlias = "Word | tuple[Datum, ...] | None"
Frame: TypeAlias = list[Datum]
Step: TypeAlias = Callable[[Frame], None]


@dataclass(frozen=True)
class Branch:
    """How a block ends: where it goes on for each value of `slot`; `default` without one, or for any other value."""

    default: str
    slot: int | None = None
    cases: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Return:
    """How a function ends."""

    slot: int | None


@dataclass
class CompiledBlock:
    """A block: for each predecessor the slots its phis are set from, what is done, and how it ends."""

    phis: tuple[int, ...]
    sources: Mapping[str, tuple[int, ...]]
    steps: Sequence[Step]
    end: Branch | Return | None


@dataclass
class CompiledFunction:
    """A function whose registers are places in a list; `template` holds its constants."""

    name: str
    parameters: tuple[int, ...]
    template: Frame
    blocks: Mapping[str, CompiledBlock]
    entry: str
    joins: Mapping[str, str | None]
