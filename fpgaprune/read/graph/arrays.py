"""Types and constants of hls4ml's graph as they will be written, without importing hls4ml."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.design import Encoding, Parameter
from fpgaprune.errors import DesignError, ModelError
from fpgaprune.fixed_point import FixedPoint, Overflow, Rounding
from fpgaprune.read.conventions import stored


def fixed_point(precision: Any) -> FixedPoint | None:
    """hls4ml's precision as ours; None for floating point. Raises ModelError for one that was never decided."""
    if precision is None or getattr(precision, "exponent", None) is not None:
        return None
    width = int(precision.width)
    if width < 1:
        message = "the graph holds a type without a width: convert the model for a backend first"
        raise ModelError(message)
    rounding = getattr(precision, "rounding_mode", None)
    overflow = getattr(precision, "saturation_mode", None)
    return FixedPoint(
        width,
        int(getattr(precision, "integer", width)),
        bool(precision.signed),
        Rounding.TRN if rounding is None else Rounding[rounding.name],
        Overflow.WRAP if overflow is None else Overflow[overflow.name],
    )


def parameter(weights: Any, shape: tuple[int, ...], *, transposed: bool = False, binary: bool = False) -> Parameter:
    """One of hls4ml's weight variables in Keras' layout of that shape (-1: as many as there are).

    `transposed`: the backend moved the last axis to the front. `binary`: a one-bit type means -1 and 1.
    """
    precision = fixed_point(weights.type.precision)
    if precision is None:
        message = f"the array {weights.name!r} has a floating-point type, which no multiplier estimate covers"
        raise ModelError(message)
    data = np.asarray(weights.data, dtype=np.float64)
    if not np.isfinite(data).all():
        message = f"the array {weights.name!r} holds NaN or infinity"
        raise ModelError(message)
    arranged = np.moveaxis(data, 0, -1) if transposed else data
    try:
        values = arranged.reshape(shape)
    except ValueError as error:
        message = f"the array {weights.name!r} has the shape {arranged.shape} where {shape} is expected"
        raise ModelError(message) from error
    return _encoded(weights, values, precision, binary)


def _encoded(weights: Any, values: NDArray[np.float64], precision: FixedPoint, binary: bool) -> Parameter:
    names = {base.__name__ for base in type(weights.type.precision).__mro__}
    try:
        if "ExponentPrecisionType" in names:
            if not np.all(values):
                message = f"the array {weights.name!r} holds zeros, which a power of two cannot express"
                raise ModelError(message)
            exponents = np.trunc(np.log2(np.abs(values)))
            signed = np.where(values < 0, -1.0, 1.0)
            held = np.ldexp(signed, stored(exponents, precision).astype(np.int64))
            return Parameter(held, precision, Encoding.POWER_OF_TWO)
        held = stored(as_printed(values, max(0, precision.fraction), precision.fraction), precision)
    except DesignError as error:
        message = f"the array {weights.name!r}: {error}"
        raise ModelError(message) from error
    if binary and "XnorPrecisionType" in names:
        return Parameter(np.where(held > 0, 1.0, -1.0), precision, Encoding.XNOR)
    return Parameter(held, precision)


def as_printed(values: NDArray[np.float64], decimals: int, fraction: int) -> NDArray[np.float64]:
    """`values` after being written with that many decimals and read again, same shape.

    hls4ml prints as many decimals as the type has fractional bits. On the grid of the type that is exact; just below
    a grid point, printing can lift a value onto it, so that truncation keeps one step more. Only such values are
    printed here: the others fall on the same step either way.
    """
    scaled = np.ldexp(values, fraction)
    reach = 0.5 * 10.0**-decimals * 2.0**fraction
    near = np.abs(scaled - np.rint(scaled)) <= reach * 1.001
    near &= scaled != np.floor(scaled)
    result = values.copy()
    result[near] = [float(f"{value:.{decimals}f}") for value in values[near].tolist()]
    return result


def scalar(value: float, precision: Any, name: str) -> Parameter | None:
    """A constant written into the code, of shape (1,); None for floating point."""
    held = fixed_point(precision)
    if held is None:
        return None
    try:
        return Parameter(stored(np.array([float(value)]), held), held)
    except DesignError as error:
        message = f"layer {name!r}: {error}"
        raise ModelError(message) from error
