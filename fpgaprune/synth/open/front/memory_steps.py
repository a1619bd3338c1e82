"""Instructions on memory and on parts of aggregates, as steps of a machine."""

from collections.abc import Callable, Sequence
from typing import Final

from fpgaprune.errors import UnsupportedError
from fpgaprune.synth.open.front.interpret import Machine
from fpgaprune.synth.open.front.intervals import Value
from fpgaprune.synth.open.front.operands import Compiler, inside
from fpgaprune.synth.open.front.program import Datum, Frame, Step
from fpgaprune.synth.open.front.types import Array, Integer, Scanner, Structure, Type
from fpgaprune.synth.open.front.words import UNDEFINED, Choice, Pointer, Undefined, moved


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


MEMORY_KINDS: Final[dict[str, Callable[[Compiler, Scanner, str, int], Step | None]]] = {
    "alloca": _alloca,
    "load": _load,
    "store": _store,
    "getelementptr": _element,
    **dict.fromkeys(("extractvalue", "insertvalue"), _part),
}
