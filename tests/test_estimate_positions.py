"""Convolutions with hardware for each position, held to the dense layers that compute the same."""

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import pytest
from estimate_designs import VITIS, WIDE, activation, dense, design, dsp, source
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fpgaprune.design import Geometry, LayerKind, LayerSpec, Parameter, Strategy
from fpgaprune.estimate import estimate_design

Codes = NDArray[np.int64]
Shape = tuple[int, ...]
_CODES = np.array([0, 0, 45, 45, 53, 77, 11, 3, -45])  # with three digits or more, and without
_DEPTHWISE = {LayerKind.CONV1D: LayerKind.DEPTHWISE_CONV1D, LayerKind.CONV2D: LayerKind.DEPTHWISE_CONV2D}


def convolution(
    reads: str, before: Shape, kernel: Any, geometry: Geometry, kind: LayerKind = LayerKind.CONV1D, **facts: Any
) -> LayerSpec:
    """A convolution whose positions are all computed at once; `kernel` is (taps..., channels, filters)."""
    codes = np.asarray(kernel, dtype=float)
    filters = codes.shape[-1] if kind not in _DEPTHWISE.values() else codes.shape[-1] * codes.shape[-2]
    counts = window_counts(before, geometry)
    defaults = {"positions": prod(counts), "parallelization_factor": prod(counts), "strategy": Strategy.LATENCY}
    return LayerSpec(
        "conv", kind, (reads,), before, (*counts, filters), WIDE, WIDE, geometry=geometry, reuse_factor=1,
        parameters={"weight": Parameter(codes, WIDE)}, **{**defaults, **facts},
    )  # fmt: skip


def window_counts(before: Shape, geometry: Geometry) -> Shape:
    axes = zip(before, geometry.kernel, geometry.stride, geometry.padding, geometry.dilation, strict=False)
    return tuple(
        (size + sum(pad) - (kernel - 1) * dilation - 1) // step + 1 for size, kernel, step, pad, dilation in axes
    )


def pooling(reads: str, before: Shape, geometry: Geometry, operation: str = "max") -> LayerSpec:
    after = (*window_counts(before, geometry), before[-1])
    return LayerSpec(
        "pool", LayerKind.POOLING, (reads,), before, after, WIDE, WIDE, geometry=geometry, operation=operation
    )


def image(shape: Shape) -> LayerSpec:
    return replace(source(prod(shape)), input_shape=shape, output_shape=shape)


def multipliers(*layers: LayerSpec, io_type: str = "io_parallel") -> dict[str, Any]:
    found = estimate_design(design(*layers, io_type=io_type), VITIS)
    return {layer.name: dsp(layer) for layer in found.layers}


PAIRS = Geometry((2,), (2,), ((0, 0),))
THREE = Geometry((3,), (1,), ((0, 0),))
ONE = Geometry((1,), (1,), ((0, 0),))


@pytest.mark.parametrize(("at_once", "expected"), [(5, 4 * 2), (1, 2)])
def test_positions_that_a_pooling_drops_cost_nothing_where_they_have_hardware(at_once: int, expected: int) -> None:
    conv = convolution("in", (5, 1), [[[45, 53]]], ONE, parallelization_factor=at_once)
    assert multipliers(image((5, 1)), conv, pooling("conv", (5, 2), PAIRS))["conv"] == expected
    assert multipliers(image((5, 1)), conv, pooling("conv", (5, 2), PAIRS), io_type="io_stream")["conv"] == 2


def test_a_channel_that_is_read_at_some_positions_costs_those() -> None:
    conv = convolution("in", (3, 1), [[[45, 53]]], ONE)
    final = dense("d", "conv", np.array([[45], [0], [0], [45], [0], [45]]))
    assert multipliers(image((3, 1)), conv, final) == {"in": 0, "conv": 3, "d": 3}


def test_equal_constants_meet_a_value_once_from_all_positions() -> None:
    assert multipliers(image((4, 1)), convolution("in", (4, 1), [[[45]], [[45]], [[53]]], THREE))["conv"] == 3 + 2


