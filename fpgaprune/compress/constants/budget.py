"""Spend a budget of DSPs and LUTs where it matters: keep, share, round or zero every constant.

Two facts about C synthesis decide what a constant costs: one of at most two signed digits needs no multiplier, and
equal constants on one input share theirs. So the DSPs there are go to the constants that lose the most without one;
every other constant becomes equal to one of those on its input, or the nearest cheap code, or zero.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from fpgaprune.compress.constants.method import (
    Codes,
    ConstantsConfig,
    Importance,
    changeable_layers,
    constants_method,
    matrix_of,
    with_codes,
)
from fpgaprune.compress.constants.prices import allowed_codes, layer_prices
from fpgaprune.compress.constants.problem import LayerProblem, Pick, assign, pick_multipliers
from fpgaprune.design import Design
from fpgaprune.device import find_device
from fpgaprune.errors import ConfigError
from fpgaprune.estimate import MappingRules, build_estimate_context, estimate_design
from fpgaprune.results import Estimate

_HALVINGS = 24  # of the price of a LUT, over nine decades: 4 digits of it
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
def meet_budget(design: Design, config: Budget, importance: Importance, rules: MappingRules) -> Design:
    """See `choose_constants`."""
    search = _Search(design, config, importance, rules)
    if search.fits(search.estimate(design)):
        return design
    found = search.at(0.0)
    return found if config.max_lut is None or search.fits(search.estimate(found)) else search.cheap_enough()


class _Search:
    """The price of a LUT, in loss, at which the design fits."""

    def __init__(self, design: Design, config: Budget, importance: Importance, rules: MappingRules) -> None:
        self._design, self._config, self._rules = design, config, rules
        before = self.estimate(design)
        if config.max_lut is not None and before.fabric.lut is None:
            message = f"the LUTs of this design are {before.fabric.doubt}: give max_dsp alone"
            raise ConfigError(message)
        self._problems = _problems(design, config, importance, rules, before)
        scale = sum(float((p.loss * p.codes**2).sum()) for p in self._problems)
        luts = sum(float((p.prices.tree_lut(p.codes) + p.prices.product_lut(p.codes)).sum()) for p in self._problems)
        self._unit = scale / luts if luts and scale else 1.0
        self._fixed_dsp: int | None = None

    def estimate(self, design: Design) -> Estimate:
        return estimate_design(design, self._rules)

    def fits(self, found: Estimate) -> bool:
        config = self._config
        dsp_fits = config.max_dsp is None or found.dsp.high <= config.max_dsp
        return dsp_fits and (config.max_lut is None or _luts(found) <= config.max_lut)

    def at(self, lut_weight: float) -> Design:
        """The best design when a LUT costs that much, within the DSPs."""
        free = [problem.cheapest(lut_weight) for problem in self._problems]

        def built(picks: tuple[Pick, ...]) -> Design:
            return with_codes(self._design, assign(self._problems, free, picks, lut_weight))

        if self._config.max_dsp is None:
            return built(())
        left = self._config.max_dsp - self._fixed(built)
        picks = pick_multipliers(self._problems, [cost for _, cost in free], lut_weight, left)
        return self._longest(picks, built)

    def cheap_enough(self) -> Design:
        """The design at the lowest price of a LUT that fits."""
        low, high = 1e-6 * self._unit, 1e3 * self._unit
        best = self.at(high)
        if not self.fits(self.estimate(best)):
            least = with_codes(self._design, {p.name: p.codes * 0 for p in self._problems})
            floor = self.estimate(least)
            if not self.fits(floor):
                message = (
                    f"max_lut={self._config.max_lut} cannot be met: with all weights that may change at zero, "
                    f"{_luts(floor)} LUTs are still expected"
                )
                raise ConfigError(message)
            return least
        for _ in range(_HALVINGS):
            middle = (low * high) ** 0.5
            found = self.at(middle)
            estimate = self.estimate(found)
            if not self.fits(estimate):
                low = middle
                continue
            high, best = middle, found
            if self._config.max_lut is not None and _luts(estimate) >= self._config.max_lut * (1 - _LUT_SLACK):
                break
        return best

    def _fixed(self, built: Callable[[tuple[Pick, ...]], Design]) -> int:
        """DSPs that no choice of constants saves."""
        if self._fixed_dsp is None:
            estimate = self.estimate(built(()))
            self._fixed_dsp = estimate.dsp.high
            if self._config.max_dsp is not None and self._fixed_dsp > self._config.max_dsp:
                raise ConfigError(_unreachable(estimate, self._config.max_dsp))
        return self._fixed_dsp

    def _longest(self, picks: tuple[Pick, ...], built: Callable[[tuple[Pick, ...]], Design]) -> Design:
        """The most of the picks that the exact count allows; nearly always all."""
        found = built(picks)
        if self._dsp_fit(found):
            return found
        fitting, too_many = 0, len(picks)
        while too_many - fitting > 1:
            middle = (fitting + too_many) // 2
            fitting, too_many = (middle, too_many) if self._dsp_fit(built(picks[:middle])) else (fitting, middle)
        return built(picks[:fitting])

    def _dsp_fit(self, design: Design) -> bool:
        return self._config.max_dsp is None or self.estimate(design).dsp.high <= self._config.max_dsp


def _problems(
    design: Design, config: Budget, importance: Importance, rules: MappingRules, before: Estimate
) -> tuple[LayerProblem, ...]:
    context = build_estimate_context(design, rules, find_device(str(before.device)))
    problems = []
    for layer in changeable_layers(design, config.exclude):
        prices = layer_prices(layer, context)
        if prices is None:
            continue
        weight = layer.parameters["weight"]
        codes: Codes = matrix_of(weight)
        low, high = weight.precision.min_code, weight.precision.max_code
        loss = importance.of(layer, (codes.shape[0], codes.shape[1])) * weight.precision.lsb**2
        allowed = None if config.max_dsp is None else allowed_codes(prices, low, high)
        problems.append(LayerProblem(layer.name, codes, loss, prices, allowed, high.bit_length()))
    if not problems:
        message = (
            "no layer's cost depends on its constants here: with weights in memory or reuse factors in the resource "
            "strategy only fewer bits or another strategy save anything"
        )
        raise ConfigError(message)
    return tuple(problems)


def _luts(estimate: Estimate) -> int:
    return 0 if estimate.fabric.lut is None else estimate.fabric.lut.value


def _unreachable(least: Estimate, asked: int) -> str:
    rest = ", ".join(f"{e.name} ({e.kind}) {e.dsp}" for e in least.layers if e.dsp is not None and e.dsp.high > 0)
    return (
        f"max_dsp={asked} cannot be met by choosing constants: {least.dsp.high} DSPs do not depend on those that may "
        f"change: {rest}"
    )
