"""LLVM's instructions as steps of a machine. One that is not understood is an error with its text."""

import re
from collections.abc import Callable, Sequence
from typing import Final

from fpgaprune.errors import UnsupportedError
from fpgaprune.synth.open.front.arithmetic import OPERATIONS, compare, convert, operate
from fpgaprune.synth.open.front.calls import call_step
from fpgaprune.synth.open.front.fraction_steps import FRACTION_KINDS
from fpgaprune.synth.open.front.interpret import Machine
from fpgaprune.synth.open.front.intervals import Value
from fpgaprune.synth.open.front.memory_steps import MEMORY_KINDS
from fpgaprune.synth.open.front.module import Function, unsupported
from fpgaprune.synth.open.front.operands import FLAGS, Compiler
from fpgaprune.synth.open.front.program import Branch, CompiledBlock, CompiledFunction, Frame, Return, Step
from fpgaprune.synth.open.front.spills import without_spills
from fpgaprune.synth.open.front.types import Integer, Scanner
from fpgaprune.synth.open.front.words import UNDEFINED

_OPCODE: Final = re.compile(r"[a-z]\w*")
_PHI: Final = re.compile(r"\[ (?P<value>[^,]*(?:\([^)]*\))?[^,]*), %(?P<label>\"[^\"]*\"|[\w.$-]+) \]")
_LABEL: Final = re.compile(r'label %("[^"]*"|[\w.$-]+)')
_CASE: Final = re.compile(r'i\d+ (-?\d+), label %("[^"]*"|[\w.$-]+)')


def compile_function(machine: Machine, function: Function) -> CompiledFunction:
    """Turn a function into steps; raises UnsupportedError for an instruction that is not understood."""
    compiler = Compiler(machine, function)
    parameters = tuple(compiler.register(name) for name in function.parameters)
    left, same = without_spills(function)
    for name, value in same.items():
        compiler.rename(name, value)
    blocks = {label: _block(compiler, lines) for label, lines in left.items()}
    return CompiledFunction(function.name, parameters, compiler.template, blocks, function.entry, function.joins)


def _block(compiler: Compiler, lines: Sequence[str]) -> CompiledBlock:
    phis: list[int] = []
    sources: dict[str, list[int]] = {}
    steps: list[Step] = []
    for line in lines[:-1]:
        scanner = Scanner(line, compiler.machine.module.types)
        name = None
        if line.startswith("%"):
            name = scanner.name()
            scanner.need("=")
        opcode = scanner.match(_OPCODE) or ""
        while scanner.match(FLAGS):
            pass
        target = -1 if name is None else compiler.register(name)
        if opcode == "phi":
            phis.append(target)
            kind = scanner.type()
            for match in _PHI.finditer(line):
                part = Scanner(match["value"], compiler.machine.module.types)
                sources.setdefault(match["label"].strip('"'), []).append(compiler.operand(part, kind))
            continue
        step = _instruction(compiler, scanner, opcode, target)
        if step is not None:
            steps.append(step)
    end = _end(compiler, lines[-1])
    return CompiledBlock(tuple(phis), {label: tuple(slots) for label, slots in sources.items()}, steps, end)


def _end(compiler: Compiler, line: str) -> Branch | Return | None:
    scanner = Scanner(line, compiler.machine.module.types)
    opcode = scanner.match(_OPCODE)
    if opcode == "ret":
        return Return(None) if scanner.take("void") else Return(compiler.typed(scanner)[1])
    labels = [label.strip('"') for label in _LABEL.findall(line)]
    if opcode == "br":
        if scanner.take("label"):
            return Branch(labels[0])
        return Branch(labels[1], compiler.typed(scanner)[1], {1: labels[0]})
    if opcode == "switch":
        slot = compiler.typed(scanner)[1]
        return Branch(labels[0], slot, {int(number): label.strip('"') for number, label in _CASE.findall(line)})
    if opcode == "unreachable":
        return None
    raise unsupported(line)


def _instruction(compiler: Compiler, scanner: Scanner, opcode: str, target: int) -> Step | None:
    if opcode in OPERATIONS:
        return _arithmetic(compiler, scanner, opcode, target)
    if opcode in {"call", "tail", "musttail", "notail", "invoke"} and opcode != "invoke":
        if opcode != "call":
            scanner.need("call")
        return call_step(compiler, scanner, target)
    made = _KINDS.get(opcode)
    if made is None:
        raise scanner.error()
    return made(compiler, scanner, opcode, target)


def _explained(scanner: Scanner, error: UnsupportedError) -> UnsupportedError:
    return UnsupportedError(f"{error}: {scanner.text.strip()}")


def _arithmetic(compiler: Compiler, scanner: Scanner, opcode: str, target: int) -> Step:
    kind, one = compiler.typed(scanner)
    scanner.need(",")
    other = compiler.operand(scanner, kind)
    if not isinstance(kind, Integer):
        raise scanner.error()
    builder, width = compiler.machine.builder, kind.width

    def step(frame: Frame) -> None:
        try:
            frame[target] = operate(builder, opcode, frame[one], frame[other], width)  # type: ignore[arg-type]
        except UnsupportedError as error:
            raise _explained(scanner, error) from error

    return step


def _comparison(compiler: Compiler, scanner: Scanner, _opcode: str, target: int) -> Step:
    predicate = scanner.match(_OPCODE) or ""
    kind, one = compiler.typed(scanner)
    scanner.need(",")
    other = compiler.operand(scanner, kind)
    builder, width = compiler.machine.builder, kind.width if isinstance(kind, Integer) else 64

    def step(frame: Frame) -> None:
        frame[target] = compare(builder, predicate, frame[one], frame[other], width)  # type: ignore[arg-type]

    return step


def _conversion(compiler: Compiler, scanner: Scanner, opcode: str, target: int) -> Step:
    kind, slot = compiler.typed(scanner)
    scanner.need("to")
    result = scanner.type()
    if not isinstance(kind, Integer) or not isinstance(result, Integer):
        raise scanner.error()
    builder, width, wanted = compiler.machine.builder, kind.width, result.width

    def step(frame: Frame) -> None:
        frame[target] = convert(builder, opcode, frame[slot], width, wanted)  # type: ignore[arg-type]

    return step


def _selection(compiler: Compiler, scanner: Scanner, _opcode: str, target: int) -> Step:
    _, condition = compiler.typed(scanner)
    scanner.need(",")
    _, one = compiler.typed(scanner)
    scanner.need(",")
    _, other = compiler.typed(scanner)
    machine = compiler.machine

    def step(frame: Frame) -> None:
        chosen = frame[condition]
        if isinstance(chosen, (int, Value)):
            frame[target] = (
                machine.chosen(chosen, frame[one], frame[other])
                if isinstance(chosen, Value)
                else (frame[one] if chosen else frame[other])
            )
        else:
            frame[target] = UNDEFINED

    return step


_KINDS: Final[dict[str, Callable[[Compiler, Scanner, str, int], Step | None]]] = {
    "icmp": _comparison,
    **dict.fromkeys(("sext", "zext", "trunc"), _conversion),
    "select": _selection,
    **MEMORY_KINDS,
    **FRACTION_KINDS,
}
