"""Products whose weights come from memory one after the other: lanes, and what brings inputs and sums to them."""

from dataclasses import replace
from math import ceil

from fpgaprune.estimate.fabric.matrix import MatrixProduct, ProductTiming
from fpgaprune.estimate.fabric.prices import (
    WIDE_BLOCKS,
    WIDE_MULTIPLIER_FF,
    cast_lut,
    compare_lut,
    fabric_multiplier_lut,
    memory_bram,
    multiplexer_lut,
    selector_lut,
)
from fpgaprune.estimate.fabric.schedule import Clock, levels_of
from fpgaprune.estimate.fabric.structure import Structure
from fpgaprune.estimate.pricing import Pricing
from fpgaprune.fixed_point import FixedPoint, Overflow

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


def describe_lanes(product: MatrixProduct, pricing: Pricing, clock: Clock) -> tuple[Structure, ProductTiming]:
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
        multiplier_ff=copies * lanes * WIDE_MULTIPLIER_FF
        if pricing.dsp(data, width) >= WIDE_BLOCKS and not vitis
        else 0.0,
        lane_sum_bits=copies * lanes * total,
        lane_ff=copies * lanes * kept,
        result_bits=copies * outputs * total,
        selected_values=0.0 if vitis else copies * _chosen(product),
        buffer_lut=copies * _kept(product) * float(multiplexer_lut(2)) if vitis else 0.0,
        selectors=float(copies * selectors),
        selector_lut=copies * selectors * selector_lut(chooses),
        held_bits=copies * _copies_held(product, vitis=vitis) * inputs * data,
        bram_18k=float(copies * (memory_bram(product.reuse_factor, lanes * width) + _order_bram(product))),
        activation_lut=copies * lanes * _saturation_lut(product),
        shift_lut=0.0 if vitis else copies * _moved_lut(product),
    )
    turns = product.reuse_factor
    return structure, ProductTiming(turns + 1 + levels_of(lanes / outputs) // 4, turns, chooses)


def _chosen(product: MatrixProduct) -> float:
    """Values that Vivado HLS puts behind multiplexers: inputs, unless they stay where they are, and sums."""
    inputs, outputs = product.codes.shape
    sums = outputs * (1.0 if product.reuse_factor > inputs else 0.5)
    return float(sums if product.inlined else inputs + sums)


def _order_bram(product: MatrixProduct) -> int:
    """Blocks of the table that says which output a turn adds to, where lanes have several (`outidx` in hls4ml)."""
    outputs = product.codes.shape[1]
    if product.reuse_factor <= product.codes.shape[0] or outputs == 1:
        return 0
    return memory_bram(product.reuse_factor, (outputs - 1).bit_length())


def _saturation_lut(product: MatrixProduct) -> float:
    """LUTs of a lane whose sum saturates: of its product in the sum's type, and of the sum.

    143 beside the two adders of 24 bits (320 lanes of one project, Vivado HLS 2020.1).
    """
    total = product.accumulator
    if total.overflow is Overflow.WRAP:
        return 0.0
    integer = product.data.integer + product.weight.precision.integer
    fraction = max(0, product.data.fraction + product.weight.precision.fraction)
    of_product = FixedPoint(max(1, integer + fraction), integer)
    of_sum = replace(total, width=total.width + 1, integer=total.integer + 1)
    return cast_lut(of_product, total) + cast_lut(of_sum, total)


def _moved_lut(product: MatrixProduct) -> float:
    """LUTs that move inputs in Vivado HLS, where lanes take several of more than multiplexers serve.

    A choice a bit of each, and a comparison a turn: 12480 and 2158 for 784 inputs of 16 bits in 196 turns.
    """
    inputs = product.codes.shape[0]
    if product.reuse_factor >= inputs or inputs <= _MOST_CHOSEN or product.inlined:
        return 0.0
    compared = product.reuse_factor * compare_lut(product.reuse_factor.bit_length())
    return float(inputs * product.data.width + compared)


def _kept(product: MatrixProduct) -> float:
    """Values behind multiplexers of two in Vitis HLS: copies of inputs, and of sums where lanes choose among them."""
    inputs, outputs = product.codes.shape
    return float(_VITIS_CHOICES * inputs + outputs * (_VITIS_SUMS if product.reuse_factor > inputs else 1))


def _copies_held(product: MatrixProduct, *, vitis: bool) -> int:
    """How often the inputs are kept while they are used up."""
    if product.inlined:
        return 0
    return _VITIS_COPIES if vitis else COPIES


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
