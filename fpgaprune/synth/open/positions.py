"""Convolutions whose positions take turns on one set of multipliers: the hardware of one position, cut from the C++.

The C++ computes every position by the same function of another window. The netlist of one position whose window lies
inside the image is the hardware there is; the other positions are that netlist on shifted windows, which
`evaluate_positions` computes so that all of them can be held to the C simulation.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from fpgaprune.design import LayerSpec
from fpgaprune.errors import UnsupportedError
from fpgaprune.synth.open.evaluate import evaluate
from fpgaprune.synth.open.netlist import Netlist
from fpgaprune.synth.open.network import without

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class OnePosition:
    """One position's netlist; shapes are (…, channels), `place` and `stride` one number per spatial dimension."""

    netlist: Netlist
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    place: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def positions(self) -> int:
        """How many positions take turns."""
        return int(np.prod(self.output_shape[:-1]))

    @property
    def unread(self) -> frozenset[int]:
        """The outputs, counted through, that belong to other positions."""
        numbers = np.arange(int(np.prod(self.output_shape))).reshape(self.output_shape)
        return frozenset(numbers.ravel().tolist()) - frozenset(numbers[self.place].tolist())

    def evaluate(self, data: Codes) -> Codes:
        """Codes (samples, outputs) of all positions for codes (samples, inputs), one position after the other."""
        images = data.reshape(-1, *self.input_shape)
        places = np.arange(self.positions).reshape(self.output_shape[:-1])
        own_place = int(places[self.place])
        result = np.zeros((len(data), self.positions, self.output_shape[-1]), dtype=np.int64)
        for number, place in enumerate(np.ndindex(*self.output_shape[:-1])):
            steps = [(to - own) * by for to, own, by in zip(place, self.place, self.stride, strict=True)]
            found = evaluate(self.netlist, _moved(images, steps).reshape(len(data), -1))
            result[:, number] = found.reshape(result.shape)[:, own_place]
        return result.reshape(len(data), -1)


def one_position(layer: LayerSpec, netlist: Netlist) -> OnePosition:
    """The hardware of a layer that computes one position at a time; raises UnsupportedError where it cannot be cut."""
    geometry = layer.geometry
    sizes, counts = layer.input_shape[:-1], layer.output_shape[:-1]
    if layer.parallelization_factor != 1:
        message = f"it computes {layer.parallelization_factor} of its {layer.positions} positions at a time"
        raise UnsupportedError(message)
    if geometry is None or not len(geometry.kernel) == len(geometry.padding) == len(sizes) == len(counts):
        message = "the window of its positions is not known"
        raise UnsupportedError(message)
    axes = zip(sizes, counts, geometry.kernel, geometry.stride, geometry.padding, geometry.dilation, strict=True)
    inside = [
        [n for n in range(count) if n * step >= before and n * step - before + (kernel - 1) * dilation < size]
        for size, count, kernel, step, (before, _), dilation in axes
    ]
    place = next(product(*inside), None)
    if place is None:
        message = "every one of its positions reads padding, so none of them is the whole hardware"
        raise UnsupportedError(message)
    whole = OnePosition(netlist, layer.input_shape, layer.output_shape, place, geometry.stride)
    if netlist.n_inputs != np.prod(layer.input_shape) or netlist.n_outputs != np.prod(layer.output_shape):
        message = "its ports are not its image"
        raise UnsupportedError(message)
    return OnePosition(without(netlist, whole.unread), *(layer.input_shape, layer.output_shape, place, geometry.stride))


def _moved(images: Codes, steps: list[int]) -> Codes:
    """Images moved so that what was `steps` further is read here; 0 comes in from outside."""
    found = images
    for axis, step in enumerate(steps, start=1):
        size = found.shape[axis]
        source = np.arange(size) + step
        taken = np.take(found, np.clip(source, 0, size - 1), axis=axis)
        shape = [1] * found.ndim
        shape[axis] = size
        found = taken * ((source >= 0) & (source < size)).reshape(shape)
    return found
