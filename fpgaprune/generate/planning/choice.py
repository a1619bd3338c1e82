"""What every family of layers needs to choose its types: the settings, the types so far, how values are cut."""

from dataclasses import dataclass, field, replace

import numpy as np

from fpgaprune.errors import ModelError
from fpgaprune.fixed_point import FixedPoint, Overflow
from fpgaprune.fixed_ranges import Range, trimmed
from fpgaprune.generate.network import Network, Node
from fpgaprune.generate.settings import DEFAULT_WIDTH, DEFAULT_WIDTH_WITHOUT_DATA, GenerateSettings
from fpgaprune.generate.type_rules import Array, for_constants, for_range, plain, rounded, to_nearest

Types = dict[str, FixedPoint]  # hls4ml's type names without "_t": weight, bias, accum, result, ...

# Room above what was observed, since other inputs will come: one bit with real data, two with random.
MARGIN_WITH_DATA = 2.0
MARGIN_WITHOUT_DATA = 4.0
SCALE_WIDTH = 18  # the narrow port of DSP48E1 and DSP48E2 (AMD UG479, UG579)
EXACT_RESULT_WIDTH = 18  # a result that loses nothing is kept whole up to here
# Sums of a quantized layer are kept whole up to here where the model's own quantizers decide them: Keras adds in
# float32, 24 bits, so wider ones are rounded in the model too.
EXACT_SUM_WIDTH = 32
_TERNARY = FixedPoint(2, 2)  # hls4ml takes such weights for -1, 0 and 1 alone, and reads -2 as 1
_CLIPPED_BY_TYPE = {"Dense", "Conv1D", "Conv2D", "DepthwiseConv1D", "DepthwiseConv2D", "BatchNormalization"}
_KEEP_EXACT = {"Merge", "Concatenate", "Reshape", "Resize", "Transpose", "Permute"}


@dataclass
class Plan:
    """Types by node and hls4ml type name; attributes to add to a node's record."""

    types: dict[str, Types] = field(default_factory=dict)
    attributes: dict[str, dict[str, object]] = field(default_factory=dict)

    def result(self, name: str) -> FixedPoint:
        """Output type of a node already planned."""
        return self.types[name]["result"]


@dataclass
class Choice:
    """The network, what was observed in it, what was asked for, and the plan as far as it is made."""

    network: Network
    ranges: dict[str, Range]
    settings: GenerateSettings
    real_inputs: bool
    plan: Plan = field(default_factory=Plan)
    exact: set[str] = field(default_factory=set)  # nodes whose every value the model's quantizers decide

    def note_exactness(self, node: Node) -> None:
        """Remember whether a node that was just planned has only values that the model's quantizers decide."""
        if not node.inputs:
            decided = node.output_type is not None or any(
                reader.output_type == self.plan.result(node.name) for reader in self.network.consumers(node.name)
            )
        else:
            moves = node.kind in _KEEP_EXACT or node.kind.startswith(("ZeroPadding", "Cropping", "UpSampling"))
            keeps = moves or "Max" in node.kind or str(node.record.get("activation")) in ("relu", "linear")
            follows = (keeps or node.quantized) and all(name in self.exact for name in node.inputs)
            decided = node.output_type is not None or (
                follows and self.plan.result(node.name) == plain(self.plan.result(node.name))
            )
        if decided:
            self.exact.add(node.name)

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

    def asked(self, node: Node) -> FixedPoint | None:
        """The precision asked for this node by name or for all."""
        return self.settings.of(node.name).precision

    def input_type(self, node: Node, index: int = 0) -> FixedPoint:
        """Type of one of the node's inputs, planned before it."""
        return self.plan.result(node.inputs[index])

    def saturate(self, name: str, reader: Node, low: float) -> None:
        """Let a node's planned result end at `low`, a negative power of two, and at `-low`, for its only reader.

        Raises ModelError where the values cannot end there because something else reads them too.
        """
        planned = self.plan.result(name)
        if planned.low >= low:
            return
        if self.network.only_consumer(name) is not reader or self.network.nodes[name].output_type is not None:
            message = (
                f"the quantizer of layer {reader.name!r} saturates below {low:g}, but what it reads, {name!r}, goes "
                "further and is read elsewhere too; give it a quantizer of its own"
            )
            raise ModelError(message)
        integer = int(np.log2(-low)) + 1
        width = integer + planned.fraction
        ending = replace(planned, width=width, integer=integer, overflow=Overflow.SAT)
        self.plan.types[name]["result"] = ending

    def give_sign(self, name: str, reader: Node) -> None:
        """Widen a planned result without a sign by one, with the nodes that only rearrange values before it.

        Raises ModelError where the missing sign is what clips negative values.
        """
        node = self.network.nodes[name]
        planned = self.plan.result(name)
        if planned.signed:
            return
        if planned.overflow is not Overflow.WRAP and (node.kind in _CLIPPED_BY_TYPE or not node.inputs):
            message = (
                f"layer {reader.name!r} pads a maximum over values that the type of {name!r} clips at zero, which "
                "hls4ml gets wrong; put a ReLU between them"
            )
            raise ModelError(message)
        signed = replace(planned, width=planned.width + 1, integer=planned.integer + 1, signed=True)
        self.plan.types[name]["result"] = signed
        if node.kind == "Reshape":  # hls4ml lets a reshape be another name of the same array
            self.give_sign(node.inputs[0], reader)

    def room(self, node: Node) -> Range | None:
        """The observed range with its margin; None where nothing was observed."""
        seen = self.ranges.get(node.name)
        return None if seen is None else seen.scaled(self.margin)

    def cut(self, node: Node, bound: Range, *, width: int | None = None) -> FixedPoint:
        """A result type that rounds: the model's, the asked one, or `width` bits over what was seen within `bound`."""
        if node.output_type is not None:
            return node.output_type
        asked = self.asked(node)
        if asked is not None:
            return rounded(asked) if asked == plain(asked) else asked
        room = self.room(node) or bound
        fitted = Range(max(room.low, bound.low), min(room.high, bound.high))
        return for_range(fitted, width or self.width, signed=bound.low < 0)

    def constants(self, node: Node, record_key: str, name: str, *, width: int | None = None) -> Array | None:
        """Fix the type of one array and put the array on its grid; None when the layer has none."""
        data = node.record.get(record_key)
        if data is None:
            return None
        values = np.asarray(data, dtype=np.float64)
        own = node.parameter_types.get(name)
        asked = self.asked(node)
        chosen = (
            trimmed(plain(own), values)
            if own is not None
            else plain(asked)
            if asked
            else for_constants(values, width or self.constant_width)
        )
        values = to_nearest(values, chosen)
        if chosen == _TERNARY and (values == chosen.low).any():
            chosen = replace(chosen, width=chosen.width + 1, integer=chosen.integer + 1)
        node.record[record_key] = values
        self.plan.types.setdefault(node.name, {})[name] = chosen
        return values
