"""Two designs side by side: every fact in which they differ, in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from fpgaprune.design.canonical import layer_record
from fpgaprune.design.layer import LayerSpec, Parameter
from fpgaprune.design.network import Design

_ABSENT = "nothing"
_UNSAID = ("name", "config", "parameters")  # compared apart, or no part of the hardware
_WORDS = {
    "claimed_zeros": "claimed zeros",
    "reuse_factor": "reuse factor",
    "multiplier_limit": "multiplier limit",
    "parallelization_factor": "parallelization factor",
    "input_precision": "input type",
    "output_precision": "output type",
    "accumulator_precision": "accumulator type",
    "input_shape": "input shape",
    "output_shape": "output shape",
}


@dataclass(frozen=True)
class Difference:
    """One fact that two designs tell differently; `layer` is None for facts of the whole network."""

    layer: str | None
    what: str
    left: str
    right: str

    def __str__(self) -> str:
        where = "" if self.layer is None else f"layer {self.layer}: "
        return f"{where}{self.what}: {self.left} against {self.right}"


def differences(left: Design, right: Design) -> tuple[Difference, ...]:
    """All facts in which the designs differ, the network's first, then layer by layer; empty for equal digests.

    Structure, types, reuse factors, strategies, tables, values (how many, and the first) and claimed zeros. Names of
    the designs, their sources, and the names of configuration structures are no difference.
    """
    return (*_network(left, right), *_layers(left, right))


def _network(left: Design, right: Design) -> Iterator[Difference]:
    pairs = {
        "io_type": (left.io_type, right.io_type),
        "outputs": (", ".join(left.outputs), ", ".join(right.outputs)),
        "backend": (left.target.backend, right.target.backend),
        "part": (left.target.part, right.target.part),
        "clock_ns": (left.target.clock_ns, right.target.clock_ns),
        "Tcl directives": ("; ".join(left.target.directives), "; ".join(right.target.directives)),
    }
    for what, (first, second) in pairs.items():
        if first != second:
            yield Difference(None, what, _said(first), _said(second))


def _layers(left: Design, right: Design) -> Iterator[Difference]:
    first = {layer.name: layer for layer in left}
    second = {layer.name: layer for layer in right}
    for name, layer in first.items():
        if name not in second:
            yield Difference(name, "layer", _title(layer), _ABSENT)
        else:
            yield from _facts(layer, second[name])
            yield from _parameters(layer, second[name])
    for name, layer in second.items():
        if name not in first:
            yield Difference(name, "layer", _ABSENT, _title(layer))
    common = [name for name in first if name in second]
    order = [name for name in second if name in first]
    if common != order:
        yield Difference(None, "order of the layers", ", ".join(common), ", ".join(order))


def _title(layer: LayerSpec) -> str:
    return layer.kind.value if layer.operation is None else f"{layer.kind.value} ({layer.operation})"


def _said(value: Any) -> str:
    if value is None or value == "":
        return _ABSENT
    if isinstance(value, list):
        return " x ".join(map(_said, value)) if value else _ABSENT
    return str(value)


def _facts(left: LayerSpec, right: LayerSpec) -> Iterator[Difference]:
    first, second = layer_record(left), layer_record(right)
    for what in first:
        if what in _UNSAID or first[what] == second[what]:
            continue
        if isinstance(first[what], dict) or isinstance(second[what], dict):
            yield from _nested(left.name, what, first[what] or {}, second[what] or {})
        else:
            yield Difference(left.name, _WORDS.get(what, what), _said(first[what]), _said(second[what]))


def _nested(name: str, what: str, left: dict[str, Any], right: dict[str, Any]) -> Iterator[Difference]:
    for key in sorted({*left, *right}):
        if left.get(key) != right.get(key):
            yield Difference(name, f"{what} {key}", _said(left.get(key)), _said(right.get(key)))


def _parameters(left: LayerSpec, right: LayerSpec) -> Iterator[Difference]:
    for key in sorted({*left.parameters, *right.parameters}):
        first, second = left.parameters.get(key), right.parameters.get(key)
        if first is None or second is None:
            shapes = [_ABSENT if p is None else _size(p) for p in (first, second)]
            yield Difference(left.name, key, *shapes)
            continue
        for what in ("precision", "encoding"):
            said = [str(getattr(p, what)) for p in (first, second)]
            if said[0] != said[1]:
                yield Difference(left.name, f"{key} {'type' if what == 'precision' else what}", *said)
        yield from _values(left.name, key, first, second)


def _values(name: str, key: str, left: Parameter, right: Parameter) -> Iterator[Difference]:
    if left.values.shape != right.values.shape:
        yield Difference(name, f"{key} shape", _size(left), _size(right))
        return
    differ = left.values != right.values
    count = int(np.count_nonzero(differ))
    if count:
        index = tuple(int(i) for i in np.argwhere(differ)[0])
        what = f"{key}: {count} of {differ.size} values differ, first at {index}"
        yield Difference(name, what, f"{left.values[index]:.12g}", f"{right.values[index]:.12g}")
    if left.zeros != right.zeros:
        yield Difference(name, f"{key} zeros", str(left.zeros), str(right.zeros))


def _size(parameter: Parameter) -> str:
    return " x ".join(map(str, parameter.values.shape))
