"""Layers that multiply by constants: dense, convolutions, batch normalization."""

from math import prod

import numpy as np

from fpgaprune.design import Encoding, LayerKind, LayerSpec, Strategy
from fpgaprune.emulate.constants import (
    BIT,
    SIGN,
    accumulation_order,
    accumulator,
    constant,
    factors,
    output_type,
    parameter,
    refusal,
)
from fpgaprune.emulate.sums import sums_of_products
from fpgaprune.fixed_arithmetic import Array, Codes, add, integer_type, multiply, recode
from fpgaprune.fixed_point import FixedPoint


def dense(layer: LayerSpec, data: Codes) -> Codes:
    """A matrix product on rows of `n_in` values: data (samples, values)."""
    n_in, n_out = layer.input_shape[-1], layer.output_shape[-1]
    values = data.values.reshape(-1, n_in)
    result = product(layer, Codes(values, data.precision, data.binary), (n_in, n_out))
    return Codes(result.values.reshape(len(data.values), -1), result.precision)


def product(layer: LayerSpec, data: Codes, shape: tuple[int, int]) -> Codes:
    """Rows times the layer's weights, reshaped to (n_in, n_out), in its accumulator and cast to its output."""
    signs, counts = _as_factors(layer, data)
    weights = factors(layer, "weight", signs.precision)
    weights = Codes(weights.values.reshape(shape), weights.precision)
    order = accumulation_order(layer, shape[0], layer.reuse_factor)
    if counts:
        return _equal_bits(layer, signs, weights).cast(output_type(layer))
    sums = sums_of_products(signs, weights, constant(layer, "bias"), accumulator(layer), order)
    return sums.cast(output_type(layer))


def _as_factors(layer: LayerSpec, data: Codes) -> tuple[Codes, bool]:
    """One-bit data as −1 and 1; whether the kernel counts equal bits instead of multiplying."""
    if data.precision != BIT:
        return data, False
    if not data.binary:
        raise refusal(layer, "nothing tells whether its one-bit input means 0 and 1, or −1 and 1")
    both = parameter(layer, "weight").encoding is Encoding.XNOR
    return Codes(data.values * 2 - 1, SIGN), both


def _equal_bits(layer: LayerSpec, data: Codes, weights: Codes) -> Codes:
    """Binary data and weights: the accumulator counts equal bits, and `2 * count - n_in` follows (nnet_mult.h)."""
    n_in = weights.values.shape[0]
    products = (data.values @ weights.values + n_in) // 2
    sums_type, bias = accumulator(layer), constant(layer, "bias")
    count = FixedPoint(32, 32)
    sums = recode(products, count, sums_type) + recode(bias.values, bias.precision, sums_type)
    held = Codes(recode(sums, FixedPoint(sums_type.width + 1, sums_type.integer + 1, True), sums_type), sums_type)
    doubled = multiply(held, Codes(np.array([2]), integer_type()))
    shifted = add(doubled, Codes(np.array([-n_in]), integer_type()))
    width = (n_in - 1).bit_length() + 2
    return shifted.cast(FixedPoint(width, width))


def convolution(layer: LayerSpec, data: Codes) -> Codes:
    """A convolution in one or two dimensions: data (samples, values), channels last."""
    shape = parameter(layer, "weight").values.shape
    rows = windows(layer, data.values, fill=0)
    flat = rows.reshape(-1, prod(shape[:-1]))
    result = product(layer, Codes(flat, data.precision, data.binary), (prod(shape[:-1]), shape[-1]))
    return Codes(result.values.reshape(len(data.values), -1), result.precision)


