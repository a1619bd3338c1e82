"""The emulator against the same arithmetic written out in fractions, one product at a time, on random layers."""

import operator
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fpgaprune.design import Geometry, LayerKind, LayerSpec, Parameter, Strategy
from fpgaprune.design.network import Design
from fpgaprune.emulate import emulate, trace
from fpgaprune.fixed_point import FixedPoint, Overflow, Rounding

HALF = Fraction(1, 2)
MODES = st.tuples(
    st.sampled_from(list(Rounding)), st.sampled_from([each for each in Overflow if each is not Overflow.WRAP_SM])
)
MERGES: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
}
Grid = dict[tuple[int, ...], Fraction]  # values by (row, column, channel)


def held(value: Fraction, kind: FixedPoint) -> Fraction:
    """A number assigned to a type, by the words of UG1399."""
    step = Fraction(2) ** -kind.fraction
    steps = value / step
    below = steps.numerator // steps.denominator
    part = steps - below
    tie_up = {
        Rounding.RND: True,
        Rounding.RND_INF: steps > 0,
        Rounding.RND_ZERO: steps < 0,
        Rounding.RND_MIN_INF: False,
        Rounding.RND_CONV: below % 2 == 1,
    }
    match kind.rounding:
        case Rounding.TRN:
            up = False
        case Rounding.TRN_ZERO:
            up = steps < 0 and part > 0
        case mode:
            up = part > HALF or (part == HALF and tie_up[mode])
    code = below + up
    low, high = kind.min_code, kind.max_code
    match kind.overflow:
        case Overflow.WRAP:
            code = (code - low) % (1 << kind.width) + low
        case Overflow.SAT_ZERO:
            code = code if low <= code <= high else 0
        case Overflow.SAT_SYM:
            code = max(-high if kind.signed else 0, min(high, code))
        case _:
            code = max(low, min(high, code))
    return code * step


@st.composite
def types(draw: st.DrawFn, least: int = 3, most: int = 18) -> FixedPoint:
    width = draw(st.integers(least, most))
    return FixedPoint(width, draw(st.integers(-3, width + 3)), draw(st.booleans()), *draw(MODES))


def _constants(rng: np.random.Generator, shape: tuple[int, ...], kind: FixedPoint) -> Parameter:
    low = kind.min_code + int(kind.signed and kind.overflow is Overflow.SAT_SYM)  # which holds no smallest code
    codes = rng.integers(low, kind.max_code, shape, endpoint=True) * (rng.random(shape) < 0.8)
    return Parameter(np.ldexp(codes.astype(float), -kind.fraction), kind)


def _matrix(values: list[Fraction], layer: LayerSpec) -> list[Fraction]:
    """A product by a matrix: every product and every sum in the accumulator, in the order of hls4ml's kernels."""
    weight, bias = layer.parameters["weight"].values, layer.parameters["bias"].values
    flat, kind = weight.reshape(len(values), -1), layer.accumulator_precision
    assert kind is not None
    assert layer.output_precision is not None
    reuse = layer.reuse_factor if layer.strategy is Strategy.RESOURCE else 1
    assert reuse is not None
    order = [first + place for first in range(reuse) for place in range(0, len(values), reuse)]
    found = []
    for column in range(flat.shape[1]):
        total = held(Fraction(bias[column]), kind)
        for place in order:
            total = held(total + held(values[place] * Fraction(flat[place, column]), kind), kind)
        found.append(held(total, layer.output_precision))
    return found


def _windows(layer: LayerSpec, image: Grid) -> Iterator[tuple[tuple[int, int], list[Fraction | None]]]:
    """What each output position sees: None outside of the image."""
    geometry = layer.geometry
    assert geometry is not None
    rows, columns, channels = layer.input_shape
    for at in product(*map(range, layer.output_shape[:2])):
        seen = []
        for offset in product(*map(range, geometry.kernel)):
            row, column = (
                position * stride + shift - before
                for position, stride, shift, (before, _) in zip(
                    at, geometry.stride, offset, geometry.padding, strict=True
                )
            )
            inside = 0 <= row < rows and 0 <= column < columns
            seen += [image[row, column, channel] if inside else None for channel in range(channels)]
        yield (at[0], at[1]), seen


def _image(values: list[Fraction], shape: tuple[int, ...]) -> Grid:
    return dict(zip(product(*map(range, shape)), values, strict=True))


