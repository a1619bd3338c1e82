"""Layers that move, join or combine values without constants."""

from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from fpgaprune.design import LayerSpec
from fpgaprune.emulate.constants import accumulator, output_type, refusal
from fpgaprune.fixed_arithmetic import Array, Codes, add, compared, multiply, overflowed, subtract
from fpgaprune.fixed_point import FixedPoint


def merge(layer: LayerSpec, inputs: Sequence[Codes]) -> Codes:
    """An elementwise operation on two tensors, the smaller one repeated; or their dot product."""
    if len(inputs) != 2:
        raise refusal(layer, f"it merges {len(inputs)} tensors")
    target = output_type(layer)
    if layer.operation == "dot":
        return _dot(layer, inputs[0], inputs[1])
    if layer.operation == "einsum":
        raise refusal(layer, "the operation 'einsum' is not known")
    a, b = (_repeated(one, prod(layer.output_shape)) for one in inputs)
    match layer.operation:
        case "maximum" | "minimum":
            left, right = compared(a, b)
            first = left > right if layer.operation == "maximum" else left < right
            return Codes(np.where(first, a.cast(target).values, b.cast(target).values), target)
        case "average":
            total = add(a, b)
            half = FixedPoint(total.precision.width + 1, total.precision.integer, total.precision.signed)
            return Codes(total.values, half).cast(target)
        case "add" | "subtract" | "multiply":
            return _OPERATORS[layer.operation](a, b).cast(target)
    raise refusal(layer, f"the operation {layer.operation!r} is not known")


_OPERATORS: dict[str, Callable[[Codes, Codes], Codes]] = {"add": add, "subtract": subtract, "multiply": multiply}


def _repeated(codes: Codes, size: int) -> Codes:
    there = codes.values.shape[1]
    return codes if there == size else Codes(np.tile(codes.values, size // there), codes.precision)


def _dot(layer: LayerSpec, a: Codes, b: Codes) -> Codes:
    sums_type = accumulator(layer)
    products = multiply(a, b).cast(sums_type)
    total = np.zeros(len(products.values), dtype=products.values.dtype)
    for place in range(products.values.shape[1]):
        total = overflowed(total + products.values[:, place], sums_type)
    return Codes(total[:, None], sums_type).cast(output_type(layer))


def concatenate(layer: LayerSpec, inputs: Sequence[Codes]) -> Codes:
    """Two tensors side by side."""
    if len(inputs) != 2:
        raise refusal(layer, f"it joins {len(inputs)} tensors")
    target = output_type(layer)
    first = layer.input_shape
    written = int(layer.attributes.get("axis", 1))
    axis = written - 1 if written > 0 else len(first) + written
    second = list(first)
    second[axis] = layer.output_shape[axis] - first[axis]
    parts = [
        codes.cast(target).values.reshape(len(codes.values), *shape)
        for codes, shape in zip(inputs, (first, tuple(second)), strict=True)
    ]
    joined = np.concatenate(parts, axis=axis + 1)
    return Codes(joined.reshape(len(joined), -1), target)


def reshape(layer: LayerSpec, data: Codes) -> Codes:
    """Values in another order, repeated or left out."""
    samples = len(data.values)
    match layer.operation:
        case "transpose":
            values = _transposed(layer, data.values)
        case "broadcast":
            images = data.values.reshape(samples, *layer.input_shape)
            values = np.broadcast_to(images, (samples, *layer.output_shape)).reshape(samples, -1)
        case "cropping" if layer.geometry is not None:
            images = data.values.reshape(samples, *layer.input_shape)
            sides = zip(layer.geometry.padding, layer.input_shape, strict=False)
            kept = tuple(slice(before, size - after) for (before, after), size in sides)
            values = images[(slice(None), *kept)].reshape(samples, -1)
        case "clone" | "repack" | "flatten":
            values = data.values
        case _:
            raise refusal(layer, f"the operation {layer.operation!r} is not known")
    target = output_type(layer)
    moved = Codes(values, data.precision, data.binary)
    return moved if target == data.precision else moved.cast(target)


def _transposed(layer: LayerSpec, values: Array) -> Array:
    text = layer.attributes.get("permutation")
    if not isinstance(text, str):
        raise refusal(layer, "the design tells no permutation")
    axes = [int(axis) for axis in text.split(",")]
    images = values.reshape(len(values), *layer.input_shape)
    return images.transpose(0, *(axis + 1 for axis in axes)).reshape(len(values), -1)


def padding(layer: LayerSpec, data: Codes) -> Codes:
    """Zeros around an image."""
    if layer.geometry is None:
        raise refusal(layer, "the design tells no geometry")
    result = data.cast(output_type(layer))
    images = result.values.reshape(len(result.values), *layer.input_shape)
    padded = np.pad(images, [(0, 0), *layer.geometry.padding, (0, 0)])
    return Codes(padded.reshape(len(padded), -1), result.precision, data.binary)


def upsampling(layer: LayerSpec, data: Codes) -> Codes:
    """Every value repeated: hls4ml's nearest neighbour steps through the image in 16-bit fractions (nnet_image.h)."""
    if layer.operation != "nearest":
        raise refusal(layer, f"hls4ml has no {layer.operation} up-sampling for these backends")
    images = data.values.reshape(len(data.values), *layer.input_shape)
    for axis, (old, new) in enumerate(zip(layer.input_shape[:-1], layer.output_shape[:-1], strict=True), start=1):
        ratio = (old << 16) // new + 1
        images = np.take(images, [(place * ratio) >> 16 for place in range(new)], axis=axis)
    result = Codes(images.reshape(len(images), -1), data.precision, data.binary)
    return result if data.precision == output_type(layer) else result.cast(output_type(layer))
