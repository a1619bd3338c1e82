"""Types of what remains of batch normalization and of scales: one product and one sum per value."""

from math import ceil, log2

import numpy as np

from fpgaprune.fixed_point import FixedPoint
from fpgaprune.fixed_ranges import range_of
from fpgaprune.generate.network import Node
from fpgaprune.generate.planning.choice import SCALE_WIDTH, Choice, Types
from fpgaprune.generate.type_rules import Array, affine_range, for_constants

# What a quantizer rounds is computed this many bits finer than its step, so that it decides almost alike near ties.
GUARD_BITS = 16
WIDEST_SCALE = 25  # the wide port of DSP48E1 (AMD UG479); DSP48E2 has 27 (UG579)


def plan_scale(choice: Choice, node: Node) -> Types:
    """A scale and an offset per channel."""
    source = choice.input_type(node)
    fraction = _scale_fraction(choice, node, source)
    scale = _fine_constants(choice, node, "scale_data", "scale", fraction)
    offset = _fine_constants(
        choice, node, "bias_data", "bias", None if node.output_type is None else node.output_type.fraction + GUARD_BITS
    )
    types = choice.plan.types[node.name]
    bounds = affine_range(scale.reshape(-1), offset.reshape(-1), range_of(source))
    return {**types, "result": choice.cut(node, bounds)}


def _scale_fraction(choice: Choice, node: Node, source: FixedPoint) -> int | None:
    """Fractional bits of a scale whose result the model quantizes, so that few values round the other way."""
    if node.output_type is None:
        return None
    seen = choice.ranges.get(node.inputs[0], range_of(source))
    largest = min(seen.largest, range_of(source).largest)
    return node.output_type.fraction + GUARD_BITS + (ceil(log2(largest)) if largest > 0 else 0)


def _fine_constants(choice: Choice, node: Node, record_key: str, name: str, fraction: int | None) -> Array:
    """Constants of a scale layer: 18 bits, or as many fractional bits as asked up to the width of the wide port."""
    values = np.asarray(node.record[record_key], dtype=np.float64)
    narrow = for_constants(values, max(SCALE_WIDTH, choice.constant_width))
    missing = 0 if fraction is None else min(fraction - narrow.fraction, WIDEST_SCALE - narrow.width)
    free = choice.asked(node) is None
    width = narrow.width + missing if free and missing > 0 else narrow.width
    placed = choice.constants(node, record_key, name, width=max(width, SCALE_WIDTH))
    return values if placed is None else placed
