"""What a design says of a layer's kernel, and what decides its cost without the kernel itself."""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil

import numpy as np
from numpy.typing import NDArray

from fpgaprune.csd import csd_digits
from fpgaprune.estimate.kernels.plan import (
    FREE_DIGITS,
    KernelForm,
    KernelNeeds,
    KernelPlan,
    by_output,
    lane_bits,
    plan_kernel,
    signed_bits,
)


def kernel_attributes(plan: KernelPlan) -> dict[str, int | str | bool]:
    """What a design says of a layer with such a kernel; `kernel_bits` counts multipliers by the width of constants."""
    widths = Counter(lane_bits(lane) for lane in plan.lanes)
    found = _attributes(plan.multipliers, plan.multiplied, len(plan.free), sorted(widths.items()))
    if plan.form is KernelForm.LANES:
        runs = {product.input // plan.reuse_factor for lane in plan.lanes for product in lane}
        return found | _in_lanes(len(runs))
    if plan.reuse_factor == 1 or not plan.lanes:
        return found
    firsts = sum(len({product.outputs[0] for product in lane}) for lane in plan.lanes)
    more = sum(len(product.outputs) - 1 for lane in plan.lanes for product in lane)
    return found | {"kernel_writes": firsts + more}


def _in_lanes(runs: int) -> dict[str, int | str | bool]:
    return {"kernel_form": KernelForm.LANES.value, "kernel_selectors": runs}


def layer_attributes(plans: Sequence[KernelPlan], prefixes: Sequence[str]) -> dict[str, int | str | bool]:
    """`kernel_attributes` of all kernels of a layer, each after its prefix."""
    return {
        f"{prefix}{name}": value
        for prefix, plan in zip(prefixes, plans, strict=True)
        for name, value in kernel_attributes(plan).items()
    }


def _attributes(
    multipliers: int, products: int, shifts: int, widths: Iterable[tuple[int, int]]
) -> dict[str, int | str | bool]:
    return {
        "sparse_kernel": True,
        "kernel_multipliers": multipliers,
        "kernel_products": products,
        "kernel_shifts": shifts,
        "kernel_bits": " ".join(f"{count}x{bits}" for bits, count in widths),
    }


@dataclass(frozen=True)
class KernelCounts:
    """What decides the cost of a layer's kernel at any reuse factor, without the kernel itself.

    `bits` holds the bits of each product's constant in the order in which multipliers take them, `firsts` and `more`
    its first output and the number of others.
    """

    bits: NDArray[np.int64]
    shifts: int
    firsts: NDArray[np.int64]
    more: NDArray[np.int64]
    needs: KernelNeeds

    @classmethod
    def of(cls, needs: KernelNeeds | NDArray[np.int64]) -> "KernelCounts":
        """The counts for what is needed, or for all of a matrix of codes (inputs, outputs)."""
        if not isinstance(needs, KernelNeeds):
            needs = KernelNeeds.of(needs)
        plan = plan_kernel(needs, 1)
        multiplied = sorted(itertools.chain(*plan.lanes), key=by_output)
        return cls(
            np.array([signed_bits(product.code) for product in multiplied], dtype=np.int64),
            len(plan.free),
            np.array([product.outputs[0] for product in multiplied], dtype=np.int64),
            np.array([len(product.outputs) - 1 for product in multiplied], dtype=np.int64),
            needs,
        )

    @cached_property
    def _moving(self) -> tuple[NDArray[np.int64], int]:
        """Codes (inputs, outputs) of the inputs that change, and the number of products of the others."""
        codes = np.zeros((self.needs.n_in, self.needs.n_out), dtype=np.int64)
        still = 0
        for product in self.needs.products:
            if product.still is None:
                codes[product.input, list(product.outputs)] = product.code
            else:
                still += 1
        return codes, still

    def multipliers(self, reuse_factor: int) -> int:
        """Multipliers that take turns, at a reuse factor."""
        return ceil(self.bits.size / reuse_factor)

    def attributes(self, reuse_factor: int, form: KernelForm = KernelForm.SLOTS) -> dict[str, int | str | bool]:
        """What `kernel_attributes` says of the plan at this reuse factor."""
        if form is KernelForm.ADDERS:
            return _attributes(0, 0, self.shifts + self.bits.size, ())
        if form is KernelForm.LANES:
            return self._lanes(reuse_factor)
        multipliers = self.multipliers(reuse_factor)
        slots = ceil(self.bits.size / multipliers) if multipliers else 1
        starts = np.arange(0, self.bits.size, slots)
        widest = np.maximum.reduceat(self.bits, starts) if multipliers else self.bits
        found = _attributes(multipliers, self.bits.size, self.shifts, _counted(widest))
        if reuse_factor == 1 or not multipliers:
            return found
        begins = np.diff(self.firsts, prepend=-1) != 0
        begins[starts] = True
        return found | {"kernel_writes": int(begins.sum() + self.more.sum())}

    def _lanes(self, reuse_factor: int) -> dict[str, int | str | bool]:
        codes, still = self._moving
        runs = codes.shape[0] // reuse_factor
        lanes = codes.T.reshape(-1, reuse_factor)
        kept = (csd_digits(lanes.ravel()).reshape(lanes.shape) > FREE_DIGITS).any(axis=1)
        held = lanes[kept]
        widest = _signed_bits(held).max(axis=1, initial=0)
        products = int(np.count_nonzero(held))
        shifts = int(np.count_nonzero(codes)) - products + still
        used = np.unique(np.flatnonzero(kept) % runs).size
        return _attributes(int(kept.sum()), products, shifts, _counted(widest)) | _in_lanes(int(used))


def _counted(widths: NDArray[np.int64]) -> Iterable[tuple[int, int]]:
    found, counts = np.unique(widths, return_counts=True)
    return zip(found.tolist(), counts.tolist(), strict=True)


def _signed_bits(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    magnitude = np.where(codes >= 0, codes, -codes - 1).astype(np.float64)
    return np.where(codes == 0, 0, np.frexp(magnitude)[1].astype(np.int64) + 1)


def multipliers_by_bits(text: str) -> Iterator[tuple[int, int]]:
    """(multipliers, bits of their constants) out of `kernel_bits`."""
    for part in text.split():
        count, _, bits = part.partition("x")
        yield int(count), int(bits)
