"""What a synthesis report says, typed and with its origin."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from fpgaprune.results.resources import Resources


class Stage(StrEnum):
    """How far the design went when the report was written."""

    CSYNTH = "csynth"
    COSIM = "cosim"
    VSYNTH = "vsynth"
    IMPL = "impl"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class MultiplyOperator:
    """One multiplier a report lists: operand widths in bits, and its price where given."""

    name: str
    width_a: int | None
    width_b: int | None
    dsp: int | None
    lut: int | None = None
    constant: int | None = None


@dataclass(frozen=True, slots=True)
class ModuleReport:
    """One module (function instance) of the synthesized design, its children included in `used`."""

    name: str
    used: Resources
    latency_cycles: int | None = None
    ii: int | None = None
    instances: tuple[str, ...] = ()  # names of the modules it instantiates, one per instance, in program order
    multipliers: tuple[MultiplyOperator, ...] = ()  # its own, those of its children are theirs
    input_bits: int | None = None  # sum over its data ports, control left out
    output_bits: int | None = None
    output_ports: int | None = None
    path: Path | None = None
    latency_min_cycles: int | None = None


@dataclass(frozen=True, slots=True)
class SynthesisReport:
    """A synthesis report of a whole design; whatever it does not say is None.

    `latency_cycles` and `ii` are the worst case. `clock_ns` is the period asked for, `clock_estimated_ns` the one the
    tool expects or reached, `wns_ns` the worst slack against the period asked for (negative: missed).
    """

    stage: Stage
    tool: str
    tool_version: str | None
    top: str
    part: str | None
    clock_ns: float | None
    used: Resources
    available: Resources
    latency_cycles: int | None = None
    ii: int | None = None
    modules: tuple[ModuleReport, ...] = field(default=())
    written: datetime | None = None  # as the report says, in the time zone of the machine that wrote it
    path: Path | None = None
    notes: tuple[str, ...] = ()  # what was left out while reading, and why
    latency_min_cycles: int | None = None
    clock_estimated_ns: float | None = None
    wns_ns: float | None = None
    passed: bool | None = None  # of co-simulation
    directives: tuple[str, ...] = ()  # settings of operators the run was made with, as Tcl
    clock_uncertainty_ns: float | None = None  # kept back of the period asked for
    rules: str | None = None  # the rule set imposed on an open flow; vendors' tools follow their own

    def module(self, name: str) -> ModuleReport | None:
        """The module called `name`; None where the report has none of that name."""
        return next((module for module in self.modules if module.name == name), None)
