"""Thresholds from reports: recovered, bounded, or refused."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpgaprune.cli import main
from fpgaprune.cli.calibrate import run
from fpgaprune.config.rules_file import read_rules
from fpgaprune.device import find_device
from fpgaprune.errors import ConfigError
from fpgaprune.estimate import rules_for
from fpgaprune.estimate.calibrate import DIGITS, Constants, Multiplication, fit_thresholds
from fpgaprune.estimate.pricing import Pricing
from fpgaprune.flow.calibrate import calibrate
from fpgaprune.results import Finding, Fit

BLOCK = find_device("xcu250-figd2104-2L-e").dsp_block
VITIS = rules_for("vitis_hls", "2023.2")


def _fits(seen: list[Multiplication], layers: tuple[Constants, ...] = ()) -> dict[str, Fit]:
    return {fit.threshold: fit for fit in fit_thresholds(VITIS, seen, layers)}


def _seen(wide: int, narrow: int, widths: list[tuple[int, int]], copies: int = 3) -> list[Multiplication]:
    """Multiplications as a tool with these thresholds prices them."""
    return [
        Multiplication(min(pair), max(pair), int(max(pair) >= wide and min(pair) >= narrow), BLOCK)
        for pair in widths
        for _ in range(copies)
    ]


@settings(max_examples=25, deadline=None)
@given(st.integers(6, 20), st.data())
def test_planted_thresholds_are_recovered(wide: int, data: st.DataObject) -> None:
    narrow = data.draw(st.integers(2, wide - 1))
    everything = [(w, n) for w in range(1, 26) for n in range(1, w + 1)]
    fits = _fits(_seen(wide, narrow, everything, 2))
    assert [(fits[name].value, fits[name].finding) for name in ("min_wide", "min_narrow")] == [
        (wide, Finding.FITTED),
        (narrow, Finding.FITTED),
    ]
    assert fits["min_wide"].contradicting == fits["min_narrow"].contradicting == 0


@settings(max_examples=60, deadline=None)
@given(
    st.integers(3, 20),
    st.integers(2, 8),
    st.lists(st.tuples(st.integers(1, 24), st.integers(1, 24)), min_size=1, max_size=60),
)
def test_no_value_is_invented(wide: int, narrow: int, widths: list[tuple[int, int]]) -> None:
    """Whatever is seen: what is fitted explains all of it, and the true thresholds lie in every range given."""
    narrow = min(wide, narrow)
    fits = _fits(_seen(wide, narrow, widths))
    for name, truth in (("min_wide", wide), ("min_narrow", narrow)):
        fit = fits[name]
        assert fit.low is not None
        assert fit.high is not None
        if fit.finding is Finding.FITTED:
            assert fit.value == truth
        assert fit.low <= truth
        assert truth <= fit.high or truth > max(max(pair) for pair in widths) + 1
        assert fit.value == fit.default or fit.low <= fit.value <= fit.high
        assert fit.contradicting == 0 or fit.finding is not Finding.FITTED


def test_one_side_alone_is_too_thin() -> None:
    fits = _fits(_seen(11, 5, [(16, 8), (16, 5), (12, 12)]))
    assert {fits[name].finding for name in ("min_wide", "min_narrow")} == {Finding.THIN}
    assert (fits["min_wide"].value, fits["min_narrow"].value) == (VITIS.min_wide, VITIS.min_narrow)
    assert not any(fit.decided for fit in fits.values())


def test_a_gap_is_a_range_that_keeps_the_package_value_inside() -> None:
    fits = _fits(_seen(11, 5, [(8, 8), (16, 8), (16, 4), (16, 5)]))
    assert (fits["min_wide"].finding, fits["min_wide"].low, fits["min_wide"].high) == (Finding.BOUNDED, 9, 16)
    assert (fits["min_wide"].value, fits["min_wide"].decided) == (11, False)
    assert (fits["min_narrow"].finding, fits["min_narrow"].value) == (Finding.FITTED, 5)


def test_a_package_value_outside_the_range_gives_way_to_its_edge() -> None:
    fits = _fits(_seen(18, 5, [(14, 8), (18, 8), (18, 4), (18, 5)]))
    fit = fits["min_wide"]
    assert (fit.finding, fit.low, fit.high, fit.value, fit.decided) == (Finding.BOUNDED, 15, 18, 18, True)


def test_contradicting_reports_keep_the_package_values() -> None:
    seen = [Multiplication(8, 16, dsp, BLOCK) for dsp in (0, 1) for _ in range(50)]
    fits = _fits(seen)
    assert fits["min_wide"].finding is fits["min_narrow"].finding is Finding.CONTRADICTORY
    assert fits["min_wide"].value == VITIS.min_wide
    assert fits["min_wide"].contradicting == 50
    assert not fits["min_wide"].decided


def test_wide_products_tell_how_they_are_cut() -> None:
    prices = {way: Pricing(replace(VITIS, splits_with_overlap=way), BLOCK).tiles(22, 35) for way in (True, False)}
    assert prices == {True: 2, False: 4}
    for way, price in prices.items():
        fit = _fits([Multiplication(22, 35, price, BLOCK)] * 3)["splits_with_overlap"]
        assert (fit.finding, fit.value, fit.supporting) == (Finding.FITTED, way, 3)
    mixed = [Multiplication(22, 35, price, BLOCK) for price in (2, 2, 4, 4)]
    assert _fits(mixed)["splits_with_overlap"].finding is Finding.CONTRADICTORY


def _layer(found: int, digits: int, *, signed: bool = True) -> Constants:
    counts = {limit: found + 10 * (digits - limit) for limit in DIGITS}
    doubled = {limit: 2 * count for limit, count in counts.items()}
    return Constants(found, counts, doubled, 1.0 if signed else 0.4, 0.4 if signed else 1.0)


def test_layers_tell_digits_sharing_and_sign() -> None:
    fits = _fits([], (_layer(50, 3), _layer(60, 3), _layer(70, 3)))
    assert (fits["free_digits"].value, fits["free_digits"].finding) == (3, Finding.FITTED)
    assert fits["unsigned_positive"].value is False
    fits = _fits([], (_layer(50, 2, signed=False), _layer(60, 2, signed=False)))
    assert (fits["unsigned_positive"].value, fits["unsigned_positive"].supporting) == (True, 2)
    assert (fits["shares_products"].value, fits["shares_products"].finding) == (True, Finding.FITTED)
    assert _fits([], (_layer(50, 2),))["free_digits"].finding is Finding.THIN
    mixed = (_layer(50, 2), _layer(60, 2), _layer(70, 3), _layer(80, 3))
    assert _fits([], mixed)["free_digits"].finding is Finding.CONTRADICTORY


def _recorded(tool: str) -> Iterator[Multiplication]:
    """The multipliers of public reports at default settings, Latency strategy."""
    with (Path(__file__).parent / "data" / "reported_multipliers.csv").open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if row["tool"] != tool or row["forced"] or row["strategy"] != "latency":
                continue
            block = find_device(row["part"]).dsp_block
            for word in row["operands"].split():
                widths, _, prices = word.partition(":")
                price, _, number = prices.partition("*")
                if "x" in widths and price.isdecimal():
                    one, other = sorted(int(width) for width in widths.split("x"))
                    yield from [Multiplication(one, other, int(price), block)] * int(number)


def test_recorded_multipliers_of_vitis_bound_its_thresholds() -> None:
    seen = list(_recorded("vitis_hls"))
    assert len(seen) > 5000
    fits = _fits(seen)
    for name, value in (("min_wide", 11), ("min_narrow", 5)):
        assert fits[name].low <= value <= fits[name].high
        assert fits[name].value == value
        assert fits[name].contradicting == 0


def test_what_is_no_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no folder"):
        calibrate([tmp_path / "nothing"])
    with pytest.raises(ConfigError, match="no project with a C-synthesis report"):
        calibrate([tmp_path])
    project = tmp_path / "p"
    (project / "firmware").mkdir(parents=True)
    with pytest.raises(ConfigError, match="no project with a C-synthesis report"):
        calibrate([tmp_path])


@pytest.mark.shared
@pytest.mark.slow
def test_the_corpus_gives_back_the_rules_of_vitis(shared_corpus: Path, tmp_path: Path) -> None:
    output = tmp_path / "rules.toml"
    with pytest.raises(SystemExit) as stopped:
        main(["calibrate", str(shared_corpus), "--tool", "vitis_hls", "--output", str(output)])
    assert not stopped.value.code
    file = read_rules(output)
    rules, plain = file.rules("2024.1"), rules_for("vitis_hls", "2024.1")
    assert (rules.min_wide, rules.min_narrow, rules.free_digits) == (11, 5, 2)
    assert (rules.unsigned_positive, rules.shares_products) == (plain.unsigned_positive, plain.shares_products)
    assert file.thresholds.min_wide == 11
    assert file.thresholds.splits_with_overlap is None  # nothing was seen of it, so nothing is said
    assert {entry.threshold for entry in file.evidence} >= {"min_wide", "min_narrow", "splits_with_overlap"}
    assert rules.residuals[0].exact / rules.residuals[0].layers > 0.95
    with pytest.raises(ConfigError, match="exists"):
        run([shared_corpus], output=output)
    with pytest.raises(ConfigError, match="name one of the two"):
        calibrate([shared_corpus])
