"""Instructions on fractions, which may depend on constants only, as steps of a machine."""

import re
from collections.abc import Callable
from typing import Final

from fpgaprune.errors import UnsupportedError
from fpgaprune.synth.open.front import fractions
from fpgaprune.synth.open.front.operands import Compiler
from fpgaprune.synth.open.front.program import Datum, Frame, Step
from fpgaprune.synth.open.front.types import Integer, Real, Scanner
from fpgaprune.synth.open.front.words import UNDEFINED, Undefined

_OPCODE: Final = re.compile(r"[a-z]\w*")


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


FRACTION_KINDS: Final[dict[str, Callable[[Compiler, Scanner, str, int], Step | None]]] = {
    **dict.fromkeys(fractions.OPERATIONS, _fraction),
    "fcmp": _fraction_comparison,
    **dict.fromkeys(
        ("fneg", "fptosi", "fptoui", "sitofp", "uitofp", "fpext", "fptrunc", "bitcast", "freeze"), _fraction_conversion
    ),
}
