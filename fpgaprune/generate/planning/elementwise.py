"""Types of inputs, pooling, merging and layers that only move values."""

from dataclasses import replace
from math import ceil, log2
from typing import Any

from fpgaprune.fixed_point import FixedPoint
from fpgaprune.fixed_ranges import Range, range_of
from fpgaprune.generate.network import Node
from fpgaprune.generate.planning.choice import EXACT_RESULT_WIDTH, SCALE_WIDTH, Choice, Types
from fpgaprune.generate.type_rules import for_range, plain, product_type, rounded, sum_type, union

INPUT_MARGIN = 1.5  # inputs are what they are: random normal ones fit -8..8, anything beyond saturates
AVERAGE_GUARD_BITS = 6
_SIDES = ("top", "bottom", "left", "right")


def plan_source(choice: Choice, node: Node) -> Types:
    """An input: as its only reader quantizes it, as the model or the user says, or placed by the range seen."""
    readers = choice.network.consumers(node.name)
    types = {reader.output_type for reader in readers if reader.kind == "Activation"}
    if len(readers) == 1 and len(types) == 1 and None not in types:
        (only,) = types
        if only is not None and readers[0].record["activation"] in ("linear", "relu"):
            return {"result": only}  # quantized on the way in exactly as its first layer would
    if node.output_type is not None:
        return {"result": node.output_type}
    asked = choice.asked(node)
    if asked is not None:
        return {"result": rounded(asked)}
    width = choice.constant_width
    if any(reader.quantized for reader in readers):  # coarse quantizers behind it turn input rounding into steps
        width = max(width, SCALE_WIDTH)
    seen = choice.ranges.get(node.name, Range(-5.0, 5.0))
    return {"result": for_range(seen.scaled(INPUT_MARGIN), width, signed=True)}


def plan_pooling(choice: Choice, node: Node) -> Types:
    """A pool: the largest value as it is; means with the bits that the division adds, while they fit.

    In padded cells hls4ml's maximum sees the top bit of the type (pad_val in nnet_pooling.h): the least value only
    where that bit is a sign.
    """
    if "Max" in node.kind and any(int(node.record.get(f"pad_{side}", 0)) for side in _SIDES):
        choice.give_sign(node.inputs[0], node)
    source = choice.input_type(node)
    if "Max" in node.kind:
        return {"accum": plain(source), "result": plain(source)}
    area = _window(node)
    steps = ceil(log2(area)) if area > 1 else 0
    exact = area & (area - 1) == 0
    fraction = source.fraction + steps + (0 if exact else AVERAGE_GUARD_BITS)
    accumulator = FixedPoint(source.integer + steps + fraction, source.integer + steps, source.signed)
    mean = FixedPoint(source.integer + fraction, source.integer, source.signed)
    if node.output_type is not None:
        return {"accum": accumulator, "result": node.output_type}
    if mean.width <= EXACT_RESULT_WIDTH:
        return {"accum": accumulator, "result": mean}
    kept = max(choice.width, source.width)
    return {"accum": accumulator, "result": rounded(FixedPoint(kept, source.integer, source.signed))}


def plan_merge(choice: Choice, node: Node) -> Types:
    """Two tensors into one: exact while the result is narrow enough, else rounded once."""
    first, second = choice.input_type(node, 0), choice.input_type(node, 1)
    operation = str(node.record.get("op", ""))
    if operation in ("maximum", "minimum") or operation.startswith("concatenate"):
        exact = union(first, second)
    elif operation == "multiply" or operation.startswith("dot"):
        exact = product_type(first, second)
    else:
        exact = sum_type(first, second, subtract=operation == "subtract")
    if operation == "average":
        exact = FixedPoint(exact.width, exact.integer - 1, exact.signed)
    limit = max(EXACT_RESULT_WIDTH, choice.width)
    if operation.startswith("dot"):
        return {
            "accum": replace(exact, width=exact.width + 8, integer=exact.integer + 8),
            "result": choice.cut(node, range_of(exact)),
        }
    if node.output_type is None and exact.width <= limit and choice.asked(node) is None:
        return {"result": exact}
    return {"result": choice.cut(node, range_of(exact))}


def plan_wires(choice: Choice, node: Node) -> Types:
    """A layer that moves values and computes nothing."""
    return {"result": plain(choice.input_type(node))}


def plan_other(choice: Choice, node: Node) -> Types:
    """A layer without a rule of its own: its output is placed by what was seen, and a note says so."""
    choice.network.notes.append(f"the inner types of {node.name} ({node.kind}) are left to hls4ml's defaults")
    bound = choice.room(node) or Range(-32.0, 31.0)
    return {"result": choice.cut(node, bound)}


def _window(node: Node) -> int:
    record = node.record
    if node.kind.startswith("Global"):
        width: Any = record.get("in_width") or record.get("n_in", 1)
        return int(record.get("in_height", 1)) * int(width)
    return int(record.get("pool_height", 1)) * int(record.get("pool_width", 1))
