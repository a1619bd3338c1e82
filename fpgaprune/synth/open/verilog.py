"""Netlists as Verilog: one module per layer, one wire per value, multiplications as the chosen tool sees them.

Under the rules of an HLS tool a product that needs a multiplier is an instance of the module `multiply` (see
hls_templates/synth/open), whose operands are exactly as wide as that tool takes them to be; constants of few signed
digits are shifts and adders. Under Yosys' own rules every product is a plain `*`.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from fpgaprune.csd import csd_terms
from fpgaprune.estimate.pricing import Pricing
from fpgaprune.synth.open.netlist import Netlist, Node, Op, bits

_INFIX = {Op.ADD: "+", Op.SUB: "-", Op.DIV: "/", Op.AND: "&", Op.OR: "|", Op.XOR: "^"}
_COMPARE = {Op.EQ: "==", Op.NE: "!=", Op.LT: "<", Op.LE: "<=", Op.GT: ">", Op.GE: ">="}


@dataclass(frozen=True, slots=True)
class Pin:
    """One element of a port of the Verilog module; `element` counts through the netlist's inputs or outputs."""

    name: str
    bits: int
    signed: bool
    element: int


def input_pins(netlist: Netlist) -> tuple[Pin, ...]:
    """The inputs of the module that are read, in order."""
    read = {node.number for node in netlist.nodes if node.op is Op.INPUT}
    types = [(port.width, port.signed) for port in netlist.inputs for _ in range(port.size)]
    return tuple(Pin(f"x{i}", bits, signed, i) for i, (bits, signed) in enumerate(types) if i in read)


def output_pins(netlist: Netlist, unread: Collection[int] = ()) -> tuple[Pin, ...]:
    """The outputs of the module, in order, without those that are `unread`."""
    types = [(port.width, port.signed) for port in netlist.output_ports for _ in range(port.size)]
    return tuple(Pin(f"y{i}", bits, signed, i) for i, (bits, signed) in enumerate(types) if i not in unread)


def netlist_verilog(netlist: Netlist, top: str, pricing: Pricing, unread: Collection[int] = ()) -> str:
    """The module `top`: inputs `x<i>`, and outputs `y<j>` registered at the clock edge."""
    inputs, outputs = input_pins(netlist), output_pins(netlist, unread)
    ports = ["input clk", *(f"input {_vector(pin.bits, pin.signed)} {pin.name}" for pin in inputs)]
    ports += [f"output reg {_vector(pin.bits, pin.signed)} {pin.name}" for pin in outputs]
    writer = _Writer(netlist, pricing)
    lines = [f"// {netlist.name}, rules: {pricing.rules.label}", f"module {top} (", "  " + ",\n  ".join(ports), ");"]
    live = _live(netlist, [netlist.outputs[pin.element] for pin in outputs])
    for position, node in enumerate(netlist.nodes):
        if live[position]:
            lines.extend(f"  {line}" for line in writer.node(position, node))
    if outputs:
        lines.append("  always @(posedge clk) begin")
        lines += [f"    {pin.name} <= {writer.value(netlist.outputs[pin.element])};" for pin in outputs]
        lines.append("  end")
    lines += ["endmodule", ""]
    return "\n".join(lines)


def _live(netlist: Netlist, roots: list[int]) -> list[bool]:
    live = [False] * len(netlist.nodes)
    for position in roots:
        live[position] = True
    for position in range(len(live) - 1, -1, -1):
        if live[position]:
            for argument in netlist.nodes[position].arguments:
                live[argument] = True
    return live


def _vector(bits: int, signed: bool) -> str:
    return f"{'signed ' if signed else ''}[{bits - 1}:0]"


def literal(value: int) -> str:
    """A signed Verilog constant."""
    bits = (value if value >= 0 else -value).bit_length() + 1
    return f"{bits}'sd{value}" if value >= 0 else f"-{bits}'sd{-value}"


def _pattern(value: int, bits: int) -> str:
    return f"{bits}'d{value & ((1 << bits) - 1)}"