def test_positions_that_a_stride_skips_are_not_computed() -> None:
    first = convolution("in", (6, 1), [[[45]]], ONE)
    second = replace(convolution("conv", (6, 1), [[[53]]], Geometry((1,), (3,), ((0, 0),))), name="skips")
    assert multipliers(image((6, 1)), first, second) == {"in": 0, "conv": 2, "skips": 2}
    shared = replace(second, parallelization_factor=1)
    assert multipliers(image((6, 1)), first, shared) == {"in": 0, "conv": 2, "skips": 1}


def test_zeros_around_an_image_fold_away_in_what_multiplies_them() -> None:
    pad = LayerSpec(
        "pad", LayerKind.PADDING, ("in",), (3, 1), (6, 1), WIDE, WIDE, geometry=Geometry((1,), (1,), ((1, 2),))
    )
    conv = convolution("pad", (6, 1), [[[45]], [[53]]], Geometry((2,), (1,), ((0, 0),)))
    assert multipliers(image((3, 1)), pad, conv)["conv"] == 3 * 2


def test_what_is_not_read_passes_slopes_products_of_data_and_tables() -> None:
    conv = convolution("in", (5, 1), [[[45]]], ONE)
    slope = {"slope": Parameter(np.array([45.0]), WIDE)}
    leaky = LayerSpec(
        "leaky", LayerKind.ACTIVATION, ("conv",), (5, 1), (5, 1), WIDE, WIDE, operation="leaky_relu", parameters=slope
    )
    table = replace(activation("table", "leaky", 5, "tanh"), input_shape=(5, 1), output_shape=(5, 1))
    squared = LayerSpec("mul", LayerKind.MERGE, ("table", "conv"), (5, 1), (5, 1), WIDE, WIDE, operation="multiply")
    layers = image((5, 1)), conv, leaky, table, squared, pooling("mul", (5, 1), PAIRS)
    assert multipliers(*layers) == {"in": 0, "conv": 4, "leaky": 4, "table": 0, "mul": 4, "pool": 0}


def test_lanes_of_positions_nobody_reads_are_left_out() -> None:
    shared = {"strategy": Strategy.RESOURCE, "reuse_factor": 2}
    conv = replace(convolution("in", (5, 1), [[[45, 53]]], ONE), **shared)
    assert multipliers(image((5, 1)), conv, pooling("conv", (5, 2), PAIRS))["conv"] == 4
    unread = dense("d", "conv", np.zeros((10, 1)))
    found = estimate_design(design(image((5, 1)), conv, unread), VITIS).layers[1]
    assert dsp(found) == 0
    assert "removed: nobody reads its outputs" in found.notes


def expanded(layer: LayerSpec, row: Callable[[int, int, int], Codes]) -> Codes:
    """The matrix (inputs, outputs) of a layer with a window; `row` gives (channels, filters) of a tap and position."""
    geometry, (*sizes, channels) = layer.geometry, layer.input_shape
    assert geometry is not None
    *counts, filters = layer.output_shape
    matrix = np.zeros((prod(sizes), channels, prod(counts), filters), dtype=np.int64)
    for position, place in enumerate(np.ndindex(*counts)):
        for tap, offset in enumerate(np.ndindex(*geometry.kernel)):
            axes = zip(place, offset, geometry.stride, geometry.padding, geometry.dilation, strict=True)
            at = [to * step - pad[0] + by * dilation for to, by, step, pad, dilation in axes]
            if all(0 <= one < size for one, size in zip(at, sizes, strict=True)):
                matrix[np.ravel_multi_index(at, sizes), :, position] += row(tap, channels, filters)
    return matrix.reshape(layer.output_size and prod(layer.input_shape), layer.output_size)


