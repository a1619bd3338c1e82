"""Cost of one product of a data vector and a matrix of constants, by strategy."""

from dataclasses import dataclass
from functools import reduce
from math import ceil

import numpy as np
from numpy.typing import NDArray

from fpgaprune.design import Encoding, LayerSpec, Parameter, Strategy
from fpgaprune.estimate.context import Context, Finding
from fpgaprune.estimate.cost import NOTHING, Cost, constant_cost, exactly
from fpgaprune.estimate.kernels import multipliers_by_bits
from fpgaprune.estimate.products import Products, bits_of
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.results import Bound

KERNEL_NOTE = "extrapolated: sparse kernel, its multipliers counted in the text; no report of one was seen"
ADDERS_ONLY = "distributed arithmetic adds shifted data: no multiplier"


@dataclass(frozen=True)
class Matrix:
    """One product of a data vector and a matrix of constants, as the generated code configures it.

    `codes` is (inputs, outputs) with removed products already zero, `copies` the number of vectors at once whose
    results anyone reads. `apart` are the products of all of them, where they are not the same for each. `limit` is the
    written one: of all copies together, or of each where they `limit_each`; None where none is.
    """

    codes: NDArray[np.int64]
    weight: Parameter
    data: FixedPoint
    strategy: Strategy
    reuse_factor: int
    limit: int | None
    copies: int = 1
    apart: Products | None = None
    limit_each: bool = False
    constant: bool = True  # whether synthesis sees the values
    kernel: str | None = None  # of a sparse kernel: its multipliers by the width of their constants
    written: bool = False  # whether `codes` are what a sparse kernel multiplies by, each with a multiplier of its own
    sign_added: bool = False  # whether the data have no sign but the one that the tool adds

    @property
    def lanes(self) -> int:
        """Multipliers of a time-multiplexed product, each serving `reuse_factor` constants in turn."""
        return ceil(self.codes.size / self.reuse_factor) * self.copies


def estimate_matrix(matrix: Matrix, context: Context) -> Finding:
    """Cost by strategy."""
    if not matrix.copies:
        return Finding(NOTHING, notes=("removed: nobody reads its outputs",))
    if matrix.weight.encoding is not Encoding.FIXED:
        return Finding(NOTHING, notes=(f"{matrix.weight.encoding} constants need no multiplier",))
    if matrix.strategy is Strategy.DISTRIBUTED_ARITHMETIC:
        return Finding(NOTHING, notes=(ADDERS_ONLY,))
    if not matrix.constant:
        note = "extrapolated: weights in memory are not constants, so every lane multiplies"
        return Finding(_lanes_cost(matrix, context), notes=(note,), extrapolated=True)
    if matrix.kernel is not None:
        return written_kernel(matrix.kernel, matrix.data.width, context, copies=matrix.copies)
    if matrix.strategy is Strategy.RESOURCE and matrix.reuse_factor > 1:
        return _resource(matrix, context)
    if matrix.strategy is Strategy.RESOURCE_UNROLLED and matrix.reuse_factor > 1:
        return _unrolled(matrix, context)
    return _folded(matrix, context)


def multiplies_at_once(layer: LayerSpec, context: Context) -> bool:
    """Whether the signs of a sparse kernel's constants count, which the widths in its text do not tell.

    So it is without time slots, where the tool takes positive constants otherwise than negative ones.
    """
    return context.reuse_factor(layer) == 1 and (context.unrolls or context.rules.unsigned_positive)


def written_kernel(bits: str, data_width: int, context: Context, *, copies: int = 1) -> Finding:
    """A kernel of our own: the multipliers written in its text, each as wide as its widest constant."""
    parts = [
        exactly(count * copies, context.pricing.dsp(data_width, width)) for count, width in multipliers_by_bits(bits)
    ]
    return Finding(reduce(Cost.__add__, parts, NOTHING), notes=(KERNEL_NOTE,), extrapolated=True)


def _folded(matrix: Matrix, context: Context) -> Finding:
    """Every product by its own constant: Latency, and Resource at reuse factor 1."""
    products = _counted(matrix, context)
    shares = matrix.strategy is Strategy.LATENCY and not context.unrolls
    limited = matrix.limit if shares else None
    if limited is not None and matrix.limit_each:
        limited *= matrix.copies
    cost = constant_cost(products, matrix.data.width, context.pricing, limited, sign_added=matrix.sign_added)
    why = "bounded: which products share a multiplier or are pipelined is not known"
    if shares and limited is None and matrix.reuse_factor > 1:
        cost = cost.spanning(
            constant_cost(products, matrix.data.width, context.pricing, ceil(products.count / matrix.reuse_factor))
        )
        why = "bounded: the code limits its multipliers to no number that matters"
    elif matrix.copies > 1 and limited is not None and not matrix.limit_each:
        # The generated code states the limit of one position for all of them: the tool obeys it or gives up on it.
        cost = cost.spanning(constant_cost(products, matrix.data.width, context.pricing, limited * matrix.copies))
        why = f"bounded: the code states the multipliers of one position as the limit of all {matrix.copies} at once"
    return Finding(cost, notes=() if cost.dsp.is_exact else (why,))


