"""Calls: of functions in the module, of LLVM's intrinsics, and of <cmath>."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from fpgaprune.errors import UnsupportedError
from fpgaprune.synth.open.front import fractions
from fpgaprune.synth.open.front.arithmetic import operate
from fpgaprune.synth.open.front.interpret import Machine
from fpgaprune.synth.open.front.program import Frame, Step
from fpgaprune.synth.open.front.types import Integer, Real, Scanner, Type, Void
from fpgaprune.synth.open.front.words import Pointer, Routine

if TYPE_CHECKING:
    from fpgaprune.synth.open.front.operands import Compiler

_FLAGS: Final = re.compile(r"(?:fast|nnan|ninf|nsz|arcp|contract|afn|reassoc|fastcc|coldcc|ccc)\b")
_ATTRIBUTE: Final = re.compile(
    r"(?!i\d|ptr\b|void\b|float\b|double\b|undef\b|poison\b|null\b|true\b|false\b|zeroinitializer\b|getelementptr\b|metadata\b)"
    r"(?:align \d+|[a-z_]+(?:\((?:[^()]|\([^()]*\))*\))?)"
)
_SILENT: Final = ("llvm.lifetime.", "llvm.assume", "llvm.dbg.", "llvm.experimental.noalias", "llvm.invariant.")
_EXTREMES: Final = frozenset({"smax", "smin", "umax", "umin"})


def call_step(compiler: "Compiler", scanner: Scanner, target: int) -> Step | None:
    """The step of a call, the word `call` already read."""
    while scanner.match(_FLAGS):
        pass
    _attributes(scanner)
    result = scanner.type()
    if scanner.take("("):  # the whole type of a function with variable arguments
        raise scanner.error()
    name = scanner.name()
    if name is None or not scanner.take("("):
        raise scanner.error()
    if name.startswith("@") and name[1:].startswith(_SILENT):
        return None
    arguments: list[tuple[Type, int, int]] = []
    while not scanner.take(")"):
        kind = scanner.type()
        words = _attributes(scanner)
        copied = next((word for word in words if word.startswith("byval(")), None)
        size = 0 if copied is None else Scanner(copied[6:-1], scanner.names).type().size
        arguments.append((kind, compiler.operand(scanner, kind), size))
        scanner.take(",")
    if name.startswith("%"):
        return _indirect(compiler, scanner, compiler.register(name), arguments, target)
    return _direct(compiler, scanner, name[1:], arguments, result, target)


def _attributes(scanner: Scanner) -> list[str]:
    found: list[str] = []
    while True:
        word = scanner.match(_ATTRIBUTE)
        if word is None:
            return found
        found.append(word)


def _run(machine: Machine, name: str, frame: Frame, arguments: list[tuple[Type, int, int]], target: int) -> None:
    values = []
    for _, slot, copied in arguments:
        value = frame[slot]
        if copied:
            own = Pointer(machine.memory.block("an argument"), 0)
            machine.memory.copy(own, value, copied)  # type: ignore[arg-type]
            value = own
        values.append(value)
    result = machine.call(name, values)
    if target >= 0:
        frame[target] = result


def _indirect(
    compiler: "Compiler", scanner: Scanner, function: int, arguments: list[tuple[Type, int, int]], target: int
) -> Step:
    machine = compiler.machine

    def step(frame: Frame) -> None:
        routine = frame[function]
        if not isinstance(routine, Routine):
            raise scanner.error()
        _run(machine, routine.name, frame, arguments, target)

    return step


def _direct(
    compiler: "Compiler",
    scanner: Scanner,
    name: str,
    arguments: list[tuple[Type, int, int]],
    result: Type,
    target: int,
) -> Step:
    machine = compiler.machine
    if machine.module.has(name):
        return lambda frame: _run(machine, name, frame, arguments, target)
    slots = [slot for _, slot, _ in arguments]
    kinds = [kind for kind, _, _ in arguments]
    if name.startswith("llvm."):
        step = _intrinsic(machine, name, slots, kinds, target)
        if step is not None:
            return step
    called = fractions.function(name)
    if called is not None and isinstance(result, Real) and all(isinstance(kind, Real) for kind in kinds):
        return _mathematics(scanner, called, slots, target)
    if isinstance(result, (Void, Integer)) and name in {"__cxa_atexit", "atexit"}:
        return lambda frame: frame.__setitem__(target, 0) if target >= 0 else None

    def refuse(_: Frame) -> None:
        message = f"the compiled C++ calls {name}, which cannot be synthesized"
        raise UnsupportedError(message)

    return refuse


def _mathematics(scanner: Scanner, called: Callable[..., float], slots: list[int], target: int) -> Step:
    def step(frame: Frame) -> None:
        values = [frame[slot] for slot in slots]
        if not all(isinstance(value, float) for value in values):
            message = f"a fraction that depends on the data cannot be synthesized: {scanner.text.strip()}"
            raise UnsupportedError(message)
        frame[target] = float(called(*values))

    return step


def _intrinsic(machine: Machine, name: str, slots: list[int], kinds: list[Type], target: int) -> Step | None:
    word = name.split(".")[1]
    if word in {"memcpy", "memmove", "memset"}:
        return _move(machine, word, slots)
    if kinds and isinstance(kinds[0], Integer) and (word in _EXTREMES or word == "abs"):
        return _extreme(machine, word, slots, kinds[0].width, target)
    if word == "expect":
        return lambda frame: frame.__setitem__(target, frame[slots[0]])
    if name.startswith("llvm.is.constant"):
        return lambda frame: frame.__setitem__(target, 0)
    if word == "fmuladd" and isinstance(kinds[0], Real):
        return _multiply_add(slots, kinds[0].width, target)
    return None


def _move(machine: Machine, word: str, slots: list[int]) -> Step:
    memory = machine.memory

    def step(frame: Frame) -> None:
        to, what, size = (frame[slot] for slot in slots[:3])
        if not isinstance(size, int):
            message = "a copy of a length that depends on the data cannot be synthesized"
            raise UnsupportedError(message)
        if word == "memset":
            memory.fill(to, size, what)  # type: ignore[arg-type]
        else:
            memory.copy(to, what, size)  # type: ignore[arg-type]

    return step


def _extreme(machine: Machine, word: str, slots: list[int], width: int, target: int) -> Step:
    builder = machine.builder

    def step(frame: Frame) -> None:
        one = frame[slots[0]]
        if word == "abs":
            negative = operate(builder, "sub", 0, one, width)  # type: ignore[arg-type]
            frame[target] = operate(builder, "smax", one, negative, width)  # type: ignore[arg-type]
        else:
            frame[target] = operate(builder, word, one, frame[slots[1]], width)  # type: ignore[arg-type]

    return step


def _multiply_add(slots: list[int], width: int, target: int) -> Step:
    def step(frame: Frame) -> None:
        a, b, c = (frame[slot] for slot in slots)
        if not (isinstance(a, float) and isinstance(b, float) and isinstance(c, float)):
            message = "a fraction that depends on the data cannot be synthesized"
            raise UnsupportedError(message)
        frame[target] = fractions.rounded(fractions.rounded(a * b, width) + c, width)

    return step
