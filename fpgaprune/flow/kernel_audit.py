"""The products in the text of our kernels, held against the weights beside them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fpgaprune.design import Design
from fpgaprune.estimate.kernels import KernelPlan, kernel_names, kernel_parameters, live_kernel_matrix
from fpgaprune.read.project.folder import ProjectFolder
from fpgaprune.read.project.kernels import kernel_codes, read_kernel
from fpgaprune.results.audit import AuditDifference


def kernel_differences(project: Path, written: Design) -> Iterator[AuditDifference]:
    """Products that should not be in a kernel's text, that are missing, or that have another constant."""
    folder = ProjectFolder(project)
    for layer in written:
        if not layer.attributes.get("sparse_kernel") or layer.config is None:
            continue
        names = kernel_names(layer, layer.config.removeprefix("config"))
        for matrix, name in zip(kernel_parameters(layer), names, strict=True):
            weight = layer.parameters[matrix]
            plan = read_kernel(folder, name, weight.precision.fraction, layer.reuse_factor or 1)
            yield from _differences(layer.name, matrix, live_kernel_matrix(layer, written, matrix), plan)


def _differences(layer: str, matrix: str, codes: NDArray[np.int64], plan: KernelPlan) -> Iterator[AuditDifference]:
    looks = "weights against kernel"
    if (plan.n_in, plan.n_out) != codes.shape:
        expected, shape = (" x ".join(map(str, size)) for size in (codes.shape, (plan.n_in, plan.n_out)))
        yield AuditDifference(looks, layer, matrix, "shape", expected, shape)
        return
    found = kernel_codes(plan)
    off = found != codes
    if off.any():
        index = tuple(int(place) for place in np.argwhere(off)[0])
        values = str(codes[index]), str(found[index])
        yield AuditDifference(looks, layer, matrix, "code of a product", *values, index, int(np.count_nonzero(off)))
    pairs = sum(len(product.outputs) for product in plan.products())
    if pairs != np.count_nonzero(codes):
        yield AuditDifference(looks, layer, matrix, "number of products", str(np.count_nonzero(codes)), str(pairs))
