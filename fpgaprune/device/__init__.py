"""FPGA parts: what a DSP block multiplies and how many a part has."""

from fpgaprune.device.resources import Resources

__all__ = ["Resources"]
