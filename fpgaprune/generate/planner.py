"""Choose every type of the network so that the project computes what the model computes.

What the model's quantizers decide is kept exactly, rounding and overflow included. Matrix products accumulate without
loss. What is left open gets `width` bits placed by the observed range, rounded to nearest and saturating. An asked-for
precision replaces the chosen ones, never the model's own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import ceil, log2, prod
from typing import Any

import numpy as np

from fpgaprune.fixed_point import FixedPoint
from fpgaprune.generate.network import Network, Node
from fpgaprune.generate.settings import DEFAULT_WIDTH, DEFAULT_WIDTH_WITHOUT_DATA, GenerateSettings
from fpgaprune.generate.type_rules import (
    Array,
    Range,
    affine_range,
    for_constants,
    for_range,
    matrix_range,
    plain,
    product_type,
    range_of,
    rounded,
    spanning,
    sum_type,
    to_nearest,
    union,
)

Types = dict[str, FixedPoint]  # hls4ml's type names without "_t": weight, bias, accum, result, ...

# Room above what was observed, since other inputs will come: one bit with real data, two with random.
MARGIN_WITH_DATA = 2.0
MARGIN_WITHOUT_DATA = 4.0
INPUT_MARGIN = 1.5  # inputs are what they are: random normal ones fit -8..8, anything beyond saturates
# What a quantizer rounds is computed this many bits finer than its step, so that it decides almost alike near ties.
GUARD_BITS = 16
AVERAGE_GUARD_BITS = 6
WIDEST_SCALE = 25  # the wide port of DSP48E1 (AMD UG479); DSP48E2 has 27 (UG579)
SCALE_WIDTH = 18  # the narrow port of DSP48E1 and DSP48E2 (AMD UG479, UG579)
EXACT_RESULT_WIDTH = 18
_TABLE_SIZE = 2048
SOFTMAX_RANGE = 8.0  # exp(-8) is 3e-4: a class that far behind does not show
SOFTMAX_FRACTION = 9  # steps of 1/512 between logits, as far as 1024 to 4096 entries give them


@dataclass
class Plan:
    """Types by node and hls4ml type name; attributes to add to a node's record."""

    types: dict[str, Types] = field(default_factory=dict)
    attributes: dict[str, dict[str, object]] = field(default_factory=dict)

    def result(self, name: str) -> FixedPoint:
        """Output type of a node already planned."""
        return self.types[name]["result"]


