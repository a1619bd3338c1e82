"""What is known of integers that depend on a layer's inputs: the interval each stays in, and under a condition."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from fpgaprune.synth.open.netlist import COMPARISONS, Op, bits, type_range

_DEEPEST_REFINEMENT: Final = 14
MIRRORED: Final = {Op.LT: Op.GT, Op.GT: Op.LT, Op.LE: Op.GE, Op.GE: Op.LE, Op.EQ: Op.EQ, Op.NE: Op.NE}
OPPOSITE: Final = {Op.LT: Op.GE, Op.GE: Op.LT, Op.GT: Op.LE, Op.LE: Op.GT, Op.EQ: Op.NE, Op.NE: Op.EQ}


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A node that is not a constant."""

    position: int
    op: Op
    arguments: "tuple[Number, ...]"
    low: int
    high: int
    number: int


Number: TypeAlias = int | Value
Interval = tuple[int, int]


def interval(value: Number) -> Interval:
    """Least and greatest value."""
    return (value, value) if isinstance(value, int) else (value.low, value.high)


def least_square(a: Value) -> int:
    """Least square of anything in the interval of a value."""
    return 0 if a.low <= 0 <= a.high else min(a.low * a.low, a.high * a.high)


def by_width(value: Number) -> Interval:
    """The interval of the bits that a value needs: what is known of it when single constants are not looked at.

    Comparisons are decided by this, so a neuron whose weights and bias happen to keep it below zero keeps its
    multipliers, as it does in the estimate and in tools that know widths and no ranges.
    """
    return (value, value) if isinstance(value, int) else type_range(*bits(value.low, value.high))


def decided(op: Op, a: Interval, b: Interval) -> bool | None:
    """What a comparison of anything in two intervals gives, if it is always the same."""
    if op in {Op.GT, Op.GE}:
        return decided(MIRRORED[op], b, a)
    if op is Op.NE:
        equal = decided(Op.EQ, a, b)
        return None if equal is None else not equal
    if op is Op.EQ:
        if a[1] < b[0] or b[1] < a[0]:
            return False
        return True if a[0] == a[1] == b[0] == b[1] else None
    if op is Op.LT:
        return True if a[1] < b[0] else False if a[0] >= b[1] else None
    return True if a[1] <= b[0] else False if a[0] > b[1] else None


def given(value: Number, condition: Value, *, truth: bool) -> Interval:
    """The interval of `value` where `condition` is known."""
    if condition.op not in COMPARISONS:
        return interval(value)
    one, other = condition.arguments
    if not isinstance(one, Value) or not isinstance(other, int):
        return interval(value)
    op = condition.op if truth else OPPOSITE[condition.op]
    low, high = one.low, one.high
    if op is Op.LT:
        high = min(high, other - 1)
    elif op is Op.LE:
        high = min(high, other)
    elif op is Op.GT:
        low = max(low, other + 1)
    elif op is Op.GE:
        low = max(low, other)
    elif op is Op.EQ:
        low = high = other
    if low > high:
        return interval(value)
    return _refined(value, {one.position: (low, high)}, _DEEPEST_REFINEMENT)


def _refined(value: Number, known: dict[int, Interval], depth: int) -> Interval:
    if isinstance(value, int):
        return value, value
    if value.position in known:
        return known[value.position]
    found = (value.low, value.high)
    if depth and value.op in _MONOTONE:
        parts = [_refined(argument, known, depth - 1) for argument in value.arguments]
        low, high = _MONOTONE[value.op](parts, value)
        low, high = max(low, value.low), min(high, value.high)
        found = (low, high) if low <= high else found
    known[value.position] = found
    return found


def _products(parts: Sequence[Interval]) -> Interval:
    ends = [x * y for x in parts[0] for y in parts[1]]
    return min(ends), max(ends)


def _cast_part(part: Interval, value: Value) -> Interval:
    low, high = type_range(*bits(value.low, value.high))
    return part if low <= part[0] and part[1] <= high else (value.low, value.high)


_MONOTONE: Final[dict[Op, Callable[[Sequence[Interval], Value], Interval]]] = {
    Op.ADD: lambda p, _: (p[0][0] + p[1][0], p[0][1] + p[1][1]),
    Op.SUB: lambda p, _: (p[0][0] - p[1][1], p[0][1] - p[1][0]),
    Op.NEG: lambda p, _: (-p[0][1], -p[0][0]),
    Op.MUL: lambda p, _: _products(p),
    Op.SHL: lambda p, v: (p[0][0] << v.number, p[0][1] << v.number),
    Op.SHR: lambda p, v: (p[0][0] >> v.number, p[0][1] >> v.number),
    Op.SELECT: lambda p, _: (min(p[1][0], p[2][0]), max(p[1][1], p[2][1])),
    Op.CAST: lambda p, v: _cast_part(p[0], v),
}
