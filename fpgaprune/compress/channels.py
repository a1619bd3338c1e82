"""Which neurons and filters of a Keras model are read, and which always give the same value."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress.channel_graph import (
    DEPTHWISE,
    MAKERS,
    MERGES,
    PADDING,
    PASSES,
    RECURRENT,
    SEPARABLE,
    Call,
    ChannelGraph,
    Mask,
    looks_at_all,
    reads_inside_only,
)
from fpgaprune.compress.kernels import find_kernels
from fpgaprune.frameworks import load_frameworks


@dataclass(frozen=True, eq=False)
class Reader:
    """A layer that multiplies channels: `weights` (channels read, channels given), zero where no tap has a product.

    `absorbed` is what a constant channel adds to the result, where its value at every place is the same (channels read
    x channels given), or None where that is not so.
    """

    call: Call
    weights: NDArray[np.float64]
    absorbed: NDArray[np.float64] | None


class Channels:
    """Which channels of a Functional model must stay. `sample`: a few inputs, to see what constant channels hold."""

    def __init__(self, model: Any, sample: Sequence[NDArray[Any]]) -> None:
        self._graph = ChannelGraph(model)
        self.calls = self._graph.calls
        self._constant: dict[int, Mask] = {}
        self._kernels = {k.name: k for k in find_kernels(model)}
        self._values = _values(model, self.calls, sample)
        for call in self.calls:
            self._constant |= {id(tensor): self._is_constant(call, tensor) for tensor in call.gives}
        self.readers = tuple(reader for call in self.calls if (reader := self._reader(call)) is not None)
        self._settle()

    def kept(self, tensor: Any) -> Mask:
        """Which channels of a tensor stay."""
        return np.array([each in self._alive for each in self._graph.roots(tensor)], dtype=np.bool_)

    def made_by(self, call: Call) -> bool:
        """Whether a layer's channels are its own, and may go one by one."""
        return self._graph.made_by(call)

    def _value(self, tensor: Any) -> NDArray[np.float64]:
        """What constant channels of a tensor hold; NaN for others."""
        return np.where(self._constant[id(tensor)], self._values[id(tensor)], np.nan)

    def _is_constant(self, call: Call, tensor: Any) -> Mask:
        none = np.zeros(int(tensor.shape[-1]), dtype=np.bool_)
        if any(id(each) not in self._constant for each in call.reads) or not call.reads:
            return none
        reads = [self._constant[id(each)] for each in call.reads]
        if call.kind == "Concatenate" and len(none) == sum(map(len, reads)):
            return np.concatenate(reads)
        if call.kind in MERGES and len({len(each) for each in reads}) == 1:
            return np.asarray(np.all(reads, axis=0), dtype=np.bool_)
        if not self._graph.understood(call) or looks_at_all(call.layer):
            return none
        if call.kind in MAKERS | DEPTHWISE:
            return self._constant_products(call)
        if call.kind == "Flatten":
            return np.tile(reads[0], len(none) // len(reads[0]))
        if call.kind == "PReLU" and call.layer.alpha.shape[-1] != np.prod(call.layer.alpha.shape):
            return none  # a slope for every position
        if call.kind in PADDING:
            return np.asarray(reads[0] & (self._values[id(call.reads[0])] == 0), dtype=np.bool_)
        return reads[0] if call.kind in PASSES else none

    def _constant_products(self, call: Call) -> Mask:
        value = self._value(call.reads[0])
        steady = (value == 0) | (np.isfinite(value) & reads_inside_only(call))
        weights = self._weights(call)
        if call.kind in DEPTHWISE:  # one channel read for each given
            return np.asarray(np.repeat(steady, len(weights) // len(steady)) | (weights == 0), dtype=np.bool_)
        return np.asarray(~np.any(weights[~steady] != 0, axis=0), dtype=np.bool_)

    def _weights(self, call: Call) -> NDArray[np.float64]:
        """Sums of magnitudes over the taps: (channels read, channels given), (channels given) for a depthwise layer."""
        found = {name: np.abs(self._quantized(call.layer, name)) for name in ("kernel", "depthwise", "pointwise")
                 if self._kernel(call.layer, name) is not None}  # fmt: skip
        if call.kind in DEPTHWISE:
            kernel = found["depthwise"]
            return np.asarray(kernel.reshape(-1, kernel.shape[-2] * kernel.shape[-1]).sum(axis=0))
        if call.kind in SEPARABLE:
            depthwise, pointwise = found["depthwise"], found["pointwise"]
            taps = depthwise.reshape(-1, *depthwise.shape[-2:]).sum(axis=0)
            mixed = pointwise.reshape(*taps.shape, -1)
            return np.asarray(np.einsum("cm,cmo->co", taps, mixed))
        kernel = found["kernel"]
        return np.asarray(kernel.reshape(-1, *kernel.shape[-2:]).sum(axis=0))

    def _kernel(self, layer: Any, name: str) -> Any:
        parameter = name if name == "kernel" else f"{name}_kernel"
        return self._kernels.get(f"{layer.name}/{parameter}")

    def _quantized(self, layer: Any, name: str) -> NDArray[np.float64]:
        result: NDArray[np.float64] = self._kernel(layer, name).quantized()
        return result

    def _reader(self, call: Call) -> Reader | None:
        if not self._graph.multiplied_by(call):
            return None
        weights = self._weights(call)
        if call.kind in RECURRENT:
            return Reader(call, weights.sum(axis=1, keepdims=True), None)
        absorbed = self._absorbed(call)
        return Reader(call, weights, absorbed)

    def _absorbed(self, call: Call) -> NDArray[np.float64] | None:
        """What constant channels add, where the bias can take it."""
        layer, value = call.layer, self._value(call.reads[0])
        if call.kind in SEPARABLE or not reads_inside_only(call) or not layer.use_bias:
            return None
        kernel = self._quantized(layer, "kernel")
        added = np.nan_to_num(value)[:, np.newaxis] * kernel.reshape(-1, *kernel.shape[-2:]).sum(axis=0)
        quantizer = getattr(layer, "bias_quantizer_internal", None)
        if quantizer is None:
            return np.asarray(added)
        old = np.asarray(quantizer(layer.bias), dtype=np.float64)
        changed = added[np.any(added != 0, axis=1)]
        wanted = (old + changed.sum(axis=0), *(old + row for row in changed))
        fits = (np.array_equal(np.asarray(quantizer(new.astype(np.float32))), new) for new in wanted)
        return np.asarray(added) if all(fits) else None

    def removable(self, reader: Reader) -> Mask:
        """Which channels a layer reads could be missing without it, or its bias, telling the difference."""
        value = self._value(reader.call.reads[0])
        return np.asarray((value == 0) | (np.isfinite(value) & (reader.absorbed is not None)), dtype=np.bool_)

    def _settle(self) -> None:
        self._alive = set(self._graph.held)
        while True:
            self._spread()
            made = (call.gives[0] for call in self.calls if call.kind in MAKERS)
            empty = next((tensor for tensor in made if not self.kept(tensor).any()), None)
            if empty is None:
                return
            self._alive.add(self._graph.roots(empty)[0])  # a layer keeps one neuron at least

    def _spread(self) -> None:
        """Whatever is read for something that stays, stays."""
        size = -1
        while size != len(self._alive):
            size = len(self._alive)
            for reader in self.readers:
                given = np.ones(1, dtype=np.bool_)
                if reader.call.kind not in RECURRENT:
                    given = self.kept(reader.call.gives[0])
                read = np.any(reader.weights[:, given] != 0, axis=1) & ~self.removable(reader)
                roots = self._graph.roots(reader.call.reads[0])
                self._alive.update(root for root, needed in zip(roots, read, strict=True) if needed)


def _values(model: Any, calls: Sequence[Call], sample: Sequence[NDArray[Any]]) -> dict[int, NDArray[np.float64]]:
    """What the channels of every tensor hold at one place of one sample."""
    tensors = {id(tensor): tensor for call in calls for tensor in call.gives}
    probe: Callable[..., Any] = load_frameworks().keras.Model(model.inputs, list(tensors.values()))
    inputs = [np.asarray(array[:1], dtype=np.float32) for array in sample]
    found = load_frameworks().tensorflow.nest.flatten(probe(inputs if len(inputs) > 1 else inputs[0], training=False))
    return {
        key: np.asarray(value, dtype=np.float64).reshape(-1, value.shape[-1])[0]
        for key, value in zip(tensors, found, strict=True)
    }
