"""Sparse kernels before they are text: the products that weights need, and which multiplier computes which when."""

from fpgaprune.estimate.kernels.counts import KernelCounts, kernel_attributes, layer_attributes, multipliers_by_bits
from fpgaprune.estimate.kernels.layers import (
    RECURRENT,
    exact_sums,
    kernel_matrix,
    kernel_names,
    kernel_needs,
    kernel_parameters,
    kernel_prefixes,
    kernel_reuse_factor,
    multiplied_codes,
    sums_in_order,
)
from fpgaprune.estimate.kernels.plan import (
    FREE_DIGITS,
    KernelForm,
    KernelNeeds,
    KernelPlan,
    KernelProduct,
    has_lanes,
    lane_bits,
    plan_kernel,
    signed_bits,
)

__all__ = [
    "FREE_DIGITS",
    "RECURRENT",
    "KernelCounts",
    "KernelForm",
    "KernelNeeds",
    "KernelPlan",
    "KernelProduct",
    "exact_sums",
    "has_lanes",
    "kernel_attributes",
    "kernel_matrix",
    "kernel_names",
    "kernel_needs",
    "kernel_parameters",
    "kernel_prefixes",
    "kernel_reuse_factor",
    "lane_bits",
    "layer_attributes",
    "multiplied_codes",
    "multipliers_by_bits",
    "plan_kernel",
    "signed_bits",
    "sums_in_order",
]
