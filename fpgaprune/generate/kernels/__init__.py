"""Own kernels for layers with known weights: which layers get one, its C++ text, and its place in hls4ml's graph."""

from fpgaprune.generate.kernels.attach import Kernels, attach_kernels, write_kernels

__all__ = ["Kernels", "attach_kernels", "write_kernels"]
