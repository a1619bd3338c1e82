"""Choose every type of the network so that the project computes what the model computes.

What the model's quantizers decide is kept exactly, rounding and overflow included. Matrix products accumulate without
loss. What is left open gets `width` bits placed by the observed range, rounded to nearest and saturating. An asked-for
precision replaces the chosen ones, never the model's own.
"""

from fpgaprune.generate.planning.choice import Plan
from fpgaprune.generate.planning.planner import plan_types

__all__ = ["Plan", "plan_types"]
