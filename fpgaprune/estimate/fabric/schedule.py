"""How many clock cycles a layer takes, and how often it can start.

Delays in ns stand for the tools' own: a multiplication, and one level of an adder tree. They were read off the
latencies of layers in C-synthesis reports of public hls4ml projects: on UltraScale+ at 5 ns 8 to 11 summands take no
clock edge, 16 to 62 one; on 7-series of speed grade 2 at 5 ns 8 to 64 summands take three to four.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor
from types import MappingProxyType

from fpgaprune.design import Target
from fpgaprune.device import Device
from fpgaprune.estimate.fabric.prices import AdderPrice, adder_price
from fpgaprune.estimate.rules import MappingRules, version_of


@dataclass(frozen=True)
class Delays:
    """ns of a multiplication and of one level of additions."""

    multiply_ns: float
    add_ns: float


# By (tool, series): speed grade 2.
DELAYS: Mapping[tuple[str, str], Delays] = MappingProxyType({
    ("vivado_hls", "7series"): Delays(4.1, 2.0),
    ("vivado_hls", "ultrascale"): Delays(3.3, 1.2),
    ("vivado_hls", "ultrascale+"): Delays(2.32, 0.47),
    ("vitis_hls", "7series"): Delays(2.8, 3.2),
    ("vitis_hls", "ultrascale"): Delays(3.3, 1.2),
    ("vitis_hls", "ultrascale+"): Delays(2.32, 0.65),
})  # fmt: skip
# Additions of Vitis HLS up to 2022.1 on UltraScale+: with those of the later versions, a product's registers are half
# of what its only design reports, and with its own twice what those of 2022.2 to 2024.1 do (24 layers of six projects).
_EARLIER_ADD_NS, _LATER = 0.7, (2022, 2)
_PAIRS = 1.5  # additions that have to fit a period before two of them become one of three operands
_SLOW_MULTIPLY = 1.36  # 5.59 / 4.10 ns: 16 x 16 bits on 7-series of grade 1 and 2
_SLOW_ADD = 1.485  # the most at which trees of 4 levels on products take one clock edge at 10 ns, as in reports
_SERIES = {
    "spartan7": "7series",
    "artix7": "7series",
    "kintex7": "7series",
    "virtex7": "7series",
    "zynq": "7series",
    "kintexu": "ultrascale",
    "virtexu": "ultrascale",
}
DEFAULT_CLOCK_NS = 5.0  # hls4ml's own default
UNCERTAINTY = MappingProxyType({"vivado_hls": 0.125, "vitis_hls": 0.27})  # kept back of the period: UG902, UG1399


def series_of(device: Device) -> str:
    """The architecture whose delays apply: 7series, ultrascale or ultrascale+ (newer ones included)."""
    return _SERIES.get(device.family, "ultrascale+")


@dataclass(frozen=True)
class Clock:
    """A tool's picture of time on a device."""

    delays: Delays
    usable_ns: float
    adders: AdderPrice
    series: str

    def edges(self, levels: float, *, multiplies: bool, shifts: bool = False) -> int:
        """Clock edges between the inputs of a tree of `levels` additions and its result.

        Its operands are products (`multiplies`), or at least sums of shifted data (`shifts`).
        """
        return floor((levels * self.delays.add_ns + self._before(multiplies, shifts)) / self.usable_ns)

    def level_at(self, edge: int, *, multiplies: bool, shifts: bool = False) -> int | None:
        """Completed levels of additions at the clock edge; None while the products are not finished."""
        left = edge * self.usable_ns - self._before(multiplies, shifts)
        return None if left < 0 else int(left // self.delays.add_ns)

    def _before(self, multiplies: bool, shifts: bool) -> float:
        return self.delays.multiply_ns if multiplies else self.delays.add_ns if shifts else 0.0


def clock_of(target: Target, rules: MappingRules, device: Device) -> Clock:
    """The clock of a design for this target."""
    return build_clock(rules.tool, rules.version, device, target.clock_ns, uncertainty=target.clock_uncertainty)


def build_clock(
    tool: str,
    version: str | None,
    device: Device,
    clock_ns: float | None,
    *,
    uncertainty: float | None = None,
) -> Clock:
    """The clock of a design; Vitis HLS' delays for tools that have none.

    `uncertainty` is the share of the period that is kept back, by default the tool's own.
    """
    found = DELAYS.get((tool, series_of(device))) or DELAYS["vitis_hls", series_of(device)]
    if tool == "vitis_hls" and series_of(device) == "ultrascale+" and version and version_of(version) < _LATER:
        found = Delays(found.multiply_ns, _EARLIER_ADD_NS)
    if device.speed_grade == 1:
        found = Delays(found.multiply_ns * _SLOW_MULTIPLY, found.add_ns * _SLOW_ADD)
    series = series_of(device)
    kept = UNCERTAINTY.get(tool, UNCERTAINTY["vitis_hls"]) if uncertainty is None else uncertainty
    usable_ns = (clock_ns or DEFAULT_CLOCK_NS) * (1 - kept)
    adders = adder_price(tool, version, series, device.family)
    if tool == "vitis_hls" and usable_ns < _PAIRS * found.add_ns:
        adders = adders.unpaired()
    return Clock(found, usable_ns, adders, series)


def levels_of(summands: float) -> int:
    """Levels of a balanced tree."""
    return max(0, ceil(summands).bit_length() - int(summands > 0 and (ceil(summands) & (ceil(summands) - 1)) == 0))
