"""LSTM and GRU, one direction or both (nnet_recurrent.h): every intermediate result is an `accum_t`."""

from dataclasses import dataclass, replace

import numpy as np

from fpgaprune.design import LayerKind, LayerSpec, Parameter
from fpgaprune.emulate.activations import table_lookup
from fpgaprune.emulate.constants import accumulation_order, accumulator, constant, factors, output_type, refusal
from fpgaprune.emulate.sums import sums_of_products
from fpgaprune.fixed_arithmetic import Array, Codes, add, integer_type, multiply, subtract
from fpgaprune.fixed_point import FixedPoint

_PREFIX = "backward_"
_TABLES = {"sigmoid", "tanh"}


@dataclass(frozen=True)
class _Cell:
    """One direction of a layer."""

    layer: LayerSpec
    kind: LayerKind
    sums_type: FixedPoint
    state_type: FixedPoint
    units: int

    def sums(self, name: str, data: Codes, reuse_factor: int | None) -> Codes:
        prefix = "recurrent_" if name == "recurrent" else ""
        weights = factors(self.layer, f"{prefix}weight", data.precision)
        order = accumulation_order(self.layer, weights.values.shape[0], reuse_factor)
        return sums_of_products(data, weights, constant(self.layer, f"{prefix}bias"), self.sums_type, order)

    def function(self, which: str, data: Codes) -> Codes:
        """The activation called `which` (`activation`, `recurrent_activation`), cast to `accum_t`."""
        name = str(self.layer.attributes.get(which, "")).lower()
        if name == "relu":
            return Codes(np.maximum(data.values, 0), data.precision).cast(self.sums_type)
        if name not in _TABLES:
            raise refusal(self.layer, f"hls4ml has no {name or 'unnamed'} for recurrent layers")
        return table_lookup(self.layer, name, which, data).cast(self.sums_type)

    def gate(self, data: Codes, number: int) -> Codes:
        return Codes(data.values[:, number * self.units : (number + 1) * self.units], data.precision)

    def start(self, samples: int) -> Codes:
        zeros = np.zeros((samples, self.units), dtype=np.int64)
        return Codes(zeros, self.state_type)


def recurrent(layer: LayerSpec, data: Codes) -> Codes:
    """Data (samples, steps * n_in); the state starts at zero with every sample."""
    steps, n_in = layer.input_shape
    values = data.values.reshape(len(data.values), steps, n_in)
    forward = _direction(layer, layer.kind, Codes(values, data.precision))
    directions = [forward]
    if layer.attributes.get("bidirectional"):
        kind = LayerKind(str(layer.attributes["backward_kind"]))
        backward = _direction(_backward(layer), kind, Codes(values[:, ::-1], data.precision))
        directions.append(backward)
    if not layer.attributes.get("return_sequences"):
        return Codes(np.concatenate([states[-1] for states in directions], axis=1), output_type(layer))
    ordered = [np.stack(forward, axis=1)]
    if len(directions) > 1:
        ordered.append(np.stack(directions[1][::-1], axis=1))
    joined = np.concatenate(ordered, axis=2)
    return Codes(joined.reshape(len(joined), -1), output_type(layer))


def _backward(layer: LayerSpec) -> LayerSpec:
    """The second direction as a layer of its own."""
    parameters: dict[str, Parameter] = {
        name.removeprefix(_PREFIX): array for name, array in layer.parameters.items() if name.startswith(_PREFIX)
    }
    attributes = dict(layer.attributes)
    for name, value in layer.attributes.items():
        if name.startswith(_PREFIX):
            attributes[name.removeprefix(_PREFIX)] = value
    reuse = attributes.get("backward_reuse_factor", layer.reuse_factor)
    return replace(
        layer, parameters=parameters, attributes=attributes, reuse_factor=None if reuse is None else int(reuse)
    )


def _direction(layer: LayerSpec, kind: LayerKind, data: Codes) -> list[Array]:
    """The hidden state after each step, each (samples, units)."""
    cell = _Cell(layer, kind, accumulator(layer), output_type(layer), int(layer.attributes["units"]))
    samples, steps = data.values.shape[:2]
    hidden, memory = cell.start(samples), cell.start(samples)
    states = []
    for step in range(steps):
        now = Codes(data.values[:, step], data.precision)
        if kind is LayerKind.LSTM:
            hidden, memory = _lstm_step(cell, now, hidden, memory)
        else:
            hidden = _gru_step(cell, now, hidden)
        states.append(hidden.values)
    return states


def _both_sums(cell: _Cell, now: Codes, hidden: Codes) -> tuple[Codes, Codes]:
    again = cell.layer.attributes.get("recurrent_reuse_factor")
    recurrent_reuse = None if again is None else int(again)
    return cell.sums("kernel", now, cell.layer.reuse_factor), cell.sums("recurrent", hidden, recurrent_reuse)


def _lstm_step(cell: _Cell, now: Codes, hidden: Codes, memory: Codes) -> tuple[Codes, Codes]:
    """Gates in Keras' order: input, forget, candidate, output."""
    kernel, recurrence = _both_sums(cell, now, hidden)
    total = add(kernel, recurrence).cast(cell.sums_type)
    admit, forget, candidate, emit = (
        cell.function("activation" if number == 2 else "recurrent_activation", cell.gate(total, number))
        for number in range(4)
    )
    memory = add(multiply(candidate, admit), multiply(memory, forget)).cast(cell.state_type)
    hidden = multiply(emit, cell.function("activation", memory)).cast(cell.state_type)
    return hidden, memory


def _gru_step(cell: _Cell, now: Codes, hidden: Codes) -> Codes:
    """Gates in Keras' order: update, reset, candidate; the reset is applied after the product."""
    kernel, recurrence = _both_sums(cell, now, hidden)
    update, reset = (
        cell.function(
            "recurrent_activation",
            add(cell.gate(kernel, number), cell.gate(recurrence, number)).cast(cell.sums_type),
        )
        for number in range(2)
    )
    kept = multiply(reset, cell.gate(recurrence, 2)).cast(cell.sums_type)
    candidate = cell.function("activation", add(cell.gate(kernel, 2), kept).cast(cell.sums_type))
    one = Codes(np.array([1]), integer_type())
    return add(multiply(candidate, subtract(one, update)), multiply(hidden, update)).cast(cell.state_type)
