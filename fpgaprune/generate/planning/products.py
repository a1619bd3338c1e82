"""Types of matrix products: sums that lose nothing, results that are rounded once."""

from math import prod

from fpgaprune.fixed_point import FixedPoint
from fpgaprune.fixed_ranges import Range, matrix_range, range_of, spanning
from fpgaprune.generate.network import Node
from fpgaprune.generate.planning.choice import EXACT_RESULT_WIDTH, EXACT_SUM_WIDTH, SCALE_WIDTH, Choice, Types
from fpgaprune.generate.planning.functions import TABULATED
from fpgaprune.generate.type_rules import for_range


def plan_matrix(choice: Choice, node: Node) -> Types:
    """A dense, convolution or depthwise layer."""
    depthwise = "Depthwise" in node.kind
    weights = choice.constants(node, "depthwise_data" if depthwise else "weight_data", "weight")
    bias = choice.constants(node, "bias_data", "bias")
    types = choice.plan.types[node.name]
    if weights is None:
        return {"result": choice.cut(node, Range(-8.0, 8.0))}
    terms = weights.reshape(-1, prod(weights.shape[-2:])) if depthwise else weights.reshape(-1, weights.shape[-1])
    source = choice.input_type(node)
    bounds = matrix_range(terms, None if bias is None else bias.reshape(-1), range_of(source))
    fraction = source.fraction + types["weight"].fraction
    if bias is not None:
        fraction = max(fraction, types["bias"].fraction)
    accumulator = spanning(bounds, fraction)
    return {**types, "accum": accumulator, "result": _matrix_result(choice, node, accumulator)}


def plan_separable(choice: Choice, node: Node) -> Types:
    """A separable convolution: two products, with a type of their own between them."""
    depthwise = choice.constants(node, "depthwise_data", "depthwise")
    pointwise = choice.constants(node, "pointwise_data", "pointwise")
    bias = choice.constants(node, "bias_data", "bias")
    types = choice.plan.types[node.name]
    if depthwise is None or pointwise is None:
        return {"result": choice.cut(node, Range(-8.0, 8.0))}
    source = choice.input_type(node)
    first = matrix_range(depthwise.reshape(-1, prod(depthwise.shape[-2:])), None, range_of(source))
    inner = spanning(first, source.fraction + types["depthwise"].fraction)
    between = inner
    if not node.quantized:  # nobody sees these values: bounds of the arithmetic, a few bits finer than the output
        between = for_range(first, max(choice.width, SCALE_WIDTH), signed=True)
    second = matrix_range(pointwise.reshape(-1, pointwise.shape[-1]), bias, range_of(between))
    fraction = max(between.fraction + types["pointwise"].fraction, types["bias"].fraction if bias is not None else 0)
    outer = spanning(second, fraction)
    return {
        **types,
        "depthwise_accum": inner,
        "depthwise_result": between,
        "pointwise_accum": outer,
        "accum": outer,
        "dw_output": between,
        "result": _matrix_result(choice, node, outer),
    }


def _matrix_result(choice: Choice, node: Node, accumulator: FixedPoint) -> FixedPoint:
    if node.output_type is not None:
        return node.output_type
    follower = choice.network.only_consumer(node.name)
    reads_table = follower is not None and (
        follower.kind == "Softmax" or follower.record.get("activation") in TABULATED
    )
    if reads_table and accumulator.width > EXACT_RESULT_WIDTH:
        return choice.cut(node, range_of(accumulator), width=max(choice.width, SCALE_WIDTH))
    if node.quantized and node.inputs[0] in choice.exact and accumulator.width <= EXACT_SUM_WIDTH:
        return accumulator
    if accumulator.width <= choice.width and choice.asked(node) is None:
        return accumulator
    return choice.cut(node, range_of(accumulator))
