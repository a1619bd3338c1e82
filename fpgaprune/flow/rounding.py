"""Constants that a budget does not weigh, in few signed digits: slopes, normalizations, recurrent and separable layers.

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
_STEPS: Final = 8
_SCALE: Final = ("gamma", "moving_variance")  # of a normalization: the one over the root of the other
# Keras class -> its matrices: the ending of a design's layer and its parameter, the layer's attribute and quantizer.
_RECURRENT: Final = (
    ("", "weight", "kernel", "kernel_quantizer_internal"),
    ("", "recurrent_weight", "recurrent_kernel", "recurrent_quantizer_internal"),
)
_SEPARABLE: Final = (
    ("_depthwise", "weight", "depthwise_kernel", "depthwise_quantizer_internal"),
    ("_pointwise", "weight", "pointwise_kernel", "pointwise_quantizer_internal"),
)
_MATRICES: Final = {"LSTM": _RECURRENT, "GRU": _RECURRENT, "SeparableConv1D": _SEPARABLE, "SeparableConv2D": _SEPARABLE}


@dataclass(frozen=True, eq=False)
class Rounded:
    """Values for one attribute of a layer of the model, as it stores them."""

    layer: str
    attribute: str
    values: Array

    @property
    def is_matrix(self) -> bool:
        """Whether they are weights of a recurrent or separable layer."""
        return self.attribute.endswith("kernel")


def dear_constants(model: Any, design: Design, digits: int, exclude: Sequence[str] = ()) -> tuple[Rounded, ...]:
    """Those with more than so many signed digits, rounded.

    Left out are layers that a pattern of `exclude` matches, activations within other layers, layers in both
    directions, and quantizers that would make something else of the values.
    """
    layers = {layer.name: layer.parameters for layer in design}
    found: list[Rounded] = []
    for owner in model.layers:
        kind, own = type(owner).__name__, layers.get(owner.name, {})
        if matches(owner, exclude):
            continue
        if kind in _SLOPES:
            found += _slopes(owner, own.get("slope"), digits)
        elif kind == "BatchNormalization":
            found += _scales(owner, own.get("weight"), digits)
        cell = getattr(owner, "cell", owner)
        for ending, name, attribute, quantizer in _MATRICES.get(kind.removeprefix("Q"), ()):
            parameter = layers.get(f"{owner.name}{ending}", {}).get(name)
            values = _matrix(getattr(cell, attribute), getattr(cell, quantizer, None), parameter, digits)
            found += [] if values is None else [Rounded(owner.name, attribute, values)]
    return tuple(found)


def is_rounded_alone(model: Any, pattern: str) -> bool:
    """Whether a pattern of layers to exclude matches only such whose constants are not weighed."""
    kinds = {type(layer).__name__ for layer in model.layers if matches(layer, (pattern,))}
    known = {"BatchNormalization", *_SLOPES, *_MATRICES}
    return bool(kinds) and all(kind.removeprefix("Q") in known for kind in kinds)


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
    variables = [getattr(_owner(model, each), each.attribute) for each in given if each.attribute not in _SCALE]
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
    """In float32, where no scale is that of a code to the last bit: variances move by a step for the nearest one."""
    if scale is None or not owner.scale or not _is_dear(scale, digits):
        return
    gamma, variance = (np.asarray(getattr(owner, name), dtype=np.float64) for name in _SCALE)
    inside = np.clip(gamma / np.sqrt(variance + owner.epsilon), scale.precision.low, scale.precision.high)
    if inside.size != scale.values.size or np.abs(inside - scale.values.ravel()).max() > scale.precision.lsb:
        return
    nearest = _nearest(scale, digits).ravel()
    steps = np.arange(-_STEPS, _STEPS + 1)[:, np.newaxis] * np.spacing(variance.astype(np.float32))
    variances = np.maximum(variance + steps, 0)
    deviations = np.sqrt(variances + owner.epsilon)
    gammas = (nearest * deviations).astype(np.float32).astype(np.float64)
    best = np.abs(gammas / deviations - nearest).argmin(axis=0), np.arange(nearest.size)
    yield from (Rounded(owner.name, name, each[best]) for name, each in zip(_SCALE, (gammas, variances), strict=True))


def _matrix(variable: Any, quantizer: Any, parameter: Parameter | None, digits: int) -> Array | None:
    """What the variable must hold so that the matrix is the rounded one; None if nothing is to be done, or can be."""
    if parameter is None or parameter.encoding is not Encoding.FIXED or parameter.precision.width > EXACT_WIDTH:
        return None
    shape = tuple(variable.shape)
    if np.prod(shape) != parameter.values.size or not _is_dear(parameter, digits):
        return None
    low, high, lsb = parameter.precision.low, parameter.precision.high, parameter.precision.lsb
    now = np.clip(_given(quantizer, variable.numpy()), low, high)
    if np.abs(now - parameter.values.reshape(shape)).max(initial=0.0) > lsb:
        return None
    alpha = getattr(quantizer, "alpha", None)
    scale = np.asarray(1.0 if alpha is None or isinstance(alpha, str) else alpha, dtype=np.float64)
    nearest = _nearest(parameter, digits).reshape(shape)
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
