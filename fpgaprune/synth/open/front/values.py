"""Integers that depend on a layer's inputs: nodes of a netlist in the making, with the interval each stays in.

Nothing is reassociated or strength-reduced here, so that the products of the C++ stay what they are: only equal nodes
are one, constants are folded, and shifts are pulled out of products and comparisons.
"""

from collections.abc import Sequence
from typing import Final

from fpgaprune.errors import UnsupportedError
from fpgaprune.synth.open.front.intervals import (
    MIRRORED,
    OPPOSITE,
    Number,
    Value,
    by_width,
    decided,
    given,
    interval,
    least_square,
)
from fpgaprune.synth.open.netlist import COMPARISONS, Netlist, Node, Op, Port, bits, type_range, wrapped

_KEPT: Final = frozenset(
    {Op.INPUT, Op.SHR, Op.SELECT}
)  # not constant for their interval alone, see by_width in intervals


class Builder:
    """Makes values; equal ones are the same object."""

    def __init__(self) -> None:
        self._made: list[Value] = []
        self._known: dict[tuple[object, ...], Value] = {}
        self._tables: dict[tuple[int, ...], int] = {}

    def _new(self, op: Op, arguments: tuple[Number, ...], low: int, high: int, number: int = 0) -> Number:
        if low == high and op not in _KEPT:
            return low
        names = tuple(a if isinstance(a, int) else (a.position,) for a in arguments)
        key = (op, names, number, (low, high) if op is Op.CAST else None)
        found = self._known.get(key)
        if found is None:
            found = Value(len(self._made), op, arguments, low, high, number)
            self._made.append(found)
            self._known[key] = found
        return found

    def input(self, number: int, width: int, *, signed: bool) -> Number:
        """An element of an input port."""
        return self._new(Op.INPUT, (), *type_range(width, signed), number)

    def cast(self, value: Number, width: int, *, signed: bool) -> Number:
        """The value wrapped into a type; itself where it fits."""
        if isinstance(value, int):
            return wrapped(value, width, signed)
        low, high = type_range(width, signed)
        if low <= value.low and value.high <= high:
            return value
        while value.op is Op.CAST and bits(value.low, value.high)[0] >= width:
            inner = value.arguments[0]
            if isinstance(inner, int):
                return wrapped(inner, width, signed)
            value = inner
        if low <= value.low and value.high <= high:
            return value
        return self._new(Op.CAST, (value,), low, high)

    def add(self, a: Number, b: Number) -> Number:
        """The exact sum."""
        if isinstance(a, int):
            a, b = b, a
        if isinstance(a, int) and isinstance(b, int):
            return a + b
        if b == 0:
            return a
        (low, high), (least, most) = interval(a), interval(b)
        return self._new(Op.ADD, (a, b), low + least, high + most)

    def subtract(self, a: Number, b: Number) -> Number:
        """The exact difference."""
        if isinstance(a, int) and isinstance(b, int):
            return a - b
        if b == 0:
            return a
        (low, high), (least, most) = interval(a), interval(b)
        if a == 0:
            return self._new(Op.NEG, (b,), -most, -least)
        return self._new(Op.SUB, (a, b), low - most, high - least)

    def multiply(self, a: Number, b: Number) -> Number:
        """The exact product; shifts of an operand are done after it."""
        if isinstance(a, int):
            a, b = b, a
        if isinstance(a, int):
            return a * b if isinstance(b, int) else self.multiply(b, a)
        if isinstance(b, int):
            if b == 0:
                return 0
            if b == -1:
                return self.subtract(0, a)
            if b > 0 and b & (b - 1) == 0:
                return self.shift_left(a, b.bit_length() - 1)
        if a.op is Op.SHL:
            return self.shift_left(self.multiply(a.arguments[0], b), a.number)
        if isinstance(b, Value) and b.op is Op.SHL:
            return self.shift_left(self.multiply(a, b.arguments[0]), b.number)
        if isinstance(b, Value) and b.position < a.position:
            a, b = b, a
        least, most = interval(b)
        ends = (a.low * least, a.low * most, a.high * least, a.high * most)
        return self._new(Op.MUL, (a, b), min(ends) if a is not b else least_square(a), max(ends))

    def divide(self, a: Number, b: Number) -> Number:
        """The quotient rounded toward zero, by a constant."""
        if not isinstance(b, int) or b == 0:
            message = "a division by what is not a constant cannot be synthesized"
            raise UnsupportedError(message)
        if isinstance(a, int):
            return _quotient(a, b)
        if abs(b) == 1:
            return self.multiply(a, b)
        ends = (_quotient(a.low, b), _quotient(a.high, b))
        return self._new(Op.DIV, (a, b), min(ends), max(ends))

    def shift_left(self, value: Number, by: int) -> Number:
        """The value times 2^by."""
        if isinstance(value, int):
            return value << by
        if by == 0:
            return value
        if value.op is Op.SHL:
            return self.shift_left(value.arguments[0], by + value.number)
        return self._new(Op.SHL, (value,), value.low << by, value.high << by, by)

    def shift_right(self, value: Number, by: int) -> Number:
        """The value divided by 2^by, rounded down."""
        if isinstance(value, int):
            return value >> by
        if by == 0:
            return value
        if value.op is Op.SHL:
            inner = value.arguments[0]
            more = by - value.number
            return self.shift_right(inner, more) if more >= 0 else self.shift_left(inner, -more)
        if value.op is Op.SHR:
            return self.shift_right(value.arguments[0], by + value.number)
        least, most = by_width(value)
        if least >> by == most >> by:
            return least >> by
        return self._new(Op.SHR, (value,), value.low >> by, value.high >> by, by)

    def logic(self, op: Op, a: Number, b: Number) -> Number:
        """AND, OR or XOR of the infinite two's complement patterns."""
        if isinstance(a, int):
            return _logic(op, a, b) if isinstance(b, int) else self.logic(op, b, a)
        if isinstance(b, int):
            simple = self._logic_with(op, a, b)
            if simple is not None:
                return simple
        elif a is b:
            return 0 if op is Op.XOR else a
        elif b.position < a.position:
            a, b = b, a
        (low, high), (least, most) = interval(a), interval(b)
        if op is Op.AND and (low >= 0 or least >= 0):
            top = min(x for x, y in ((high, low), (most, least)) if y >= 0)
            return self._new(op, (a, b), 0, top)
        width = max(bits(low, high)[0] + (low >= 0), bits(least, most)[0] + (least >= 0))
        if low >= 0 and least >= 0:
            return self._new(op, (a, b), 0, (1 << (width - 1)) - 1)
        return self._new(op, (a, b), *type_range(width, signed=True))

    def _logic_with(self, op: Op, a: Value, b: int) -> Number | None:
        if b == 0:
            return 0 if op is Op.AND else a
        if b == -1:
            if op is Op.AND:
                return a
            return -1 if op is Op.OR else self._new(Op.NOT, (a,), -a.high - 1, -a.low - 1)
        if op is Op.AND and b > 0 and b & (b + 1) == 0:
            return self.cast(a, b.bit_length(), signed=False)
        if op is Op.XOR and b == 1 and (a.low, a.high) == (0, 1):
            return self.negated(a)
        return None

    def negated(self, condition: Number) -> Number:
        """1 − condition."""
        if isinstance(condition, int):
            return 1 - condition
        if condition.op is Op.NOT:
            return condition.arguments[0]
        if condition.op in COMPARISONS:
            return self.compare(OPPOSITE[condition.op], *condition.arguments)
        return self._new(Op.NOT, (condition,), 0, 1)

    def compare(self, op: Op, a: Number, b: Number) -> Number:
        """1 where the comparison of the integers holds, else 0."""
        if isinstance(a, int) and not isinstance(b, int):
            return self.compare(MIRRORED[op], b, a)
        always = decided(op, by_width(a), by_width(b))
        if always is not None:
            return int(always)
        if isinstance(a, Value) and isinstance(b, int):
            if a.op is Op.SHL:
                return self._compare_shifted(op, a, b)
            if op in {Op.EQ, Op.NE} and (a.low, a.high) == (0, 1):
                return a if (op is Op.EQ) == (b == 1) else self.negated(a)
        return self._new(op, (a, b), 0, 1)

    def compare_equal(self, a: Number, b: Number) -> Number:
        """1 where the integers are equal."""
        return self.compare(Op.EQ, a, b)

    def _compare_shifted(self, op: Op, a: Value, b: int) -> Number:
        inner, whole = a.arguments[0], b >> a.number
        exact = whole << a.number == b
        if op in {Op.EQ, Op.NE}:
            return self.compare(op, inner, whole) if exact else int(op is Op.NE)
        up = not exact and op in {Op.GE, Op.LT}
        return self.compare(op, inner, whole + up)

    def select(self, condition: Number, a: Number, b: Number) -> Number:
        """`a` where the condition is 1, else `b`."""
        if isinstance(condition, int):
            return a if condition else b
        if a is b or (isinstance(a, int) and isinstance(b, int) and a == b):
            return a
        if (a, b) == (1, 0):
            return condition
        if (a, b) == (0, 1):
            return self.negated(condition)
        if condition.op is Op.NOT:
            return self.select(condition.arguments[0], b, a)
        one, other = given(a, condition, truth=True), given(b, condition, truth=False)
        return self._new(Op.SELECT, (condition, a, b), min(one[0], other[0]), max(one[1], other[1]))

    def lookup(self, table: Sequence[int], index: Number) -> Number:
        """table[index]; the index stays within the table."""
        if isinstance(index, int):
            return table[index]
        reached = table[index.low : index.high + 1]
        if min(reached) == max(reached):
            return reached[0]
        place = self._tables.setdefault(tuple(table), len(self._tables))
        return self._new(Op.ROM, (index,), min(reached), max(reached), place)

    def netlist(self, name: str, inputs: Sequence[Port], outputs: Sequence[Port], roots: Sequence[Number]) -> Netlist:
        """The netlist of everything that `roots` need, each root read in the type of its port."""
        live = self._live(roots)
        nodes: list[Node] = []
        places: dict[object, int] = {}

        def place(value: Number) -> int:
            key = value if isinstance(value, int) else (value.position,)
            if key not in places:
                if isinstance(value, int):
                    node = Node(Op.CONSTANT, (), *bits(value, value), value, value, value)
                else:
                    arguments = tuple(place(argument) for argument in value.arguments)
                    low, high = value.low, value.high
                    width = bits(low, high) if value.op is not Op.INPUT else _port_type(inputs, value.number)
                    node = Node(value.op, arguments, *width, low, high, value.number)
                places[key] = len(nodes)
                nodes.append(node)
            return places[key]

        for value in self._made:
            if live[value.position]:
                place(value)
        found = tuple(place(root) for root in roots)
        return Netlist(name, tuple(inputs), tuple(outputs), tuple(nodes), found, tuple(self._tables))

    def _live(self, roots: Sequence[Number]) -> list[bool]:
        live = [False] * len(self._made)
        for root in roots:
            if isinstance(root, Value):
                live[root.position] = True
        for value in reversed(self._made):
            if live[value.position]:
                for argument in value.arguments:
                    if isinstance(argument, Value):
                        live[argument.position] = True
        return live


def _port_type(ports: Sequence[Port], number: int) -> tuple[int, bool]:
    for port in ports:
        if number < port.size:
            return port.width, port.signed
        number -= port.size
    message = f"there is no input element {number} beyond the ports"
    raise UnsupportedError(message)


def _quotient(a: int, b: int) -> int:
    size = abs(a) // abs(b)
    return -size if (a < 0) != (b < 0) else size


def _logic(op: Op, a: int, b: int) -> int:
    if op is Op.AND:
        return a & b
    return a | b if op is Op.OR else a ^ b
