"""LLVM's operations on integers of a fixed width, on numbers that may depend on a layer's inputs.

A number of width w stands for itself modulo 2^w and lies within −2^(w−1) and 2^w − 1; known ones are kept as signed
integers (0 and 1 for one bit). Where an operation reads its sign, `signed` and `unsigned` settle it.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from fpgaprune.errors import UnsupportedError
from fpgaprune.synth.open.front.intervals import Number, Value
from fpgaprune.synth.open.front.values import Builder
from fpgaprune.synth.open.front.words import UNDEFINED, Undefined, Word
from fpgaprune.synth.open.netlist import Op, wrapped

Operation: TypeAlias = Callable[[Builder, Number, Number, int], Number]


def normal(builder: Builder, value: Number, width: int) -> Number:
    """The number brought into the range that numbers of this width are kept in."""
    if isinstance(value, int):
        return value & 1 if width == 1 else wrapped(value, width, signed=True)
    if value.low >= -(1 << (width - 1)) and value.high < 1 << width:
        return value if width > 1 or value.low >= 0 else builder.cast(value, 1, signed=False)
    return builder.cast(value, width, signed=width > 1)


def signed(builder: Builder, value: Number, width: int) -> Number:
    """The number read as two's complement."""
    if width == 1:
        return builder.subtract(0, value)
    return value if isinstance(value, int) else builder.cast(value, width, signed=True)


def unsigned(builder: Builder, value: Number, width: int) -> Number:
    """The number read without sign."""
    if isinstance(value, int):
        return value & ((1 << width) - 1)
    return builder.cast(value, width, signed=False)


def _known_shift(amount: Number) -> int:
    if isinstance(amount, int):
        return amount
    message = "a shift by an amount that depends on the data cannot be synthesized"
    raise UnsupportedError(message)


def _multiply(builder: Builder, a: Number, b: Number, width: int) -> Number:
    return builder.multiply(signed(builder, a, width), signed(builder, b, width))


def _shift_left(builder: Builder, a: Number, b: Number, width: int) -> Number:
    return builder.shift_left(a, _known_shift(b) & ((1 << width) - 1))


def _shift_arithmetic(builder: Builder, a: Number, b: Number, width: int) -> Number:
    return builder.shift_right(signed(builder, a, width), _known_shift(b) & ((1 << width) - 1))


def _shift_logical(builder: Builder, a: Number, b: Number, width: int) -> Number:
    return builder.shift_right(unsigned(builder, a, width), _known_shift(b) & ((1 << width) - 1))


def _divide_signed(builder: Builder, a: Number, b: Number, width: int) -> Number:
    return builder.divide(signed(builder, a, width), signed(builder, b, width))


def _divide_unsigned(builder: Builder, a: Number, b: Number, width: int) -> Number:
    return builder.divide(unsigned(builder, a, width), unsigned(builder, b, width))


def _remainder_signed(builder: Builder, a: Number, b: Number, width: int) -> Number:
    a, b = signed(builder, a, width), signed(builder, b, width)
    return builder.subtract(a, builder.multiply(builder.divide(a, b), b))


def _remainder_unsigned(builder: Builder, a: Number, b: Number, width: int) -> Number:
    a, b = unsigned(builder, a, width), unsigned(builder, b, width)
    if isinstance(b, int) and b > 0 and b & (b - 1) == 0:
        return builder.logic(Op.AND, a, b - 1)
    return builder.subtract(a, builder.multiply(builder.divide(a, b), b))


def _logic(op: Op) -> Operation:
    def operation(builder: Builder, a: Number, b: Number, width: int) -> Number:
        if width > 1:
            a, b = signed(builder, a, width), signed(builder, b, width)
        return builder.logic(op, a, b)

    return operation


def _extreme(op: Op, *, sign: bool) -> Operation:
    def operation(builder: Builder, a: Number, b: Number, width: int) -> Number:
        read = signed if sign else unsigned
        a, b = read(builder, a, width), read(builder, b, width)
        return builder.select(builder.compare(op, a, b), a, b)

    return operation


OPERATIONS: Final[dict[str, Operation]] = {
    "add": lambda builder, a, b, _: builder.add(a, b),
    "sub": lambda builder, a, b, _: builder.subtract(a, b),
    "mul": _multiply,
    "shl": _shift_left,
    "ashr": _shift_arithmetic,
    "lshr": _shift_logical,
    "sdiv": _divide_signed,
    "udiv": _divide_unsigned,
    "srem": _remainder_signed,
    "urem": _remainder_unsigned,
    "and": _logic(Op.AND),
    "or": _logic(Op.OR),
    "xor": _logic(Op.XOR),
    "smax": _extreme(Op.GT, sign=True),
    "smin": _extreme(Op.LT, sign=True),
    "umax": _extreme(Op.GT, sign=False),
    "umin": _extreme(Op.LT, sign=False),
}

_COMPARISONS: Final = {
    "eq": Op.EQ, "ne": Op.NE, "lt": Op.LT, "le": Op.LE, "gt": Op.GT, "ge": Op.GE,
}  # fmt: skip


def operate(builder: Builder, name: str, a: Word, b: Word, width: int) -> Word:
    """The result of an operation; undefined where an operand is."""
    if isinstance(a, (int, Value)) and isinstance(b, (int, Value)):
        return normal(builder, OPERATIONS[name](builder, a, b, width), width)
    if isinstance(a, Undefined) or isinstance(b, Undefined):
        return UNDEFINED
    message = f"the operation {name} on what is no integer cannot be synthesized"
    raise UnsupportedError(message)


def compare(builder: Builder, predicate: str, a: Word, b: Word, width: int) -> Word:
    """The result of `icmp`; of pointers only whether they are equal."""
    if isinstance(a, (int, Value)) and isinstance(b, (int, Value)):
        read = unsigned if predicate[0] == "u" or (width == 1 and predicate in {"eq", "ne"}) else signed
        op = _COMPARISONS[predicate[-2:]]
        return builder.compare(op, read(builder, a, width), read(builder, b, width))
    if isinstance(a, Undefined) or isinstance(b, Undefined):
        return UNDEFINED
    if predicate in {"eq", "ne"}:
        return int((a == b) == (predicate == "eq"))
    message = "the order of two addresses cannot be synthesized"
    raise UnsupportedError(message)


def convert(builder: Builder, name: str, value: Word, width: int, target: int) -> Word:
    """The result of `sext`, `zext` or `trunc`."""
    if isinstance(value, Undefined):
        return UNDEFINED
    if not isinstance(value, (int, Value)):
        message = f"the operation {name} on what is no integer cannot be synthesized"
        raise UnsupportedError(message)
    if name == "sext":
        return signed(builder, value, width)
    return unsigned(builder, value, width) if name == "zext" else normal(builder, value, target)
