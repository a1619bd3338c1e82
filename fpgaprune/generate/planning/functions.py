"""Types of activations: exact ones keep their bits, tabulated ones get tables that resolve."""

from math import ceil, log2

import numpy as np

from fpgaprune.fixed_point import FixedPoint
from fpgaprune.fixed_ranges import Range, range_of
from fpgaprune.generate.network import Node
from fpgaprune.generate.planning.choice import Choice, Types
from fpgaprune.generate.type_rules import for_constants, for_range, plain, rounded

TABULATED = {"sigmoid", "tanh", "softplus", "softsign", "selu"}
TABLE_SIZE = 2048
SOFTMAX_RANGE = 8.0  # exp(-8) is 3e-4: a class that far behind does not show
SOFTMAX_FRACTION = 9  # steps of 1/512 between logits, as far as 1024 to 4096 entries give them


def plan_activation(choice: Choice, node: Node) -> Types:
    """An activation without parameters."""
    source, function = choice.input_type(node), str(node.record.get("activation", "")).lower()
    if function in TABULATED:
        return _tabulated(choice, node, function)
    if function == "relu":
        return {"result": _relu(choice, node, source)}
    if function == "linear":
        return {"result": node.output_type or source}
    if function == "hard_sigmoid":
        return {"result": choice.cut(node, Range(0.0, 1.0))}
    if function in ("relu6", "relu1"):
        return {"result": choice.cut(node, Range(0.0, 6.0 if function == "relu6" else 1.0))}
    return {"result": choice.cut(node, range_of(source))}


def _relu(choice: Choice, node: Node, source: FixedPoint) -> FixedPoint:
    if node.output_type is not None:
        return node.output_type
    asked = choice.asked(node)
    if asked is not None:
        return rounded(asked)
    if not source.signed:
        return plain(source)
    return FixedPoint(source.width - 1, source.integer - 1, False)  # nothing is cut: the sign bit is gone


def _tabulated(choice: Choice, node: Node, function: str) -> Types:
    values = {"sigmoid": Range(0.0, 1.0), "tanh": Range(-1.0, 1.0), "softsign": Range(-1.0, 1.0)}
    bounds = values.get(function, choice.room(node) or range_of(choice.input_type(node)))
    table = for_range(bounds, 18)
    choice.plan.attributes[node.name] = {"table_t": table, "table_size": TABLE_SIZE}
    return {"result": choice.cut(node, bounds)}


def plan_parametrized(choice: Choice, node: Node) -> Types:
    """An activation with a slope, a threshold or a constant per channel."""
    if node.record.get("lowest_input") is not None:
        choice.saturate(node.inputs[0], node, float(node.record["lowest_input"]))
    source = choice.input_type(node)
    types = {"result": choice.cut(node, range_of(source))}
    if node.kind == "PReLU":
        choice.constants(node, "param_data", "param")
        return {**choice.plan.types[node.name], **types}
    parameter = np.asarray([float(node.record.get("activ_param", 1.0))])
    types["param"] = for_constants(parameter, choice.constant_width)
    if node.kind == "ELU":
        choice.plan.attributes[node.name] = {"table_t": for_range(Range(-2.0, 1.0), 18), "table_size": TABLE_SIZE}
    return types


def plan_softmax(choice: Choice, node: Node) -> Types:
    """Tables that resolve: hls4ml indexes them with the top bits of their input's type (nnet_activation.h).

    The differences to the largest logit get a type of their own, exactly as wide as the table's address, over no
    more than the range they can have.
    """
    classes = int(node.record["classes"])
    logits = choice.room(choice.network.nodes[node.inputs[0]]) or range_of(choice.input_type(node))
    spread = min(max(logits.high - logits.low, 2.0**-8), SOFTMAX_RANGE)
    integer = ceil(log2(spread))
    address = min(max(integer + SOFTMAX_FRACTION, 10), 12)
    total = ceil(log2(classes + 1))
    choice.plan.attributes[node.name] = {
        "implementation": "stable",
        "exp_table_t": rounded(FixedPoint(18, 1, False)),
        "inv_table_t": rounded(FixedPoint(18, 1, False)),
        "inv_inp_t": rounded(FixedPoint(12, total, False)),
        "accum_t": rounded(FixedPoint(17 + total, total, False)),
        "inp_norm_t": rounded(FixedPoint(address, integer, False)),
        "exp_table_size": 2**address,
        "inv_table_size": 2**12,
        "table_size": 2**address,
    }
    asked = choice.asked(node)
    return {"result": node.output_type or rounded(asked or FixedPoint(choice.constant_width, 1, False))}
