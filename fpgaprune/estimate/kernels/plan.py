"""Which products a layer with known weights needs, and which multiplier computes each in which time slot.

The rules are R1 and R2 of the DSP model by construction instead of by an HLS tool's constant folding: zero needs
nothing, a code of one or two canonical signed digits is a shift or a sum of two, equal codes on one input are computed
once. What is left is spread over `ceil(multiplied / reuse_factor)` multipliers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil

import numpy as np
from numpy.typing import NDArray

from fpgaprune.csd import csd_digits
from fpgaprune.errors import DesignError

FREE_DIGITS = 2  # codes of so many signed digits are wires or one adder


class KernelForm(StrEnum):
    """How a kernel computes the products that are no shifts or sums of two."""

    SLOTS = "slots"  # by multipliers, each with one product per time slot
    LANES = "lanes"  # by a multiplier for each run of `reuse_factor` inputs of an output, with its weights from a table
    ADDERS = "adders"  # by shifts and adders, one adder per signed digit beyond the first: no multiplier at all


@dataclass(frozen=True, slots=True)
class KernelProduct:
    """One input times one integer code, added to one or more outputs.

    `still` is the code of an input that never changes: then both factors are constants.
    """

    input: int
    code: int
    outputs: tuple[int, ...]
    still: int | None = None


@dataclass(frozen=True)
class KernelNeeds:
    """The products that `n_in` inputs and `n_out` outputs need, by input, each code once per input."""

    n_in: int
    n_out: int
    products: tuple[KernelProduct, ...]

    @classmethod
    def of(cls, codes: NDArray[np.int64], still: Mapping[int, int] | None = None) -> "KernelNeeds":
        """Those of a matrix (inputs, outputs); `still` has the codes of inputs that never change.

        Products of inputs that are always zero are left out. Takes time in proportion to the nonzero codes.
        """
        found = _merged(codes)
        if still:
            found = [replace(one, still=still.get(one.input)) for one in found if still.get(one.input) != 0]
        return cls(codes.shape[0], codes.shape[1], tuple(found))

    @classmethod
    def diagonal(cls, codes: NDArray[np.int64]) -> "KernelNeeds":
        """Those of a scale: input i times code i is output i."""
        found = (KernelProduct(place, code, (place,)) for place, code in enumerate(codes.tolist()) if code)
        return cls(codes.size, codes.size, tuple(found))


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
    form: KernelForm = KernelForm.SLOTS

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
        if self.form is KernelForm.LANES and self.lanes:
            return self.reuse_factor
        return max((len(lane) for lane in self.lanes), default=0)

    def products(self) -> Iterator[KernelProduct]:
        """All products, those without a multiplier first."""
        yield from self.free
        for lane in self.lanes:
            yield from lane


def plan_kernel(
    needs: KernelNeeds | NDArray[np.int64],
    reuse_factor: int,
    *,
    in_order: bool = False,
    form: KernelForm = KernelForm.SLOTS,
) -> KernelPlan:
    """The plan for what is needed, or for all of a matrix of codes (inputs, outputs)."""
    if not isinstance(needs, KernelNeeds):
        needs = KernelNeeds.of(needs)
    n_in, n_out, products = needs.n_in, needs.n_out, needs.products
    if form is KernelForm.ADDERS:
        return KernelPlan(n_in, n_out, reuse_factor, products, (), in_order=True, form=form)
    if form is KernelForm.LANES:
        return _in_lanes(needs, reuse_factor)
    digits = csd_digits([product.code for product in products]) if products else np.zeros(0, dtype=np.int64)
    is_free = [n <= FREE_DIGITS or p.still is not None for p, n in zip(products, digits, strict=True)]
    free = tuple(p for p, alone in zip(products, is_free, strict=True) if alone)
    multiplied = [p for p, alone in zip(products, is_free, strict=True) if not alone]
    if reuse_factor == 1:
        return KernelPlan(n_in, n_out, 1, free, tuple((p,) for p in multiplied), in_order=True)
    multiplied.sort(key=by_output)
    multipliers = ceil(len(multiplied) / reuse_factor)
    slots = ceil(len(multiplied) / multipliers) if multipliers else 0
    lanes = tuple(tuple(multiplied[n : n + slots]) for n in range(0, len(multiplied), slots)) if slots else ()
    return KernelPlan(n_in, n_out, reuse_factor, free, lanes, in_order=in_order)


def has_lanes(n_in: int, reuse_factor: int, *, in_order: bool) -> bool:
    """Whether lanes of that many weights each serve one output, and sums may be taken in any order."""
    return reuse_factor > 1 and n_in % reuse_factor == 0 and not in_order


def _in_lanes(needs: KernelNeeds, reuse_factor: int) -> KernelPlan:
    """A lane holds the weights of one output on `reuse_factor` inputs in a row, as hls4ml's Resource kernels have them.

    Those without a product that needs a multiplier are shifts and adders, and take none.
    """
    if not has_lanes(needs.n_in, reuse_factor, in_order=False):
        message = f"{needs.n_in} inputs are no whole lanes of {reuse_factor}"
        raise DesignError(message)
    free = [product for product in needs.products if product.still is not None]
    lanes: dict[tuple[int, int], list[KernelProduct]] = {}
    for product in needs.products:
        if product.still is None:
            for output in product.outputs:
                alone = replace(product, outputs=(output,))
                lanes.setdefault((output, product.input // reuse_factor), []).append(alone)
    kept = []
    for _, lane in sorted(lanes.items()):
        multiplies = (csd_digits([product.code for product in lane]) > FREE_DIGITS).any()
        (kept.append(tuple(lane)) if multiplies else free.extend(lane))
    return KernelPlan(needs.n_in, needs.n_out, reuse_factor, tuple(free), tuple(kept), form=KernelForm.LANES)


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
