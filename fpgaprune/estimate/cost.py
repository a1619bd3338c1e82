"""Cost of many multiplications at once: by constants, by variables, under a limit on the multipliers."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from fpgaprune.estimate.pricing import Pricing
from fpgaprune.estimate.products import Products
from fpgaprune.results import Bound


@dataclass(frozen=True)
class Cost:
    """Multipliers and DSP blocks."""

    multipliers: Bound
    dsp: Bound

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.multipliers + other.multipliers, self.dsp + other.dsp)

    def spanning(self, other: "Cost") -> "Cost":
        """The bounds that hold both."""
        return Cost(_span(self.multipliers, other.multipliers), _span(self.dsp, other.dsp))


NOTHING = Cost(Bound(0, 0), Bound(0, 0))


def _span(one: Bound, other: Bound) -> Bound:
    return Bound(min(one.low, other.low), max(one.high, other.high))


def exactly(multipliers: int, price: int) -> Cost:
    """Cost of `multipliers` multipliers of `price` DSP blocks each."""
    return Cost(Bound.exactly(multipliers), Bound.exactly(multipliers * price))


def constant_cost(
    products: Products, data_width: int, pricing: Pricing, limit: int | None = None, *, sign_added: bool = False
) -> Cost:
    """Cost of multiplying data of `data_width` bits by constants, with at most `limit` multipliers to do it.

    `sign_added`: one of the bits is a sign that the data do not have themselves.
    """
    low: Counter[int] = Counter()
    high: Counter[int] = Counter()
    for positive, bits, count in products.groups():
        fewest, most = pricing.constant(data_width, bits, positive=positive, sign_added=sign_added)
        low[fewest] += count
        high[most] += count
    total = products.count if limit is None else min(products.count, max(limit, 1))
    return Cost(Bound.exactly(total), _span(_limited(low, limit), _limited(high, limit)))


def _limited(by_price: Mapping[int, int], limit: int | None) -> Bound:
    """DSP blocks of multiplications counted by price, when at most `limit` multipliers serve them.

    Shared multipliers are as wide as their widest product: with enough sharing, products that alone would stay in LUTs
    share a DSP. A product keeps a multiplier of its own with the probability that any does; where more than half such
    a multiplier is expected, how many there are is a matter of the tool's schedule and only bounded here, by every
    small product having one or none. Where the schedule is known, `fpgaprune.estimate.slots` bounds it more closely.
    """
    total = sum(by_price.values())
    if limit is None or total <= limit:
        return Bound.exactly(sum(price * count for price, count in by_price.items()))
    limit = max(limit, 1)
    dearest = _filled(by_price, limit)
    cheapest_price = min(by_price)
    cheap = by_price[cheapest_price]
    alone = max(0, 2 * limit - total)
    if len(by_price) == 1 or cheap * alone < 0.5 * total:
        return Bound.exactly(dearest)
    own = min(cheap, limit)
    rest = {price: count for price, count in by_price.items() if price != cheapest_price}
    return Bound(min(dearest, own * cheapest_price + _filled(rest, limit - own)), dearest)


def _filled(by_price: Mapping[int, int], limit: int) -> int:
    """Price of `limit` multipliers, the dearest first."""
    spent, left = 0, limit
    for price in sorted(by_price, reverse=True):
        taken = min(by_price[price], left)
        spent, left = spent + price * taken, left - taken
    return spent
