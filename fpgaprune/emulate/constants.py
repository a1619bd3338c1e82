"""The constants of a layer as codes to multiply by, whatever their encoding; and the order a kernel adds in."""

from collections.abc import Sequence

import numpy as np

from fpgaprune.design import Encoding, LayerSpec, Parameter, Strategy
from fpgaprune.errors import EmulationError
from fpgaprune.fixed_arithmetic import Codes
from fpgaprune.fixed_point import FixedPoint

SIGN = FixedPoint(2, 2)  # holds −1 and 1
BIT = FixedPoint(1, 1, signed=False)


def refusal(layer: LayerSpec, why: str) -> EmulationError:
    """The error for a layer that the emulator does not compute."""
    return EmulationError(f"the emulator does not compute layer {layer.name!r} ({layer.kind.value}): {why}")


def parameter(layer: LayerSpec, name: str) -> Parameter:
    """An array of the layer; raises EmulationError where the design has none."""
    if name not in layer.parameters:
        why = f"the design holds no {name}"
        if layer.strategy is Strategy.DISTRIBUTED_ARITHMETIC:
            why += ", because hls4ml's distributed arithmetic writes adders in place of weights"
        raise refusal(layer, why)
    return layer.parameters[name]


def constant(layer: LayerSpec, name: str) -> Codes:
    """An array that is added or compared, as codes of its own type."""
    found = parameter(layer, name)
    if found.encoding is not Encoding.FIXED:
        raise refusal(layer, f"its {name} is encoded as {found.encoding.value}")
    return Codes(found.codes, found.precision)


def factors(layer: LayerSpec, name: str, data: FixedPoint) -> Codes:
    """An array that data of that type are multiplied by, as plain integers with their scale."""
    found = parameter(layer, name)
    match found.encoding:
        case Encoding.XNOR:
            return Codes(found.codes, SIGN)
        case Encoding.POWER_OF_TWO:
            return _powers(layer, found, data)
        case _:
            codes = found.codes
            if found.precision == SIGN and np.any(codes == -2):
                raise refusal(layer, "hls4ml reads the two-bit weight −2 as 1 if its type is an integer")
            return Codes(codes, found.precision)


def _powers(layer: LayerSpec, found: Parameter, data: FixedPoint) -> Codes:
    """hls4ml shifts the data, in twice as many bits as data and exponent have: exact, unless bits fall off the end."""
    half = found.precision.width + data.width
    _, exponents = np.frexp(np.abs(found.values))
    exponents = exponents - 1
    lowest, highest = int(exponents.min(initial=0)), int(exponents.max(initial=0))
    if data.fraction - min(lowest, 0) > half or data.integer + max(highest, 0) > half:
        raise refusal(layer, f"shifting {data.cpp()} by {lowest} to {highest} bits loses some of them")
    codes = np.sign(found.values).astype(np.int64) << (exponents - lowest).astype(np.int64)
    width = highest - lowest + 2
    return Codes(codes, FixedPoint(width, width + lowest))


def accumulator(layer: LayerSpec) -> FixedPoint:
    """The type of the sums; raises EmulationError where the design has none."""
    if layer.accumulator_precision is None:
        raise refusal(layer, "the design tells no accumulator type")
    return layer.accumulator_precision


def output_type(layer: LayerSpec) -> FixedPoint:
    """The type of the result; raises EmulationError for floating point."""
    if layer.output_precision is None:
        raise refusal(layer, "its output is no fixed-point type")
    return layer.output_precision


def accumulation_order(layer: LayerSpec, n_in: int, reuse_factor: int | None) -> Sequence[int] | None:
    """The order in which the kernel adds `n_in` products to one output; None for ascending.

    `dense_resource_rf_leq_nin` of hls4ml's nnet_dense_resource.h takes every `reuse_factor`-th first.
    """
    if layer.strategy not in (Strategy.RESOURCE, Strategy.RESOURCE_UNROLLED):
        return None
    reuse = reuse_factor or 1
    if reuse == 1 or reuse > n_in:
        return None
    if n_in % reuse:
        raise refusal(layer, f"its reuse factor {reuse} does not divide {n_in}, which hls4ml's kernel assumes")
    return sorted(range(n_in), key=lambda place: (place % reuse, place))
