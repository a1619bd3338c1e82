"""Registers, constants and addresses of a function: where each operand of an instruction is found."""

import re
from typing import Final

from fpgaprune.synth.open.front import fractions
from fpgaprune.synth.open.front.interpret import Machine
from fpgaprune.synth.open.front.module import Function
from fpgaprune.synth.open.front.program import Datum, Frame
from fpgaprune.synth.open.front.types import Array, Real, Scanner, Structure, Type
from fpgaprune.synth.open.front.words import UNDEFINED, Choice, Pointer, Word, moved

# Words that promise something of an instruction's operands and change none of its results.
FLAGS: Final = re.compile(
    r"(?:nsw|nuw|nusw|exact|disjoint|inbounds|nneg|samesign|volatile|fast|nnan|ninf|nsz|arcp|contract|afn|reassoc)\b"
)


class Compiler:
    """Gives registers and constants of one function their places."""

    def __init__(self, machine: Machine, function: Function) -> None:
        self.machine = machine
        self.function = function
        self.template: Frame = []
        self._slots: dict[str, int] = {}

    def register(self, name: str) -> int:
        """The place of a register."""
        if name not in self._slots:
            self._slots[name] = self.constant(None)
        return self._slots[name]

    def rename(self, name: str, value: str) -> None:
        """From here on `name` is the register `value`."""
        self._slots[name] = self.register(value)

    def constant(self, value: Datum) -> int:
        """A new place that holds a value from the start."""
        self.template.append(value)
        return len(self.template) - 1

    def operand(self, scanner: Scanner, kind: Type) -> int:
        """The place of the operand of that type that comes next."""
        scanner.skip()
        if scanner.text.startswith("%", scanner.position):
            return self.register(scanner.name() or "")
        return self.constant(self.literal(scanner, kind))

    def literal(self, scanner: Scanner, kind: Type) -> Datum:
        """The constant of that type that comes next."""
        if scanner.take("undef") or scanner.take("poison"):
            return _undefined(kind)
        if scanner.take("null"):
            return 0
        if scanner.take("zeroinitializer"):
            return _zero(kind)
        if scanner.take("getelementptr"):
            return self._address(scanner)
        name = scanner.name()
        if name is not None:
            return self.machine.address(name[1:])
        value = scanner.number(kind)
        if isinstance(kind, Real):
            return fractions.rounded(float(value), kind.width)
        return value

    def _address(self, scanner: Scanner) -> Word:
        while scanner.match(FLAGS):
            pass
        scanner.need("(")
        kind = scanner.type()
        scanner.need(",")
        scanner.type()
        base = self.literal(scanner, kind)
        offset, scaled = 0, kind
        first = True
        while scanner.take(","):
            index = int(scanner.number(scanner.type()))
            if first:
                offset, first = index * kind.size, False
            else:
                more, scaled = inside(scaled, index, scanner)
                offset += more
        scanner.need(")")
        if not isinstance(base, (Pointer, Choice)):
            raise scanner.error()
        return moved(base, offset)

    def typed(self, scanner: Scanner) -> tuple[Type, int]:
        """A type and the operand of that type."""
        kind = scanner.type()
        return kind, self.operand(scanner, kind)


def inside(kind: Type, index: int, scanner: Scanner) -> tuple[int, Type]:
    """Where a part of an array or structure begins, and its type."""
    if isinstance(kind, Array):
        return index * kind.element.size, kind.element
    if isinstance(kind, Structure):
        return kind.offsets[index], kind.fields[index]
    raise scanner.error()


def _undefined(kind: Type) -> Datum:
    return tuple(_undefined(part) for part in kind.fields) if isinstance(kind, Structure) else UNDEFINED


def _zero(kind: Type) -> Datum:
    if isinstance(kind, Structure):
        return tuple(_zero(part) for part in kind.fields)
    return 0.0 if isinstance(kind, Real) else 0
