"""A front end for tests: netlists of dense and ReLU layers straight from the design, as the compiled C++ would give."""

from pathlib import Path

import numpy as np

from fpgaprune.design import Design, LayerKind, LayerSpec
from fpgaprune.fixed_point import FixedPoint, Overflow, Rounding
from fpgaprune.synth.open.netlist import Netlist, Op, Port
from fpgaprune.synth.open.storage import Network
from tests.netlists import Builder


def from_design(project: Path, design: Design, folder: Path) -> Network:
    """Arrays are called after the layer that writes them."""
    types = {layer.name: layer.output_precision for layer in design}
    netlists, refused = [], {}
    for layer in design:
        if layer.kind is LayerKind.INPUT:
            continue
        data = types[layer.inputs[0]]
        if layer.kind is LayerKind.DENSE and data is not None:
            netlists.append(_dense(layer, data))
        elif layer.operation == "relu" and data is not None:
            netlists.append(_relu(layer, data))
        else:
            refused[layer.name] = f"this front end knows no {layer.kind.value}"
    return Network(tuple(netlists), design.outputs, refused)


def _typed(build: Builder, value: int, fraction: int, after: FixedPoint) -> int:
    """A value of `fraction` bits in the type `after`: TRN and RND_CONV, WRAP and SAT, which is what the tests need."""
    shift = fraction - after.fraction
    rounded = build.shifted(value, shift)
    if shift > 0 and after.rounding is Rounding.RND_CONV:
        rest = build.wrapped(value, shift, signed=False)
        half = build.constant(1 << (shift - 1))
        odd = build.wrapped(rounded, 1, signed=False)
        tie = build.selected(build.compared(Op.EQ, rest, half), odd, build.compared(Op.GT, rest, half))
        rounded = build.sum(rounded, tie)
    if after.overflow is Overflow.SAT:
        high, low = build.constant(after.max_code), build.constant(after.min_code)
        rounded = build.selected(build.compared(Op.GT, rounded, high), high, rounded)
        rounded = build.selected(build.compared(Op.LT, rounded, low), low, rounded)
    return build.wrapped(rounded, after.width, signed=after.signed)


def _ports(layer: LayerSpec, data: FixedPoint, size: int) -> tuple[Port, Port]:
    result = layer.output_precision
    assert result is not None
    return (
        Port(layer.inputs[0], data.width, data.signed, size),
        Port(layer.name, result.width, result.signed, layer.output_size),
    )


def _dense(layer: LayerSpec, data: FixedPoint) -> Netlist:
    weight, accumulator, result = layer.weight, layer.accumulator_precision, layer.output_precision
    assert weight is not None
    assert accumulator is not None
    assert result is not None
    build, codes = Builder(), weight.codes
    inputs = [build.input(i, data) for i in range(codes.shape[0])]
    bias = np.zeros(codes.shape[1]) if layer.bias is None else layer.bias.values
    shift = data.fraction + weight.precision.fraction - accumulator.fraction
    roots = []
    for output, start in enumerate(accumulator.codes(bias).tolist()):
        total = build.constant(start)
        for source, code in zip(inputs, codes[:, output].tolist(), strict=True):
            if code:
                total = build.sum(total, build.shifted(build.product(source, build.constant(code)), shift))
        total = build.wrapped(total, accumulator.width, signed=accumulator.signed)
        roots.append(_typed(build, total, accumulator.fraction, result))
    one, other = _ports(layer, data, codes.shape[0])
    return build.netlist(layer.name, (one,), (other,), roots)


def _relu(layer: LayerSpec, data: FixedPoint) -> Netlist:
    result = layer.output_precision
    assert result is not None
    build = Builder()
    zero, roots = build.constant(0), []
    for number in range(layer.output_size):
        value = build.input(number, data)
        positive = build.add(Op.SELECT, (build.compared(Op.GT, value, zero), value, zero), 0, data.max_code)
        roots.append(_typed(build, positive, data.fraction, result))
    one, other = _ports(layer, data, layer.output_size)
    return build.netlist(layer.name, (one,), (other,), roots)
