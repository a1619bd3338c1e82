"""Layers that multiply data by a matrix of constants: dense, convolution, depthwise, einsum_dense."""

from dataclasses import replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

from fpgaprune.design import Encoding, LayerKind, LayerSpec, Parameter, Strategy
from fpgaprune.estimate.context import Context, Finding
from fpgaprune.estimate.cost import NOTHING, Cost
from fpgaprune.estimate.kernels import multiplied_codes
from fpgaprune.estimate.positions import position_matrices
from fpgaprune.estimate.products import Products
from fpgaprune.estimate.slots import Sums, fill_slots, share
from fpgaprune.estimate.strategies import (
    ADDERS_ONLY,
    KERNEL_NOTE,
    Matrix,
    by_element,
    estimate_matrix,
    first_order,
    multiplies_at_once,
)
from fpgaprune.fixed_point import EXACT_WIDTH, FixedPoint
from fpgaprune.results import Bound

UNROLLED = 1 << 14  # constants; the tools unroll no loop of more than a quarter as many

_DEPTHWISE = frozenset({LayerKind.DEPTHWISE_CONV1D, LayerKind.DEPTHWISE_CONV2D})


def estimate_matrix_layer(layer: LayerSpec, context: Context) -> Finding:
    """Cost of a dense, convolution, depthwise or einsum_dense layer."""
    weight = layer.weight
    data = context.input_type(layer)
    if layer.strategy is Strategy.DISTRIBUTED_ARITHMETIC and (weight is None or data is None):
        # The project holds the adder graph instead of the constants it came from.
        return Finding(NOTHING, notes=(ADDERS_ONLY,))
    if weight is None or data is None:
        missing = "constants" if weight is None else "input type"
        return Finding(None, notes=(f"not estimated: its {missing} is not known",))
    if weight.encoding is Encoding.FIXED and weight.precision.width > EXACT_WIDTH:
        return Finding(None, notes=(f"not estimated: {weight.precision} is wider than {EXACT_WIDTH} bits",))
    matrix, live_products = _matrix(layer, weight, data, context)
    finding = _in_slots(estimate_matrix(matrix, context), layer, matrix, context)
    finding = _spanning_narrower(finding, layer, matrix, context)
    if matrix.written and not context.unrolls:
        finding = replace(finding, notes=(*finding.notes, KERNEL_NOTE), extrapolated=True)
    copies = 1 if context.streams else max(1, layer.parallelization_factor)
    products = (weight.values.size - weight.zeros) * copies
    notes, extrapolated = _doubts(layer, copies, context)
    dead = products - live_products
    if dead:
        what = "dead neurons" if layer.kind is LayerKind.DENSE else "padding and of dead neurons"
        notes = (*notes, f"{dead} products of {what} are removed")
    each = by_element(matrix, context.element_widths(layer), context)
    if each is not None:
        finding = each
    elif finding.cost is not None and context.narrowed(layer):
        cost = Cost(Bound(0, finding.cost.multipliers.high), Bound(0, finding.cost.dsp.high))
        notes = (*notes, "bounded: a quantizer gives every value its own type, and only the widest is known")
        finding = replace(finding, cost=cost)
    return replace(
        finding,
        products=products,
        first_order=first_order(replace(matrix, copies=copies), context),
        notes=(*finding.notes, *notes),
        extrapolated=finding.extrapolated or extrapolated,
    )


def _spanning_narrower(finding: Finding, layer: LayerSpec, matrix: Matrix, context: Context) -> Finding:
    """The bounds that hold data one bit narrower too, where their sign may be known and the bit decides."""
    width = matrix.data.width
    if context.unrolls:  # goes by the declared types
        return finding
    if finding.cost is None or not matrix.data.signed or width < 2 or not context.never_negative(layer):
        return finding
    price = context.pricing.dsp
    if all(price(width, bits) == price(width - 1, bits) for bits in range(1, matrix.weight.precision.width + 2)):
        return finding
    data = FixedPoint(width - 1, matrix.data.integer - 1, signed=False)
    narrower = estimate_matrix(replace(matrix, data=data), context).cost
    if narrower is None or narrower.dsp == finding.cost.dsp:
        return finding
    note = "bounded: its data are never negative, and the tool may drop their sign bit"
    return replace(finding, cost=finding.cost.spanning(narrower), notes=(*finding.notes, note))


def _in_slots(finding: Finding, layer: LayerSpec, matrix: Matrix, context: Context) -> Finding:
    """Closer bounds where the time slot of each product is known, and with it who can share a multiplier."""
    pricing, limit, accumulator = context.pricing, matrix.limit, layer.accumulator_precision
    fitting = None if pricing.implementation is not None else pricing.fitting_steps
    if finding.cost is None or finding.cost.dsp.is_exact or fitting is None or limit is None or accumulator is None:
        return finding
    unrolled = layer.kind is LayerKind.DENSE and matrix.strategy is Strategy.LATENCY and not context.streams
    if not unrolled or matrix.copies > 1 or not matrix.data.signed or matrix.codes.size > UNROLLED:
        return finding
    fraction = matrix.data.fraction + matrix.weight.precision.fraction
    bias = layer.parameters.get("bias")
    outputs = matrix.codes.shape[1]
    sums = Sums(
        data_width=matrix.data.width,
        dropped=max(0, fraction - accumulator.fraction),
        width=accumulator.width,
        bias=np.zeros(outputs, np.int64) if bias is None else accumulator.codes(bias.values.ravel()),
        packed=context.design[layer.inputs[0]].kind is LayerKind.INPUT,
    )
    slots = fill_slots(matrix.codes, sums, limit=max(1, limit), fitting=fitting, free_digits=context.rules.free_digits)
    if len(slots.second) > len(slots.first):
        return finding
    shared = share(slots, lambda constant: _price(constant, matrix.data.width, context))
    note = f"bounded: products without an equal constant share any multiplier; {shared.expected:.1f} DSPs on average"
    notes = () if shared.blocks.is_exact else (note,)
    return replace(finding, cost=replace(finding.cost, dsp=shared.blocks), notes=notes)