def as_matrix(layer: LayerSpec) -> Codes:
    """The same of any layer that is linear in what moves: those without constants take what they read once."""
    inputs = np.arange(prod(layer.input_shape)).reshape(layer.input_shape)
    if layer.kind in {LayerKind.POOLING, *_DEPTHWISE, *_DEPTHWISE.values()}:
        weight = layer.weight

        def row(tap: int, channels: int, filters: int) -> Codes:
            if weight is None:
                return np.eye(channels, dtype=np.int64)
            taps = weight.codes.reshape(-1, *weight.codes.shape[-2:])[tap]
            if layer.kind not in _DEPTHWISE.values():
                return taps
            own = np.zeros((channels, channels, taps.shape[1]), dtype=np.int64)
            own[range(channels), range(channels)] = taps
            return own.reshape(channels, filters)

        return expanded(layer, row)
    if layer.kind is LayerKind.GLOBAL_POOLING:
        places = [np.flatnonzero(inputs.ravel() % layer.output_size == output) for output in range(layer.output_size)]
        matrix = np.zeros((inputs.size, layer.output_size), dtype=np.int64)
        for output, some in enumerate(places):
            matrix[some, output] = 1
        return matrix
    moved = moved_places(layer, inputs)
    matrix = np.zeros((inputs.size + 1, moved.size), dtype=np.int64)
    matrix[moved.ravel(), np.arange(moved.size)] = 1
    return matrix[:-1]


def moved_places(layer: LayerSpec, places: Codes) -> Codes:
    """Which input each output is; -1 for zeros."""
    if layer.kind is LayerKind.PADDING:
        assert layer.geometry is not None
        return np.pad(places + 1, [*layer.geometry.padding, (0, 0)]) - 1
    if layer.kind is LayerKind.UPSAMPLING:
        for axis in range(places.ndim - 1):
            places = np.repeat(places, 2, axis)
        return places
    if layer.operation == "cropping":
        return places[1:]
    return places.T if places.ndim == 2 else places.transpose(1, 0, 2)


@st.composite
def geometries(draw: st.DrawFn, sizes: Shape, *, dilated: bool = True) -> Geometry:
    kernel = tuple(draw(st.integers(1, min(3, size))) for size in sizes)
    stride = tuple(draw(st.integers(1, 3)) for _ in sizes)
    padding = tuple((draw(st.integers(0, one - 1)), draw(st.integers(0, one - 1))) for one in kernel)
    fits = (dilated and (one - 1) * 2 < size for one, size in zip(kernel, sizes, strict=True))
    dilation = tuple(draw(st.integers(1, 2)) if fit else 1 for fit in fits)
    return Geometry(kernel, stride, padding, dilation)


@st.composite
def chains(draw: st.DrawFn) -> list[LayerSpec]:
    """A few layers on an image, each reading the one before, and a dense one with rows of zeros at the end."""
    dimensions = draw(st.integers(1, 2))
    shape: Shape = (*(draw(st.integers(3, 9 - 2 * dimensions)) for _ in range(dimensions)), draw(st.integers(1, 2)))
    layers = [image(shape)]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    plain = (LayerKind.CONV1D, LayerKind.CONV2D)[dimensions - 1]
    moves = [LayerKind.POOLING, LayerKind.PADDING, LayerKind.UPSAMPLING, LayerKind.RESHAPE, LayerKind.GLOBAL_POOLING]
    for number in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from([plain, plain, _DEPTHWISE[plain], *moves]))
        before, reads = layers[-1].output_shape, layers[-1].name
        if prod(before) > 300:
            break
        if kind in {plain, _DEPTHWISE[plain]}:
            geometry = draw(geometries(before[:-1]))
            filters = draw(st.integers(1, 3)) if kind is plain else 1
            kernel = rng.choice(_CODES, (*geometry.kernel, before[-1], filters))
            layer = convolution(reads, before, kernel, geometry, kind)
        elif kind is LayerKind.POOLING:
            layer = pooling(reads, before, draw(geometries(before[:-1], dilated=False)))
        elif kind is LayerKind.GLOBAL_POOLING:
            layer = LayerSpec("g", kind, (reads,), before, before[-1:], WIDE, WIDE, operation="max")
        else:
            layer = _moving(kind, reads, before, draw)
        layers.append(replace(layer, name=f"l{number}"))
        if kind is LayerKind.GLOBAL_POOLING:
            break
    size = layers[-1].output_size
    final = rng.choice(_CODES, (size, 2)) * (rng.random((size, 1)) < draw(st.sampled_from([0.2, 0.7, 1.0])))
    layers.append(dense("last", layers[-1].name, final))
    return layers


