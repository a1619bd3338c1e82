"""Sparse kernels before they are text: the products that weights need, and which multiplier computes which when."""

from fpgaprune.estimate.kernels.counts import KernelCounts, kernel_attributes, layer_attributes, multipliers_by_bits
from fpgaprune.estimate.kernels.layers import (
    RECURRENT,
    kernel_matrix,
    kernel_names,
    kernel_parameters,
    live_kernel_matrix,
)
from fpgaprune.estimate.kernels.plan import (
    FREE_DIGITS,
    KernelPlan,
    KernelProduct,
    lane_bits,
    plan_kernel,
    signed_bits,
)

__all__ = [
    "FREE_DIGITS",
    "RECURRENT",
    "KernelCounts",
    "KernelPlan",
    "KernelProduct",
    "kernel_attributes",
    "kernel_matrix",
    "kernel_names",
    "kernel_parameters",
    "lane_bits",
    "layer_attributes",
    "live_kernel_matrix",
    "multipliers_by_bits",
    "plan_kernel",
    "signed_bits",
]
