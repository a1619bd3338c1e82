"""Greedy search: everything as fast as it goes, then reuse where it saves most per cycle, then back what is left over.

DSPs count with the upper end of their bound; LUTs, latency and interval with the expected value, and the range of
each is told.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from fpgaprune.design import Design
from fpgaprune.errors import ConfigError
from fpgaprune.estimate.choose.options import Fixed, groups_of, options_of
from fpgaprune.estimate.choose.pricer import Option, Pricer
from fpgaprune.estimate.fabric.network import total_timing
from fpgaprune.estimate.fabric.structure import LayerFabric
from fpgaprune.estimate.network import estimate_layer
from fpgaprune.results import Limits

State = Mapping[str, Option]  # the option of every group


@dataclass(frozen=True, slots=True)
class Totals:
    """What a state is expected to use."""

    dsp: int
    lut: float
    latency_cycles: float
    ii: float

    def over(self, limits: Limits) -> float:
        """How far DSPs and LUTs lie above their limits, as a sum of fractions; 0 within them."""
        pairs = ((self.dsp, limits.dsp), (self.lut, limits.lut))
        return sum(max(0.0, used - limit) / max(1, limit) for used, limit in pairs if limit is not None)

    def in_time(self, limits: Limits) -> bool:
        """Whether latency and interval lie within their limits."""
        pairs = ((self.latency_cycles, limits.latency_cycles), (self.ii, limits.ii))
        return all(limit is None or round(used) <= limit for used, limit in pairs)


@dataclass(frozen=True)
class Search:
    """The options of every group of layers, and what the layers without options use."""

    pricer: Pricer
    options: Mapping[str, tuple[Option, ...]]
    rest: tuple[LayerFabric, ...]  # of layers that are not chosen
    rest_dsp: int
    rest_lut: float

    def totals(self, state: State) -> Totals:
        """What a state uses: the sum over its layers, priced one by one."""
        fabrics = [*self.rest, *(fabric for option in state.values() for fabric in option.fabrics)]
        latency, ii = total_timing(fabrics, self.pricer.context, self.pricer.clock.series)
        dsp = self.rest_dsp + sum(option.dsp for option in state.values())
        lut = self.rest_lut + sum(option.lut for option in state.values())
        return Totals(dsp, lut, latency, max(1.0, ii))

    def fastest(self) -> State:
        """Every group as fast as it goes."""
        return {name: min(options, key=_speed) for name, options in self.options.items()}

    def moves(self, state: State) -> Iterator[tuple[State, Totals]]:
        """Every state that differs in one group, with what it uses."""
        for name, options in self.options.items():
            for option in options:
                if option is not state[name]:
                    moved = {**state, name: option}
                    yield moved, self.totals(moved)

    def within(self, limits: Limits) -> State:
        """The state nearest to DSPs and LUTs within the limits, in the time that is allowed."""
        state = self.fastest()
        now = self.totals(state)
        while now.over(limits) > 0:
            better = [
                (moved, then)
                for moved, then in self.moves(state)
                if then.over(limits) < now.over(limits) and then.in_time(limits)
            ]
            if not better:
                small = self.smallest(limits)
                there = self.totals(small)
                fits = there.over(limits) == 0 and there.in_time(limits)
                return self.hastened(small, limits) if fits else state
            state, now = max(better, key=lambda move: _worth(now, move[1], limits))
        return self.hastened(state, limits)

    def smallest(self, limits: Limits) -> State:
        """Every group with the option that takes the least of the limits: where single moves lead nowhere."""

        def share(option: Option) -> tuple[float, float]:
            pairs = ((option.dsp, limits.dsp), (option.lut, limits.lut))
            return sum(used / max(1, limit) for used, limit in pairs if limit is not None), option.cycles

        return {name: min(options, key=share) for name, options in self.options.items()}

    def hastened(self, state: State, limits: Limits) -> State:
        """Less reuse where the limits leave room for it."""
        now = self.totals(state)
        while True:
            faster = [
                (moved, then)
                for moved, then in self.moves(state)
                if then.over(limits) == 0 and then.in_time(limits) and _time(then) < _time(now)
            ]
            if not faster:
                return state
            state, now = min(faster, key=lambda move: (_time(move[1]), move[1].dsp, move[1].lut))


def _speed(option: Option) -> tuple[float, float, bool, int, float]:
    return (
        option.cycles,
        option.ii,
        option.kernel is not None,
        option.dsp,
        option.lut,
    )  # hls4ml's own where that is as fast


def _time(totals: Totals) -> float:
    return totals.latency_cycles + totals.ii


def _worth(now: Totals, then: Totals, limits: Limits) -> float:
    """What a move saves of what is too much, per cycle it costs."""
    return (now.over(limits) - then.over(limits)) / (max(0.0, _time(then) - _time(now)) + 0.5)


def build_search(
    design: Design,
    pricer: Pricer,
    origins: Mapping[str, str],
    fixed: Mapping[str, Fixed],
    kernels: Collection[str],
) -> Search:
    """The search for a design; raises ConfigError where nothing is open to a choice."""
    groups = groups_of(design, origins, pricer)
    options = {
        name: found
        for name, group in groups.items()
        if (found := options_of(group, pricer, fixed.get(name, Fixed()), kernels))
    }
    if not options:
        message = f"the design {design.name!r} has no layer whose strategy or reuse factor could be chosen"
        raise ConfigError(message)
    chosen = {layer.name for name in options for layer in groups[name]}
    rest = [layer for layer in design if layer.name not in chosen]
    fabrics = [fabric for layer in rest if (fabric := pricer.fabric(layer)) is not None]
    costs = [cost.high for layer in rest if (cost := estimate_layer(layer, pricer.context).dsp) is not None]
    lut = sum(pricer.model.expect("lut", fabric.whole) for fabric in fabrics)
    return Search(pricer, options, tuple(fabrics), sum(costs), lut)
