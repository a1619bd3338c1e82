"""Slopes of leaky ReLUs without a multiplier: the nearest of few signed digits, where a budget needs them."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress.quantization.config import matches
from fpgaprune.csd import csd_digits, nearest_with_digits
from fpgaprune.design import Design, Parameter
from fpgaprune.estimate import MappingRules
from fpgaprune.frameworks import load_frameworks

Array = NDArray[np.float64]
_SETTINGS: Final = {"LeakyReLU": "alpha", "ReLU": "negative_slope"}  # Keras class -> where its one slope is


def dear_slopes(model: Any, design: Design, rules: MappingRules, exclude: Sequence[str] = ()) -> dict[str, Array]:
    """The slopes that need multipliers, as the nearest ones that need none, by the name of their layer of the model.

    Those of layers that a pattern of `exclude` matches, and of activations within other layers, are not among them.
    """
    layers = {layer.name: layer for layer in model.layers if not matches(layer, exclude)}
    found = {}
    for layer in design:
        slope, owner = layer.parameters.get("slope"), layers.get(layer.name)
        if slope is None or owner is None or (csd_digits(slope.codes) <= rules.free_digits).all():
            continue
        nearest = _nearest(slope, rules.free_digits)
        if type(owner).__name__ in _SETTINGS and np.ptp(nearest) == 0:
            found[owner.name] = nearest.ravel()[:1]
        elif type(owner).__name__ == "PReLU" and owner.alpha.shape.num_elements() == nearest.size:
            found[owner.name] = nearest.reshape(tuple(owner.alpha.shape))
    return found


def put_slopes(model: Any, slopes: dict[str, Array]) -> None:
    """Give layers other slopes, in place."""
    for name, values in slopes.items():
        layer = model.get_layer(name)
        if type(layer).__name__ == "PReLU":
            layer.alpha.assign(values.astype(np.float32))
        else:
            setattr(layer, _SETTINGS[type(layer).__name__], np.asarray(values[0], dtype=np.float32))


def held_slopes(model: Any, names: Sequence[str]) -> list[tuple[Any, Callable[[Any], Any]]]:
    """What keeps the slopes of these layers as they are while the rest trains (`ties` of a Trainer)."""
    constant = load_frameworks().tensorflow.constant
    layers = [model.get_layer(name) for name in names]
    trained = [layer.alpha for layer in layers if type(layer).__name__ == "PReLU"]
    return [(variable, partial(_first, constant(variable.numpy()))) for variable in trained]


def _first(kept: Any, _: Any) -> Any:
    return kept


def _nearest(slope: Parameter, digits: int) -> Array:
    codes = nearest_with_digits(slope.codes, digits, slope.precision.max_code.bit_length())
    return np.asarray(codes * slope.precision.lsb, dtype=np.float64)
