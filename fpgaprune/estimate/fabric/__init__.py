"""LUTs, flip-flops, block RAM, latency and initiation interval of a design, from its structure.

All numbers are those C synthesis is expected to report. Structure (adders and their widths, shift-adds, multipliers
in LUTs, tables, memories) follows from the constants and types; what a unit of each costs, and the range that
recorded reports lie in, come from `model.toml`.
"""

from fpgaprune.estimate.fabric.model import FabricModel, load_model, read_model
from fpgaprune.estimate.fabric.network import DesignFabric, describe_design, estimate_fabric
from fpgaprune.estimate.fabric.structure import Structure

__all__ = [
    "DesignFabric",
    "FabricModel",
    "Structure",
    "describe_design",
    "estimate_fabric",
    "load_model",
    "read_model",
]