def _expected(layer: LayerSpec, inputs: list[list[Fraction]]) -> list[Fraction]:
    values, kind = inputs[0], layer.output_precision
    assert kind is not None
    match layer.kind:
        case LayerKind.DENSE:
            return _matrix(values, layer)
        case LayerKind.CONV2D:
            seen = _windows(layer, _image(values, layer.input_shape))
            return [one for _, window in seen for one in _matrix([v or Fraction(0) for v in window], layer)]
        case LayerKind.BATCH_NORM:
            scale, bias = (layer.parameters[name].values for name in ("weight", "bias"))
            return [
                held(value * Fraction(scale[n % scale.size]) + Fraction(bias[n % bias.size]), kind)
                for n, value in enumerate(values)
            ]
        case LayerKind.ACTIVATION:
            return [held(max(value, Fraction(0)), kind) for value in values]
        case LayerKind.POOLING:
            channels = layer.input_shape[-1]
            windows = [window for _, window in _windows(layer, _image(values, layer.input_shape))]
            sums = layer.accumulator_precision
            assert sums is not None
            return [
                held(held(max(v for v in window[channel::channels] if v is not None), sums), kind)
                for window in windows
                for channel in range(channels)
            ]
        case _:
            combine = MERGES[str(layer.operation)]
            return [held(combine(one, other), kind) for one, other in zip(*inputs, strict=True)]


@st.composite
def networks(draw: st.DrawFn) -> Design:
    """A convolution, a normalization, a ReLU, a maximum, and two dense layers that are merged; all types at random."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    size, channels = draw(st.integers(3, 4)), draw(st.integers(1, 2))
    filters, stride, border = draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.integers(0, 1))
    out = (size + 2 * border - 2) // stride + 1
    image, maps = (size, size, channels), (out, out, filters)
    window, whole = (2, 2), Geometry((out, 1), (out, 1), ((0, 0), (0, 0)))
    geometry = Geometry(window, (stride, stride), ((border, border),) * 2)
    strategy, dense = draw(st.sampled_from([Strategy.LATENCY, Strategy.RESOURCE])), out * filters

    def layer(name: str, kind: LayerKind, reads: str, *shapes: tuple[int, ...], **facts: Any) -> LayerSpec:
        return LayerSpec(name, kind, tuple(reads.split()), *shapes, draw(types(2, 20)), **facts)

    def weights(shape: tuple[int, ...]) -> dict[str, Any]:
        n_in = int(np.prod(shape[:-1]))
        held_by = {"weight": _constants(rng, shape, draw(types())), "bias": _constants(rng, shape[-1:], draw(types()))}
        reuse = draw(st.sampled_from([each for each in range(1, n_in + 1) if n_in % each == 0]))
        return {
            "parameters": held_by,
            "accumulator_precision": draw(types(3, 30)),
            "strategy": strategy,
            "reuse_factor": reuse,
        }

    scale = {"weight": _constants(rng, (filters,), draw(types())), "bias": _constants(rng, (filters,), draw(types()))}
    spatial = (1, out, filters)
    layers = (
        layer("x", LayerKind.INPUT, "", image, image),
        layer("conv", LayerKind.CONV2D, "x", image, maps, geometry=geometry, **weights((*window, channels, filters))),
        layer("norm", LayerKind.BATCH_NORM, "conv", maps, maps, parameters=scale),
        layer("relu", LayerKind.ACTIVATION, "norm", maps, maps, operation="relu"),
        layer(
            "pool",
            LayerKind.POOLING,
            "relu",
            maps,
            spatial,
            geometry=whole,
            operation="max",
            accumulator_precision=draw(types(3, 30)),
        ),
        layer("one", LayerKind.DENSE, "pool", (dense,), (3,), **weights((dense, 3))),
        layer("other", LayerKind.DENSE, "pool", (dense,), (3,), **weights((dense, 3))),
        layer("both", LayerKind.MERGE, "one other", (3,), (3,), operation=draw(st.sampled_from(sorted(MERGES)))),
    )
    return Design("random", layers, "io_parallel", ("both",))


@settings(max_examples=50, deadline=None)
@given(networks(), st.integers(0, 2**32))
def test_random_layers_equal_fractions(design: Design, seed: int) -> None:
    kind = design.layers[0].output_precision
    assert kind is not None
    shape = (2, *design.layers[0].output_shape)
    inputs = np.random.default_rng(seed).uniform(1.5 * kind.low - kind.lsb, 1.5 * kind.high, shape)
    found = trace(design, inputs)
    for sample in range(2):
        known = {"x": [held(Fraction(value), kind) for value in inputs[sample].reshape(-1).tolist()]}
        for layer in design.layers[1:]:
            known[layer.name] = _expected(layer, [known[name] for name in layer.inputs])
            assert [Fraction(value) for value in found[layer.name][sample]] == known[layer.name], layer.name
    np.testing.assert_array_equal(emulate(design, inputs)[0], found["both"])
