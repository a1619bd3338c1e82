"""What a design says of a layer's kernel, and what decides its cost without the kernel itself."""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from fpgaprune.estimate.kernels.plan import (
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
    return _attributes(plan.multipliers, plan.multiplied, len(plan.free), sorted(widths.items()))


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

    `bits` holds the bits of each product's constant in the order in which multipliers take them.
    """

    bits: NDArray[np.int64]
    shifts: int

    @classmethod
    def of(cls, needs: KernelNeeds | NDArray[np.int64]) -> "KernelCounts":
        """The counts for what is needed, or for all of a matrix of codes (inputs, outputs)."""
        plan = plan_kernel(needs, 1)
        multiplied = sorted(itertools.chain(*plan.lanes), key=by_output)
        return cls(np.array([signed_bits(product.code) for product in multiplied], dtype=np.int64), len(plan.free))

    def multipliers(self, reuse_factor: int) -> int:
        """Multipliers at a reuse factor."""
        return ceil(self.bits.size / reuse_factor)

    def attributes(self, reuse_factor: int, form: KernelForm = KernelForm.SLOTS) -> dict[str, int | str | bool]:
        """What `kernel_attributes` says of the plan at this reuse factor."""
        if form is KernelForm.ADDERS:
            return _attributes(0, 0, self.shifts + self.bits.size, ())
        multipliers = self.multipliers(reuse_factor)
        slots = ceil(self.bits.size / multipliers) if multipliers else 1
        widest = np.maximum.reduceat(self.bits, np.arange(0, self.bits.size, slots)) if multipliers else self.bits
        widths, counts = np.unique(widest, return_counts=True)
        return _attributes(multipliers, self.bits.size, self.shifts, zip(widths.tolist(), counts.tolist(), strict=True))


def multipliers_by_bits(text: str) -> Iterator[tuple[int, int]]:
    """(multipliers, bits of their constants) out of `kernel_bits`."""
    for part in text.split():
        count, _, bits = part.partition("x")
        yield int(count), int(bits)
