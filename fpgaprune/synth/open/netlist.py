"""The straight-line integer netlist of one layer: what the C++ computes, and what is turned into Verilog.

A netlist is combinational: a list of nodes, each after its arguments, between input and output ports. Every value is an
integer (the code of a fixed-point number; where its binary point is does not matter here). The value of a node is the
exact integer result of its operation *wrapped* into `width` bits, two's complement if `signed`; `low` and `high` bound
it over all inputs, and `width` is never more than they need, so that mostly nothing wraps.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from fpgaprune.csd import csd_digits


class Op(StrEnum):
    """What a node computes from its arguments a, b, c; `number` is the node's own number."""

    INPUT = "input"  # bit pattern of element `number` of all input ports, counted through (see Netlist.inputs)
    CONSTANT = "constant"  # number
    ADD = "add"  # a + b
    SUB = "sub"  # a − b
    NEG = "neg"  # −a
    MUL = "mul"  # a · b; a constant factor, if there is one, is b
    DIV = "div"  # a / b rounded toward zero, b a constant other than 0
    SHL = "shl"  # a · 2^number
    SHR = "shr"  # ⌊a / 2^number⌋: arithmetic if a is signed, logical if not
    AND = "and"  # of infinite two's complement patterns, as OR, XOR and NOT
    OR = "or"
    XOR = "xor"
    NOT = "not"  # −a − 1, wrapped; on an unsigned bit 1 − a
    EQ = "eq"  # comparisons of the integers a and b: 1 or 0, one unsigned bit
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    SELECT = "select"  # b if a (one unsigned bit) is 1, else c
    CAST = "cast"  # a wrapped into width and signedness: truncation, reading signed as unsigned or the reverse
    ROM = "rom"  # tables[number][a], a within the table


COMPARISONS = frozenset((Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE))


@dataclass(frozen=True, slots=True)
class Port:
    """An array of `size` equal integers at the edge of a layer."""

    name: str
    width: int
    signed: bool
    size: int


@dataclass(frozen=True, slots=True)
class Node:
    """One operation; `arguments` are positions of earlier nodes in `Netlist.nodes`."""

    op: Op
    arguments: tuple[int, ...]
    width: int
    signed: bool
    low: int
    high: int
    number: int = 0


@dataclass(frozen=True)
class Netlist:
    """A layer: `outputs` holds, for each output port in order, the nodes of its elements, counted through.

    Elements of several ports are counted through in the order of the ports: with inputs of 4 and 2 elements, number 5
    is the last element of the second. An output's node may be narrower than its port, and then is extended by its own
    signedness; it is never wider.
    """

    name: str
    inputs: tuple[Port, ...]
    output_ports: tuple[Port, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]
    tables: tuple[tuple[int, ...], ...] = field(default=())

    @cached_property
    def n_inputs(self) -> int:
        """Number of elements of all input ports."""
        return sum(port.size for port in self.inputs)

    @cached_property
    def n_outputs(self) -> int:
        """Number of elements of all output ports."""
        return sum(port.size for port in self.output_ports)


@dataclass(frozen=True, slots=True)
class Multiplier:
    """A product of the netlist: of a value and a constant, or (`code` and `csd_digits` None) of two values.

    Widths are the least bits of the operands' ranges, sign included where they have one (`b_signed` False for a
    positive constant, whose `b_bits` is its bit length).
    """

    node: int
    operand: int
    code: int | None
    csd_digits: int | None
    a_bits: int
    a_signed: bool
    b_bits: int
    b_signed: bool


def multipliers(netlist: Netlist, *, min_digits: int = 3) -> tuple[Multiplier, ...]:
    """The products that need a multiplier, in order: of two values, and of constants with `min_digits` CSD digits.

    Constants with at most two digits are wires or one adder (rule R1; see `fpgaprune.csd`). Equal products of one
    value are one node (rule R2), and nodes that no output depends on are not in a netlist.
    """
    found: list[Multiplier] = []
    for position, node in enumerate(netlist.nodes):
        if node.op is not Op.MUL:
            continue
        a, b = (netlist.nodes[i] for i in node.arguments)
        code = b.number if b.op is Op.CONSTANT else None
        digits = None if code is None else int(csd_digits(code))
        if digits is None or digits >= min_digits:
            widths = (a.width, a.signed, b.width, b.signed)
            found.append(Multiplier(position, node.arguments[0], code, digits, *widths))
    return tuple(found)


def bits(low: int, high: int) -> tuple[int, bool]:
    """Least (width, signed) of the integers `low` to `high`: signed only if there are negative ones, at least 1 bit."""
    if low >= 0:
        return max(1, high.bit_length()), False
    return max((-low - 1).bit_length(), high.bit_length() if high > 0 else 0) + 1, True


def wrapped(value: int, width: int, signed: bool) -> int:
    """`value` modulo 2^width, in two's complement if `signed`."""
    value &= (1 << width) - 1
    return value - (1 << width) if signed and value >> (width - 1) else value


def type_range(width: int, signed: bool) -> tuple[int, int]:
    """Smallest and largest value of `width` bits."""
    return (-(1 << (width - 1)), (1 << (width - 1)) - 1) if signed else (0, (1 << width) - 1)
