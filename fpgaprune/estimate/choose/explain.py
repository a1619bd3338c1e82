"""What a choice says: the limits that cannot be met and by how much, and what every layer's choice saves."""

from collections.abc import Iterator
from dataclasses import replace

from fpgaprune.errors import ConfigError
from fpgaprune.estimate.choose.builds import CONVOLUTIONS
from fpgaprune.estimate.choose.options import Fixed, adder_lut
from fpgaprune.estimate.choose.pricer import Option, Pricer
from fpgaprune.estimate.choose.search import Search, State, Totals
from fpgaprune.estimate.kernels import KernelForm
from fpgaprune.estimate.network import estimate_layer
from fpgaprune.results import Estimate, LayerChoice, Limits

_SETTLED = ("strategy", "reuse_factor", "parallelization_factor")
_SHOWN = 4  # layers that a message names


def check_limits(search: Search, state: State, found: Estimate, limits: Limits, relaxed: Limits) -> None:
    """Raise ConfigError for what cannot be met, each with the least there is in the time that `relaxed` allows."""
    misses = [
        *_hardware_misses(search, state, found, relaxed),
        *_time_misses(found, search.totals(search.fastest()), limits),
    ]
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


def _hardware_misses(search: Search, state: State, found: Estimate, limits: Limits) -> Iterator[str]:
    lut = found.fabric.lut
    if limits.dsp is not None and found.dsp.high > limits.dsp:
        fewest = search.within(replace(limits, dsp=0, lut=None))
        least = search.totals(fewest).dsp
        yield _miss("DSPs", limits.dsp, found.dsp.high, least) + _holders(
            search, fewest if least > limits.dsp else state
        )
    if limits.lut is not None and lut is not None and lut.value > limits.lut:
        least = round(search.totals(search.within(replace(limits, dsp=None, lut=0))).lut)
        yield _miss("LUTs", limits.lut, lut.value, least)


def _holders(search: Search, state: State) -> str:
    """Which layers hold the DSPs of a state, the most first."""
    held = {name: option.dsp for name, option in state.items() if option.dsp}
    for layer in search.pricer.design:
        if layer.name not in {one.name for option in state.values() for one in option.layers}:
            cost = estimate_layer(layer, search.pricer.context).dsp
            if cost is not None and cost.high:
                held[layer.name] = cost.high
    shown = sorted(held.items(), key=lambda pair: -pair[1])[:_SHOWN]
    return f" (in {', '.join(f'{name} {count}' for name, count in shown)})" if shown else ""


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


def layer_choice(
    name: str, option: Option, fastest: Option, found: Estimate, pricer: Pricer, fixed: Fixed | None
) -> LayerChoice:
    """What was chosen for the layers of one group, by the estimate of the whole design, and what that saves."""
    names = {layer.name for layer in option.layers}
    estimates = [layer for layer in found.layers if layer.name in names]
    only = estimates[0] if len(estimates) == 1 else None
    dsps = [layer.dsp for layer in estimates if layer.dsp is not None]
    counts = [layer.multipliers for layer in estimates if layer.multipliers is not None]
    adders = [lut for layer in option.layers if (lut := adder_lut(layer)) is not None]
    model, regime = pricer.model, "all"
    return LayerChoice(
        name=name,
        strategy=option.strategy.value,
        reuse_factor=option.reuse_factor,
        positions_at_once=_positions_at_once(option, pricer),
        kernel=_kernel(option),
        multipliers=sum(counts[1:], counts[0]) if counts else None,
        dsp=sum(dsps[1:], dsps[0]) if dsps else None,
        lut=only.fabric.lut if only else model.around("lut", regime, option.lut),
        latency_cycles=only.fabric.latency_cycles if only else model.around("latency_cycles", regime, option.cycles),
        ii=only.fabric.ii if only else model.around("ii", regime, option.ii),
        adder_lut=sum(adders) if len(adders) == len(option.layers) else None,
        why=_why(option, fastest, fixed),
    )


def _kernel(option: Option) -> str | None:
    if any(layer.attributes.get("kernel_form") == KernelForm.LANES for layer in option.layers):
        return KernelForm.LANES.value
    return None if option.kernel is None else option.kernel.value


def _positions_at_once(option: Option, pricer: Pricer) -> int | None:
    convolutions = all(layer.kind in CONVOLUTIONS for layer in option.layers)
    return option.parallelization_factor if convolutions and not pricer.context.streams else None


def _why(option: Option, fastest: Option, fixed: Fixed | None) -> str:
    settled = [] if fixed is None else [key for key in _SETTLED if getattr(fixed, key) is not None]
    said = [f"{' and '.join(settled).replace('_', ' ')} as set"] if settled else []
    if option is fastest:
        return "; ".join([*said, "fastest"])
    cycles = option.cycles - fastest.cycles
    changes = (
        (fastest.dsp - option.dsp, "DSPs"),
        (round(fastest.lut - option.lut), "LUTs"),
        (round(-cycles), "cycles"),
    )
    saved = " and ".join(f"{change} {what}" for change, what in changes if change > 0) or "nothing"
    paid = " and ".join(f"{-change} {what}" for change, what in changes if change < 0)
    return "; ".join([*said, f"saves {saved} for {paid} more" if paid else f"saves {saved}"])
