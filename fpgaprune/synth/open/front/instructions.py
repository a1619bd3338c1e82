"""LLVM's instructions as steps of a machine. One that is not understood is an error with its text."""

import re
from collections.abc import Callable, Sequence
from typing import Final

from fpgaprune.errors import UnsupportedError
from fpgaprune.synth.open.front import fractions
from fpgaprune.synth.open.front.arithmetic import OPERATIONS, compare, convert, operate
from fpgaprune.synth.open.front.calls import call_step
from fpgaprune.synth.open.front.interpret import (
    Branch,
    CompiledBlock,
    CompiledFunction,
    Datum,
    Frame,
    Machine,
    Return,
    Step,
)
from fpgaprune.synth.open.front.memory import UNDEFINED, Choice, Pointer, Undefined, Word, moved
from fpgaprune.synth.open.front.module import Function, unsupported
from fpgaprune.synth.open.front.types import Array, Integer, Real, Scanner, Structure, Type
from fpgaprune.synth.open.front.values import Value

_FLAGS: Final = re.compile(
    r"(?:nsw|nuw|nusw|exact|disjoint|inbounds|nneg|samesign|volatile|fast|nnan|ninf|nsz|arcp|contract|afn|reassoc)\b"
)
_OPCODE: Final = re.compile(r"[a-z]\w*")
_PHI: Final = re.compile(r"\[ (?P<value>[^,]*(?:\([^)]*\))?[^,]*), %(?P<label>\"[^\"]*\"|[\w.$-]+) \]")
_LABEL: Final = re.compile(r'label %("[^"]*"|[\w.$-]+)')
_CASE: Final = re.compile(r'i\d+ (-?\d+), label %("[^"]*"|[\w.$-]+)')


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
        while scanner.match(_FLAGS):
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


def compile_function(machine: Machine, function: Function) -> CompiledFunction:
    """Turn a function into steps; raises UnsupportedError for an instruction that is not understood."""
    compiler = Compiler(machine, function)
    parameters = tuple(compiler.register(name) for name in function.parameters)
    blocks = {label: _block(compiler, lines) for label, lines in function.blocks.items()}
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
        while scanner.match(_FLAGS):
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


def _alloca(compiler: Compiler, scanner: Scanner, _opcode: str, target: int) -> Step:
    kind = scanner.type()
    if scanner.take(",") and not scanner.take("align"):
        raise scanner.error()
    memory, name = compiler.machine.memory, f"a variable of {compiler.function.name}"
    del kind

    def step(frame: Frame) -> None:
        frame[target] = Pointer(memory.block(name), 0)

    return step


def _load(compiler: Compiler, scanner: Scanner, _opcode: str, target: int) -> Step:
    kind = scanner.type()
    scanner.need(",")
    _, address = compiler.typed(scanner)
    machine = compiler.machine

    def step(frame: Frame) -> None:
        frame[target] = machine.load(frame[address], kind)  # type: ignore[arg-type]

    return step


def _store(compiler: Compiler, scanner: Scanner, _opcode: str, _target: int) -> Step:
    kind, slot = compiler.typed(scanner)
    scanner.need(",")
    _, address = compiler.typed(scanner)
    memory = compiler.machine.memory
    if isinstance(kind, Structure):
        parts = list(zip(kind.offsets, kind.fields, strict=True))

        def step(frame: Frame) -> None:
            whole, place = frame[slot], frame[address]
            for number, (offset, part) in enumerate(parts):
                value = whole[number] if isinstance(whole, tuple) else UNDEFINED
                memory.write(moved(place, offset), part.size, value)  # type: ignore[arg-type]

        return step
    size = kind.size

    def simple(frame: Frame) -> None:
        memory.write(frame[address], size, frame[slot])  # type: ignore[arg-type]

    return simple


def _element(compiler: Compiler, scanner: Scanner, _opcode: str, target: int) -> Step:
    current: Type = Array(1, scanner.type())
    scanner.need(",")
    _, base = compiler.typed(scanner)
    fixed, variable = 0, []
    while scanner.take(","):
        kind, index = compiler.typed(scanner)
        number = compiler.template[index]
        if isinstance(number, int):
            more, current = inside(current, number, scanner)
            fixed += more
        elif isinstance(current, Array) and isinstance(kind, Integer):
            current = current.element
            variable.append((index, kind.width, current.size))
        else:
            raise scanner.error()

    def step(frame: Frame) -> None:
        place = frame[base]
        offset = fixed
        for index, width, size in variable:
            number = frame[index]
            if isinstance(number, int):
                offset += number * size
            elif isinstance(number, Value):
                place = _indexed(compiler.machine, place, number, width, size)
            else:
                place = UNDEFINED
        frame[target] = UNDEFINED if isinstance(place, Undefined) else moved(place, offset)  # type: ignore[arg-type]

    return step


