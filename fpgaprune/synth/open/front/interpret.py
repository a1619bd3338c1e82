"""Follows a compiled layer: known numbers are computed, what depends on the inputs becomes nodes of a netlist.

Loops run as they would, so they are unrolled and their array indices known. Where a branch depends on the data, both
ways are followed and what they leave behind is selected from, as hardware does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fpgaprune.errors import UnsupportedError
from fpgaprune.synth.open.front import fractions
from fpgaprune.synth.open.front.intervals import Value
from fpgaprune.synth.open.front.memory import Memory
from fpgaprune.synth.open.front.module import Function, Module, flattened
from fpgaprune.synth.open.front.program import Branch, CompiledFunction, Datum, Frame, Return
from fpgaprune.synth.open.front.types import Integer, Real, Structure
from fpgaprune.synth.open.front.values import Builder
from fpgaprune.synth.open.front.words import Block, Pointer, Routine, Undefined, Word, moved, select

MOST_BLOCKS: Final = 100_000_000


class Machine:
    """The state while one layer is followed; `compile_function` makes steps of a function's text at its first call."""

    def __init__(
        self, module: Module, builder: Builder, compile_function: Callable[["Machine", Function], CompiledFunction]
    ) -> None:
        self._compile = compile_function
        self.module = module
        self.builder = builder
        self.memory = Memory(builder)
        self._globals: dict[str, Block] = {}
        self._compiled: dict[str, CompiledFunction] = {}
        self._blocks_left = MOST_BLOCKS

    def start(self) -> None:
        """Run what gives globals their first values."""
        for name in self.module.constructors:
            self.call(name, ())

    def address(self, name: str) -> Word:
        """The address of a global or function; `name` without its @."""
        if self.module.has(name):
            return Routine(name)
        if name not in self._globals:
            self._globals[name] = self._global(name)
        return Pointer(self._globals[name], 0)

    def _global(self, name: str) -> Block:
        scanner = self.module.variable(name)
        if scanner is None:
            message = f"the compiled C++ uses {name}, which nothing here defines"
            raise UnsupportedError(message)
        block = self.memory.block(name, zeroed=True)
        for place, kind, value in flattened(scanner, scanner.type()):
            word: Word = self.address(value[1:]) if isinstance(value, str) else value
            block.cells[place] = (kind.size, word)
        return block

    def call(self, name: str, arguments: Sequence[Datum]) -> Datum:
        """Call a function that is defined in the module."""
        compiled = self._compiled.get(name)
        if compiled is None:
            compiled = self._compiled[name] = self._compile(self, self.module.function(name))
        frame = compiled.template.copy()
        for slot, argument in zip(compiled.parameters, arguments, strict=True):
            frame[slot] = argument
        result, _ = self._follow(compiled, frame, compiled.entry, None)
        return result

    def _follow(
        self, function: CompiledFunction, frame: Frame, label: str, stop: str | None
    ) -> tuple[Datum, tuple[Datum, ...]]:
        """Run from the start of a block until the function returns, or until the edge into the block `stop`.

        Returns the function's result, and what the phis of `stop` become.
        """
        while True:
            block = function.blocks[label]
            self._blocks_left -= 1
            if self._blocks_left < 0:
                message = f"{function.name} runs on without end"
                raise UnsupportedError(message)
            for step in block.steps:
                step(frame)
            end = block.end
            if isinstance(end, Return):
                return (None if end.slot is None else frame[end.slot]), ()
            if end is None:
                message = f"{function.name} reaches a place that it must not reach"
                raise UnsupportedError(message)
            condition = 0 if end.slot is None else frame[end.slot]
            if isinstance(condition, int):
                target = end.cases.get(condition, end.default)
                incoming = self._incoming(function, frame, label, target)
            else:
                joined = function.joins[label]
                result, incoming = self._both(function, frame, label, end, condition, joined)
                if joined is None:
                    return result, ()
                target = joined
            if target == stop:
                return None, incoming
            for slot, value in zip(function.blocks[target].phis, incoming, strict=True):
                frame[slot] = value
            label = target

    def _incoming(self, function: CompiledFunction, frame: Frame, label: str, target: str) -> tuple[Datum, ...]:
        block = function.blocks[target]
        return tuple(frame[slot] for slot in block.sources[label]) if block.phis else ()

    def _both(
        self, function: CompiledFunction, frame: Frame, label: str, end: Branch, condition: Datum, joined: str | None
    ) -> tuple[Datum, tuple[Datum, ...]]:
        if not isinstance(condition, Value):
            message = f"{function.name} branches on a value that nothing has written"
            raise UnsupportedError(message)
        ways = [(number, target) for number, target in end.cases.items() if target != end.default]
        found = self._one(function, frame, label, end.default, joined)
        if not ways:
            return self._taken(found)
        for number, target in ways:
            chosen = self.builder.compare_equal(condition, number)
            if isinstance(chosen, int):
                if chosen:
                    found = self._one(function, frame, label, target, joined)
                continue
            other = self._one(function, frame, label, target, joined)
            found = self._merged(chosen, other, found)
        return self._taken(found)

    def _taken(self, found: "_Course") -> tuple[Datum, tuple[Datum, ...]]:
        for (block, offset), cell in found.change.items():
            self.memory.put(block, offset, cell)
        return found.result, found.incoming

    def _one(self, function: CompiledFunction, frame: Frame, label: str, target: str, stop: str | None) -> "_Course":
        """Follow one way and take back what it wrote."""
        self.memory.begin()
        try:
            if target == stop:
                result, incoming = None, self._incoming(function, frame, label, target)
            else:
                phis = self._incoming(function, frame, label, target)
                for slot, value in zip(function.blocks[target].phis, phis, strict=True):
                    frame[slot] = value
                result, incoming = self._follow(function, frame, target, stop)
        finally:
            change = self.memory.end()
        return _Course(result, incoming, change)

    def _merged(self, condition: Value, one: "_Course", other: "_Course") -> "_Course":
        incoming = tuple(self.chosen(condition, a, b) for a, b in zip(one.incoming, other.incoming, strict=True))
        result = self.chosen(condition, one.result, other.result)
        return _Course(result, incoming, self.memory.merged(condition, one.change, other.change))

    def chosen(self, condition: Value | int, one: Datum, other: Datum) -> Datum:
        """`one` where the condition is 1, else `other`; part by part for structures."""
        if one is other:
            return one
        if isinstance(one, tuple) and isinstance(other, tuple):
            return tuple(self.chosen(condition, a, b) for a, b in zip(one, other, strict=True))
        if one is None or other is None or isinstance(one, tuple) or isinstance(other, tuple):
            return other if isinstance(one, Undefined) or one is None else one
        return select(self.builder, condition, one, other)

    def load(self, address: Word, kind: object) -> Datum:
        """The value of a type at an address."""
        if isinstance(kind, Structure):
            return tuple(
                self.load(moved(address, offset), part) for offset, part in zip(kind.offsets, kind.fields, strict=True)
            )
        size: int = getattr(kind, "size", 0)
        word = self.memory.read(address, size, kind.width if isinstance(kind, Integer) else 8 * size)
        if isinstance(kind, Real) and isinstance(word, int):
            return fractions.number(word, kind.width)
        if isinstance(kind, Integer) and isinstance(word, float):
            return fractions.image(word, kind.width)
        return word


@dataclass(frozen=True)
class _Course:
    result: Datum
    incoming: tuple[Datum, ...]
    change: Mapping[tuple[Block, int], tuple[int, Word] | None]