class _Writer:
    """Every expression is signed, so that Verilog extends all operands by their value."""

    def __init__(self, netlist: Netlist, pricing: Pricing) -> None:
        self._netlist = netlist
        self._nodes = netlist.nodes
        self._pricing = pricing
        self._products: dict[tuple[int, int], str] = {}

    def value(self, position: int) -> str:
        """A node as a signed expression of its exact value."""
        node = self._nodes[position]
        if node.op is Op.CONSTANT:
            return f"({literal(node.number)})" if node.number < 0 else literal(node.number)
        return f"n{position}" if node.signed else f"$signed({{1'b0, n{position}}})"

    def node(self, position: int, node: Node) -> Iterator[str]:
        """The declaration of a node's wire."""
        if node.op is Op.CONSTANT:
            return
        if node.op is Op.MUL and self._needs_multiplier(node):
            raw = self._pricing.rules.tool == "yosys"
            yield from self._plain_product(position, node) if raw else self._multiplication(position, node)
            return
        if node.op is Op.ROM:
            yield from self._rom(position, node)
            return
        yield f"wire {_vector(node.width, node.signed)} n{position} = {self._expression(node)};"

    def _expression(self, node: Node) -> str:
        a = [self.value(argument) for argument in node.arguments]
        match node.op:
            case Op.INPUT:
                return f"x{node.number}"
            case Op.MUL:
                return self._shifted(node, a[0])
            case Op.NEG:
                return f"-{a[0]}"
            case Op.NOT:
                return f"~{a[0]}"
            case Op.SHL:
                return f"{a[0]} <<< {node.number}"
            case Op.SHR:
                return f"{a[0]} >>> {node.number}"
            case Op.SELECT:
                return f"{self._bits(node.arguments[0])} ? {a[1]} : {a[2]}"
            case Op.CAST:
                return a[0]
            case op if op in _COMPARE:
                return f"{a[0]} {_COMPARE[op]} {a[1]}"
            case op:
                return f"{a[0]} {_INFIX[op]} {a[1]}"

    def _bits(self, position: int) -> str:
        """A node as exactly its bits."""
        node = self._nodes[position]
        return f"n{position}" if node.op is not Op.CONSTANT else _pattern(node.number, node.width)

    def _needs_multiplier(self, node: Node) -> bool:
        code = self._constant(node)
        return code is None or len(csd_terms(code)) > self._pricing.rules.free_digits

    def _constant(self, node: Node) -> int | None:
        factor = self._nodes[node.arguments[1]]
        return factor.number if factor.op is Op.CONSTANT else None

    def _shifted(self, node: Node, value: str) -> str:
        """A product by a constant that needs no multiplier."""
        terms = list(reversed(csd_terms(self._constant(node) or 0)))
        parts = [(sign, f"({value} <<< {shift})" if shift else value) for sign, shift in terms]
        text = "".join(f" {'+' if sign > 0 else '-'} {part}" for sign, part in parts)
        return text.removeprefix(" + ").strip() or "0"

    def _plain_product(self, position: int, node: Node) -> Iterator[str]:
        """A product as Yosys takes it: by the odd part of the constant, so that c and 2c on one value are one."""
        code, a = self._constant(node), self.value(node.arguments[0])
        declaration = f"wire {_vector(node.width, node.signed)} n{position}"
        if code is None:
            yield f"{declaration} = {a} * {self.value(node.arguments[1])};"
            return
        shift = (code & -code).bit_length() - 1
        key = (node.arguments[0], code >> shift)
        if key not in self._products:
            self._products[key] = f"p{position}"
            one = self._nodes[node.arguments[0]]
            ends = sorted((one.low * key[1], one.high * key[1]))
            yield f"wire signed [{bits(ends[0], ends[1])[0]}:0] p{position} = {a} * {literal(key[1])};"
        yield f"{declaration} = {self._products[key]} <<< {shift};"

    def _multiplication(self, position: int, node: Node) -> Iterator[str]:
        one, other = (self._nodes[argument] for argument in node.arguments)
        a_bits, b_bits, b_signed, wide_first = one.width, other.width, other.signed, False
        code = self._constant(node)
        if code is None:
            b = self._bits(node.arguments[1])
        else:
            # A positive constant takes a sign bit, except in the combinational multipliers of Vivado HLS.
            b_bits = (code if code >= 0 else -code - 1).bit_length() + 1
            pipelined = self._pricing.pipelines(a_bits, b_bits)
            b_signed = code < 0 or not self._pricing.rules.unsigned_positive or pipelined is not False
            b_bits -= int(not b_signed)
            b = _pattern(code, b_bits)
            wide_first = self._pricing.rules.unsigned_positive and pipelined is not False
        width = a_bits + b_bits
        signed = one.signed or b_signed
        parameters = f".A_BITS({a_bits}), .B_BITS({b_bits}), .A_SIGNED({int(one.signed)}), .B_SIGNED({int(b_signed)})"
        parameters += ", .WIDE_FIRST(1)" if wide_first else ""
        yield f"wire {_vector(width, signed)} p{position};"
        yield f"multiply #({parameters}) m{position} (.a({self._bits(node.arguments[0])}), .b({b}), .y(p{position}));"
        yield f"wire {_vector(node.width, node.signed)} n{position} = p{position};"

    def _rom(self, position: int, node: Node) -> Iterator[str]:
        address = self._nodes[node.arguments[0]]
        table = self._netlist.tables[node.number]
        yield f"reg {_vector(node.width, node.signed)} n{position};"
        yield "always @*"
        yield f"  case ({self._bits(node.arguments[0])})"
        for index in range(max(0, address.low), min(len(table), address.high + 1)):
            yield f"    {address.width}'d{index}: n{position} = {_pattern(table[index], node.width)};"
        yield f"    default: n{position} = {node.width}'bx;"
        yield "  endcase"
