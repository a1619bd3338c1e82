"""Constants that a budget does not weigh, in few signed digits: slopes, matrices of recurrent layers, normalizations.

Where a limit of DSPs is out of reach otherwise they are rounded to the nearest values that need no multiplier.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress.quantization.config import matches
from fpgaprune.csd import csd_digits, nearest_with_digits
from fpgaprune.design import Design, Encoding, Parameter
from fpgaprune.fixed_point import EXACT_WIDTH
from fpgaprune.frameworks import load_frameworks

Array = NDArray[np.float64]
_SLOPES: Final = {"LeakyReLU": "alpha", "ReLU": "negative_slope", "PReLU": "alpha"}  # Keras class -> where they are
_SCALE: Final = "gamma"  # of a normalization, over the deviation
_RECURRENT: Final = frozenset({"LSTM", "GRU", "QLSTM", "QGRU"})
_MATRICES: Final = (  # in a design, in the layer, and its quantizer
    ("weight", "kernel", "kernel_quantizer_internal"),
    ("recurrent_weight", "recurrent_kernel", "recurrent_quantizer_internal"),
)


@dataclass(frozen=True, eq=False)
class Rounded:
    """Values for one attribute of a layer of the model, as it stores them."""

    layer: str
    attribute: str
    values: Array

    @property
    def is_matrix(self) -> bool:
        """Whether they are weights of a recurrent layer."""
        return self.attribute in {attribute for _, attribute, _ in _MATRICES}


def dear_constants(model: Any, design: Design, digits: int, exclude: Sequence[str] = ()) -> tuple[Rounded, ...]:
    """Those with more than so many signed digits, rounded.

    Left out are layers that a pattern of `exclude` matches, activations within other layers, layers in both
    directions, and quantizers that would make something else of the values.
    """
    owners = {layer.name: layer for layer in model.layers if not matches(layer, exclude)}
    found: list[Rounded] = []
    for layer in design:
        owner = owners.get(layer.name)
        if type(owner).__name__ in _SLOPES:
            found += _slopes(owner, layer.parameters.get("slope"), digits)
        elif type(owner).__name__ in _RECURRENT:
            cell = getattr(owner, "cell", owner)
            for name, attribute, quantizer in _MATRICES:
                values = _matrix(
                    getattr(cell, attribute), getattr(cell, quantizer, None), layer.parameters.get(name), digits
                )
                found += [] if values is None else [Rounded(layer.name, attribute, values)]
        elif type(owner).__name__ == "BatchNormalization":
            found += _scales(owner, layer.parameters.get("weight"), digits)
    return tuple(found)


def put_constants(model: Any, given: Sequence[Rounded]) -> tuple[Rounded, ...]:
    """Put these into the model; what was there before is given back."""
    before = []
    for each in given:
        owner = _owner(model, each)
        old = getattr(owner, each.attribute)
        before.append(replace(each, values=np.asarray(old, dtype=np.float64)))
        values = np.asarray(each.values, dtype=np.float32)
        if hasattr(old, "assign"):
            old.assign(values)
        else:
            setattr(owner, each.attribute, values)
    return tuple(before)


def held_constants(model: Any, given: Sequence[Rounded]) -> list[tuple[Any, Callable[[Any], Any]]]:
    """What keeps them as they are while the rest trains (`ties` of a Trainer); what training averages moves on."""
    constant = load_frameworks().tensorflow.constant
    variables = [getattr(_owner(model, each), each.attribute) for each in given if each.attribute != _SCALE]
    return [(each, partial(_first, constant(each.numpy()))) for each in variables if hasattr(each, "assign")]


def _first(kept: Any, _: Any) -> Any:
    return kept


def _owner(model: Any, rounded: Rounded) -> Any:
    layer = model.get_layer(rounded.layer)
    return getattr(layer, "cell", layer) if rounded.is_matrix else layer


def _slopes(owner: Any, slope: Parameter | None, digits: int) -> Iterator[Rounded]:
    if slope is None or not _is_dear(slope, digits):
        return
    nearest = _nearest(slope, digits)
    attribute = _SLOPES[type(owner).__name__]
    shape = np.shape(getattr(owner, attribute))
    if int(np.prod(shape)) == 1 and np.ptp(nearest) == 0:
        yield Rounded(owner.name, attribute, nearest.ravel()[0].reshape(shape))
    elif int(np.prod(shape)) == nearest.size:
        yield Rounded(owner.name, attribute, nearest.reshape(shape))


def _scales(owner: Any, scale: Parameter | None, digits: int) -> Iterator[Rounded]:
    """Only to float32's precision, which is finer than any type of the scales."""
    if scale is None or not owner.scale or not _is_dear(scale, digits):
        return
    deviation = np.sqrt(np.asarray(owner.moving_variance, dtype=np.float64) + owner.epsilon)
    now = np.asarray(owner.gamma, dtype=np.float64) / deviation
    inside = np.clip(now, scale.precision.low, scale.precision.high)
    if now.size == scale.values.size and np.abs(inside - scale.values.ravel()).max() <= scale.precision.lsb:
        yield Rounded(owner.name, _SCALE, _nearest(scale, digits).ravel() * deviation)


def _matrix(variable: Any, quantizer: Any, parameter: Parameter | None, digits: int) -> Array | None:
    """What the variable must hold so that the matrix is the rounded one; None if nothing is to be done, or can be."""
    if parameter is None or parameter.encoding is not Encoding.FIXED or parameter.precision.width > EXACT_WIDTH:
        return None
    if tuple(variable.shape) != parameter.values.shape or not _is_dear(parameter, digits):
        return None
    low, high, lsb = parameter.precision.low, parameter.precision.high, parameter.precision.lsb
    now = np.clip(_given(quantizer, variable.numpy()), low, high)
    if np.abs(now - parameter.values).max(initial=0.0) > lsb:
        return None
    alpha = getattr(quantizer, "alpha", None)
    scale = np.asarray(1.0 if alpha is None or isinstance(alpha, str) else alpha, dtype=np.float64)
    nearest = _nearest(parameter, digits)
    stored = nearest / scale
    return stored if np.array_equal(_given(quantizer, stored), nearest) else None


def _given(quantizer: Any, stored: Any) -> Array:
    values = np.asarray(stored, dtype=np.float32)
    return np.asarray(values if quantizer is None else quantizer(values), dtype=np.float64)


def _is_dear(parameter: Parameter, digits: int) -> bool:
    return bool((csd_digits(parameter.codes) > digits).any())


def _nearest(parameter: Parameter, digits: int) -> Array:
    codes = nearest_with_digits(parameter.codes, digits, parameter.precision.max_code.bit_length())
    return np.asarray(codes * parameter.precision.lsb, dtype=np.float64)
