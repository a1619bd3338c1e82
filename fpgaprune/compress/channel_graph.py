"""Which neurons and filters of a Keras model go together.

Channels lie along the last axis. A layer that makes new ones gives each a number; elementwise layers, normalizations,
pooling and depthwise convolutions pass numbers on, a residual addition makes the two it adds one, a flattening repeats
them. What is not understood holds its channels: they stay.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fpgaprune.frameworks import load_frameworks

Mask = NDArray[np.bool_]
Ids = NDArray[np.int64]

MAKERS: Final = frozenset({"Dense", "Conv1D", "Conv2D", "SeparableConv1D", "SeparableConv2D"})
DEPTHWISE: Final = frozenset({"DepthwiseConv1D", "DepthwiseConv2D"})
RECURRENT: Final = frozenset({"SimpleRNN", "LSTM", "GRU"})
SEPARABLE: Final = frozenset({"SeparableConv1D", "SeparableConv2D"})
# What they do to one channel does not depend on the others, and does not make a constant one vary.
PASSES: Final = frozenset({
    "Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "ThresholdedReLU", "Dropout", "SpatialDropout1D",
    "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "AlphaDropout", "BatchNormalization", "RepeatVector",
    "MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D",
    "GlobalAveragePooling1D", "GlobalAveragePooling2D", "UpSampling1D", "UpSampling2D", "Cropping1D", "Cropping2D",
    "ZeroPadding1D", "ZeroPadding2D",
})  # fmt: skip
PADDING: Final = frozenset({"ZeroPadding1D", "ZeroPadding2D"})
MERGES: Final = frozenset({"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"})
_LOOKS_AT_ALL: Final = ("softmax", "auto")  # in the name or text of a function: a scale that follows the values


@dataclass(frozen=True, eq=False)
class Call:
    """A layer where it is used: its class without QKeras' Q, its layer, and the tensors it reads and gives."""

    kind: str
    layer: Any
    reads: tuple[Any, ...]
    gives: tuple[Any, ...]


def base_class(layer: Any) -> str:
    """The class of a layer as Keras calls it: Dense for QDense."""
    name = type(layer).__name__
    return name.removeprefix("Q") if hasattr(load_frameworks().qkeras, name) else name


def calls_of(model: Any) -> tuple[Call, ...]:
    """Every use of a layer in a Functional model, inputs first."""
    flatten, depths = load_frameworks().tensorflow.nest.flatten, model._nodes_by_depth
    nodes = [node for depth in sorted(depths, reverse=True) for node in depths[depth]]
    return tuple(
        Call(
            base_class(node.outbound_layer),
            node.outbound_layer,
            tuple(flatten(node.keras_inputs)),
            tuple(flatten(node.outputs)),
        )
        for node in nodes
    )