def _price(constant: int, data_width: int, context: Context) -> int:
    bits = (constant if constant > 0 else -constant - 1).bit_length() + int(constant < 0)
    return context.pricing.constant(data_width, bits, positive=constant > 0)[1]


def _matrix(layer: LayerSpec, weight: Parameter, data: FixedPoint, context: Context) -> tuple[Matrix, int]:
    """The product that is left of a layer, and how many products of constants that are not zero it has."""
    reuse_factor, codes = context.reuse_factor(layer), context.codes[layer.name]
    strategy = layer.strategy or Strategy.LATENCY
    limit = layer.multiplier_limit
    # Of several matrices hls4ml writes a limit that no count reaches (einsum_dense.py of 1.3.0: n_zeros = -1).
    several = layer.kind is LayerKind.EINSUM_DENSE and weight.values.shape[0] > 1
    if limit is None and reuse_factor > 1 and not several:
        zeros = layer.claimed_zeros if layer.claimed_zeros is not None else layer.zero_count
        limit = ceil(codes.size / reuse_factor) - zeros // reuse_factor
    bits = layer.attributes.get("kernel_bits") if layer.attributes.get("sparse_kernel") else None
    # Lines of a kernel for all positions at once, or unrolled, are products like any others.
    together = context.positions_apart(layer) and reuse_factor == 1
    lines = bool(bits) and (together or multiplies_at_once(layer, context))
    folds = context.folds(layer) and (bits is None or lines)
    if layer.kind is LayerKind.DENSE and folds:
        codes = context.liveness.live_codes(layer, codes)
    copies = context.live_positions(layer)
    live = int(np.count_nonzero(codes)) * copies
    apart = _apart(layer, codes, context, shifts=lines) if folds and weight.encoding is Encoding.FIXED else None
    if lines and apart is None:
        codes = multiplied_codes(layer, context.design)
    matrix = Matrix(
        codes=codes,
        weight=weight,
        data=data,
        strategy=strategy,
        reuse_factor=reuse_factor,
        limit=None if lines else limit,
        copies=copies,
        apart=None if apart is None else apart[0],
        limit_each=layer.kind is LayerKind.EINSUM_DENSE,  # each position is a call of the dense function
        constant=context.unrolls or not layer.attributes.get("store_weights_in_bram", False),
        kernel=None if bits is None or lines else str(bits),
        written=lines,
        sign_added=context.adds_sign(layer),
    )
    return matrix, live if apart is None else apart[1]


def _apart(
    layer: LayerSpec, codes: NDArray[np.int64], context: Context, *, shifts: bool
) -> tuple[Products, int] | None:
    """The multiplications of a convolution with hardware for each position, and its products without zeros."""
    if not context.positions_apart(layer):
        return None
    moving = context.liveness.moving.get(layer.inputs[0]) if layer.inputs else None
    matrices = position_matrices(layer, codes, moving, context.liveness.read.get(layer.name))
    if matrices is None:
        return None
    found, live = context.count(codes[:0]), 0
    for times, matrix in matrices:
        found += context.count(matrix, shifts=shifts).scaled(times)
        live += times * int(np.count_nonzero(matrix))
    return found, live


def _doubts(layer: LayerSpec, copies: int, context: Context) -> tuple[tuple[str, ...], bool]:
    """Combinations that no recorded report has confirmed."""
    rules, forced = context.rules, context.pricing.implementation is not None
    strategy, reuse_factor = layer.strategy or Strategy.LATENCY, context.reuse_factor(layer)
    notes = []
    if layer.kind is LayerKind.EINSUM_DENSE:
        notes.append("extrapolated: no report has an einsum_dense")
    elif copies > 1:
        notes.append(f"extrapolated: no report has {copies} positions in parallel")
    confirmed = rules.tool == "vivado_hls" and context.streams and strategy is Strategy.LATENCY
    if layer.kind in _DEPTHWISE and not confirmed:
        notes.append("extrapolated: depthwise convolutions were seen in Vivado HLS' streams at Latency only")
    if rules.tool == "vitis_hls" and strategy is Strategy.RESOURCE:
        notes.append("extrapolated: of Vitis HLS' reports only four layers, in streams, have the Resource strategy")
    elif rules.tool == "vitis_hls" and reuse_factor > 1 and not forced:
        notes.append(
            "extrapolated: in Vitis HLS' reports at default settings only three layers have a reuse factor above 1"
        )
    if strategy is Strategy.RESOURCE_UNROLLED and reuse_factor == 1:
        notes.append("extrapolated: no report has the strategy resource_unrolled")
    if context.unrolls and layer.kind is not LayerKind.DENSE:
        notes.append("extrapolated: no netlist of the open flow has a convolution")
    if context.unrolls and (layer.reuse_factor or 1) > 1:
        notes.append("the open flow unrolls everything: the reuse factor does not apply")
    return tuple(notes), any(note.startswith("extrapolated") for note in notes)
