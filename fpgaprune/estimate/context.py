"""What every layer's estimate needs to know of the design, the tool and the device; and what it gives back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fpgaprune.design import Design, Encoding, LayerKind, LayerSpec
from fpgaprune.estimate.cost import Cost
from fpgaprune.estimate.liveness import Liveness, find_liveness
from fpgaprune.estimate.pricing import Pricing
from fpgaprune.estimate.rules import MappingRules
from fpgaprune.fixed_point import EXACT_WIDTH, FixedPoint


@dataclass(frozen=True)
class Finding:
    """Cost of one layer; `cost` is None where it is not estimated, and the notes say why."""

    cost: Cost | None
    products: int | None = None
    first_order: int | None = None
    notes: tuple[str, ...] = ()
    extrapolated: bool = False


@dataclass(frozen=True)
class Context:
    """The design under one rule set on one DSP block."""

    design: Design
    rules: MappingRules
    pricing: Pricing
    liveness: Liveness
    dense_codes: dict[str, NDArray[np.int64]]

    @property
    def streams(self) -> bool:
        """Whether layers pass values on one by one."""
        return self.design.io_type == "io_stream"

    def input_type(self, layer: LayerSpec, index: int = 0) -> FixedPoint | None:
        """Type of the data at one input; None where it is not known."""
        if index == 0 and layer.input_precision is not None:
            return layer.input_precision
        if index >= len(layer.inputs):
            return None
        return self.design[layer.inputs[index]].output_precision


def build_context(design: Design, rules: MappingRules, pricing: Pricing) -> Context:
    """Read the constants of the dense layers once and find the dead neurons."""
    codes = {layer.name: matrix for layer in design if (matrix := _dense_codes(layer)) is not None}
    return Context(design, rules, pricing, find_liveness(design, codes), codes)


def _dense_codes(layer: LayerSpec) -> NDArray[np.int64] | None:
    weight = layer.weight
    if layer.kind is not LayerKind.DENSE or weight is None or weight.values.ndim != 2:
        return None
    if weight.encoding is Encoding.FIXED and weight.precision.width > EXACT_WIDTH:
        return None
    return weight.codes