def windows(layer: LayerSpec, values: Array, fill: int) -> Array:
    """What the window sees: (samples, positions, kernel places, channels); `fill` lies outside of the image."""
    geometry = layer.geometry
    if geometry is None:
        raise refusal(layer, "the design tells no geometry")
    images = values.reshape(len(values), *layer.input_shape)
    borders = [(0, 0), *geometry.padding, (0, 0)]
    if any(side for pair in geometry.padding for side in pair):
        images = np.pad(images, borders, constant_values=fill)
    axes = tuple(range(1, 1 + len(geometry.kernel)))
    view = np.lib.stride_tricks.sliding_window_view(images, geometry.kernel, axis=axes)
    steps = tuple(slice(None, None, step) for step in geometry.stride)
    view = view[(slice(None), *steps)]
    wanted = layer.output_shape[:-1]
    if any(there < asked for there, asked in zip(view.shape[1:-1], wanted, strict=False)):
        raise refusal(layer, f"a window of {geometry.kernel} does not give {wanted} positions")
    view = view[(slice(None), *(slice(0, size) for size in wanted))]
    count = len(geometry.kernel)
    order = (0, *range(1, 1 + count), *range(2 + count, 2 + 2 * count), 1 + count)
    arranged = view.transpose(order)
    return arranged.reshape(len(values), prod(wanted), prod(geometry.kernel), layer.input_shape[-1])


def depthwise(layer: LayerSpec, data: Codes) -> Codes:
    """A convolution of every channel by itself, with one filter or several, which follow each other in the result."""
    found = parameter(layer, "weight")
    if found.values.shape[-1] != 1 and "kernel_products" not in layer.attributes:
        raise refusal(layer, "hls4ml's own kernel knows a depth multiplier of 1 only")
    if data.precision == BIT:
        raise refusal(layer, "its data are single bits")
    per_channel = found.values.shape[-1]
    channels = found.values.shape[-2] * per_channel
    weights = factors(layer, "weight", data.precision)
    taps = weights.values.reshape(-1, channels)
    bias = constant(layer, "bias")
    rows = windows(layer, data.values, fill=0)
    places = rows.shape[2]
    sums = np.empty((len(rows), rows.shape[1], channels), dtype=object if rows.dtype == object else np.int64)
    result_type = accumulator(layer)
    for channel in range(channels):  # of the result
        order = _depthwise_order(layer, places, channels, channel)
        one = sums_of_products(
            Codes(rows[..., channel // per_channel].reshape(-1, places), data.precision),
            Codes(taps[:, channel, None], weights.precision),
            Codes(bias.values[channel, None], bias.precision),
            result_type,
            order,
        )
        sums[..., channel] = one.values.reshape(len(rows), -1)
    result = Codes(sums.reshape(len(rows), -1), result_type)
    return result.cast(output_type(layer))


def _depthwise_order(layer: LayerSpec, places: int, channels: int, channel: int) -> list[int] | None:
    """nnet_depthwise_product.h: the Resource kernels take every `reuse_factor`-th product of all channels first."""
    reuse = layer.reuse_factor or 1
    if layer.strategy is not Strategy.RESOURCE or reuse == 1:
        return None
    reuse = min(reuse, places * channels)
    if (places * channels) % reuse:
        raise refusal(layer, f"its reuse factor {reuse} does not divide {places * channels}")
    return sorted(range(places), key=lambda place: ((place * channels + channel) % reuse, place))


def batch_norm(layer: LayerSpec, data: Codes) -> Codes:
    """A scale and an offset per channel, in one expression without an accumulator."""
    if data.precision == BIT:
        raise refusal(layer, "its data are single bits")
    scale, bias = factors(layer, "weight", data.precision), constant(layer, "bias")
    repeats = data.values.shape[1] // scale.values.size
    scaled = multiply(data, Codes(np.tile(scale.values.reshape(-1), repeats), scale.precision))
    shifted = add(scaled, Codes(np.tile(bias.values.reshape(-1), repeats), bias.precision))
    return shifted.cast(output_type(layer))


MATRIX_LAYERS = {
    LayerKind.DENSE: dense,
    LayerKind.CONV1D: convolution,
    LayerKind.CONV2D: convolution,
    LayerKind.DEPTHWISE_CONV1D: depthwise,
    LayerKind.DEPTHWISE_CONV2D: depthwise,
    LayerKind.BATCH_NORM: batch_norm,
}
