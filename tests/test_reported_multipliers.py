"""The rules held against what synthesis reports say of their own multipliers: facts with sources, no predictions.

Each row of the table is one layer of a public project: the widths of its multipliers' operands as its report lists
them, the DSP blocks of each (`16x11:1*36`: 36 multipliers of 16 x 11 bits, one block each), and the layer's total.
"""

import csv
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from fpgaprune.device import find_device
from fpgaprune.estimate import rules_for
from fpgaprune.estimate.pricing import Pricing

TABLE = Path(__file__).parent / "data" / "reported_multipliers.csv"
OPERANDS = re.compile(r"(\d+)x(\d+):(\d+)\*(\d+)")


@cache
def rows() -> list[dict[str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def multipliers(row: dict[str, str]) -> list[tuple[int, int, int, int]]:
    """(wider, narrower operand, blocks, how many) of every sort."""
    return [(int(a), int(b), int(dsp), int(n)) for a, b, dsp, n in OPERANDS.findall(row["operands"])]


def test_every_fact_has_its_source() -> None:
    assert len(rows()) > 200
    for row in rows():
        assert all(row[name] for name in ("repository", "commit", "path", "tool", "version", "part", "layer"))
        assert sum(count for *_, count in multipliers(row)) == int(row["multipliers"])


@pytest.mark.parametrize("tool", ["vitis_hls", "vivado_hls"])
@pytest.mark.parametrize("strategy", ["latency", "resource"])
def test_a_multiplier_goes_where_the_rules_say_and_costs_what_they_say(tool: str, strategy: str) -> None:
    right, wrong = 0, Counter[str]()
    for row in rows():
        if (row["tool"], row["strategy"]) != (tool, strategy):
            continue
        block = find_device(row["part"]).dsp_block
        pricing = Pricing(rules_for(tool, row["version"]), block, row["forced"] or None)
        for wide, narrow, dsp, count in multipliers(row):
            if dsp == pricing.dsp(wide, narrow):
                right += count
            else:
                wrong[f"{wide}x{narrow}:{dsp} {block.name}"] += count
    thin = (tool, strategy) == ("vitis_hls", "resource")  # the estimate says extrapolated
    assert right > (20 if thin else 1000)
    assert wrong.total() == 0, wrong.most_common(10)
