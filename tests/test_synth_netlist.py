"""Netlists: evaluation bit for bit, and the products that are counted."""

from dataclasses import replace

import numpy as np
import pytest

from fpgaprune.errors import DesignError
from fpgaprune.synth.open.evaluate import evaluate
from fpgaprune.synth.open.netlist import Netlist, Node, Op, Port, bits, multipliers, type_range, wrapped
from fpgaprune.synth.open.network import remove_dead


def _product(code: int, width: int) -> Netlist:
    low, high = type_range(width, signed=True)
    ends = sorted((low * code, high * code))
    nodes = (
        Node(Op.INPUT, (), width, True, low, high, 0),
        Node(Op.CONSTANT, (), *bits(code, code), code, code, code),
        Node(Op.MUL, (0, 1), *bits(*ends), *ends),
    )
    port = Port("y", nodes[2].width, True, 1)
    return Netlist("product", (Port("x", width, True, 1),), (port,), nodes, (2,))


@pytest.mark.parametrize("code", [11, -11, 3, -1])
def test_products_are_exact_and_only_those_of_three_digits_count(code: int) -> None:
    x = np.arange(-128, 128, dtype=np.int64)[:, None]
    netlist = _product(code, 8)
    assert (evaluate(netlist, x) == x * code).all()
    assert len(multipliers(netlist)) == (abs(code) == 11)


def test_values_wider_than_int64_are_exact() -> None:
    low, high = type_range(60, signed=True)
    square = Node(Op.MUL, (0, 0), *bits(low * high, low * low), low * high, low * low)
    shifted = Node(Op.SHR, (1,), *bits(low * high >> 60, low * low >> 60), low * high >> 60, low * low >> 60, 60)
    source = Node(Op.INPUT, (), 60, True, low, high, 0)
    netlist = Netlist("square", (Port("x", 60, True, 1),), (Port("y", 64, True, 1),), (source, square, shifted), (2,))
    x = [high, low, 12345678901234567]
    assert evaluate(netlist, np.array(x)[:, None])[:, 0].tolist() == [value * value >> 60 for value in x]


def test_the_wrong_number_of_columns_is_refused() -> None:
    with pytest.raises(DesignError, match="samples, 1"):
        evaluate(_product(3, 8), np.zeros((2, 2), dtype=np.int64))


@pytest.mark.parametrize("looks_up", [False, True])
def test_constants_travel_through_arithmetic_but_not_through_tables(looks_up: bool) -> None:
    """As the estimate has it: no tool is known to look up an entry that is always the same."""
    three = Node(Op.CONSTANT, (), *bits(3, 3), 3, 3, 3)
    first = Netlist("first", (), (Port("a", 3, True, 1),), (three,), (0,))
    read = Node(Op.INPUT, (), 3, True, -4, 3, 0)
    other = (
        (Node(Op.CAST, (0,), 3, False, 0, 7), Node(Op.ROM, (1,), 4, False, 0, 7, 0))
        if looks_up
        else (Node(Op.NEG, (0,), 4, True, -3, 4),)
    )
    tables = (tuple(range(8)),) if looks_up else ()
    wires = (Port("a", 3, True, 1),), (Port("x", 8, True, 1),)
    second = Netlist("second", *wires, (read, *other), (len(other),), tables)
    product = replace(_product(11, 8), inputs=(Port("x", 8, True, 1),))
    *_, (last, _) = remove_dead((first, second, product), ("y",))
    assert len(multipliers(last)) == looks_up


@pytest.mark.parametrize(("value", "expected"), [(7, 7), (8, -8), (-9, 7), (16, 0)])
def test_wrapping_is_twos_complement(value: int, expected: int) -> None:
    assert wrapped(value, 4, signed=True) == expected
