"""What the benchmark of budgets makes of its rows and netlists."""

from typing import Any

import pytest

from benchmarks.budget import adders, at_losses, averaged
from benchmarks.budget_points import Point
from fpgaprune.synth.open.netlist import Netlist, Node, Op, Port


def row(family: str, accuracy: float, lut: float, error: float = 0.0) -> dict[str, Any]:
    return {"method": f"{family} {lut}", "family": family, "accuracy": accuracy, "dsp": 0, "lut": lut, "error": error}


def test_the_cheapest_of_each_family_within_the_loss_is_named() -> None:
    rows = [
        row("dense", 0.98, 900, error=0.002),
        row("pruned", 0.979, 400),
        row("pruned", 0.976, 300),
        row("fewer bits", 0.95, 100),
        row("budget", 0.98, 350),
        row("budget", 0.976, 150),
    ]
    found = at_losses(rows)
    assert [found[loss]["ratio"] for loss in ("0.0", "0.005", "0.01")] == [round(400 / 350, 3), 2.0, 2.0]
    assert found["0.01"]["fewest_lut"]["fewer bits"] is None
    assert found["0.01"]["fewest_lut"]["budget"]["number"] == 5
    assert [found[loss]["at_end"] for loss in ("0.0", "0.01")] == [[], ["pruned", "budget"]]


def test_seeds_are_averaged_with_the_spread_of_their_accuracy() -> None:
    found = averaged([
        {**row("budget", accuracy, lut), "dsp": dsp, "seconds": 1.0, "model": f"{dsp}.h5"}
        for accuracy, lut, dsp in ((0.9, 100, 0), (0.94, 200, 3))
    ])  # fmt: skip
    assert (found["accuracy"], found["lut"], found["spread"], found["most_dsp"]) == (0.92, 150.0, 0.04, 3)
    assert found["error"] == pytest.approx(0.02)
    assert found["model"] == "0.h5"


def test_no_loss_is_never_more_than_half_a_percent() -> None:
    rows = [row("dense", 0.84, 900, error=0.02), row("budget", 0.836, 100), row("budget", 0.82, 10)]
    assert at_losses(rows)["0.0"]["fewest_lut"]["budget"]["lut"] == 100


@pytest.mark.parametrize(
    ("family", "values"),
    [
        ("pruned", (0.95, 0.965, 0.976, 0.983, 0.988, None)),
        ("fewer bits", (3, 2, None)),
        ("budget", (0.015, 0.0112, None)),
    ],
)
def test_a_family_goes_on_until_it_is_as_small_as_it_gets(family: str, values: tuple[float | None, ...]) -> None:
    point: Point | None = Point(family, values[0] or 0.0)
    for value in values[1:]:
        assert point is not None
        point = point.further()
        assert (point and point.value) == value


def test_adders_are_counted_where_the_netlist_has_them() -> None:
    def constant(number: int) -> Node:
        return Node(Op.CONSTANT, (), 5, True, number, number, number)

    nodes = (
        Node(Op.INPUT, (), 8, True, -128, 127, 0),
        constant(4), constant(6), constant(11),
        Node(Op.MUL, (0, 1), 10, True, -512, 508),  # a shift
        Node(Op.MUL, (0, 2), 11, True, -768, 762),  # 8 - 2: one adder
        Node(Op.MUL, (0, 3), 12, True, -1408, 1397),  # a multiplier
        Node(Op.ADD, (4, 5), 12, True, -1280, 1270),
        Node(Op.SUB, (7, 6), 13, True, -2677, 2678),
    )  # fmt: skip
    netlist = Netlist("fc", (Port("x", 8, True, 1),), (Port("y", 13, True, 1),), nodes, (8,))
    assert adders(netlist) == (3, 11 + 12 + 13, 1)
