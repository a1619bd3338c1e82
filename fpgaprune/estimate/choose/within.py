"""The choice for a whole design: the search, corrected by the estimate of the design it leads to."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from math import floor

from fpgaprune.design import Design
from fpgaprune.device import Device
from fpgaprune.estimate.choose.explain import check_limits, layer_choice
from fpgaprune.estimate.choose.options import Fixed
from fpgaprune.estimate.choose.pricer import Pricer
from fpgaprune.estimate.choose.search import Search, State, Totals, build_search
from fpgaprune.estimate.network import device_of, estimate_design, implementation_asked
from fpgaprune.estimate.rules import MappingRules
from fpgaprune.results import DesignChoice, Estimate, Expected, Limits

IN_LUTS = "config_op mul -impl fabric"  # Vitis HLS: all multiplications of the design (AMD UG1399, config_op)
_CORRECTIONS = 4  # rounds in which the whole design's estimate corrects the sum over its layers


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
    search = build_search(design, Pricer.of(design, rules, device), origins, fixed, kernels)
    fastest = search.fastest()
    in_time = search.totals(fastest).in_time(limits)
    # Where nothing is fast enough, the other limits are still worth an answer.
    relaxed = limits if in_time else replace(limits, latency_cycles=None, ii=None)
    relaxed = _on_the_part(relaxed, search, device)
    state = search.within(relaxed)
    found = estimate_design(_assembled(design, state), rules, device)
    aim = relaxed
    for _ in range(_CORRECTIONS):
        if (closer := _corrected(aim, search.totals(state), found, relaxed)) == aim:
            break
        aim, state = closer, search.within(closer)
        found = estimate_design(_assembled(design, state), rules, device)
    in_luts = None
    if limits.dsp is not None and found.dsp.high > limits.dsp:
        in_luts = _in_luts(_assembled(design, state), rules, device, limits)
    check_limits(search, state, in_luts or found, limits, replace(relaxed, lut=limits.lut))
    found = in_luts or found
    layers = tuple(
        layer_choice(name, option, fastest[name], found, search.pricer, fixed.get(name))
        for name, option in state.items()
    )
    return DesignChoice(limits, layers, found, multipliers=None if in_luts is None else "fabric")


def _in_luts(design: Design, rules: MappingRules, device: Device, limits: Limits) -> Estimate | None:
    """The design with what multiplications are left in LUTs, where the tool can do that and they then suffice."""
    if rules.tool != "vitis_hls" or implementation_asked(design.target.directives) is not None:
        return None
    target = replace(design.target, directives=(*design.target.directives, IN_LUTS))
    found = estimate_design(replace(design, target=target), rules, device)
    lut = found.fabric.lut
    within = limits.lut is None or (lut is not None and lut.value <= limits.lut)
    return found if within and limits.dsp is not None and found.dsp.high <= limits.dsp else None


def _on_the_part(limits: Limits, search: Search, device: Device) -> Limits:
    """The limits with the LUTs of the part where none is asked for and they do: adders instead of DSPs take many."""
    whole = replace(limits, lut=device.available.lut)
    if limits.lut is not None or whole.lut is None or search.totals(search.within(whole)).over(whole) > 0:
        return limits
    return whole


def _corrected(aim: Limits, priced: Totals, found: Estimate, limits: Limits) -> Limits:
    """What to aim at where layers priced one by one were less than the design as a whole.

    Strategies decide which neurons synthesis sees to be dead, and what lies between layers; that is known of whole
    designs only.
    """
    fabric = found.fabric
    used = {"dsp": found.dsp.high, "lut": fabric.lut, "latency_cycles": fabric.latency_cycles, "ii": fabric.ii}
    changed = {}
    for name, value in used.items():
        limit, aimed = getattr(limits, name), getattr(aim, name)
        count = value.value if isinstance(value, Expected) else value
        if limit is not None and count is not None and count > limit:
            changed[name] = max(0, floor(min(aimed, getattr(priced, name)) - (count - limit)))
    return replace(aim, **changed)


def _assembled(design: Design, state: State) -> Design:
    built = {layer.name: layer for option in state.values() for layer in option.layers}
    return replace(design, layers=tuple(built.get(layer.name, layer) for layer in design))
