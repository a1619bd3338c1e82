"""Structure and timing of products of data by a matrix of constants: dense layers, convolutions, gates."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from fpgaprune.csd import csd_digits
from fpgaprune.design import Encoding, Parameter, Strategy
from fpgaprune.estimate.fabric.constants import count_constants
from fpgaprune.estimate.fabric.kernels import KernelTurns
from fpgaprune.estimate.fabric.prices import (
    dsp_multiplier_lut,
    fabric_multiplier_lut,
    memory_bram,
    multiplexer_lut,
    selector_lut,
)
from fpgaprune.estimate.fabric.schedule import Clock, levels_of
from fpgaprune.estimate.fabric.structure import Structure
from fpgaprune.estimate.fabric.trees import Trees, grow_trees, operand_widths
from fpgaprune.estimate.pricing import Pricing
from fpgaprune.estimate.rules import MappingRules, version_of
from fpgaprune.fixed_point import EXACT_WIDTH, FixedPoint, Overflow


@dataclass(frozen=True)
class MatrixProduct:
    """One product of a vector by a matrix, as the generated code configures it.

    `codes` is (inputs, outputs) with removed products zero. `limit` is the multiplier limit the code states.
    """

    codes: NDArray[np.int64]
    weight: Parameter
    data: FixedPoint
    accumulator: FixedPoint
    bias: Parameter | None
    strategy: Strategy
    reuse_factor: int
    limit: int | None
    folds: bool  # whether synthesis sees the constants
    copies: int = 1
    windowed: bool = False  # whether its inputs are the registers of a window
    adders: bool = False  # every product is a sum of shifts in the text itself
    turns: KernelTurns | None = None  # of a kernel of ours whose multipliers take turns


@dataclass(frozen=True)
class ProductTiming:
    """Clock edges inside one product, and cycles between two of them."""

    edges: int
    ii: int
    chooses: int = 0  # inputs of the multiplexers before its multipliers


def describe_product(product: MatrixProduct, pricing: Pricing, clock: Clock) -> tuple[Structure, ProductTiming]:
    """What the product is made of, and its timing."""
    if product.folds or product.strategy is Strategy.DISTRIBUTED_ARITHMETIC:
        return _folded(product, pricing, clock)
    return _lanes(product, pricing, clock)


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
# Additions as long as what a lane does beside its multiplication: choosing the datum, reading the weight, adding.
# UltraScale+ keeps one register a lane at 5 ns and none at 10 ns, 7-series three at both (12 designs, Vivado HLS
# 2019.1 to 2020.1).
_LANE_LEVELS = 4.45
_MOST_CHOSEN = 256  # inputs of a multiplexer; 288, 800 and 3200 have none
_OWN_FUNCTION = 50  # inputs of a window whose product is a function: 54 and 80 are, 9 and 36 are not
_LIKELY_CHOSEN = 64  # of 128 inputs, most lanes choose among 64
COPIES = 3  # of the inputs while they are used up: of this turn, of the next, and at the entry of the loop
# ... in Vitis HLS, and multiplexers of two before them: 201 for 100 inputs and 91 for 45 by hls4ml 1.0, 159 for 53 and
# 96 for 32 before it; of sums that a lane chooses among, five each.
_VITIS_COPIES, _VITIS_CHOICES, _VITIS_SUMS = 2, 2.5, 5
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
    if blocks >= 4 and pricing.rules.tool == "vivado_hls":
        return 165.0
    return 4.0 * data + 3.0 if clock.delays.multiply_ns > clock.usable_ns else 0.0


def _lanes(product: MatrixProduct, pricing: Pricing, clock: Clock) -> tuple[Structure, ProductTiming]:
    """A multiplier per `reuse_factor` weights, which come from memory one after the other."""
    inputs, outputs = product.codes.shape
    lanes = ceil(product.codes.size / product.reuse_factor)
    data, width, total = product.data.width, product.weight.precision.width, product.accumulator.width
    price = 0.0 if pricing.dsp(data, width) else fabric_multiplier_lut(data, width)
    copies = product.copies
    vitis = pricing.rules.tool == "vitis_hls"
    selectors, chooses = _shared_selectors(product) if vitis else _selectors(product, lanes)
    # At the last edge the product is kept, at those before it datum and weight (from the second on inside the DSP).
    edges = clock.edges(_LANE_LEVELS, multiplies=True)
    kept = total * min(edges, 1) + (data + width) * min(max(edges - 1, 0), 2)
    structure = Structure(
        multiplier_lut=copies * lanes * price,
        lane_sum_bits=copies * lanes * total,
        lane_ff=copies * lanes * kept,
        result_bits=copies * outputs * total,
        selected_values=0.0 if vitis else copies * (inputs + outputs * (1.0 if product.reuse_factor > inputs else 0.5)),
        buffer_lut=copies * _kept(product) * float(multiplexer_lut(2)) if vitis else 0.0,
        selectors=float(copies * selectors),
        selector_lut=copies * selectors * selector_lut(chooses),
        held_bits=copies * (_VITIS_COPIES if vitis else COPIES) * inputs * data,
        bram_18k=float(copies * memory_bram(product.reuse_factor, lanes * width)),
    )
    turns = product.reuse_factor
    return structure, ProductTiming(turns + 1 + levels_of(lanes / outputs) // 4, turns, chooses)


def _kept(product: MatrixProduct) -> float:
    """Values behind multiplexers of two in Vitis HLS: copies of the inputs, and of the sums where lanes choose among them."""
    inputs, outputs = product.codes.shape
    return _VITIS_CHOICES * inputs + outputs * (_VITIS_SUMS if product.reuse_factor > inputs else 1)


def _shared_selectors(product: MatrixProduct) -> tuple[int, int]:
    """The multiplexers of Vitis HLS: one for all lanes that take the same input, among those it takes in turn.

    Two of 50 inputs for 100 at reuse factor 50, four of 9 for 36 at 9, one of 25 for 25 at 50 (eight layers of two
    projects, 2023.1 and 2024.2).
    """
    inputs = product.codes.shape[0]
    several = product.reuse_factor > inputs
    return ceil(inputs / product.reuse_factor) + several, min(inputs, product.reuse_factor)


def _selectors(product: MatrixProduct, lanes: int) -> tuple[int, int]:
    """How many multiplexers choose what lanes multiply, and among how many values.

    One for all lanes that take the same input, one for the input and one for the sum where a lane has several outputs;
    else one a lane. More than 256 inputs, and those of small windows, which are no function of their own, are chosen
    otherwise.
    """
    inputs, outputs = product.codes.shape
    if product.reuse_factor >= inputs:
        several = product.reuse_factor > inputs
        return 1 + several, min(outputs if several else inputs, _LIKELY_CHOSEN)
    if inputs > _MOST_CHOSEN or (product.windowed and inputs < _OWN_FUNCTION):
        return 0, 0
    return lanes, min(inputs, _LIKELY_CHOSEN)


def too_wide(parameter: Parameter) -> bool:
    """Whether constants are wider than double precision holds exactly."""
    return parameter.encoding is Encoding.FIXED and parameter.precision.width > EXACT_WIDTH
