"""The constants of a model against those written in its project, and those of the saved graph, array by array."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fpgaprune.design import Design, Encoding, LayerKind, LayerSpec, Parameter, Strategy
from fpgaprune.flow.expected import Stage
from fpgaprune.read.quantizers import Constant
from fpgaprune.results.audit import AuditDifference, AuditRow

Array = NDArray[np.float64]
# QKeras and batch normalization compute in float32: this share of a value is its noise, not a difference.
_NOISE = 2.0**-22
# Kinds of layers whose constants meet data.
WITH_CONSTANTS = frozenset(
    (
        LayerKind.DENSE,
        LayerKind.CONV1D,
        LayerKind.CONV2D,
        LayerKind.DEPTHWISE_CONV1D,
        LayerKind.DEPTHWISE_CONV2D,
        LayerKind.BATCH_NORM,
        LayerKind.LSTM,
        LayerKind.GRU,
    )
)
# Where parameters.h says how many zeros an array has: the array, and the attribute, or None for the layer's own claim.
CLAIMS = (
    ("weight", None),
    ("recurrent_weight", "recurrent_claimed_zeros"),
    ("backward_weight", "backward_claimed_zeros"),
    ("backward_recurrent_weight", "backward_recurrent_claimed_zeros"),
)


def claimed_zeros(layer: LayerSpec, array: str, attribute: str | None) -> int | None:
    """The zeros that parameters.h says an array of the layer has; None where it says nothing."""
    if attribute is None:
        return layer.claimed_zeros if array == "weight" else None
    value = layer.attributes.get(attribute)
    return value if isinstance(value, int) else None


class ConstantsAudit:
    """Holds the model's constants against the written ones, and those of the graph, array by array."""

    def __init__(self, written: Design, graph: Design | None) -> None:
        self.notes: list[str] = []
        self._written = written
        self._graph = {} if graph is None else {layer.name: layer for layer in graph}
        self._expected: dict[tuple[str, str], Constant] = {}

    def model_differences(self, stages: Sequence[Stage]) -> list[AuditDifference]:
        """What the model says otherwise; remembers what was compared for the rows."""
        found: list[AuditDifference] = []
        for stage in stages:
            found.extend(self._stage(stage))
        covered = {stage.name for stage in stages}
        found.extend(
            AuditDifference("model against project", layer.name, None, "constants", "none", "some")
            for layer in self._written
            if layer.kind in WITH_CONSTANTS and layer.parameters and layer.name not in covered
        )
        return found

    def _stage(self, stage: Stage) -> Iterator[AuditDifference]:
        layer = stage.found
        if layer is None:
            yield AuditDifference("model against project", stage.name, None, "layer", "a layer", "nothing")
            return
        if stage.folded:
            self.notes.append(f"{stage.name}: compared with {', '.join(stage.folded)} folded in")
        if not layer.parameters:
            known = layer.strategy is Strategy.DISTRIBUTED_ARITHMETIC
            why = "its constants became an adder graph" if known else "its constants are not read"
            self.notes.append(f"{layer.name}: not compared with the model, {why}; verify runs it")
            return
        for name in sorted({*stage.arrays, *layer.parameters}):
            yield from self._array(layer, name, stage.arrays.get(name), layer.parameters.get(name))

    def _array(
        self, layer: LayerSpec, name: str, constant: Constant | None, parameter: Parameter | None
    ) -> Iterator[AuditDifference]:
        looks = "model against project"
        if parameter is None:
            if constant is not None and np.any(constant.values):
                yield AuditDifference(looks, layer.name, name, "array", "there", "nothing")
            return
        if constant is None and not name.endswith("bias"):
            self.notes.append(f"{layer.name} {name}: not a constant of the model, not compared with it")
            return
        constant = constant or Constant(np.zeros(parameter.values.shape), exact=True)
        values = _fitted(constant.values, parameter.values.shape)
        if values is None:
            yield AuditDifference(looks, layer.name, name, "shape", _size(constant.values), _size(parameter.values))
            return
        fitted = self._expected[layer.name, name] = replace(constant, values=values)
        yield from _value_differences(looks, layer.name, name, fitted, parameter)
        other = self._graph.get(layer.name)
        shown = None if other is None else other.parameters.get(name)
        if (
            shown is not None
            and not np.array_equal(shown.values, parameter.values)
            and shown.values.shape == values.shape
        ):
            yield from _value_differences("model against graph", layer.name, name, fitted, shown)

    def rows(self, found: Sequence[AuditDifference]) -> Iterator[AuditRow]:
        """A line per written array."""
        wrong = {(one.layer, one.array) for one in found}
        broken = {one.layer for one in found if one.array is None and one.layer is not None}
        claims = dict(CLAIMS)
        for layer in self._written:
            for name, parameter in layer.parameters.items():
                expected = self._expected.get((layer.name, name))
                graph = self._graph.get(layer.name)
                shown = None if graph is None else graph.parameters.get(name)
                nearest = None if expected is None else _nearest(expected, parameter)
                yield AuditRow(
                    layer=layer.name,
                    array=name,
                    size=parameter.values.size,
                    precision=str(parameter.precision),
                    model_precision=None if expected is None or expected.precision is None else str(expected.precision),
                    model_zeros=None if nearest is None else int(nearest.size - np.count_nonzero(nearest)),
                    graph_zeros=None if shown is None else shown.zeros,
                    project_zeros=parameter.zeros,
                    claimed_zeros=claimed_zeros(layer, name, claims.get(name)) if name in claims else None,
                    powers_of_two=_powers_of_two(parameter.values),
                    reuse_factor=layer.reuse_factor,
                    rounded=None if expected is None or nearest is None else _rounded(expected.values, nearest),
                    agrees=(layer.name, name) not in wrong and layer.name not in broken,
                )


