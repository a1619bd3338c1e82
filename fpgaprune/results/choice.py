"""What was chosen for every layer of a design to stay within limits, and what it is expected to cost."""

from dataclasses import dataclass
from typing import Any

from fpgaprune.results.estimate import Estimate
from fpgaprune.results.resources import Bound, Expected


@dataclass(frozen=True, slots=True)
class Limits:
    """The most a design may use; None where there is no limit."""

    dsp: int | None = None
    lut: int | None = None
    latency_cycles: int | None = None
    ii: int | None = None

    def __bool__(self) -> bool:
        return any(value is not None for value in (self.dsp, self.lut, self.latency_cycles, self.ii))


@dataclass(frozen=True, slots=True)
class LayerChoice:
    """One layer's strategy, reuse factor and kernel, with what they are expected to cost.

    `positions_at_once` is the parallelization factor of a convolution, None elsewhere.
    `kernel` is the form of a sparse kernel, None for hls4ml's own: "slots" has multipliers that take turns,
    "lanes" those of runs of inputs with their weights in tables, "adders" sums of shifts and no multiplier.
    `adder_lut` is the most LUTs of distributed arithmetic in its place, which needs no DSP; None where hls4ml has it
    not. `why` names what the choice saves against the fastest one.
    """

    name: str
    strategy: str
    reuse_factor: int
    positions_at_once: int | None
    kernel: str | None
    multipliers: Bound | None
    dsp: Bound | None
    lut: Expected | None
    latency_cycles: Expected | None
    ii: Expected | None
    adder_lut: int | None
    why: str


@dataclass(frozen=True, slots=True)
class DesignChoice:
    """The choice for every layer with weights, the limits it was made for, and the estimate of the whole.

    `multipliers` is "fabric" where all multiplications that are left must be put into LUTs to meet them.
    """

    limits: Limits
    layers: tuple[LayerChoice, ...]
    estimate: Estimate
    multipliers: str | None = None

    @property
    def in_doubt(self) -> tuple[str, ...]:
        """Limits that the expected value meets and the upper end of its range does not."""
        found = []
        for name in ("lut", "latency_cycles", "ii"):
            limit, expected = getattr(self.limits, name), getattr(self.estimate.fabric, name)
            if limit is not None and expected is not None and expected.high > limit:
                found.append(name)
        return tuple(found)

    def json(self) -> dict[str, Any]:
        """The choice as JSON-ready data."""
        return {
            "limits": {name: getattr(self.limits, name) for name in ("dsp", "lut", "latency_cycles", "ii")},
            "in_doubt": list(self.in_doubt),
            "multipliers": self.multipliers,
            "layers": [
                {
                    "name": layer.name,
                    "strategy": layer.strategy,
                    "reuse_factor": layer.reuse_factor,
                    "positions_at_once": layer.positions_at_once,
                    "kernel": layer.kernel,
                    "adder_lut": layer.adder_lut,
                    "why": layer.why,
                }
                for layer in self.layers
            ],
            "estimate": self.estimate.json(),
        }