@dataclass
class Planner:
    """Walks the network once, in order; one method per family of layers."""

    network: Network
    ranges: dict[str, Range]
    settings: GenerateSettings
    real_inputs: bool
    plan: Plan = field(default_factory=Plan)

    def run(self) -> Plan:
        """Types for every node."""
        for node in self.network:
            chooser = _CHOOSERS.get(node.kind, Planner._other)
            self.plan.types[node.name] = chooser(self, node)
        return self.plan

    # What every family needs

    @property
    def margin(self) -> float:
        """Factor between the observed range and the one provided for."""
        return MARGIN_WITH_DATA if self.real_inputs else MARGIN_WITHOUT_DATA

    @property
    def width(self) -> int:
        """Bits of values between layers."""
        return self.settings.width or (DEFAULT_WIDTH if self.real_inputs else DEFAULT_WIDTH_WITHOUT_DATA)

    @property
    def constant_width(self) -> int:
        """Bits of constants."""
        return self.settings.width or DEFAULT_WIDTH

    def _asked(self, node: Node) -> FixedPoint | None:
        return self.settings.of(node.name).precision

    def _input(self, node: Node, index: int = 0) -> FixedPoint:
        return self.plan.result(node.inputs[index])

    def _room(self, node: Node) -> Range | None:
        seen = self.ranges.get(node.name)
        return None if seen is None else seen.scaled(self.margin)

    def _cut(self, node: Node, bound: Range, *, width: int | None = None) -> FixedPoint:
        """A result type that rounds: the model's, the asked one, or `width` bits over what was seen within `bound`."""
        if node.output_type is not None:
            return node.output_type
        asked = self._asked(node)
        if asked is not None:
            return rounded(asked) if asked == plain(asked) else asked
        room = self._room(node) or bound
        fitted = Range(max(room.low, bound.low), min(room.high, bound.high))
        return for_range(fitted, width or self.width, signed=bound.low < 0)

    # Families

    def _source(self, node: Node) -> Types:
        readers = self.network.consumers(node.name)
        types = {reader.output_type for reader in readers if reader.kind == "Activation"}
        if len(readers) == 1 and len(types) == 1 and None not in types:
            (only,) = types
            if only is not None and readers[0].record["activation"] in ("linear", "relu"):
                return {"result": only}  # quantized on the way in exactly as its first layer would
        if node.output_type is not None:
            return {"result": node.output_type}
        asked = self._asked(node)
        if asked is not None:
            return {"result": rounded(asked)}
        width = self.constant_width
        if any(reader.quantized for reader in readers):  # coarse quantizers behind it turn input rounding into steps
            width = max(width, SCALE_WIDTH)
        seen = self.ranges.get(node.name, Range(-5.0, 5.0))
        return {"result": for_range(seen.scaled(INPUT_MARGIN), width, signed=True)}

    def _constants(self, node: Node, record_key: str, name: str, *, width: int | None = None) -> Array | None:
        """Fix the type of one array and put the array on its grid; None when the layer has none."""
        data = node.record.get(record_key)
        if data is None:
            return None
        values = np.asarray(data, dtype=np.float64)
        own = node.parameter_types.get(name)
        asked = self._asked(node)
        chosen = (
            plain(own)
            if own is not None
            else plain(asked)
            if asked
            else for_constants(values, width or self.constant_width)
        )
        values = to_nearest(values, chosen)
        node.record[record_key] = values
        self.plan.types.setdefault(node.name, {})[name] = chosen
        return values

    def _matrix(self, node: Node) -> Types:
        depthwise = "Depthwise" in node.kind
        weights = self._constants(node, "depthwise_data" if depthwise else "weight_data", "weight")
        bias = self._constants(node, "bias_data", "bias")
        types = self.plan.types[node.name]
        if weights is None:
            return {"result": self._cut(node, Range(-8.0, 8.0))}
        terms = weights.reshape(-1, prod(weights.shape[-2:])) if depthwise else weights.reshape(-1, weights.shape[-1])
        source = self._input(node)
        bounds = matrix_range(terms, None if bias is None else bias.reshape(-1), range_of(source))
        fraction = source.fraction + types["weight"].fraction
        if bias is not None:
            fraction = max(fraction, types["bias"].fraction)
        accumulator = spanning(bounds, fraction)
        return {**types, "accum": accumulator, "result": self._matrix_result(node, accumulator)}

    def _matrix_result(self, node: Node, accumulator: FixedPoint) -> FixedPoint:
        if node.output_type is not None:
            return node.output_type
        follower = self.network.only_consumer(node.name)
        reads_table = follower is not None and (
            follower.kind == "Softmax" or follower.record.get("activation") in _TABULATED
        )
        if reads_table and accumulator.width > EXACT_RESULT_WIDTH:
            return self._cut(node, range_of(accumulator), width=max(self.width, SCALE_WIDTH))
        if node.quantized:
            return accumulator
        if accumulator.width <= self.width and self._asked(node) is None:
            return accumulator
        return self._cut(node, range_of(accumulator))

    def _separable(self, node: Node) -> Types:
        depthwise = self._constants(node, "depthwise_data", "depthwise")
        pointwise = self._constants(node, "pointwise_data", "pointwise")
        bias = self._constants(node, "bias_data", "bias")
        types = self.plan.types[node.name]
        if depthwise is None or pointwise is None:
            return {"result": self._cut(node, Range(-8.0, 8.0))}
        source = self._input(node)
        first = matrix_range(depthwise.reshape(-1, prod(depthwise.shape[-2:])), None, range_of(source))
        inner = spanning(first, source.fraction + types["depthwise"].fraction)
        between = inner
        if not node.quantized:  # nobody sees these values: bounds of the arithmetic, a few bits finer than the output
            between = for_range(first, max(self.width, SCALE_WIDTH), signed=True)
        second = matrix_range(pointwise.reshape(-1, pointwise.shape[-1]), bias, range_of(between))
        fraction = max(
            between.fraction + types["pointwise"].fraction, types["bias"].fraction if bias is not None else 0
        )
        outer = spanning(second, fraction)
        return {
            **types,
            "depthwise_accum": inner,
            "depthwise_result": between,
            "pointwise_accum": outer,
            "accum": outer,
            "dw_output": between,
            "result": self._matrix_result(node, outer),
        }

    def _scale(self, node: Node) -> Types:
        source = self._input(node)
        fraction = self._scale_fraction(node, source)
        scale = self._fine_constants(node, "scale_data", "scale", fraction)
        offset = self._fine_constants(
            node, "bias_data", "bias", None if node.output_type is None else node.output_type.fraction + GUARD_BITS
        )
        types = self.plan.types[node.name]
        bounds = affine_range(scale.reshape(-1), offset.reshape(-1), range_of(source))
        return {**types, "result": self._cut(node, bounds)}

    def _scale_fraction(self, node: Node, source: FixedPoint) -> int | None:
        """Fractional bits of a scale whose result the model quantizes, so that few values round the other way."""
        if node.output_type is None:
            return None
        seen = self.ranges.get(node.inputs[0], range_of(source))
        largest = min(seen.largest, range_of(source).largest)
        return node.output_type.fraction + GUARD_BITS + (ceil(log2(largest)) if largest > 0 else 0)

    def _fine_constants(self, node: Node, record_key: str, name: str, fraction: int | None) -> Array:
        """Constants of a scale layer: 18 bits, or as many fractional bits as asked up to the width of the wide port."""
        values = np.asarray(node.record[record_key], dtype=np.float64)
        narrow = for_constants(values, max(SCALE_WIDTH, self.constant_width))
        missing = 0 if fraction is None else min(fraction - narrow.fraction, WIDEST_SCALE - narrow.width)
        free = self._asked(node) is None
        width = narrow.width + missing if free and missing > 0 else narrow.width
        placed = self._constants(node, record_key, name, width=max(width, SCALE_WIDTH))
        return values if placed is None else placed

    def _activation(self, node: Node) -> Types:
        source, function = self._input(node), str(node.record.get("activation", "")).lower()
        if function in _TABULATED:
            return self._tabulated(node, function)
        if function == "relu":
            return {"result": self._relu(node, source)}
        if function == "linear":
            return {"result": node.output_type or source}
        if function == "hard_sigmoid":
            return {"result": self._cut(node, Range(0.0, 1.0))}
        if function in ("relu6", "relu1"):
            return {"result": self._cut(node, Range(0.0, 6.0 if function == "relu6" else 1.0))}
        return {"result": self._cut(node, range_of(source))}

    def _relu(self, node: Node, source: FixedPoint) -> FixedPoint:
        if node.output_type is not None:
            return node.output_type
        asked = self._asked(node)
        if asked is not None:
            return rounded(asked)
        if not source.signed:
            return plain(source)
        return FixedPoint(source.width - 1, source.integer - 1, False)  # nothing is cut: the sign bit is gone

    def _tabulated(self, node: Node, function: str) -> Types:
        values = {"sigmoid": Range(0.0, 1.0), "tanh": Range(-1.0, 1.0), "softsign": Range(-1.0, 1.0)}
        bounds = values.get(function, self._room(node) or range_of(self._input(node)))
        table = for_range(bounds, 18)
        self.plan.attributes[node.name] = {"table_t": table, "table_size": _TABLE_SIZE}
        return {"result": self._cut(node, bounds)}

    def _parametrized(self, node: Node) -> Types:
        source = self._input(node)
        types = {"result": self._cut(node, range_of(source))}
        if node.kind == "PReLU":
            self._constants(node, "param_data", "param")
            return {**self.plan.types[node.name], **types}
        parameter = np.asarray([float(node.record.get("activ_param", 1.0))])
        types["param"] = for_constants(parameter, self.constant_width)
        if node.kind == "ELU":
            self.plan.attributes[node.name] = {"table_t": for_range(Range(-2.0, 1.0), 18), "table_size": _TABLE_SIZE}
        return types

    def _softmax(self, node: Node) -> Types:
        """Tables that resolve: hls4ml indexes them with the top bits of their input's type (nnet_activation.h).

        The differences to the largest logit get a type of their own, exactly as wide as the table's address, over no
        more than the range they can have.
        """
        classes = int(node.record["classes"])
        logits = self._room(self.network.nodes[node.inputs[0]]) or range_of(self._input(node))
        spread = min(max(logits.high - logits.low, 2.0**-8), SOFTMAX_RANGE)
        integer = ceil(log2(spread))
        address = min(max(integer + SOFTMAX_FRACTION, 10), 12)
        total = ceil(log2(classes + 1))
        self.plan.attributes[node.name] = {
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
        asked = self._asked(node)
        return {"result": node.output_type or rounded(asked or FixedPoint(self.constant_width, 1, False))}

    def _pooling(self, node: Node) -> Types:
        source = self._input(node)
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
        kept = max(self.width, source.width)
        return {"accum": accumulator, "result": rounded(FixedPoint(kept, source.integer, source.signed))}

    def _merge(self, node: Node) -> Types:
        first, second = self._input(node, 0), self._input(node, 1)
        operation = str(node.record.get("op", ""))
        if operation in ("maximum", "minimum") or operation.startswith("concatenate"):
            exact = union(first, second)
        elif operation == "multiply" or operation.startswith("dot"):
            exact = product_type(first, second)
        else:
            exact = sum_type(first, second, subtract=operation == "subtract")
        if operation == "average":
            exact = FixedPoint(exact.width, exact.integer - 1, exact.signed)
        limit = max(EXACT_RESULT_WIDTH, self.width)
        if operation.startswith("dot"):
            return {
                "accum": replace(exact, width=exact.width + 8, integer=exact.integer + 8),
                "result": self._cut(node, range_of(exact)),
            }
        if node.output_type is None and exact.width <= limit and self._asked(node) is None:
            return {"result": exact}
        return {"result": self._cut(node, range_of(exact))}

    def _wires(self, node: Node) -> Types:
        return {"result": plain(self._input(node))}

    def _recurrent(self, node: Node) -> Types:
        """hls4ml keeps the cell state in the result type (nnet_recurrent.h), so that needs room above one."""
        for key in [name for name in node.record if name.endswith("_data")]:
            self._constants(node, key, key.removesuffix("_data"))
        types = self.plan.types.setdefault(node.name, {})
        width = max(self.width, SCALE_WIDTH)
        asked = self._asked(node)
        state = rounded(asked) if asked is not None else FixedPoint(width, 6 if "LSTM" in node.kind else 3)
        self.plan.attributes[node.name] = {"table_t": rounded(FixedPoint(18, 2)), "table_size": _TABLE_SIZE}
        fallback = next((t for n, t in types.items() if n == "bias"), FixedPoint(self.constant_width, 4))
        return {
            "recurrent_bias": fallback,
            **types,
            "accum": FixedPoint(width + 8, 10),
            "result": node.output_type or rounded(state),
        }

    def _other(self, node: Node) -> Types:
        self.network.notes.append(f"the inner types of {node.name} ({node.kind}) are left to hls4ml's defaults")
        bound = self._room(node) or Range(-32.0, 31.0)
        return {"result": self._cut(node, bound)}


def _window(node: Node) -> int:
    record = node.record
    if node.kind.startswith("Global"):
        width: Any = record.get("in_width") or record.get("n_in", 1)
        return int(record.get("in_height", 1)) * int(width)
    return int(record.get("pool_height", 1)) * int(record.get("pool_width", 1))


_TABULATED = {"sigmoid", "tanh", "softplus", "softsign", "selu"}
Chooser = Callable[[Planner, Node], Types]
_CHOOSERS: dict[str, Chooser] = {
    **dict.fromkeys(("InputLayer", "Input"), Planner._source),
    **dict.fromkeys(("Dense", "Conv1D", "Conv2D", "DepthwiseConv1D", "DepthwiseConv2D"), Planner._matrix),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), Planner._separable),
    **dict.fromkeys(("BatchNormalization", "ApplyAlpha"), Planner._scale),
    **dict.fromkeys(("Activation", "HardActivation", "TernaryTanh"), Planner._activation),
    **dict.fromkeys(("LeakyReLU", "ELU", "PReLU", "ThresholdedReLU"), Planner._parametrized),
    "Softmax": Planner._softmax,
    **dict.fromkeys(("MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D"), Planner._pooling),
    **dict.fromkeys(
        ("GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D"),
        Planner._pooling,
    ),
    **dict.fromkeys(("Merge", "Concatenate", "Dot"), Planner._merge),
    **dict.fromkeys(
        ("Reshape", "ZeroPadding1D", "ZeroPadding2D", "Cropping1D", "Cropping2D", "Resize", "Transpose", "Permute"),
        Planner._wires,
    ),
    **dict.fromkeys(("SimpleRNN", "LSTM", "GRU", "Bidirectional"), Planner._recurrent),
}
