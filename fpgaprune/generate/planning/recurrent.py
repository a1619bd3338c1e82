"""Types of recurrent layers: their sums, their state, and the tables of their gates."""

from fpgaprune.fixed_point import FixedPoint
from fpgaprune.generate.network import Node
from fpgaprune.generate.planning.choice import SCALE_WIDTH, Choice, Types
from fpgaprune.generate.planning.functions import TABLE_SIZE
from fpgaprune.generate.type_rules import (
    rounded,
)


def plan_recurrent(choice: Choice, node: Node) -> Types:
    """hls4ml keeps the cell state in the result type (nnet_recurrent.h), so that needs room above one."""
    for key in [name for name in node.record if name.endswith("_data")]:
        choice.constants(node, key, key.removesuffix("_data"))
    types = choice.plan.types.setdefault(node.name, {})
    width = max(choice.width, SCALE_WIDTH)
    asked = choice.asked(node)
    state = rounded(asked) if asked is not None else FixedPoint(width, 6 if "LSTM" in node.kind else 3)
    choice.plan.attributes[node.name] = {"table_t": rounded(FixedPoint(18, 2)), "table_size": TABLE_SIZE}
    fallback = next((t for n, t in types.items() if n == "bias"), FixedPoint(choice.constant_width, 4))
    return {
        "recurrent_bias": fallback,
        **types,
        "accum": FixedPoint(width + 8, 10),
        "result": node.output_type or rounded(state),
    }
