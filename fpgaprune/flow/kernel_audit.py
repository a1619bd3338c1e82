"""The products in the text of our kernels, held against the weights beside them."""

from collections.abc import Iterable, Iterator
from math import ceil
from pathlib import Path

from fpgaprune.design import Design
from fpgaprune.estimate.kernels import (
    KernelForm,
    KernelNeeds,
    KernelPlan,
    KernelProduct,
    kernel_names,
    kernel_needs,
    kernel_prefixes,
    kernel_reuse_factor,
    plan_kernel,
)
from fpgaprune.read.project.folder import ProjectFolder
from fpgaprune.read.project.kernels import read_kernel
from fpgaprune.results.audit import AuditDifference

_LOOKS = "weights against kernel"


def kernel_differences(project: Path, written: Design) -> Iterator[AuditDifference]:
    """Products that should not be in a kernel's text, that are missing, or that have another constant."""
    folder = ProjectFolder(project)
    for layer in written:
        if not layer.attributes.get("sparse_kernel") or layer.config is None:
            continue
        names = kernel_names(layer, layer.config.removeprefix("config"))
        for prefix, name in zip(kernel_prefixes(layer), names, strict=True):
            matrix = f"{prefix}weight"
            fraction = layer.parameters[matrix].precision.fraction
            plan = read_kernel(folder, name, fraction, kernel_reuse_factor(layer, prefix))
            yield from _differences(layer.name, matrix, kernel_needs(layer, written, matrix), plan)


def _differences(layer: str, matrix: str, needs: KernelNeeds, plan: KernelPlan) -> Iterator[AuditDifference]:
    if (plan.n_in, plan.n_out) != (needs.n_in, needs.n_out):
        wanted, shape = (f"{one.n_in} x {one.n_out}" for one in (needs, plan))
        yield AuditDifference(_LOOKS, layer, matrix, "shape", wanted, shape)
        return
    expected, found = _codes(needs.products), _codes(plan.products())
    off = sorted(place for place in expected.keys() | found.keys() if expected.get(place) != found.get(place))
    if off:
        code, other = (_shown(codes.get(off[0])) for codes in (expected, found))
        yield AuditDifference(_LOOKS, layer, matrix, "code of a product", code, other, off[0], len(off))
    pairs = sum(len(product.outputs) for product in plan.products())
    if pairs != len(expected):
        yield AuditDifference(_LOOKS, layer, matrix, "number of products", str(len(expected)), str(pairs))
    multipliers = ceil(plan.multiplied / plan.reuse_factor)
    if plan.form is KernelForm.LANES:
        multipliers = plan_kernel(needs, plan.reuse_factor, form=plan.form).multipliers
    if plan.multipliers != multipliers:
        yield AuditDifference(_LOOKS, layer, matrix, "multipliers", str(multipliers), str(plan.multipliers))


def _codes(products: Iterable[KernelProduct]) -> dict[tuple[int, int], tuple[int, int | None]]:
    """Code, and that of the input where it never changes, by (input, output)."""
    found: dict[tuple[int, int], tuple[int, int | None]] = {}
    for product in products:
        for output in product.outputs:
            code = found.get((product.input, output), (0, None))[0] + product.code
            found[product.input, output] = (code, product.still)
    return found


def _shown(code: tuple[int, int | None] | None) -> str:
    if code is None:
        return "0"
    return str(code[0]) if code[1] is None else f"{code[0]} on an input that is always {code[1]}"
