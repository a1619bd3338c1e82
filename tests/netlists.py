"""Netlists to test with: built by hand with ranges, at random, or from the constants of a dense layer."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fpgaprune.fixed_point import FixedPoint
from fpgaprune.synth.open.netlist import Netlist, Node, Op, Port, bits, type_range


class Builder:
    """Adds nodes with the least width their range needs; equal nodes are one."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.tables: list[tuple[int, ...]] = []
        self._known: dict[Node, int] = {}

    def add(self, op: Op, arguments: Sequence[int], low: int, high: int, number: int = 0) -> int:
        node = Node(op, tuple(arguments), *bits(low, high), low, high, number)
        if node not in self._known:
            self._known[node] = len(self.nodes)
            self.nodes.append(node)
        return self._known[node]

    def constant(self, value: int) -> int:
        return self.add(Op.CONSTANT, (), value, value, value)

    def input(self, number: int, kind: FixedPoint) -> int:
        return self.add(Op.INPUT, (), kind.min_code, kind.max_code, number)

    def sum(self, a: int, b: int) -> int:
        one, other = self.nodes[a], self.nodes[b]
        return self.add(Op.ADD, (a, b), one.low + other.low, one.high + other.high)

    def difference(self, a: int, b: int) -> int:
        one, other = self.nodes[a], self.nodes[b]
        return self.add(Op.SUB, (a, b), one.low - other.high, one.high - other.low)

    def product(self, a: int, b: int) -> int:
        one, other = self.nodes[a], self.nodes[b]
        ends = [x * y for x in (one.low, one.high) for y in (other.low, other.high)]
        return self.add(Op.MUL, (a, b), min(ends), max(ends))

    def shifted(self, a: int, right: int) -> int:
        node = self.nodes[a]
        if right <= 0:
            return self.add(Op.SHL, (a,), node.low << -right, node.high << -right, -right) if right else a
        return self.add(Op.SHR, (a,), node.low >> right, node.high >> right, right)

    def wrapped(self, a: int, width: int, *, signed: bool) -> int:
        low, high = type_range(width, signed=signed)
        node = self.nodes[a]
        if low <= node.low and node.high <= high:
            return a
        found = Node(Op.CAST, (a,), width, signed, low, high)
        if found not in self._known:
            self._known[found] = len(self.nodes)
            self.nodes.append(found)
        return self._known[found]

    def compared(self, op: Op, a: int, b: int) -> int:
        return self.add(op, (a, b), 0, 1)

    def selected(self, condition: int, a: int, b: int) -> int:
        one, other = self.nodes[a], self.nodes[b]
        return self.add(Op.SELECT, (condition, a, b), min(one.low, other.low), max(one.high, other.high))

    def rom(self, address: int, table: Sequence[int]) -> int:
        self.tables.append(tuple(table))
        return self.add(Op.ROM, (address,), min(table), max(table), len(self.tables) - 1)

    def netlist(self, name: str, inputs: tuple[Port, ...], outputs: tuple[Port, ...], roots: Sequence[int]) -> Netlist:
        return Netlist(name, inputs, outputs, tuple(self.nodes), tuple(roots), tuple(self.tables))


def dense_netlist(
    name: str, codes: NDArray[np.int64], data: FixedPoint, *, shift: int = 0, accumulator: int = 32, relu: bool = False
) -> Netlist:
    """y = Σ (x · code >> shift), wrapped to `accumulator` bits; with `relu` clipped at zero."""
    build = Builder()
    inputs = [build.input(i, data) for i in range(codes.shape[0])]
    roots = []
    for output in range(codes.shape[1]):
        total = build.constant(output - 1)
        for source, code in zip(inputs, codes[:, output].tolist(), strict=True):
            if code:
                total = build.sum(total, build.shifted(build.product(source, build.constant(code)), shift))
        total = build.wrapped(total, accumulator, signed=True)
        if relu:
            zero = build.constant(0)
            total = build.selected(build.compared(Op.GT, total, zero), total, zero)
        roots.append(total)
    ports = (Port("x", data.width, data.signed, codes.shape[0]), Port("y", accumulator, True, codes.shape[1]))
    return build.netlist(name, ports[:1], ports[1:], roots)


def random_netlist(seed: int, operations: int = 120) -> Netlist:
    """Every operation there is, on random arguments of at most 30 bits."""
    rng = np.random.default_rng(seed)
    build = Builder()
    kinds = [FixedPoint(9, 9), FixedPoint(6, 6, signed=False), FixedPoint(1, 1, signed=False), FixedPoint(12, 12)]
    values = [build.input(i, kind) for i, kind in enumerate(kinds)] + [build.constant(int(c)) for c in (-77, 21, 0)]

    def pick() -> int:
        return values[int(rng.integers(len(values)))]

    def ranged(op: Op, a: int, b: int) -> int:
        width = max(build.nodes[a].width, build.nodes[b].width) + 1
        return build.add(op, (a, b), *type_range(width, signed=True))

    for _ in range(operations):
        a, b = pick(), pick()
        condition = build.compared(list(Op)[int(rng.integers(list(Op).index(Op.EQ), list(Op).index(Op.GE) + 1))], a, b)
        node = build.nodes[a]
        made = [
            build.sum(a, b),
            build.difference(a, b),
            build.product(a, build.constant(int(rng.integers(-200, 200)))),
            build.product(a, b),
            build.add(Op.NEG, (a,), -node.high, -node.low),
            build.add(Op.NOT, (a,), -node.high - 1, -node.low - 1),
            build.shifted(a, int(rng.integers(-3, 5))),
            ranged(Op.AND, a, b),
            ranged(Op.OR, a, b),
            ranged(Op.XOR, a, b),
            build.selected(condition, a, b),
            build.wrapped(a, int(rng.integers(1, 12)), signed=bool(rng.integers(2))),
            build.add(Op.DIV, (a, build.constant(7)), -(abs(node.low) // 7) - 1, abs(node.high) // 7 + 1),
            build.rom(values[1], rng.integers(-50, 50, 64).tolist()),
        ]
        made = [position for position in made if build.nodes[position].width <= 30]
        values.append(made[int(rng.integers(len(made)))])
    roots = values[-24:]
    inputs = tuple(Port(f"in{i}", kind.width, kind.signed, 1) for i, kind in enumerate(kinds))
    outputs = tuple(Port(f"out{i}", 32, True, 1) for i in range(len(roots)))
    return build.netlist("random", inputs, outputs, roots)
