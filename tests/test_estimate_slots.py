"""Products that share multipliers in a second time slot, by hand and against recorded schedules."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from estimate_designs import VIVADO, WIDE, dsp, one
from numpy.typing import NDArray

from fpgaprune.csd import csd_digits
from fpgaprune.estimate import rules_for
from fpgaprune.estimate.slots import Slots, Sums, fill_slots, share, steps_after
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.results import Bound

# Verbose schedules of the output layers (32 x 5, 16 bits with 10 of fraction, 80 multipliers) of three public projects.
RECORDED = json.loads((Path(__file__).parent / "data" / "time_slots.json").read_text(encoding="utf-8"))
PRICE_OF = {11: 0, 13: 0}


def sums(outputs: int, bias: Any = 0, **facts: Any) -> Sums:
    return Sums(**{"data_width": 16, "dropped": 10, "width": 16, "bias": np.full(outputs, bias), **facts})


def steps(column: list[int], **facts: Any) -> list[int]:
    codes = np.array(column)[:, None]
    return steps_after(codes, csd_digits(codes), sums(1, **facts))[:, 0].tolist()


def price(constant: int) -> int:
    return PRICE_OF.get(constant, 1)


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda record: str(record["source"]))
def test_products_wait_that_waited_in_recorded_schedules(recorded: dict[str, Any]) -> None:
    codes: NDArray[np.int64] = np.array(recorded["codes"], dtype=np.int64)
    adding = Sums(16, 10, 16, np.array(recorded["bias"], dtype=np.int64))
    slots = fill_slots(codes, adding, limit=80, fitting=3, free_digits=2)
    assert len(slots.first) == 80
    assert sorted(slots.second) == sorted(constant for _, constant in recorded["second"])


def test_a_ternary_adder_takes_the_later_of_two_adders_along() -> None:
    """((1 0) (3 2)): the sum of inputs 2 and 3 joins the last adder, that of 0 and 1 is an adder of its own."""
    assert steps([700] * 4) == [2, 2, 1, 1]
    assert steps([700] * 4, packed=True) == [1, 1, 2, 2]


def test_only_an_adder_as_wide_as_the_next_joins_it() -> None:
    """Constants of 5 bits make products of 12 bits, and sums of 13, after ten low bits are cut."""
    assert steps([700, 700, 19, 19]) == [1, 1, 2, 2]
    assert steps([19, 19, 700, 700], packed=True) == [2, 2, 1, 1]


def test_shifted_data_and_the_bias_come_last() -> None:
    """Input 0 is only shifted: the tree is (2 1) with (0 bias) as one sum, so that inputs 1 and 2 have two steps."""
    assert steps([256, 700, 700], bias=300) == [2, 1, 1]
    assert steps([700, 700, 700], bias=300) == [2, 2, 1]
    assert steps([0, 700]) == [0, 0]  # nothing to add


def test_urgent_products_come_first_then_the_order_of_the_text() -> None:
    codes = np.array([[715], [723], [821], [853]])
    facts: dict[str, int] = {"limit": 2, "free_digits": 2}
    assert fill_slots(codes, sums(1), fitting=1, **facts) == Slots((715, 723), (821, 853))
    # Packed inputs: the later two have two steps after them.
    assert fill_slots(codes, sums(1, packed=True), fitting=1, **facts) == Slots((821, 853), (715, 723))
    assert fill_slots(codes, sums(1, packed=True), fitting=2, **facts) == Slots((715, 723), (821, 853))


def test_a_product_is_urgent_where_any_of_its_outputs_is() -> None:
    """Both outputs multiply input 2 by 821: once, and the longer way of the two counts."""
    codes = np.array([[715, 0], [723, 723], [821, 821], [853, 0]])
    assert fill_slots(codes[:, 1:], sums(1, packed=True), limit=1, fitting=1, free_digits=2).first == (723,)
    assert fill_slots(codes, sums(2, packed=True), limit=1, fitting=1, free_digits=2).first == (821,)


def test_equal_constants_share_and_the_rest_shares_with_any() -> None:
    slots = Slots(first=(45, 53, 11, 13, 11), second=(11, 77, 45))
    # 11 and 45 go to their equals; 77 to the multiplier of 53 (no change) or to one of 13 and 11 (a block more).
    found = share(slots, price)
    assert found.blocks == Bound(2, 3)
    assert found.expected == pytest.approx(2 + 2 / 3)
    assert share(Slots((45, 11), (11, 45)), price).blocks == Bound.exactly(1)


def test_known_slots_bound_more_closely() -> None:
    """Of eleven products ten come first, two small ones among them. The last shares with its equal, or with any."""
    codes = np.array([[11, 13, 45, 53, 77, 83], [45, 53, 77, 83, 11, 0]])
    facts: dict[str, Any] = {"reuse_factor": 2, "multiplier_limit": 10}
    assert dsp(one(codes, VIVADO, **facts)) == {"low": 7, "high": 8}
    known = one(codes, VIVADO, accumulator_precision=WIDE, **facts)
    assert (known.multipliers, dsp(known)) == (Bound.exactly(10), 8)
    assert not any("bounded" in note for note in known.notes)
    codes[1, 4] = 91
    other = one(codes, VIVADO, accumulator_precision=WIDE, **facts)
    assert dsp(other) == {"low": 8, "high": 9}
    assert any("8.2 DSPs on average" in note for note in other.notes)


@pytest.mark.parametrize(
    "facts",
    [
        {"target": {"part": "xc7z020clg400-1"}},  # the delay of its adders is not known
        {"target": {"io_type": "io_stream"}},
        {"data": FixedPoint(16, 16, signed=False)},
    ],
)
def test_where_slots_are_not_known_the_bounds_stay_wide(facts: dict[str, Any]) -> None:
    codes = [[11, 13, 45, 53, 77, 83], [45, 53, 77, 83, 11, 0]]
    same: dict[str, Any] = {"reuse_factor": 2, "multiplier_limit": 10, **facts}
    rules = rules_for("vivado_hls", "2019.2")
    assert dsp(one(codes, rules, accumulator_precision=WIDE, **same)) == dsp(one(codes, rules, **same))
