"""Synthesis reports of Vitis HLS and Vivado HLS."""