def by_element(matrix: Matrix, widths: NDArray[np.int64] | None, context: Context) -> Finding | None:
    """The products of values that have a type each, every one by its own constant; None where either is not so."""
    constants = matrix.constant and matrix.kernel is None and matrix.weight.encoding is Encoding.FIXED
    alone = matrix.reuse_factor == 1 and matrix.copies == 1 and matrix.strategy in {Strategy.LATENCY, Strategy.RESOURCE}
    if widths is None or widths.size != matrix.codes.shape[0] or not (constants and alone) or context.unrolls:
        return None
    parts = [
        constant_cost(context.count(matrix.codes[widths == width]), int(width), context.pricing)
        for width in np.unique(widths[widths > 0])
    ]
    note = "a quantizer gives every value its own type, and each product is priced at its width"
    return Finding(reduce(Cost.__add__, parts, NOTHING), notes=(note,))


def _counted(matrix: Matrix, context: Context) -> Products:
    """Products of all copies."""
    return context.count(matrix.codes).scaled(matrix.copies) if matrix.apart is None else matrix.apart


def _lanes_cost(matrix: Matrix, context: Context) -> Cost:
    return exactly(matrix.lanes, context.pricing.dsp(matrix.data.width, matrix.weight.precision.width))


def _last_lane_bits(matrix: Matrix) -> int:
    """Bits that the constants of the last lane need: the last `reuse_factor` of them, output by output; 0 for zeros.

    hls4ml packs one constant of every lane into a word of memory (ARRAY_RESHAPE by blocks), the last lane uppermost,
    and the tool drops the upper bits that no word needs: so it is in all 160 weight memories that reports list.
    """
    return bits_of(matrix.codes.T.ravel()[(matrix.lanes // matrix.copies - 1) * matrix.reuse_factor :])


def _resource(matrix: Matrix, context: Context) -> Finding:
    """Multipliers that read their constant from memory: what it is does not matter."""
    rules, data = context.rules, matrix.data.width
    cost = _lanes_cost(matrix, context)
    price = context.pricing.dsp(data, matrix.weight.precision.width)
    note = "time-multiplexed: the count does not depend on the weights"
    bits = _last_lane_bits(matrix) if rules.narrows_last_lane else 0
    last = context.pricing.dsp(data, bits) if bits else price
    if last < price:
        dsp = Bound.exactly(cost.dsp.high - matrix.copies * (price - last))
        notes = (note, f"but for the last lane, whose values need {bits} of {matrix.weight.precision.width} bits")
        return Finding(Cost(cost.multipliers, dsp), notes=notes)
    if price == 0 and rules.fuses_lanes is not False and context.pricing.implementation != "fabric":
        return _fused(matrix, cost, note, context)
    return Finding(cost, notes=(note,))


_JOINS = 6  # bits of the narrower operand up to which reports show that they do


def _fused(matrix: Matrix, cost: Cost, note: str, context: Context) -> Finding:
    """Lanes too small for a DSP of their own: of two that feed one adder, one joins it in a DSP."""
    inputs, outputs = matrix.codes.shape
    per_output = max(1, matrix.lanes // (matrix.copies * outputs)) if matrix.reuse_factor <= inputs else 1
    joined = ceil(per_output / 2) * (matrix.lanes // per_output)
    narrow = min(matrix.data.width, matrix.weight.precision.width)
    if context.rules.fuses_lanes and narrow <= _JOINS:
        # Of eleven lanes with one sum seven did (one layer); of one or two, all that can (18 layers).
        most = joined + (per_output > 2 and per_output % 2)
        said = (note, "small lanes join their adders in DSPs")
        return Finding(Cost(cost.multipliers, Bound(joined, most)), notes=said, extrapolated=most > joined)
    why = "bounded: small lanes may join their adders in DSPs"
    return Finding(Cost(cost.multipliers, Bound(0, joined)), notes=(note, why), extrapolated=True)


def _unrolled(matrix: Matrix, context: Context) -> Finding:
    """Between what the reuse factor demands and the limit hls4ml writes; no report shows how many end in DSPs.

    The text has a product for each constant that is not zero. Its limit is that of all constants / min(reuse factor,
    inputs) less the lanes of `reuse_factor` constants, output by output, that are all zero (unrolled_codegen.py of
    hls4ml 1.3.0).
    """
    inputs, turns = matrix.codes.shape[0], matrix.reuse_factor
    flat = matrix.codes.T.ravel()
    lanes = np.pad(flat, (0, -flat.size % turns)).reshape(-1, turns)
    products = int(np.count_nonzero(flat))
    limit = ceil(flat.size / min(inputs, turns)) - int((~lanes.any(axis=1)).sum())
    multipliers = Bound(ceil(products / turns) * matrix.copies, min(products, limit) * matrix.copies)
    price = context.pricing.dsp(matrix.data.width, matrix.weight.precision.width)
    cost = Cost(multipliers, Bound(0, multipliers.high * price))
    note = "bounded: no report of resource_unrolled at a reuse factor above 1 was seen"
    return Finding(cost, notes=(note,), extrapolated=True)


def first_order(matrix: Matrix, context: Context) -> int:
    """What slides use: all constants / reuse factor x blocks of one full-width multiplication."""
    return matrix.lanes * context.pricing.tiles(matrix.data.width, matrix.weight.precision.width)
