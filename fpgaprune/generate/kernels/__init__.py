"""Own kernels for layers with known weights: which layers get one, its C++ text, and its place in hls4ml's graph."""

from fpgaprune.generate.kernels.attach import Kernels, attach_kernels, write_kernels
from fpgaprune.generate.kernels.choose import KernelChoices, choose_kernels, kernel_candidates, origin_of, with_latency

__all__ = [
    "KernelChoices",
    "Kernels",
    "attach_kernels",
    "choose_kernels",
    "kernel_candidates",
    "origin_of",
    "with_latency",
    "write_kernels",
]
