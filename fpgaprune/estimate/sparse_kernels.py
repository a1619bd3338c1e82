"""Which products a layer with known weights needs, and which multiplier computes each in which time slot.

The rules are R1 and R2 of the DSP model by construction instead of by an HLS tool's constant folding: zero needs
nothing, a code of one or two canonical signed digits is a shift or a sum of two, equal codes on one input are computed
once. What is left is spread over `ceil(multiplied / reuse_factor)` multipliers.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from fpgaprune.csd import csd_digits
from fpgaprune.design import Design, LayerKind, LayerSpec
from fpgaprune.errors import DesignError
from fpgaprune.estimate.liveness import read_elements

RECURRENT = frozenset({LayerKind.LSTM, LayerKind.GRU})
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
    multiplied.sort(key=_by_output)
    multipliers = ceil(len(multiplied) / reuse_factor)
    slots = ceil(len(multiplied) / multipliers) if multipliers else 0
    lanes = tuple(tuple(multiplied[n : n + slots]) for n in range(0, len(multiplied), slots)) if slots else ()
    return KernelPlan(n_in, n_out, reuse_factor, free, lanes, in_order=in_order)


def _by_output(product: KernelProduct) -> tuple[int, int]:
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


def kernel_parameters(layer: LayerSpec) -> tuple[str, ...]:
    """Names of the matrices of a layer, each with a kernel of its own: two for recurrent layers, else one."""
    wanted = ("weight", "recurrent_weight") if layer.kind in RECURRENT else ("weight",)
    return tuple(name for name in wanted if name in layer.parameters)


def kernel_names(layer: LayerSpec, index: str) -> tuple[str, ...]:
    """Classes of the kernels of a layer with that number, in the order of `kernel_parameters`."""
    return (f"sparse_{index}_1", f"sparse_{index}_2") if layer.kind in RECURRENT else (f"sparse_{index}",)


def kernel_matrix(layer: LayerSpec, name: str = "weight") -> NDArray[np.int64]:
    """The codes of a layer as (inputs, outputs) of one product of a vector; raises DesignError without weights.

    A convolution's inputs are those of one window. A depthwise one (depth multiplier 1) reads channel c for output c
    alone, so its matrix is zero elsewhere.
    """
    if name not in layer.parameters:
        message = f"layer {layer.name!r} has no weights for a kernel"
        raise DesignError(message)
    codes = layer.parameters[name].codes
    if layer.kind not in {LayerKind.DEPTHWISE_CONV1D, LayerKind.DEPTHWISE_CONV2D}:
        return codes.reshape(-1, codes.shape[-1])
    channels = codes.shape[-2]
    flat = codes.reshape(-1)
    matrix = np.zeros((flat.size, channels), dtype=np.int64)
    places = np.arange(flat.size)
    matrix[places, places % channels] = flat
    return matrix


def live_kernel_matrix(layer: LayerSpec, design: Design, name: str = "weight") -> NDArray[np.int64]:
    """`kernel_matrix` without the products of neurons that no later layer of `design` reads.

    Such a neuron meets zero weights only, by way of elementwise layers; whatever it holds, no output changes.
    """
    codes = kernel_matrix(layer, name)
    if layer.kind is not LayerKind.DENSE:
        return codes
    read = read_elements(design)[layer.name]
    if read.size != codes.shape[1] or read.all():
        return codes
    live = codes.copy()
    live[:, ~read] = 0
    return live


def signed_bits(code: int) -> int:
    """Bits of a two's complement number that holds `code`."""
    return (code if code >= 0 else -code - 1).bit_length() + 1


def lane_bits(lane: tuple[KernelProduct, ...]) -> int:
    """Width of the constants one multiplier gets."""
    return max(signed_bits(product.code) for product in lane)


def kernel_attributes(plan: KernelPlan) -> dict[str, int | str | bool]:
    """What a design says of a layer with such a kernel; `kernel_bits` counts multipliers by the width of constants."""
    widths = Counter(lane_bits(lane) for lane in plan.lanes)
    return _attributes(plan.multipliers, plan.multiplied, len(plan.free), sorted(widths.items()))


def layer_attributes(plans: Sequence[KernelPlan]) -> dict[str, int | str | bool]:
    """`kernel_attributes` of all kernels of a layer; those of a recurrent layer's second matrix as `recurrent_…`."""
    first = kernel_attributes(plans[0]) if plans else {}
    more = kernel_attributes(plans[1]) if len(plans) > 1 else {}
    return first | {f"recurrent_{name}": value for name, value in more.items()}


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
    def of(cls, codes: NDArray[np.int64]) -> "KernelCounts":
        """The counts for `codes` (inputs, outputs)."""
        plan = plan_kernel(codes, 1)
        multiplied = sorted(itertools.chain(*plan.lanes), key=_by_output)
        return cls(np.array([signed_bits(product.code) for product in multiplied], dtype=np.int64), len(plan.free))

    def multipliers(self, reuse_factor: int) -> int:
        """Multipliers at a reuse factor."""
        return ceil(self.bits.size / reuse_factor)

    def attributes(self, reuse_factor: int) -> dict[str, int | str | bool]:
        """What `kernel_attributes` says of the plan at this reuse factor."""
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
