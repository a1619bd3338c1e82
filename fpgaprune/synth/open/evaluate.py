"""Runs netlists on arrays, bit for bit."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fpgaprune.errors import DesignError
from fpgaprune.synth.open.netlist import COMPARISONS, Netlist, Node, Op

Codes: TypeAlias = NDArray[Any]  # int64, or Python integers where they are wider

# Widths up to this are held in int64, where sums, differences and products are exact modulo 2^64; wider values are
# Python integers in object arrays.
_INT64_BITS = 62

_PLAIN: dict[Op, Callable[..., Codes]] = {
    Op.ADD: np.add,
    Op.SUB: np.subtract,
    Op.NEG: np.negative,
    Op.MUL: np.multiply,
    Op.AND: np.bitwise_and,
    Op.OR: np.bitwise_or,
    Op.XOR: np.bitwise_xor,
    Op.NOT: np.invert,
    Op.EQ: np.equal,
    Op.NE: np.not_equal,
    Op.LT: np.less,
    Op.LE: np.less_equal,
    Op.GT: np.greater,
    Op.GE: np.greater_equal,
}


def evaluate(netlist: Netlist, inputs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Output codes, shape (samples, n_outputs), for input codes of shape (samples, n_inputs), both int64.

    Columns are the elements of the ports, counted through. Input codes are wrapped into their port's type, so raw bit
    patterns do as well. Raises DesignError when the shape is another, or a port is wider than 64 bits.
    """
    if inputs.ndim != 2 or inputs.shape[1] != netlist.n_inputs:
        message = f"{netlist.name} takes arrays of shape (samples, {netlist.n_inputs}), not {inputs.shape}"
        raise DesignError(message)
    if wide := [port.name for port in (*netlist.inputs, *netlist.output_ports) if port.width > 64]:
        message = f"the port {wide[0]} of {netlist.name} is wider than the 64 bits of an int64 array"
        raise DesignError(message)
    values: dict[int, Codes] = {}
    expiring: list[list[int]] = [[] for _ in netlist.nodes]
    for argument, user in enumerate(_last_uses(netlist)):
        if user >= 0:
            expiring[user].append(argument)
    for position, node in enumerate(netlist.nodes):
        values[position] = _value(netlist, node, [values[i] for i in node.arguments], inputs)
        for argument in expiring[position]:
            del values[argument]
    result = np.empty((inputs.shape[0], netlist.n_outputs), dtype=np.int64)
    for column, position in enumerate(netlist.outputs):
        result[:, column] = values[position]
    return result


def _last_uses(netlist: Netlist) -> list[int]:
    """The last node that reads each node, so that arrays are freed; −1 for those that are outputs or unread."""
    last = [-1] * len(netlist.nodes)
    for position, node in enumerate(netlist.nodes):
        for argument in node.arguments:
            last[argument] = position
    for position in netlist.outputs:
        last[position] = -1
    return last


def _value(netlist: Netlist, node: Node, arguments: list[Codes], inputs: NDArray[np.int64]) -> Codes:
    if node.op is Op.CONSTANT:
        return np.array(node.number, dtype=np.int64 if node.width <= _INT64_BITS else object)
    if node.op is Op.INPUT:
        return _wrap(inputs[:, node.number], node)
    if node.op is Op.ROM:
        return np.array(netlist.tables[node.number])[arguments[0].astype(np.int64)]
    if node.width > _INT64_BITS or any(argument.dtype == object for argument in arguments):
        arguments = [argument.astype(object) for argument in arguments]
    return _wrap(_operate(node, arguments), node)


def _operate(node: Node, arguments: list[Codes]) -> Codes:
    if node.op in _PLAIN:
        result = _PLAIN[node.op](*arguments)
        return result.astype(np.int64) if node.op in COMPARISONS else result
    if node.op is Op.SELECT:
        return np.where(arguments[0].astype(bool), arguments[1], arguments[2])
    if node.op is Op.CAST:
        return arguments[0]
    values = arguments[0]
    if node.op is Op.DIV:
        quotient = np.abs(values) // np.abs(arguments[1])
        return np.where((values < 0) != (arguments[1] < 0), -quotient, quotient)
    if node.op is Op.SHL:
        small = values.dtype == object or node.number < 64
        product: Codes = values << node.number if small else values * 0
        return product
    shifted: Codes = values >> (node.number if values.dtype == object else min(node.number, 63))
    return shifted


def _wrap(values: Codes, node: Node) -> Codes:
    mask = (1 << node.width) - 1
    if values.dtype != object and node.width > _INT64_BITS:
        values = values.astype(object)
    masked = values & mask
    if node.signed:
        half = 1 << (node.width - 1)
        masked = (masked ^ half) - half
    result: Codes = masked.astype(np.int64) if node.width <= _INT64_BITS else masked
    return result