def _indexed(machine: Machine, place: Datum, number: Value, width: int, size: int) -> Datum:
    index = machine.builder.cast(number, width, signed=True)
    if isinstance(place, Choice):
        one, other = (_indexed(machine, part, number, width, size) for part in (place.one, place.other))
        return Choice(place.condition, one, other)  # type: ignore[arg-type]
    if not isinstance(place, Pointer):
        return UNDEFINED
    if isinstance(index, int):
        return moved(place, index * size)
    if place.index is not None:
        if place.scale != size:
            message = f"{place.block.name} is indexed by data in two dimensions at once"
            raise UnsupportedError(message)
        total = machine.builder.add(place.index, index)
        if isinstance(total, int):
            return Pointer(place.block, place.offset + total * size)
        index = total
    return Pointer(place.block, place.offset, index, size)


def _part(compiler: Compiler, scanner: Scanner, opcode: str, target: int) -> Step:
    """`extractvalue` and `insertvalue`."""
    _, whole = compiler.typed(scanner)
    value = -1
    if opcode == "insertvalue":
        scanner.need(",")
        _, value = compiler.typed(scanner)
    path: list[int] = []
    while scanner.take(","):
        path.append(int(scanner.number(Integer(32))))

    def step(frame: Frame) -> None:
        found = frame[whole]
        if value >= 0:
            frame[target] = _with(found, path, frame[value])
            return
        for place in path:
            found = found[place] if isinstance(found, tuple) else UNDEFINED
        frame[target] = found

    return step


def _with(whole: Datum, path: Sequence[int], value: Datum) -> Datum:
    if not path or not isinstance(whole, tuple):
        return value
    place = path[0]
    return (*whole[:place], _with(whole[place], path[1:], value), *whole[place + 1 :])


def _fraction(compiler: Compiler, scanner: Scanner, opcode: str, target: int) -> Step:
    kind, one = compiler.typed(scanner)
    scanner.need(",")
    other = compiler.operand(scanner, kind)
    operation = fractions.OPERATIONS[opcode]
    width = kind.width if isinstance(kind, Real) else 0
    if not width:
        raise scanner.error()

    def step(frame: Frame) -> None:
        a, b = known(frame[one], scanner), known(frame[other], scanner)
        frame[target] = fractions.rounded(operation(a, b), width)

    return step


def known(value: Datum, scanner: Scanner) -> float:
    """A fraction that does not depend on the inputs."""
    if isinstance(value, float):
        return value
    message = f"a fraction that depends on the data cannot be synthesized: {scanner.text.strip()}"
    raise UnsupportedError(message)


def _fraction_comparison(compiler: Compiler, scanner: Scanner, _opcode: str, target: int) -> Step:
    predicate = scanner.match(_OPCODE) or ""
    kind, one = compiler.typed(scanner)
    scanner.need(",")
    other = compiler.operand(scanner, kind)

    def step(frame: Frame) -> None:
        frame[target] = fractions.compared(predicate, known(frame[one], scanner), known(frame[other], scanner))

    return step


def _fraction_conversion(compiler: Compiler, scanner: Scanner, opcode: str, target: int) -> Step:
    kind, slot = compiler.typed(scanner)
    result = kind
    if opcode != "fneg":
        scanner.need("to")
        result = scanner.type()
    width = result.width if isinstance(result, (Real, Integer)) else 0
    source = kind.width if isinstance(kind, (Real, Integer)) else 0

    def step(frame: Frame) -> None:
        value = frame[slot]
        if isinstance(value, Undefined):
            frame[target] = UNDEFINED
        elif opcode == "freeze" or (opcode == "bitcast" and kind == result):
            frame[target] = value
        elif opcode in {"sitofp", "uitofp"}:
            if not isinstance(value, int):
                known(value, scanner)
            number = int(value) if isinstance(value, int) else 0
            frame[target] = fractions.rounded(
                float(number & ((1 << source) - 1) if opcode == "uitofp" else number), width
            )
        elif opcode == "bitcast" and isinstance(result, Real) and isinstance(value, int):
            frame[target] = fractions.number(value, width)
        else:
            frame[target] = _from_fraction(opcode, known(value, scanner), width)

    return step


def _from_fraction(opcode: str, value: float, width: int) -> Datum:
    if opcode == "bitcast":
        return fractions.image(value, width)
    if opcode in {"fptosi", "fptoui"}:
        whole = int(value) & ((1 << width) - 1)
        return whole - (1 << width) if width > 1 and whole >> (width - 1) else whole
    return fractions.rounded(-value if opcode == "fneg" else value, width)


_KINDS: Final[dict[str, Callable[[Compiler, Scanner, str, int], Step | None]]] = {
    "icmp": _comparison,
    **dict.fromkeys(("sext", "zext", "trunc"), _conversion),
    "select": _selection,
    "alloca": _alloca,
    "load": _load,
    "store": _store,
    "getelementptr": _element,
    **dict.fromkeys(("extractvalue", "insertvalue"), _part),
    **dict.fromkeys(fractions.OPERATIONS, _fraction),
    "fcmp": _fraction_comparison,
    **dict.fromkeys(
        ("fneg", "fptosi", "fptoui", "sitofp", "uitofp", "fpext", "fptrunc", "bitcast", "freeze"), _fraction_conversion
    ),
}
