"""What a comparison shows: each number declared once, with its unit, its direction and how near is near enough."""

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of a report or an estimate.

    `tolerance` is the relative error up to which estimate and report agree, `least` the absolute one that never counts
    as a disagreement. Only `decides` metrics make a verdict: the others are shown with their error.
    """

    name: str
    title: str
    unit: str
    better: Literal["lower", "higher"]
    tolerance: float
    least: float
    layers: bool = True  # known of layers, not of the whole design only
    decides: bool = False


# DSP: over the public projects of the recorded reports the count is exact for most designs, and 2 % is where the
# residuals of the others begin. LUT to II: what benchmarks/resource_accuracy.py finds of whole projects, leave one
# repository out; a clock that misses its target by less than a per cent is met by most tools' own margins.
METRICS: Final = (
    Metric("dsp", "DSP", "blocks", "lower", 0.02, 1, decides=True),
    Metric("lut", "LUT", "LUTs", "lower", 0.25, 100),
    Metric("ff", "FF", "flip-flops", "lower", 0.35, 100),
    Metric("bram_18k", "BRAM 18K", "RAMB18", "lower", 0.1, 2),
    Metric("uram", "URAM", "blocks", "lower", 0.1, 1),
    Metric("latency_cycles", "latency", "cycles", "lower", 0.15, 2),
    Metric("ii", "II", "cycles", "lower", 0.15, 1),
    Metric("lut_after_synthesis", "LUT after logic synthesis", "LUTs", "lower", 0.35, 100, layers=False),
    Metric("clock_estimated_ns", "clock reached", "ns", "lower", 0.01, 0.0, layers=False),
    Metric("wns_ns", "worst slack", "ns", "higher", 0.0, 0.0, layers=False),
)
METRIC: Final = {metric.name: metric for metric in METRICS}
