"""Which products a layer with known weights needs, and which multiplier computes each in which time slot.

The rules are R1 and R2 of the DSP model by construction instead of by an HLS tool's constant folding: zero needs
nothing, a code of one or two canonical signed digits is a shift or a sum of two, equal codes on one input are computed
once. What is left is spread over `ceil(multiplied / reuse_factor)` multipliers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from fpgaprune.csd import csd_digits

FREE_DIGITS = 2  # codes of so many signed digits are wires or one adder


@dataclass(frozen=True, slots=True)
class KernelProduct:
    """One input times one integer code, added to one or more outputs."""

    input: int
    code: int
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class KernelPlan:
    """The products of one vector of `n_in` values and a matrix with `n_out` columns.

    `free` need no multiplier. `lanes` holds what each multiplier computes, in the order of its time slots; at a reuse
    factor of 1 every lane has one product. `in_order` says that sums are taken in the order of the inputs, as an
    accumulator that saturates demands.
    """

    n_in: int
    n_out: int
    reuse_factor: int
    free: tuple[KernelProduct, ...]
    lanes: tuple[tuple[KernelProduct, ...], ...]
    in_order: bool = False

    @property
    def multipliers(self) -> int:
        """Multipliers in hardware, for one vector at a time."""
        return len(self.lanes)

    @property
    def multiplied(self) -> int:
        """Products that need a multiplier."""
        return sum(len(lane) for lane in self.lanes)

    @property
    def slots(self) -> int:
        """Time slots, at most `reuse_factor`."""
        return max((len(lane) for lane in self.lanes), default=0)

    def products(self) -> Iterator[KernelProduct]:
        """All products, those without a multiplier first."""
        yield from self.free
        for lane in self.lanes:
            yield from lane


def plan_kernel(codes: NDArray[np.int64], reuse_factor: int, *, in_order: bool = False) -> KernelPlan:
    """The plan for `codes` (inputs, outputs); takes time in proportion to the nonzero codes."""
    products = _merged(codes)
    digits = csd_digits([product.code for product in products]) if products else np.zeros(0, dtype=np.int64)
    free = tuple(p for p, n in zip(products, digits, strict=True) if n <= FREE_DIGITS)
    multiplied = [p for p, n in zip(products, digits, strict=True) if n > FREE_DIGITS]
    n_in, n_out = codes.shape
    if reuse_factor == 1:
        return KernelPlan(n_in, n_out, 1, free, tuple((p,) for p in multiplied), in_order=True)
    multiplied.sort(key=by_output)
    multipliers = ceil(len(multiplied) / reuse_factor)
    slots = ceil(len(multiplied) / multipliers) if multipliers else 0
    lanes = tuple(tuple(multiplied[n : n + slots]) for n in range(0, len(multiplied), slots)) if slots else ()
    return KernelPlan(n_in, n_out, reuse_factor, free, lanes, in_order=in_order)


def by_output(product: KernelProduct) -> tuple[int, int]:
    """Products of one output side by side: a multiplier then serves few outputs, with few selections behind it."""
    return product.outputs[0], product.input


def _merged(codes: NDArray[np.int64]) -> list[KernelProduct]:
    """Nonzero codes by input and code; outputs ascending, inputs ascending, codes in order of their first output."""
    found: list[KernelProduct] = []
    rows, columns = np.nonzero(codes)
    values = codes[rows, columns]
    row = -1
    by_code: dict[int, list[int]] = {}

    def close() -> None:
        found.extend(KernelProduct(row, code, tuple(outputs)) for code, outputs in by_code.items())

    for i, j, code in zip(rows.tolist(), columns.tolist(), values.tolist(), strict=True):
        if i != row:
            close()
            row, by_code = i, {}
        by_code.setdefault(code, []).append(j)
    close()
    return found


def signed_bits(code: int) -> int:
    """Bits of a two's complement number that holds `code`."""
    return (code if code >= 0 else -code - 1).bit_length() + 1


def lane_bits(lane: tuple[KernelProduct, ...]) -> int:
    """Width of the constants one multiplier gets."""
    return max(signed_bits(product.code) for product in lane)
