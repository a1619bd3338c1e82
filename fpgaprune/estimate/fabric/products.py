"""Structure and timing of products of data by a matrix of constants: dense layers, convolutions, gates."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

from fpgaprune.csd import csd_digits
from fpgaprune.design import Encoding, Parameter, Strategy
from fpgaprune.estimate.fabric.constants import count_constants
from fpgaprune.estimate.fabric.lanes import describe_lanes
from fpgaprune.estimate.fabric.matrix import MatrixProduct, ProductTiming
from fpgaprune.estimate.fabric.prices import (
    WIDE_BLOCKS,
    WIDE_MULTIPLIER_FF,
    dsp_multiplier_lut,
    fabric_multiplier_lut,
    multiplexer_lut,
)
from fpgaprune.estimate.fabric.schedule import Clock, levels_of
from fpgaprune.estimate.fabric.structure import Structure
from fpgaprune.estimate.fabric.trees import Trees, grow_trees, operand_widths
from fpgaprune.estimate.pricing import Pricing
from fpgaprune.estimate.rules import MappingRules, version_of
from fpgaprune.fixed_point import EXACT_WIDTH, FixedPoint, Overflow


def describe_product(product: MatrixProduct, pricing: Pricing, clock: Clock) -> tuple[Structure, ProductTiming]:
    """What the product is made of, and its timing."""
    if product.folds or product.strategy is Strategy.DISTRIBUTED_ARITHMETIC:
        return _folded(product, pricing, clock)
    return describe_lanes(product, pricing, clock)


def _folded(product: MatrixProduct, pricing: Pricing, clock: Clock) -> tuple[Structure, ProductTiming]:
    data, weight, accumulator = product.data, product.weight, product.accumulator
    dropped = 0
    if weight.encoding is Encoding.FIXED:
        dropped = max(0, data.fraction + weight.precision.fraction - accumulator.fraction)
    chained = dropped == 0 and _chains(pricing.rules)
    trees = grow_trees(
        operand_widths(product.codes, data.width, signed=data.signed),
        _bias_widths(product.bias, accumulator),
        dropped=dropped,
        cap=accumulator.width,
    )
    constants = count_constants(
        product.codes,
        data.width,
        _multiplier_prices(pricing, data.width, clock.series, resource=product.strategy is Strategy.RESOURCE),
        free_digits=_MOST_BITS if product.adders else pricing.rules.free_digits,
        negates=dropped > 0,
    )
    wanted = constants.multipliers
    limited = product.strategy is Strategy.LATENCY and product.limit is not None and product.reuse_factor > 1
    shared = min(wanted, max(1, product.limit or 1)) if limited else wanted
    turns = ceil(wanted / shared) if shared else 1
    levels, multiplies = trees.count_deepest if chained else trees.levels, wanted > 0
    digits = int(csd_digits(product.codes.ravel()).max(initial=1)) if product.adders else 1
    if digits > pricing.rules.free_digits:
        # No report has such sums: they are taken to be no faster than the multiplication they replace.
        levels, multiplies = levels + levels_of(digits) - 1, True
    shifts = constants.shift_adds > 0
    base = clock.edges(levels * (_CHAIN_SHARE if chained else 1.0), multiplies=multiplies, shifts=shifts)
    edges = base + turns - 1
    copies = product.copies
    distinct_bits = max(0.0, constants.bits - dropped * constants.products)
    waiting = min(distinct_bits, trees.live_bits[0])
    at = [clock.level_at(edge, multiplies=multiplies, shifts=shifts) for edge in range(1, base + 1)]
    pipeline, delayed = _registers(product, trees, at, waiting, chained=chained)
    sharing = 2 * shared * float(multiplexer_lut(turns)) if turns > 1 else 0.0
    if product.turns is not None:
        sharing = product.turns.selection_lut(data.width)
        edges, turns = base + product.turns.slots, product.turns.slots
    structure = Structure(
        adder_lut=copies * _accumulation_lut(product, trees, clock, chained=chained),
        shift_lut=copies * clock.adders.shift_lut(constants.shift_bits, constants.shift_adds),
        multiplier_lut=copies * constants.multiplier_lut * (shared / wanted if wanted else 1.0),
        sharing_lut=copies * sharing,
        input_bits=copies * product.codes.shape[0] * data.width,
        pipeline_bits=copies * pipeline if product.reuse_factor == 1 else 0.0,
        shared_pipeline_bits=copies * _shared(pipeline, waiting, turns) if product.reuse_factor > 1 else 0.0,
        multiplier_ff=copies * shared * _multiplier_ff(data.width, weight.precision.width, pricing, clock),
        delayed_bits=copies * delayed,
        repeated_bits=copies * delayed / product.reuse_factor,
        delayed_values=copies * constants.products / product.reuse_factor if chained else 0.0,
    )
    return structure, ProductTiming(edges, max(1, min(product.reuse_factor, edges + 1), turns))


def _chains(rules: MappingRules) -> bool:
    """Whether the tool makes one chain of additions and subtractions, not balanced trees, where no low bit is cut.

    494 summands took 192 cycles, 129 took 48 (Vitis HLS 2021.1, 8 x 8 bits into a 16-bit accumulator). In eight
    projects of Vitis HLS 2023.2 to 2024.2, 64 take one cycle, and registers are few. No report has the versions
    between.
    """
    return rules.tool == "vitis_hls" and rules.version is not None and version_of(rules.version) < _BALANCES


def _accumulation_lut(product: MatrixProduct, trees: Trees, clock: Clock, *, chained: bool) -> float:
    """LUTs of the adders of all products; those of a kernel in turns add what comes in one slot."""
    width = product.accumulator.width
    # Sums that saturate wait until all products are there.
    if product.turns is not None and product.accumulator.overflow is Overflow.WRAP:
        return product.turns.adder_lut(width, int(np.count_nonzero(product.codes.any(axis=0))))
    return clock.adders.lut(trees.count * width * CHAIN_WIDTH if chained else trees.bits, trees.count, trees.growing)


_MOST_BITS = 64  # of a constant
_BALANCES = (2022, 1)  # the first version of Vitis HLS that is taken to balance every sum
_CHAIN_SHARE = 0.54  # clock edges of a chain against those of as many levels: two additions become one of three
CHAIN_WIDTH = 0.87  # mean width of a chain's adders against the accumulator's, both chains of 8-bit data


def _registers(
    product: MatrixProduct, trees: Trees, at: Sequence[int | None], waiting: float, *, chained: bool
) -> tuple[float, float]:
    """Bits in registers at the clock edges inside, and, in chains, of operands that wait.

    `at` holds the completed levels at every edge, `waiting` the bits of all products.
    """
    if chained:
        return len(at) * trees.live_bits[-1], waiting
    held = 0.0
    inputs = product.codes.shape[0] * product.data.width
    for level in at:
        if level is None:
            held += inputs
        else:
            held += min(waiting, trees.live_bits[0]) if level == 0 else trees.live_bits[min(level, trees.levels)]
    return held, 0.0


def _shared(pipeline: float, waiting: float, turns: int) -> float:
    """Bits in registers where multipliers serve `turns` products each.

    From three turns on all products wait for the last one. Of two, a product waits where the other of its sum comes in
    the second turn: every fourth.
    """
    return pipeline + waiting / 4 if turns == 2 else max(pipeline, waiting * (turns > 2))


def _bias_widths(bias: Parameter | None, accumulator: FixedPoint) -> NDArray[np.int64] | None:
    """Bits of each bias in the accumulator's steps, with its sign; 0 where it adds nothing."""
    if bias is None or bias.encoding is not Encoding.FIXED:
        return None
    steps = np.abs(np.floor(np.ldexp(bias.values.ravel(), accumulator.fraction)))
    widths = np.frexp(steps)[1].astype(np.int64)
    return np.where(steps > 0, widths + 1, 0)


