"""Types of recurrent layers: their sums, their state, and the tables of their gates."""

from fpgaprune.fixed_point import FixedPoint
from fpgaprune.fixed_ranges import Range
from fpgaprune.generate.network import Node
from fpgaprune.generate.planning.choice import SCALE_WIDTH, Choice, Types
from fpgaprune.generate.type_rules import for_range, rounded

# Gates are flat beyond +-8 (sigmoid) and +-4 (tanh): sums that saturate at +-32 change nothing there, and the cell
# state of an LSTM, which grows by at most one per step, has room for many steps.
_GATE_INTEGER = 6
# Errors of the tables add up over the steps, so they are finer than those of single activations.
_TABLE_SIZE, _LONG_TABLE_SIZE = 4096, 8192
_LONG = 16  # steps
_BOUNDED = {"tanh", "sigmoid", "hard_sigmoid", "hard_tanh"}
_BETWEEN_ONES = 2  # sign and the one itself


def plan_recurrent(choice: Choice, node: Node) -> Types:
    """A recurrent layer: sums are rounded as they are added, in the width of a multiplier's port.

    hls4ml takes an LSTM's sums, cell state and outputs for the same type (nnet_recurrent.h), and passes sums on to the
    products between gates: wider ones would cost several DSPs per product.
    """
    for key in [name for name in node.record if name.endswith("_data")]:
        choice.constants(node, key, key.removesuffix("_data"))
    types = choice.plan.types.setdefault(node.name, {})
    sums = _sums(choice, node)
    table_size = _TABLE_SIZE if int(node.record.get("n_timesteps", 1)) <= _LONG else _LONG_TABLE_SIZE
    choice.plan.attributes[node.name] = {"table_t": rounded(FixedPoint(18, 2)), "table_size": table_size}
    bias = types.get("bias", FixedPoint(choice.constant_width, 4))
    return {"recurrent_bias": bias, **types, "accum": sums, "result": _state(choice, node, sums)}


def _sums(choice: Choice, node: Node) -> FixedPoint:
    asked = choice.asked(node)
    if asked is not None:
        return rounded(asked)
    width = max(choice.width, SCALE_WIDTH)
    gates = rounded(FixedPoint(width, _GATE_INTEGER))
    room = choice.room(node)
    if _is_bounded(node) or room is None:
        return gates
    seen = for_range(room, width, signed=True)
    return seen if seen.integer > gates.integer else gates


def _state(choice: Choice, node: Node, sums: FixedPoint) -> FixedPoint:
    if "LSTM" in _cells(node):
        return sums
    if node.output_type is not None:
        return node.output_type
    if choice.asked(node) is not None:
        return sums
    if _is_bounded(node):
        return rounded(FixedPoint(choice.width, _BETWEEN_ONES))
    return choice.cut(node, Range(sums.low, sums.high))


def _cells(node: Node) -> set[str]:
    """Kinds of cell in the layer: one, or one per direction."""
    inner = {str(node.record[key]) for key in ("forward_class_name", "backward_class_name") if key in node.record}
    return inner or {node.kind}


def _is_bounded(node: Node) -> bool:
    names = [str(value).lower() for key, value in node.record.items() if key.endswith("activation")]
    return bool(names) and all(name in _BOUNDED for name in names)
