"""Fit a tool's thresholds to what reports show: pure functions from observations to values with their evidence.

Nothing is extrapolated: a threshold is fitted only where multiplications on either side of it were seen, and a value
that the observations do not tell from the tool's own is left alone.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from fpgaprune.device import DspBlock
from fpgaprune.estimate.pricing import Pricing
from fpgaprune.estimate.rules import MappingRules
from fpgaprune.results import Finding, Fit

_LEAST: Final = 2  # observations on either side of a threshold from which it counts as seen
_NOISE: Final = 0.01  # share of observations that may contradict a fit
_WIDEST: Final = 64  # bits; operands of hls4ml designs have 32 at most
_SIGN_MARGIN: Final = 0.1  # of the widths in common by which one reading has to lead
DIGITS: Final = (0, 1, 2, 3, 4)  # the limits a layer is counted for


@dataclass(frozen=True, slots=True)
class Multiplication:
    """One multiplier of a report: operand widths in bits as the tool names them, its DSPs, the part's block."""

    narrow: int
    wide: int
    dsp: int
    block: DspBlock


@dataclass(frozen=True, slots=True)
class Constants:
    """A layer of constant products: how many multipliers its module has, and how many each reading of R1 and R2 gives.

    `shared[d]` and `unshared[d]` count the multiplications by constants of more than `d` signed digits.
    `with_sign` and `without_sign`: share of the widths of the constants, 0 to 1, that module and weights have in common
    where positive constants are taken with or without a sign bit; None where the report does not tell the widths.
    """

    multipliers: int
    shared: Mapping[int, int]
    unshared: Mapping[int, int]
    with_sign: float | None
    without_sign: float | None


def fit_thresholds(
    rules: MappingRules, multiplications: Sequence[Multiplication], layers: Sequence[Constants]
) -> tuple[Fit, ...]:
    """The thresholds that `multiplications` and `layers` decide, `rules` being the tool's own in the package."""
    wide, narrow = _fit_widths(rules, multiplications)
    return (
        wide,
        narrow,
        _fit_tiles(rules, multiplications),
        _fit_digits(rules, layers),
        _fit_sharing(rules, layers),
        _fit_sign(rules, layers),
    )


def _fit_widths(rules: MappingRules, seen: Sequence[Multiplication]) -> tuple[Fit, Fit]:
    """Least widths of the wider and the narrower operand in a DSP: the pairs that fewest multiplications contradict."""
    in_dsp = Counter((one.narrow, one.wide) for one in seen if one.dsp)
    in_lut = Counter((one.narrow, one.wide) for one in seen if not one.dsp)
    widest = min(_WIDEST, max((one.wide for one in seen), default=1) + 1)
    limits = range(1, max(widest, rules.min_wide) + 1)
    wrong = {
        (wide, narrow): _against(in_dsp, in_lut, wide, narrow) for wide in limits for narrow in limits if narrow <= wide
    }
    least = min(wrong.values())
    best = [pair for pair, count in wrong.items() if count == least]
    if least > _NOISE * len(seen):
        text = f"{least} of {len(seen)} multiplications contradict every pair of widths"
        fits = [
            Fit(name, Finding.CONTRADICTORY, getattr(rules, name), getattr(rules, name), len(seen) - least, least, text)
            for name in ("min_wide", "min_narrow")
        ]
        return fits[0], fits[1]
    keeps = (rules.min_wide, rules.min_narrow) in best
    chosen = (rules.min_wide, rules.min_narrow) if keeps else max(best)
    return (
        _width_fit("min_wide", rules.min_wide, chosen, best, 0, in_dsp, in_lut),
        _width_fit("min_narrow", rules.min_narrow, chosen, best, 1, in_dsp, in_lut),
    )


def _against(in_dsp: Counter[tuple[int, int]], in_lut: Counter[tuple[int, int]], wide: int, narrow: int) -> int:
    """How many multiplications lie on the wrong side of a pair of thresholds."""
    below = sum(count for (n, w), count in in_dsp.items() if w < wide or n < narrow)
    above = sum(count for (n, w), count in in_lut.items() if w >= wide and n >= narrow)
    return below + above


def _width_fit(
    name: str,
    default: int,
    chosen: tuple[int, int],
    best: Sequence[tuple[int, int]],
    axis: int,
    in_dsp: Counter[tuple[int, int]],
    in_lut: Counter[tuple[int, int]],
) -> Fit:
    """One of the two thresholds; multiplications in LUTs speak for it where their other operand is wide enough."""
    low, high = min(pair[axis] for pair in best), max(pair[axis] for pair in best)
    value, other = chosen[axis], chosen[1 - axis]
    dsp, lut = _along(in_dsp, axis, None), _along(in_lut, axis, other)
    at, beside = dsp[high], lut[high - 1]
    supporting = sum(n for width, n in dsp.items() if width >= value) + sum(n for w, n in lut.items() if w < value)
    contradicting = dsp.total() + lut.total() - supporting
    operand = "wider" if axis == 0 else "narrower"
    text = f"{operand} operand of {high} bits: {at} in DSPs; of {high - 1} bits: {beside} in LUTs"
    if not dsp or not lut:
        finding, where = Finding.THIN, "in DSPs" if not dsp else "in LUTs for its width alone"
        text = f"no multiplication {where}: {low} to {high} bits explain the reports alike"
    elif low != high:
        finding, text = Finding.BOUNDED, f"{operand} operand: {low} to {high} bits explain the reports alike"
    elif min(at, beside) < _LEAST:
        finding, value, text = Finding.THIN, default, f"{text}: too few to go by"
    else:
        finding = Finding.FITTED
    return Fit(name, finding, value, default, supporting, contradicting, text, low, high)


