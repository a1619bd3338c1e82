"""Strategy, reuse factor and kernel of every layer, within limits on DSPs, LUTs, latency and interval."""

from fpgaprune.estimate.choose.options import Fixed, adder_lut
from fpgaprune.estimate.choose.pricer import Pricer
from fpgaprune.estimate.choose.within import choose_within

__all__ = ["Fixed", "Pricer", "adder_lut", "choose_within"]
