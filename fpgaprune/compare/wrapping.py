"""Where a report's top function only wraps the network: hls4ml's accelerator backends, hand-written bus interfaces."""

from dataclasses import replace
from typing import Final

from fpgaprune.design import Design
from fpgaprune.results import SynthesisReport

_ROUNDED: Final = 0.01  # of a period: reports round to 10 ps


def network_report(design: Design, report: SynthesisReport) -> SynthesisReport:
    """The report of the network's own function inside another top; the report itself where the top is the network.

    An estimate is of the network. What surrounds it (`myproject_axi` converts and counts every word of its streams)
    takes registers and cycles of its own: 6273 cycles around a network of 1189 in one of the recorded designs.
    """
    module = None if report.top == design.name else report.module(design.name)
    if module is None or module.used.dsp is None:
        return report
    return replace(
        report,
        top=module.name,
        used=module.used,
        latency_cycles=module.latency_cycles,
        latency_min_cycles=module.latency_min_cycles,
        ii=module.ii,
    )


def at_clock_of(design: Design, report: SynthesisReport) -> tuple[Design, tuple[str, ...]]:
    """The design at the clock its report was made for, and where the project states another one, that it does.

    Linkers of accelerators and scripts of one's own synthesize at other clocks than the project's script asks for;
    registers, latency and what a multiplication costs follow the clock.
    """
    asked, run, kept = design.target, report.clock_ns, report.clock_uncertainty_ns
    if not run:
        return design, ()
    share = asked.clock_uncertainty
    if kept is not None and kept < run and (share is None or abs(kept / run - share) > _ROUNDED):
        share = round(kept / run, 3)
    found = design.with_target(replace(asked, clock_ns=run, clock_uncertainty=share))
    if asked.clock_ns is None or abs(asked.clock_ns - run) <= _ROUNDED * run:
        return design.with_target(replace(found.target, clock_ns=asked.clock_ns or run)), ()
    return found, (
        f"the report was made for a clock of {run:g} ns, the project asks for {asked.clock_ns:g} ns; the estimate "
        "follows the report",
    )


def surroundings(whole: SynthesisReport, network: SynthesisReport) -> str | None:
    """In words what the report's top has besides the network; None where it is the network."""
    if whole is network:
        return None
    more = []
    for name, title in (("dsp", "DSPs"), ("lut", "LUTs"), ("ff", "flip-flops"), ("bram_18k", "RAMB18")):
        outer, inner = getattr(whole.used, name), getattr(network.used, name)
        if outer is not None and inner is not None and outer > inner:
            more.append(f"{outer - inner} {title}")
    if whole.latency_cycles is not None and network.latency_cycles is not None:
        more.append(f"{whole.latency_cycles - network.latency_cycles} cycles")
    around = ", ".join(more) or "nothing"
    return f"the report's top {whole.top} wraps {network.top}, which is what is compared; it adds {around}"
