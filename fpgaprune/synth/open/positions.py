"""Layers whose positions take turns on the same hardware: the hardware of one position, cut from the C++.

The C++ computes every position by the same function of another window: of an image, or of the packets of streams. The
netlist of one position whose window lies inside is the hardware there is, once or in as many copies as are computed at
a time; the other positions are that netlist on shifted windows, which `OnePosition.evaluate` computes so that all of
them can be held to the C simulation.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

from fpgaprune.design import LayerSpec
from fpgaprune.errors import UnsupportedError
from fpgaprune.synth.open.evaluate import evaluate
from fpgaprune.synth.open.netlist import Netlist, Op, Port, type_range
from fpgaprune.synth.open.network import without

Codes = NDArray[np.int64]
Shape = tuple[int, ...]
_SAMPLES = 64  # that tell one position's function from another's


@dataclass(frozen=True)
class OnePosition:
    """One position's netlist, with the ports of all of them.

    Shapes, one per port, are (..., channels); `place` and `stride` have one number per dimension before the channels.
    """

    netlist: Netlist
    input_shapes: tuple[Shape, ...]
    output_shapes: tuple[Shape, ...]
    place: tuple[int, ...]
    stride: tuple[int, ...]
    copies: int = 1  # of the hardware, each for another position at the same time

    @property
    def positions(self) -> int:
        """How many positions take turns."""
        return prod(self.output_shapes[0][:-1])

    @property
    def unread(self) -> frozenset[int]:
        """The outputs, counted through, that belong to other positions."""
        return frozenset(range(self.netlist.n_outputs)) - frozenset(self._outputs(self.place))

    def evaluate(self, data: Codes) -> Codes:
        """Codes (samples, outputs) of all positions for codes (samples, inputs), one position after the other.

        What a window reads from outside is 0.
        """
        given = np.ascontiguousarray(data.T)
        result = np.zeros((self.netlist.n_outputs, len(data)), dtype=np.int64)
        inputs = np.zeros((self.netlist.n_inputs, len(data)), dtype=np.int64)
        for place in np.ndindex(*self.output_shapes[0][:-1]):
            for to, source in self._sources(place):
                inputs[to] = 0 if source is None else given[source]
            result[self._outputs(place)] = evaluate(self._alone, inputs.T).T
        return np.ascontiguousarray(result.T)

    @cached_property
    def _alone(self) -> Netlist:
        """The netlist with no outputs but this position's."""
        ports = zip(self.netlist.output_ports, self.output_shapes, strict=True)
        outputs = (self.netlist.outputs[number] for number in self._outputs(self.place))
        return replace(
            self.netlist,
            output_ports=tuple(Port(port.name, port.width, port.signed, shape[-1]) for port, shape in ports),
            outputs=tuple(outputs),
        )

    @cached_property
    def _read(self) -> tuple[tuple[int, int, tuple[int, ...]], ...]:
        """What this position reads: the input, where its port begins, and its place in the port."""
        numbers = {node.number for node in self.netlist.nodes if node.op is Op.INPUT}
        return tuple(
            (start + number, start, place)
            for start, shape in zip(self._starts, self.input_shapes, strict=True)
            for number, place in enumerate(np.ndindex(*shape))
            if start + number in numbers
        )

    def _sources(self, place: tuple[int, ...]) -> list[tuple[int, int | None]]:
        """For every input that is read, the input that stands there for the position at `place`; None: outside."""
        steps = [(to - own) * by for to, own, by in zip(place, self.place, self.stride, strict=True)]
        shapes = dict(zip(self._starts, self.input_shapes, strict=True))
        found: list[tuple[int, int | None]] = []
        for number, start, (*where, channel) in self._read:
            moved = [at + step for at, step in zip(where, steps, strict=True)]
            inside = all(0 <= at < size for at, size in zip(moved, shapes[start][:-1], strict=True))
            source = start + int(np.ravel_multi_index((*moved, channel), shapes[start])) if inside else None
            found.append((number, source))
        return found

    @property
    def _starts(self) -> list[int]:
        return [sum(prod(shape) for shape in self.input_shapes[:port]) for port in range(len(self.input_shapes))]

    def _outputs(self, place: tuple[int, ...]) -> list[int]:
        """The outputs, counted through, of the position at `place`."""
        found: list[int] = []
        start = 0
        for shape in self.output_shapes:
            first = start + int(np.ravel_multi_index((*place, 0), shape))
            found += range(first, first + shape[-1])
            start += prod(shape)
        return found


def one_position(layer: LayerSpec, netlist: Netlist) -> OnePosition:
    """The hardware of a layer with a window, for as many positions as it computes at a time.

    Raises UnsupportedError where one position cannot be cut, or another one computes something else.
    """
    geometry = layer.geometry
    sizes, counts = layer.input_shape[:-1], layer.output_shape[:-1]
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
    if netlist.n_inputs != prod(layer.input_shape) or netlist.n_outputs != prod(layer.output_shape):
        message = "its ports are not its image"
        raise UnsupportedError(message)
    shapes = (layer.input_shape,), (layer.output_shape,)
    return _cut(OnePosition(netlist, *shapes, place, geometry.stride, layer.parallelization_factor))


def one_packet(netlist: Netlist, packets: int) -> OnePosition:
    """The hardware of a layer that computes packet by packet of its streams, each from those at the same place.

    Raises UnsupportedError where packets are computed otherwise.
    """
    ports = (*netlist.inputs, *netlist.output_ports)
    if any(port.size % packets for port in ports):
        message = f"the values of {ports[0].name} do not come in {packets} packets"
        raise UnsupportedError(message)
    inputs, outputs = (
        tuple((packets, port.size // packets) for port in some) for some in (netlist.inputs, netlist.output_ports)
    )
    return _cut(OnePosition(netlist, inputs, outputs, (0,), (1,)))


def _cut(whole: OnePosition) -> OnePosition:
    """The same with one position's netlist in place of all of them."""
    netlist = whole.netlist
    found = replace(whole, netlist=without(netlist, whole.unread))
    rng = np.random.default_rng(0)
    columns = [
        rng.integers(*type_range(port.width, port.signed), (_SAMPLES, port.size), endpoint=True)
        for port in netlist.inputs
    ]
    data = np.concatenate(columns, axis=1)
    if not np.array_equal(found.evaluate(data), evaluate(netlist, data)):
        message = f"its {whole.positions} positions take turns, and not all of them compute the same"
        raise UnsupportedError(message)
    return found


def windows(layer: LayerSpec) -> NDArray[np.int64]:
    """The inputs that every position of a convolution reads, (positions, window x channels); -1 for padding.

    Raises UnsupportedError where the window is not known.
    """
    geometry, (*sizes, channels) = layer.geometry, layer.input_shape
    if geometry is None or len(geometry.kernel) != len(sizes):
        message = "the window of its positions is not known"
        raise UnsupportedError(message)
    found = []
    for place in np.ndindex(*layer.output_shape[:-1]):
        row: list[int] = []
        for tap in np.ndindex(*geometry.kernel):
            axes = zip(place, tap, geometry.stride, geometry.padding, geometry.dilation, strict=True)
            at = [to * step - before + by * dilation for to, by, step, (before, _), dilation in axes]
            inside = all(0 <= one < size for one, size in zip(at, sizes, strict=True))
            first = int(np.ravel_multi_index((*at, 0), layer.input_shape)) if inside else None
            row += range(first, first + channels) if first is not None else [-1] * channels
        found.append(row)
    return np.array(found)
