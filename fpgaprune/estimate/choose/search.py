"""Greedy search: everything as fast as it goes, then reuse where it saves most per cycle, then back what is left over.

DSPs count with the upper end of their bound; LUTs, latency and interval with the expected value, and the range of
each is told.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from fpgaprune.design import Design
from fpgaprune.device import Device
from fpgaprune.errors import ConfigError
from fpgaprune.estimate.choose.options import Fixed, Option, Pricer, adder_lut, groups_of, options_of
from fpgaprune.estimate.fabric.network import total_timing
from fpgaprune.estimate.fabric.structure import LayerFabric
from fpgaprune.estimate.network import device_of, estimate_design, estimate_layer
from fpgaprune.estimate.rules import MappingRules
from fpgaprune.results import DesignChoice, Estimate, Expected, LayerChoice, Limits

_CORRECTIONS = 4  # rounds in which the whole design's estimate corrects the sum over its layers

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
class _Search:
    pricer: Pricer
    options: Mapping[str, tuple[Option, ...]]
    rest: tuple[LayerFabric, ...]  # of layers that are not chosen
    rest_dsp: int
    rest_lut: float

    def totals(self, state: State) -> Totals:
        fabrics = [*self.rest, *(fabric for option in state.values() for fabric in option.fabrics)]
        latency, ii = total_timing(fabrics, self.pricer.context)
        dsp = self.rest_dsp + sum(option.dsp for option in state.values())
        lut = self.rest_lut + sum(option.lut for option in state.values())
        return Totals(dsp, lut, latency, max(1.0, ii))

    def fastest(self) -> State:
        return {name: min(options, key=_speed) for name, options in self.options.items()}

    def moves(self, state: State) -> Iterator[tuple[State, Totals]]:
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
                return state
            state, now = max(better, key=lambda move: _worth(now, move[1], limits))
        return self.hastened(state, limits)

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


def _speed(option: Option) -> tuple[float, float, int, float, bool]:
    latency = sum(fabric.latency_cycles for fabric in option.fabrics)
    ii = max(fabric.ii for fabric in option.fabrics)
    return latency, ii, option.dsp, option.lut, option.sparse_kernel


def _time(totals: Totals) -> float:
    return totals.latency_cycles + totals.ii


def _worth(now: Totals, then: Totals, limits: Limits) -> float:
    """What a move saves of what is too much, per cycle it costs."""
    return (now.over(limits) - then.over(limits)) / (max(0.0, _time(then) - _time(now)) + 0.5)


def choose_within(
    design: Design,
    rules: MappingRules,
    limits: Limits,
    *,
    device: Device | None = None,
    fixed: Mapping[str, Fixed] | None = None,
    kernels: Collection[str] = (),
    origins: Mapping[str, str] | None = None,
) -> DesignChoice:
    """Strategy, reuse factor and kernel of every layer of `design` within the limits, as fast as they allow.

    `fixed` holds what is settled, by layer; `kernels` names the layers that may have a sparse kernel; `origins` gives
    the name that parts of one layer are set by. Raises ConfigError naming each limit that cannot be met, with the
    least that was found.
    """
    fixed, origins = fixed or {}, origins or {}
    device = device or device_of(design)[0]
    search = _search(design, Pricer.of(design, rules, device), origins, fixed, kernels)
    fastest = search.fastest()
    in_time = search.totals(fastest).in_time(limits)
    # Where nothing is fast enough, the other limits are still worth an answer.
    relaxed = limits if in_time else replace(limits, latency_cycles=None, ii=None)
    state = search.within(relaxed)
    found = estimate_design(_assembled(design, state), rules, device)
    aim = relaxed
    for _ in range(_CORRECTIONS):
        if (closer := _corrected(aim, found, relaxed)) == aim:
            break
        aim, state = closer, search.within(closer)
        found = estimate_design(_assembled(design, state), rules, device)
    _check(search, state, found, limits, relaxed)
    layers = tuple(
        _layer_choice(name, option, fastest[name], found, search.pricer, fixed.get(name))
        for name, option in state.items()
    )
    return DesignChoice(limits, layers, found)


def _corrected(aim: Limits, found: Estimate, limits: Limits) -> Limits:
    """What to aim at where layers priced one by one were less than the design as a whole.

    Strategies decide which neurons synthesis sees to be dead, and that is known of whole designs only.
    """
    fabric = found.fabric
    used = {"dsp": found.dsp.high, "lut": fabric.lut, "latency_cycles": fabric.latency_cycles, "ii": fabric.ii}
    changed = {}
    for name, value in used.items():
        limit, aimed = getattr(limits, name), getattr(aim, name)
        count = value.value if isinstance(value, Expected) else value
        if limit is not None and count is not None and count > limit:
            changed[name] = max(0, aimed - (count - limit))
    return replace(aim, **changed)


def _search(
    design: Design,
    pricer: Pricer,
    origins: Mapping[str, str],
    fixed: Mapping[str, Fixed],
    kernels: Collection[str],
) -> _Search:
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
    return _Search(pricer, options, tuple(fabrics), sum(costs), lut)


def _assembled(design: Design, state: State) -> Design:
    built = {layer.name: layer for option in state.values() for layer in option.layers}
    return replace(design, layers=tuple(built.get(layer.name, layer) for layer in design))


def _check(search: _Search, state: State, found: Estimate, limits: Limits, relaxed: Limits) -> None:
    """Raise ConfigError for what cannot be met, each with the least there is in the time that `relaxed` allows."""
    misses = [*_hardware_misses(search, found, relaxed), *_time_misses(found, search.totals(search.fastest()), limits)]
    unknown = [name for name in ("lut", "latency_cycles", "ii") if getattr(limits, name) is not None]
    if unknown and found.fabric.lut is None:
        misses.append(f"a limit on {', '.join(unknown)} cannot be held: {found.fabric.doubt or 'it is not estimated'}")
    if misses:
        totals = search.totals(state)
        message = (
            f"{'; '.join(misses)}. The nearest that was found has {totals.dsp} DSPs, {totals.lut:.0f} LUTs, "
            f"a latency of {totals.latency_cycles:.0f} cycles and an interval of {totals.ii:.0f}"
        )
        raise ConfigError(message)


def _hardware_misses(search: _Search, found: Estimate, limits: Limits) -> Iterator[str]:
    lut = found.fabric.lut
    if limits.dsp is not None and found.dsp.high > limits.dsp:
        least = search.totals(search.within(replace(limits, dsp=0, lut=None))).dsp
        yield _miss("DSPs", limits.dsp, found.dsp.high, least)
    if limits.lut is not None and lut is not None and lut.value > limits.lut:
        least = round(search.totals(search.within(replace(limits, dsp=None, lut=0))).lut)
        yield _miss("LUTs", limits.lut, lut.value, least)


def _time_misses(found: Estimate, fastest: Totals, limits: Limits) -> Iterator[str]:
    cycles, interval = found.fabric.latency_cycles, found.fabric.ii
    if limits.latency_cycles is not None and cycles is not None and cycles.value > limits.latency_cycles:
        yield _miss("cycles of latency", limits.latency_cycles, cycles.value, round(fastest.latency_cycles))
    if limits.ii is not None and interval is not None and interval.value > limits.ii:
        yield _miss("cycles between two inputs", limits.ii, interval.value, round(fastest.ii))


def _miss(what: str, limit: int, found: int, least: int) -> str:
    if least > limit:
        return f"the limit of {limit} {what} cannot be met: {least} are the least that was found, {least - limit} more"
    return f"the limit of {limit} {what} cannot be met beside the others: {found} are left, {found - limit} more"


def _layer_choice(
    name: str, option: Option, fastest: Option, found: Estimate, pricer: Pricer, fixed: Fixed | None
) -> LayerChoice:
    names = {layer.name for layer in option.layers}
    estimates = [layer for layer in found.layers if layer.name in names]
    only = estimates[0] if len(estimates) == 1 else None
    dsps = [layer.dsp for layer in estimates if layer.dsp is not None]
    counts = [layer.multipliers for layer in estimates if layer.multipliers is not None]
    adders = [lut for layer in option.layers if (lut := adder_lut(layer)) is not None]
    model, regime = pricer.model, "all"
    latency = sum(fabric.latency_cycles for fabric in option.fabrics)
    interval = max(fabric.ii for fabric in option.fabrics)
    return LayerChoice(
        name=name,
        strategy=option.strategy.value,
        reuse_factor=option.reuse_factor,
        sparse_kernel=option.sparse_kernel,
        multipliers=sum(counts[1:], counts[0]) if counts else None,
        dsp=sum(dsps[1:], dsps[0]) if dsps else None,
        lut=only.fabric.lut if only else model.around("lut", regime, option.lut),
        latency_cycles=only.fabric.latency_cycles if only else model.around("latency_cycles", regime, latency),
        ii=only.fabric.ii if only else model.around("ii", regime, interval),
        adder_lut=sum(adders) if len(adders) == len(option.layers) else None,
        why=_why(option, fastest, fixed),
    )


def _why(option: Option, fastest: Option, fixed: Fixed | None) -> str:
    settled = [] if fixed is None else [key for key in ("strategy", "reuse_factor") if getattr(fixed, key) is not None]
    said = [f"{' and '.join(settled).replace('_', ' ')} as set"] if settled else []
    if option is fastest:
        return "; ".join([*said, "fastest"])
    cycles = sum(f.latency_cycles for f in option.fabrics) - sum(f.latency_cycles for f in fastest.fabrics)
    saved = []
    if option.dsp != fastest.dsp:
        saved.append(f"{fastest.dsp - option.dsp} DSPs")
    if round(option.lut) != round(fastest.lut):
        saved.append(f"{fastest.lut - option.lut:.0f} LUTs")
    return "; ".join([*said, f"saves {' and '.join(saved) or 'nothing'} for {cycles:.0f} cycles"])