def _multiplier_prices(pricing: Pricing, width: int, series: str, *, resource: bool) -> NDArray[np.float64]:
    """LUTs of data of `width` bits times a constant, by the constant's bits without its sign."""
    # Pipelined, without any LUT, in every report of Vitis HLS on 7-series, and in the Resource kernel (2378 of 2405
    # multiplications of one design at reuse factor 1, Vivado HLS 2019.2).
    pipelined = resource or (pricing.rules.tool == "vitis_hls" and pricing.block.a_bits <= 25)
    prices = np.array(
        [fabric_multiplier_lut(width, bits + 1, tool=pricing.rules.tool, series=series) for bits in range(_MOST_BITS)]
    )
    if pricing.implementation == "fabric":
        return prices
    for bits in range(prices.size):
        # Products that are wide in one operand and small in the other are priced like those in DSPs.
        blocks = pricing.constant(width, bits, positive=True)[1]
        if blocks or max(width, bits + 1) >= pricing.rules.min_wide:
            prices[bits] = 0.0 if pipelined else dsp_multiplier_lut(pricing.block.a_bits, blocks)
    return prices


def _multiplier_ff(data: int, weight: int, pricing: Pricing, clock: Clock) -> float:
    """Flip-flops inside one multiplication in DSPs that takes longer than a clock period: 4 a bit of its data and 3.

    165 of four blocks (72 products of 32 bits, Vivado HLS 2018.2); 67 for 16 bits in Vitis HLS 2025.1 on 7-series as in
    Vivado HLS.
    """
    blocks = pricing.dsp(data, weight)
    if not blocks:
        return 0.0
    if blocks >= WIDE_BLOCKS and pricing.rules.tool == "vivado_hls":
        return WIDE_MULTIPLIER_FF
    return 4.0 * data + 3.0 if clock.delays.multiply_ns > clock.usable_ns else 0.0


def too_wide(parameter: Parameter) -> bool:
    """Whether constants are wider than double precision holds exactly."""
    return parameter.encoding is Encoding.FIXED and parameter.precision.width > EXACT_WIDTH
