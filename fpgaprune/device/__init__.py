"""FPGA parts: what a DSP block multiplies and how many a part has."""
