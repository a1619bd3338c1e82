"""Other codes for a design's layers, in types that have no low bits to spare."""

from collections.abc import Mapping
from dataclasses import replace
from math import prod

from fpgaprune.compress.constants.method import Codes
from fpgaprune.design import Design, LayerKind, LayerSpec
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.fixed_ranges import Array, matrix_range, range_of, spanning, trimmed

_DEPTHWISE = frozenset({LayerKind.DEPTHWISE_CONV1D, LayerKind.DEPTHWISE_CONV2D})


def with_codes(design: Design, changed: Mapping[str, Codes], *, narrow: bool) -> Design:
    """`design` with the weights of the named layers replaced by codes in the layout of `matrix_of`.

    With `narrow`, the types of these weights and of their sums become what a project generated from them has.
    """
    return replace(
        design,
        layers=tuple(_with(layer, changed[layer.name], narrow) if layer.name in changed else layer for layer in design),
    )


def _with(layer: LayerSpec, codes: Codes, narrow: bool) -> LayerSpec:
    weight = layer.parameters["weight"]
    changed = layer.with_parameter("weight", (codes * weight.precision.lsb).reshape(weight.values.shape))
    return narrowed(changed) if narrow else changed


def narrowed(layer: LayerSpec) -> LayerSpec:
    """The layer with weights and bias in types without unused low bits, and its sum as narrow as they allow.

    A sum that is not the exact one of its constants and data stays as it is.
    """
    names = [name for name in ("weight", "bias") if layer.parameters.get(name) is not None]
    trim = {
        name: replace(old, precision=trimmed(old.precision, old.values))
        for name in names
        for old in [layer.parameters[name]]
    }
    changed = replace(layer, parameters={**layer.parameters, **trim})
    data, total = layer.input_precision, layer.accumulator_precision
    if data is None or total is None or not sums_exactly(layer):
        return changed
    return replace(changed, accumulator_precision=_exact_sum(changed, data, total))


def sums_exactly(layer: LayerSpec) -> bool:
    """Whether the layer's sum has just the fractional bits of its products and bias, and follows them."""
    data, total = layer.input_precision, layer.accumulator_precision
    return data is not None and total is not None and total.fraction == _fraction(layer, data)


def _fraction(layer: LayerSpec, data: FixedPoint) -> int:
    products = data.fraction + layer.parameters["weight"].precision.fraction
    return products if layer.bias is None else max(products, layer.bias.precision.fraction)


def _exact_sum(layer: LayerSpec, data: FixedPoint, old: FixedPoint) -> FixedPoint:
    """The type of generated sums: every value they can have, no bit more."""
    values: Array = layer.parameters["weight"].values
    columns = prod(values.shape[-2:]) if layer.kind in _DEPTHWISE else values.shape[-1]
    bias = None if layer.bias is None else layer.bias.values.ravel()
    found = spanning(matrix_range(values.reshape(-1, columns), bias, range_of(data)), _fraction(layer, data))
    return replace(found, rounding=old.rounding, overflow=old.overflow) if found.width <= old.width else old