def _moving(kind: LayerKind, reads: str, before: Shape, draw: st.DrawFn) -> LayerSpec:
    if kind is LayerKind.PADDING:
        sides = tuple((draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in before[:-1])
        ones = (1,) * len(sides)
        after = (*(size + sum(pair) for size, pair in zip(before, sides, strict=False)), before[-1])
        return LayerSpec("m", kind, (reads,), before, after, WIDE, WIDE, geometry=Geometry(ones, ones, sides))
    if kind is LayerKind.UPSAMPLING:
        after = (*(2 * size for size in before[:-1]), before[-1])
        return LayerSpec("m", kind, (reads,), before, after, WIDE, WIDE, operation="nearest")
    if draw(st.booleans()) and before[0] > 1:
        sides = ((1, 0), *((0, 0) for _ in before[1:-1]))
        border = Geometry((1,) * len(sides), (1,) * len(sides), sides)
        after = (before[0] - 1, *before[1:])
        return LayerSpec("m", kind, (reads,), before, after, WIDE, WIDE, operation="cropping", geometry=border)
    after, axes = ((before[1], before[0]), "1,0") if len(before) == 2 else ((before[1], before[0], before[2]), "1,0,2")
    facts: dict[str, Any] = {"operation": "transpose", "attributes": {"permutation": axes}}
    return LayerSpec("m", kind, (reads,), before, after, WIDE, WIDE, **facts)


@settings(max_examples=40, deadline=None)
@given(chains())
def test_a_chain_costs_what_the_dense_layers_cost_that_compute_the_same(layers: list[LayerSpec]) -> None:
    flat = [layers[0], *(dense(layer.name, layer.inputs[0], as_matrix(layer)) for layer in layers[1:-1]), layers[-1]]
    assert multipliers(*layers) == multipliers(*flat)


def test_means_that_nobody_reads_cost_nothing() -> None:
    mean = LayerSpec("mean", LayerKind.GLOBAL_POOLING, ("in",), (3, 2), (2,), WIDE, WIDE, operation="average")
    found = [
        multipliers(image((3, 2)), mean, dense("last", "mean", codes))["mean"] for codes in ([[1], [0]], [[0], [0]])
    ]
    assert found == [{"low": 0, "high": 1}, 0]


def test_images_side_by_side_are_followed_along_any_axis() -> None:
    rng = np.random.default_rng(0)
    one, other = ([rng.choice(_CODES[2:], (1, 1, 2))] for _ in range(2))
    for axis, before, after in ((1, (3, 2), (6, 2)), (2, (3, 2), (3, 4)), (-1, (3, 2), (3, 4))):
        left = replace(convolution("in", (3, 1), one[0], ONE), name="left")
        right = replace(convolution("in", (3, 1), other[0], ONE), name="right")
        facts: dict[str, Any] = {"attributes": {"axis": axis}}
        both = LayerSpec("both", LayerKind.CONCATENATE, ("left", "right"), before, after, WIDE, WIDE, **facts)
        needed = rng.random(12) < 0.5
        final = dense("last", "both", np.where(needed, 45, 0).reshape(-1, 1))
        parts = np.split(needed.reshape(after), 2, axis=0 if axis == 1 else 1)
        found = multipliers(image((3, 1)), left, right, both, final)
        for name, kernel, part in (("left", one[0], parts[0]), ("right", other[0], parts[1])):
            codes = np.where(part, kernel.reshape(1, 2), 0)
            expected = sum(len({code for code in row if code not in {0, 3}}) for row in codes.tolist())
            assert found[name] == expected, (axis, name)