class ChannelGraph:
    """The channels of a Functional model by number: channels that can only go together have one root."""

    def __init__(self, model: Any) -> None:
        self.calls = calls_of(model)
        self.held: set[int] = set()  # roots of channels that must stay
        self._parents: list[int] = []
        self._ids: dict[int, Ids] = {}  # of a tensor, by its identity
        uses = Counter(id(call.layer) for call in self.calls)
        self._shared = {key for key, count in uses.items() if count > 1}
        for call in self.calls:
            self._number(call)
        for tensor in model.outputs:
            self._hold(self._ids[id(tensor)])

    def roots(self, tensor: Any) -> list[int]:
        """The root of every channel of a tensor."""
        return [self._root(each) for each in self._ids[id(tensor)].tolist()]

    def made_by(self, call: Call) -> bool:
        """Whether a layer's channels are its own, and may go one by one."""
        return call.kind in MAKERS and self.understood(call) and not looks_at_all(call.layer)

    def multiplied_by(self, call: Call) -> bool:
        """Whether a layer multiplies each channel it reads by weights of its own, and does nothing else with it."""
        return call.kind in MAKERS | RECURRENT and self.understood(call) and not _scaled_by_all(call.layer)

    def understood(self, call: Call) -> bool:
        """Whether what a call does to channels follows from its class."""
        layer = call.layer
        if id(layer) in self._shared or len(call.reads) != 1 or len(call.gives) != 1:
            return False
        if getattr(layer, "data_format", "channels_last") not in (None, "channels_last"):
            return False
        if call.kind in MAKERS and getattr(layer, "groups", 1) != 1:
            return False
        return not (call.kind == "BatchNormalization" and not _along_last_axis(layer, call.reads[0]))

    def _number(self, call: Call) -> None:
        sizes = [int(tensor.shape[-1]) for tensor in call.gives]
        reads = [self._ids[id(tensor)] for tensor in call.reads if id(tensor) in self._ids]
        passed = self._passed(call, reads)
        if passed is not None and [len(passed)] == sizes:
            self._ids[id(call.gives[0])] = passed
            return
        for tensor, size in zip(call.gives, sizes, strict=True):
            self._ids[id(tensor)] = self._fresh(size)
            if not self.made_by(call):
                self._hold(self._ids[id(tensor)])
        if not self.multiplied_by(call):
            for ids in reads:
                self._hold(ids)

    def _passed(self, call: Call, reads: Sequence[Ids]) -> Ids | None:
        """The numbers of what a call gives, where they are those of what it reads."""
        if call.kind == "Concatenate" and id(call.layer) not in self._shared:
            last = call.layer.axis in (-1, len(call.gives[0].shape) - 1)
            return np.concatenate(reads) if last else self._joined(reads)
        if call.kind in MERGES and id(call.layer) not in self._shared:
            return self._joined(reads)
        if not self.understood(call) or looks_at_all(call.layer):
            return None
        if call.kind == "Flatten":
            return np.tile(reads[0], int(call.gives[0].shape[-1]) // len(reads[0]))
        if call.kind in DEPTHWISE:
            return np.repeat(reads[0], int(call.layer.depth_multiplier))
        return reads[0] if call.kind in PASSES else None

    def _joined(self, reads: Sequence[Ids]) -> Ids | None:
        if len({len(ids) for ids in reads}) != 1:
            return None
        for ids in reads[1:]:
            for one, other in zip(reads[0].tolist(), ids.tolist(), strict=True):
                roots = self._root(one), self._root(other)
                self._parents[roots[1]] = roots[0]
                if roots[1] in self.held:
                    self.held.add(roots[0])
        return reads[0]

    def _fresh(self, count: int) -> Ids:
        start = len(self._parents)
        self._parents.extend(range(start, start + count))
        return np.arange(start, start + count)

    def _root(self, number: int) -> int:
        while self._parents[number] != number:
            self._parents[number] = self._parents[self._parents[number]]
            number = self._parents[number]
        return int(number)

    def _hold(self, ids: Ids) -> None:
        self.held.update(self._root(each) for each in ids.tolist())


def looks_at_all(layer: Any) -> bool:
    """Whether one of its functions looks at all channels together."""
    function = getattr(layer, "activation", None)
    text = f"{getattr(function, '__name__', '')} {function}"
    return any(word in text for word in _LOOKS_AT_ALL) or _scaled_by_all(layer)


def _scaled_by_all(layer: Any) -> bool:
    """Whether a quantizer has a scale that follows from the weights."""
    quantizers = layer.get_quantizers() if hasattr(layer, "get_quantizers") else ()
    return any(isinstance(getattr(each, "alpha", None), str) for each in quantizers)


def _along_last_axis(layer: Any, tensor: Any) -> bool:
    axis = layer.axis if isinstance(layer.axis, int) else list(layer.axis)
    last = len(tensor.shape) - 1
    return axis in (-1, last, [last])


def reads_inside_only(call: Call) -> bool:
    """Whether no position of a layer's window lies in a padding of zeros."""
    window = getattr(call.layer, "kernel_size", (1,))
    return getattr(call.layer, "padding", "valid") == "valid" or all(size == 1 for size in window)


def answering(model: Any) -> frozenset[str]:
    """Names of the layers with weights whose channels are the outputs of the model, through others at most."""
    functional = load_frameworks().keras.Model(model.inputs, model.outputs)
    seen = {id(tensor) for tensor in model.outputs}
    names = set()
    for call in reversed(calls_of(functional)):
        if not any(id(tensor) in seen for tensor in call.gives):
            continue
        if call.layer.weights and call.kind != "BatchNormalization":
            names.add(call.layer.name)
        else:
            seen.update(id(tensor) for tensor in call.reads)
    return frozenset(names)
