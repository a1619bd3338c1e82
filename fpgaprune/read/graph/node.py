"""One node of hls4ml's graph in its context."""

from dataclasses import dataclass
from math import ceil, prod
from typing import Any

from fpgaprune.design import LayerKind, LayerSpec, Strategy
from fpgaprune.errors import ModelError, unknown_choice
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.read.conventions import stream_shape
from fpgaprune.read.graph.arrays import fixed_point


@dataclass(frozen=True)
class Node:
    """A node, the layers it reads, and what the writer will know of it."""

    raw: Any  # hls4ml.model.layers.Layer
    io_type: str
    sources: tuple[str, ...]
    input_shape: tuple[int, ...]  # of the first layer read, as written

    @property
    def name(self) -> str:
        """hls4ml's name of the layer."""
        return str(self.raw.name)

    @property
    def index(self) -> int:
        """The number in `configN`."""
        return int(self.raw.index)

    def get(self, name: str, default: Any = None) -> Any:
        """One attribute."""
        return self.raw.get_attr(name, default)

    def need(self, name: str) -> int:
        """An integer attribute; raises ModelError when it is missing."""
        value = self.raw.get_attr(name)
        if value is None:
            message = f"layer {self.name!r} of hls4ml's graph ({self.raw.class_name}) has no attribute {name!r}"
            raise ModelError(message)
        return int(value)

    def precision(self, name: str) -> FixedPoint | None:
        """The type in an attribute such as `accum_t`."""
        named = self.raw.get_attr(name)
        return None if named is None else fixed_point(named.precision)

    def weights(self, name: str) -> Any:
        """One of the node's weight variables; raises ModelError when it is missing."""
        found = self.raw.weights.get(name)
        if found is None:
            message = f"layer {self.name!r} of hls4ml's graph ({self.raw.class_name}) has no array {name!r}"
            raise ModelError(message)
        return found

    def has_weights(self, name: str) -> bool:
        """Whether the node has that array."""
        return self.raw.weights.get(name) is not None

    def input(self, position: int = 0) -> Any:
        """A tensor that is read."""
        return self.raw.get_input_variable(self.raw.inputs[position])

    def output(self) -> Any:
        """The first tensor that is written."""
        return self.raw.get_output_variable()

    def lanes(self) -> int:
        """Values in one packet of the output stream."""
        packed = self.output().type
        count = int(getattr(packed, "n_elem", 0))
        pack = int(getattr(packed, "n_pack", 1))
        return count // pack if getattr(packed, "unpack", False) else count * pack

    def elementwise_shape(self) -> tuple[int, ...]:
        """Shape of an output that has the shape of the input, as far as a written project tells."""
        if self.io_type != "io_stream":
            return tuple(self.output().shape)
        return stream_shape(prod(self.input_shape), self.lanes(), self.input_shape)

    @property
    def transposed(self) -> bool:
        """Whether the backend moved the last axis of the weights to the front."""
        return self.get("_weights_transposed", False) is True

    def strategy(self) -> Strategy:
        """How the product is implemented; raises ModelError for one that hls4ml 1.3 cannot build."""
        word = str(self.get("strategy", "latency")).lower()
        if word not in Strategy.__members__.values():
            raise ModelError(unknown_choice(f"strategy of layer {self.name!r}", word, list(Strategy)))
        return Strategy(word)

    def in_bram(self) -> dict[str, bool]:
        """The attribute of layers whose weights are memory ports."""
        stored = any(str(getattr(w, "storage", "")).lower() == "bram" for w in self.raw.get_weights())
        return {"store_weights_in_bram": True} if stored else {}

    def spec(
        self,
        kind: LayerKind,
        operation: str | None,
        input_shape: tuple[int, ...],
        output_shape: tuple[int, ...],
        **facts: Any,
    ) -> LayerSpec:
        """A layer with what every kind has: name, edges and types."""
        defaults: dict[str, Any] = {
            "name": self.name,
            "inputs": self.sources,
            "output_precision": fixed_point(self.output().type.precision),
            "input_precision": fixed_point(self.input().type.precision) if self.raw.inputs else None,
            "config": f"config{self.index}",
        }
        return LayerSpec(
            kind=kind,
            operation=operation,
            input_shape=tuple(map(int, input_shape)),
            output_shape=tuple(map(int, output_shape)),
            **{**defaults, **facts},
        )


def multiplier_limit(n_in: int, n_out: int, reuse_factor: int, zeros: int) -> int:
    """The value of the expression in hls4ml's configuration templates."""
    return ceil(n_in * n_out / reuse_factor) - zeros // reuse_factor
