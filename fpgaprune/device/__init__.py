"""FPGA parts: what a DSP block multiplies and how many a part has."""

from fpgaprune.device.catalogue import find_device, load_catalogue
from fpgaprune.device.device import Device, DspBlock
from fpgaprune.device.resources import Resources

__all__ = ["Device", "DspBlock", "Resources", "find_device", "load_catalogue"]