def _fitted(values: Array, shape: tuple[int, ...]) -> Array | None:
    """`values` in the design's shape: axes of one may differ, and channels repeat where every value has a constant."""
    if values.size == int(np.prod(shape)) and _squeezed(values.shape) == _squeezed(shape):
        return values.reshape(shape)
    if len(shape) == 1 and values.size and shape[0] % values.size == 0 and values.ndim <= 1:
        return np.tile(np.ravel(values), shape[0] // values.size)
    if values.size == int(np.prod(shape)) and len(shape) == 1:
        return values.reshape(shape)
    return None


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)


def _tolerance(expected: Constant, parameter: Parameter) -> Array:
    """Half a step for constants that the model leaves open; nothing but float32 noise for those it decides."""
    noise: Array = _NOISE * np.abs(expected.values)
    if expected.exact or parameter.encoding is not Encoding.FIXED:
        return noise
    return noise + parameter.precision.lsb / 2


def _nearest(expected: Constant, parameter: Parameter) -> Array:
    """What the written type should hold: where the written value is near enough, that."""
    near = np.abs(expected.values - parameter.values) <= _tolerance(expected, parameter)
    return np.where(near, parameter.values, expected.values)


def _rounded(expected: Array, nearest: Array) -> int:
    return int(np.count_nonzero(np.abs(expected - nearest) > _NOISE * np.abs(expected)))


def _value_differences(
    looks: str, layer: str, name: str, expected: Constant, parameter: Parameter
) -> Iterator[AuditDifference]:
    values = expected.values
    off = np.abs(values - parameter.values) > _tolerance(expected, parameter)
    count = int(np.count_nonzero(off))
    if not count:
        return
    index = tuple(int(place) for place in np.argwhere(off)[0])
    yield AuditDifference(
        looks, layer, name, "value", f"{values[index]:.9g}", f"{parameter.values[index]:.9g}", index, count
    )
    zeros = int(values.size - np.count_nonzero(_nearest(expected, parameter)))
    if zeros != parameter.zeros:
        yield AuditDifference(looks, layer, name, "zeros", str(zeros), str(parameter.zeros))


def _powers_of_two(values: Array) -> int:
    mantissas, _ = np.frexp(np.abs(values))
    return int(np.count_nonzero(mantissas == 0.5))


def _size(values: Array) -> str:
    return " x ".join(map(str, values.shape)) or "a number"
