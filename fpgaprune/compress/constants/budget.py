"""Spend a budget of DSPs and LUTs where it matters: keep, share, round or zero every constant.

Two facts about C synthesis decide what a constant costs: one of at most two signed digits needs no multiplier, and
equal constants on one input share theirs. So the DSPs there are go to the constants that lose the most without one;
every other constant becomes equal to one of those on its input, or the nearest cheap code, or zero.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from fpgaprune.compress.constants.beyond import unreachable
from fpgaprune.compress.constants.grids import GriddedLayer
from fpgaprune.compress.constants.method import (
    Array,
    ConstantsConfig,
    Importance,
    changeable_layers,
    constants_method,
    matrix_of,
)
from fpgaprune.compress.constants.narrowing import with_codes
from fpgaprune.compress.constants.prices import layer_prices
from fpgaprune.compress.constants.problem import Pick, assign, pick_multipliers
from fpgaprune.design import Design
from fpgaprune.device import find_device
from fpgaprune.errors import ConfigError
from fpgaprune.estimate import MappingRules, build_estimate_context, estimate_design
from fpgaprune.results import Estimate

_HALVINGS = 24  # of the price of a LUT, over nine decades: 4 digits of it
_LOWEST, _HIGHEST = 1e-6, 1e3  # prices of a LUT
_NEAR = 1.5  # how far from a known price the search begins
_CLOSE = 1e-4  # prices that are not worth telling apart
_LUT_SLACK = 0.005  # the search stops within this of the asked LUTs


@dataclass(frozen=True)
class Budget(ConstantsConfig):
    """At most `max_dsp` DSPs and `max_lut` LUTs, both of the whole design by the estimate; None: as many as it takes.

    Where the estimate gives bounds, the upper one counts for DSPs, and the expected value for LUTs.
    """

    method: ClassVar[str] = "budget"

    max_dsp: int | None = None
    max_lut: int | None = None
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise ConfigError for a budget that is none."""
        for name in ("max_dsp", "max_lut"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
                message = f"{name} must be a whole number that is not negative, not {value!r}"
                raise ConfigError(message)
        if self.max_dsp is None and self.max_lut is None:
            message = "a budget needs max_dsp or max_lut"
            raise ConfigError(message)


@constants_method(Budget)
def meet_budget(
    design: Design,
    config: Budget,
    importance: Importance,
    rules: MappingRules,
    narrow: bool,
) -> Design:
    """See `choose_constants`."""
    search = BudgetSearch(design, config, importance, rules, narrow=narrow)
    if search.fits(search.estimate(design)):
        return design
    found = search.at(0.0)
    return found if config.max_lut is None or search.fits(search.estimate(found)) else search.cheap_enough()


class BudgetSearch:
    """The price of a LUT, in loss, at which the design fits.

    `wanted` are what the constants should be, by layer name, as (inputs, outputs) in steps of the layer's type; by
    default what they are. `price` is the price that `cheap_enough` found, in units of all loss over all LUTs.
    """

    def __init__(
        self,
        design: Design,
        config: Budget,
        importance: Importance,
        rules: MappingRules,
        *,
        narrow: bool = True,
        wanted: Mapping[str, Array] | None = None,
    ) -> None:
        self._design, self._config, self._rules, self._narrow = design, config, rules, narrow
        self._known: tuple[Design, Estimate] | None = None
        before = self.estimate(design)
        if config.max_lut is not None and before.fabric.lut is None:
            message = f"the LUTs of this design are {before.fabric.doubt}: give max_dsp alone"
            raise ConfigError(message)
        self._layers = _layers(design, config, importance, rules, before, wanted or {}, narrow)
        whole = [layer.on(0) for layer in self._layers]
        scale = sum(float((p.loss * p.codes**2).sum()) for p in whole)
        luts = sum(float((p.prices.tree_lut(p.whole) + p.prices.product_lut(p.whole)).sum()) for p in whole)
        self._unit = scale / luts if luts and scale else 1.0
        self._fixed_dsp: int | None = None
        self.price: float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The layers whose constants are chosen."""
        return tuple(layer.name for layer in self._layers)

    def check(self) -> None:
        """Raise ConfigError where no choice of constants meets the budget."""
        self.at(0.0)
        if self._config.max_lut is not None:
            self._least()

    def estimate(self, design: Design) -> Estimate:
        """What a design costs by the rules of this search; the last one asked for is known."""
        if self._known is None or self._known[0] is not design:
            self._known = design, estimate_design(design, self._rules)
        return self._known[1]

    def fits(self, found: Estimate) -> bool:
        """Whether that is within the budget."""
        config = self._config
        dsp_fits = config.max_dsp is None or found.dsp.high <= config.max_dsp
        return dsp_fits and (config.max_lut is None or _luts(found) <= config.max_lut)

    def at(self, lut_weight: float) -> Design:
        """The best design when a LUT costs that much, within the DSPs."""
        chosen = [layer.cheapest(lut_weight) for layer in self._layers]
        problems = [problem for problem, _, _ in chosen]
        free = [(codes, cost) for _, codes, cost in chosen]

        def built(picks: tuple[Pick, ...]) -> Design:
            return with_codes(self._design, assign(problems, free, picks, lut_weight), narrow=self._narrow)

        if self._config.max_dsp is None:
            return built(())
        left = self._config.max_dsp - self._fixed(built)
        picks = pick_multipliers(problems, [cost for _, cost in free], lut_weight, left)
        return self._longest(picks, built)

    def cheap_enough(self, near: float | None = None, slack: float = _LUT_SLACK) -> Design:
        """The design at the lowest price of a LUT that fits, or one that uses all but `slack` of the LUTs.

        `near`: a price to look around first. Raises ConfigError where no price makes it fit.
        """
        low, high = (_LOWEST, _HIGHEST) if near is None else (near / _NEAR, near * _NEAR)
        best = self._fitting(high)
        while best is None and high < _HIGHEST:
            low, high = high, high * _NEAR**2
            best = self._fitting(high)
        if best is None:
            return self._least()
        self.price = high
        while low > _LOWEST and (found := self._fitting(low)) is not None:
            self.price, high, best, low = low, low, found, low / _NEAR**2
        for _ in range(_HALVINGS):
            if self._config.max_lut is not None and _luts(best[1]) >= self._config.max_lut * (1 - slack):
                break
            if high < low * (1 + _CLOSE):
                break
            middle = (low * high) ** 0.5
            found = self._fitting(middle)
            if found is None:
                low = middle
            else:
                self.price, high, best = middle, middle, found
        return best[0]

    def _fitting(self, price: float) -> tuple[Design, Estimate] | None:
        found = self.at(price * self._unit)
        estimate = self.estimate(found)
        return (found, estimate) if self.fits(estimate) else None

    def _least(self) -> Design:
        zeros = {layer.name: np.zeros(layer.codes.shape, dtype=np.int64) for layer in self._layers}
        least = with_codes(self._design, zeros, narrow=self._narrow)
        floor = self.estimate(least)
        if not self.fits(floor):
            message = (
                f"max_lut={self._config.max_lut} cannot be met: with all weights that may change at zero, "
                f"{_luts(floor)} LUTs are still expected"
            )
            raise ConfigError(message)
        return least

    def _fixed(self, built: Callable[[tuple[Pick, ...]], Design]) -> int:
        """DSPs that no choice of constants saves."""
        if self._fixed_dsp is None:
            least = built(())
            estimate = self.estimate(least)
            self._fixed_dsp = estimate.dsp.high
            if self._config.max_dsp is not None and self._fixed_dsp > self._config.max_dsp:
                raise unreachable(least, estimate, self._config.max_dsp, self._rules)
        return self._fixed_dsp

    def _longest(self, picks: tuple[Pick, ...], built: Callable[[tuple[Pick, ...]], Design]) -> Design:
        """The most of the picks that the exact count allows; nearly always all."""
        found = built(picks)
        if not picks or self._dsp_fit(found):
            return found
        fitting, too_many = 0, len(picks)
        while too_many - fitting > 1:
            middle = (fitting + too_many) // 2
            fitting, too_many = (middle, too_many) if self._dsp_fit(built(picks[:middle])) else (fitting, middle)
        return built(picks[:fitting])

    def _dsp_fit(self, design: Design) -> bool:
        return self._config.max_dsp is None or self.estimate(design).dsp.high <= self._config.max_dsp


def _layers(
    design: Design,
    config: Budget,
    importance: Importance,
    rules: MappingRules,
    before: Estimate,
    wanted: Mapping[str, Array],
    narrow: bool,
) -> tuple[GriddedLayer, ...]:
    context = build_estimate_context(design, rules, find_device(str(before.device)))
    layers = []
    for layer in changeable_layers(design, config.exclude):
        prices = layer_prices(layer, context)
        if prices is None:
            continue
        weight = layer.parameters["weight"]
        codes = wanted.get(layer.name, matrix_of(weight).astype(np.float64))
        loss = importance.of(layer, (codes.shape[0], codes.shape[1])) * weight.precision.lsb**2
        prices = prices if narrow else replace(prices, spare=0)
        bits = weight.precision.max_code.bit_length()
        layers.append(GriddedLayer(layer.name, codes, loss, prices, bits, config.max_dsp is not None))
    if not layers:
        message = (
            "no layer's cost depends on its constants here: with weights in memory or reuse factors in the resource "
            "strategy only fewer bits or another strategy save anything"
        )
        raise ConfigError(message)
    return tuple(layers)


def _luts(estimate: Estimate) -> int:
    return 0 if estimate.fabric.lut is None else estimate.fabric.lut.value