def _along(counts: Counter[tuple[int, int]], axis: int, least: int | None) -> Counter[int]:
    """Multiplications by the width of the wider (axis 0) or narrower operand, the other one of `least` bits or more."""
    found: Counter[int] = Counter()
    for (narrow, wide), number in counts.items():
        width, other = (wide, narrow) if axis == 0 else (narrow, wide)
        if least is None or other >= least:
            found[width] += number
    return found


def _fit_tiles(rules: MappingRules, seen: Iterable[Multiplication]) -> Fit:
    """How products wider than one block are cut, where the two ways differ in price."""
    found: Counter[bool] = Counter()
    for one in seen:
        prices = {way: _tiles(rules, one, overlapped=way) for way in (True, False)}
        if one.dsp and prices[True] != prices[False]:
            found.update(way for way, price in prices.items() if price == one.dsp)
    words = "tiles of (A-1) x (B-1) bits {} times, a whole tile and steps of 17 bits {} times"
    return _choice("splits_with_overlap", rules.splits_with_overlap, found[True], found[False], words)


def _tiles(rules: MappingRules, one: Multiplication, *, overlapped: bool) -> int:
    return Pricing(replace(rules, splits_with_overlap=overlapped), one.block).tiles(one.narrow, one.wide)


def _fit_digits(rules: MappingRules, layers: Iterable[Constants]) -> Fit:
    """Up to how many signed digits a constant needs no multiplier: what gives a layer's multipliers exactly."""
    found: Counter[int] = Counter()
    for layer in layers:
        counts = layer.shared if rules.shares_products else layer.unshared
        exact = [digits for digits in DIGITS if counts[digits] == layer.multipliers]
        if len(exact) == 1:
            found.update(exact)
    default = rules.free_digits
    told = ", ".join(f"{digits} digits in {found[digits]} layers" for digits in sorted(found)) or "no layer tells"
    if not found:
        return Fit("free_digits", Finding.THIN, default, default, 0, 0, told)
    value, supporting = max(found.items(), key=lambda item: (item[1], item[0] == default))
    against = found.total() - supporting
    if supporting < _LEAST:
        return Fit("free_digits", Finding.THIN, default, default, found[default], found.total() - found[default], told)
    if against * 4 > supporting:
        finding = Finding.CONTRADICTORY
        return Fit("free_digits", finding, default, default, found[default], found.total() - found[default], told)
    return Fit("free_digits", Finding.FITTED, value, default, supporting, against, told)


def _fit_sharing(rules: MappingRules, layers: Iterable[Constants]) -> Fit:
    found: Counter[bool] = Counter()
    for layer in layers:
        shared, unshared = layer.shared[rules.free_digits], layer.unshared[rules.free_digits]
        if shared != unshared and layer.multipliers in {shared, unshared}:
            found[layer.multipliers == shared] += 1
    words = "equal constants on one input shared in {} layers, not shared in {}"
    return _choice("shares_products", rules.shares_products, found[True], found[False], words)


def _fit_sign(rules: MappingRules, layers: Iterable[Constants]) -> Fit:
    """Whether positive constants are counted without a sign bit: which reading has more widths in common."""
    found: Counter[bool] = Counter()
    for layer in layers:
        one, other = layer.without_sign, layer.with_sign
        if one is not None and other is not None and abs(one - other) > _SIGN_MARGIN:
            found[one > other] += 1
    words = "positive constants without a sign bit in {} layers, with one in {}"
    return _choice("unsigned_positive", rules.unsigned_positive, found[True], found[False], words)


def _choice(name: str, default: bool, yes: int, no: int, words: str) -> Fit:
    """A yes or no, decided where one side was seen and the other hardly."""
    text = words.format(yes, no)
    value, supporting, against = (True, yes, no) if yes >= no else (False, no, yes)
    if supporting < _LEAST:
        for_default, other = (yes, no) if default else (no, yes)
        return Fit(name, Finding.THIN, default, default, for_default, other, f"{text}: too few to go by")
    if against * 4 > supporting:
        for_default, other = (yes, no) if default else (no, yes)
        return Fit(name, Finding.CONTRADICTORY, default, default, for_default, other, text)
    return Fit(name, Finding.FITTED, value, default, supporting, against, text)
