"""What a design will cost, from its weights and the rules of the synthesis tool."""

from fpgaprune.estimate.network import build_estimate_context, device_of, estimate_design
from fpgaprune.estimate.rules import TOOLS, MappingRules, Residual, rules_for, tool_of, version_of

__all__ = [
    "TOOLS",
    "MappingRules",
    "Residual",
    "build_estimate_context",
    "device_of",
    "estimate_design",
    "rules_for",
    "tool_of",
    "version_of",
]
