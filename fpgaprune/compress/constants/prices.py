"""What one constant of a layer costs, code by code: DSP blocks by the estimate's own rules, LUTs closely enough.

The LUT prices only decide which constant to make cheaper first; whether a budget is met is asked of the estimate.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress.constants.method import Array, Codes
from fpgaprune.compress.constants.narrowing import sums_exactly
from fpgaprune.csd import csd_digits
from fpgaprune.design import LayerSpec, Strategy
from fpgaprune.estimate.context import Context
from fpgaprune.estimate.fabric.model import load_model
from fpgaprune.estimate.fabric.prices import dsp_multiplier_lut, fabric_multiplier_lut
from fpgaprune.estimate.fabric.products import CHAIN_WIDTH

_EACH = 7 / 3  # LUTs of an adder besides those of its bits; see AdderPrice


@dataclass(frozen=True, eq=False)
class LayerPrices:
    """Prices of the constants of one layer; arrays are by the length of the magnitude in bits, 0 first.

    `dsp[s]`: DSP blocks of a product by a constant that needs a multiplier, for positive (s = 0) and negative ones.
    `copies`: how often the layer stands side by side. `spare`: the low bits its sum loses where no constant uses
    them. `chained`: sums are added up one product after the other, each kept until it is its turn.
    """

    data_width: int
    sum_width: int
    free_digits: int
    dsp: NDArray[np.int64]
    multiplier_lut: NDArray[np.float64]
    copies: int
    spare: int = 0
    chained: bool = False

    def on_grid(self, step: int) -> "LayerPrices":
        """The prices of codes in units of 2**step, where all constants of the layer are multiples of that."""
        return replace(self, sum_width=self.sum_width - min(step, self.spare), spare=max(0, self.spare - step))

    def dsp_of(self, codes: Codes) -> NDArray[np.int64]:
        """DSP blocks of a multiplication by each code, same shape."""
        length = _length(codes)
        price = self.dsp[(codes < 0).astype(np.int64), length]
        return np.where(csd_digits(codes) > self.free_digits, price, 0) * self.copies

    def tree_lut(self, codes: Codes) -> Array:
        """LUTs of adding each product to its sum."""
        if self.chained:
            return np.where(codes == 0, 0.0, CHAIN_WIDTH * self.sum_width + _EACH) * self.copies
        width = np.minimum(self.data_width + _length(codes) + 1, self.sum_width)
        return np.where(codes == 0, 0.0, width + _EACH) * self.copies

    def product_lut(self, codes: Codes) -> Array:
        """LUTs of making each product, which equal constants of one input share."""
        length, digits = _length(codes), csd_digits(codes)
        adder = np.where(digits == 2, self.data_width + length + 1 + _EACH, 0.0)
        made = np.where(digits > self.free_digits, self.multiplier_lut[length], adder)
        waiting = load_model().prices["lut"]["delayed_values"] if self.chained else 0.0
        return (made + np.where(codes == 0, 0.0, waiting)) * self.copies


def layer_prices(layer: LayerSpec, context: Context) -> LayerPrices | None:
    """Prices in one layer; None where its constants do not decide its cost (or its data type is not known)."""
    data = context.input_type(layer)
    weight = layer.weight
    if data is None or weight is None or not context.folds(layer) or layer.attributes.get("sparse_kernel"):
        return None
    if layer.strategy is Strategy.DISTRIBUTED_ARITHMETIC:
        return None
    bits = weight.precision.width + 1
    widths = [data.width, data.width - 1] if data.signed and context.never_negative(layer) else [data.width]
    lengths = range(bits + 1)
    dsp = np.zeros((2, bits + 1), dtype=np.int64)
    for width in widths:  # the tool may drop the sign bit of data that are never negative: the dearer case counts
        for length in lengths:
            # Powers of two, whose negative needs one bit less, are never multiplied.
            dsp[0, length] = max(dsp[0, length], context.pricing.constant(width, length, positive=True)[1])
            dsp[1, length] = max(dsp[1, length], context.pricing.constant(width, length + 1, positive=False)[1])
    block = context.pricing.block.a_bits
    lut = [
        dsp_multiplier_lut(block, int(dsp[:, n].max())) if dsp[:, n].any() else fabric_multiplier_lut(data.width, n + 1)
        for n in lengths
    ]
    accumulator = layer.accumulator_precision or layer.output_precision or data
    copies = 1 if context.streams else max(1, layer.parallelization_factor)
    exact = data.fraction + weight.precision.fraction <= accumulator.fraction
    return LayerPrices(
        data.width,
        accumulator.width,
        context.rules.free_digits,
        dsp,
        np.array(lut),
        copies,
        spare=_spare_bits(layer) if sums_exactly(layer) else 0,
        chained=exact and context.rules.tool == "vitis_hls",
    )


def _spare_bits(layer: LayerSpec) -> int:
    """Low bits of the sum that only the weights need."""
    total, bias = layer.accumulator_precision, layer.bias
    if total is None:
        return 0
    return total.width if bias is None else max(0, total.fraction - bias.precision.fraction)


def allowed_codes(prices: LayerPrices, low: int, high: int) -> Codes:
    """All codes from `low` to `high` that need no DSP, in order.

    Beyond 18 bits, where there are too many to list, those of at most `free_digits` digits alone.
    """
    return _allowed(prices.dsp.astype(bool).tobytes(), prices.free_digits, low, high)


@lru_cache(maxsize=64)
def _allowed(needed: bytes, free_digits: int, low: int, high: int) -> Codes:
    """`allowed_codes` by the table of which signs and lengths need a DSP, for layers that have it in common."""
    if high - low < 1 << 18:
        codes = np.arange(low, high + 1, dtype=np.int64)
        table = np.frombuffer(needed, dtype=bool).reshape(2, -1)
        free: Codes = codes[~table[(codes < 0).astype(np.int64), _length(codes)] | (csd_digits(codes) <= free_digits)]
        return free
    found = np.zeros(1, dtype=np.int64)
    powers = np.int64(1) << np.arange(max(high, -low).bit_length() + 1)
    for _ in range(free_digits):
        found = np.unique(
            np.concatenate([found, np.add.outer(found, powers).ravel(), np.subtract.outer(found, powers).ravel()])
        )
    return found[(found >= low) & (found <= high)]


def nearest_of(codes: Array, allowed: Codes) -> Codes:
    """For each code the nearest of the `allowed` ones, which are in order."""
    place = (
        np.clip(np.searchsorted(allowed, codes), 1, allowed.size - 1)
        if allowed.size > 1
        else np.zeros(codes.shape, np.int64)
    )
    if allowed.size == 1:
        return allowed[place]
    below, above = allowed[place - 1], allowed[place]
    return np.where(codes - below <= above - codes, below, above)


def _length(codes: Codes) -> NDArray[np.int64]:
    return np.frexp(np.abs(codes).astype(np.float64))[1].astype(np.int64)
