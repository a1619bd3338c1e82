"""The fitted part: what one unit of each kind of structure costs, and how far recorded reports lie from it."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from fpgaprune.estimate.fabric.structure import Structure
from fpgaprune.results import Expected

COVERAGE = 0.9
SMALL = 16  # counts below which a relative range says little


@dataclass(frozen=True)
class Range:
    """Report over estimate: 5 % of the recorded ones lie below `low`, 5 % above `high`; `count` there were."""

    low: float
    high: float
    count: int

    def around(self, value: float, least: int = 0) -> Expected:
        """The expected count with its range, which does not begin below `least`."""
        middle = max(0, round(value))
        low = max(least, round(value * self.low) - (1 if value < SMALL else 0))
        high = round(value * self.high) + (1 if value < SMALL else 0)
        return Expected(middle, min(low, middle), max(high, middle), COVERAGE)


@dataclass(frozen=True)
class FabricModel:
    """Prices per unit of structure, and ranges by resource and regime (such as `vitis_hls latency`)."""

    prices: Mapping[str, Mapping[str, float]]
    ranges: Mapping[str, Mapping[str, Range]]
    source: str
    vsynth_lut: float  # median of LUTs after logic synthesis over those of C synthesis
    vsynth_lut_range: Range

    def expect(self, resource: str, structure: Structure) -> float:
        """Expected count of `resource` (lut, ff, bram_18k) for a structure."""
        return sum(price * float(getattr(structure, term)) for term, price in self.prices[resource].items())

    def around(self, resource: str, regime: str, value: float) -> Expected:
        """`value` with the range of its regime, or of all of them together where that has too few reports."""
        ranges = self.ranges[resource]
        return ranges.get(regime, ranges["all"]).around(value, 1 if resource == "ii" else 0)

    def after_synthesis(self, lut: Expected | None) -> Expected | None:
        """LUTs that logic synthesis leaves of those C synthesis expects."""
        if lut is None:
            return None
        factors = self.vsynth_lut_range
        return Expected(
            round(lut.value * self.vsynth_lut),
            round(lut.value * factors.low),
            round(lut.value * factors.high),
            COVERAGE,
        )


@cache
def load_model() -> FabricModel:
    """Read the file that comes with the package, once."""
    text = resources.files("fpgaprune.estimate.fabric").joinpath("model.toml").read_text(encoding="utf-8")
    return read_model(text)


def read_model(text: str) -> FabricModel:
    """The model a TOML text describes."""
    data = tomllib.loads(text)
    return FabricModel(
        prices=data["prices"],
        ranges={name: _ranges(found) for name, found in data["ranges"].items()},
        source=data["source"],
        vsynth_lut=float(data["vsynth"]["lut"]["median"]),
        vsynth_lut_range=_ranges(data["vsynth"])["lut"],
    )


def _ranges(found: Mapping[str, Mapping[str, float]]) -> dict[str, Range]:
    return {name: Range(float(r["low"]), float(r["high"]), int(r["count"])) for name, r in found.items()}
