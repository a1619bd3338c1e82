"""Small designs for the tests of the estimate: integer types, so that a weight's value is its code."""

from typing import Any

import numpy as np

from fpgaprune.design import Design, Encoding, LayerKind, LayerSpec, Parameter, Strategy, Target
from fpgaprune.estimate import MappingRules, estimate_design, rules_for
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.results import Estimate, LayerEstimate

WIDE = FixedPoint(16, 16)  # integer codes: a weight's value is its code
VITIS = rules_for("vitis_hls", "2023.2")
VIVADO = rules_for("vivado_hls", "2019.2")
U250 = "xcu250-figd2104-2L-e"


def source(size: int, precision: FixedPoint = WIDE) -> LayerSpec:
    return LayerSpec("in", LayerKind.INPUT, (), (size,), (size,), precision)


def dense(
    name: str, reads: str, codes: Any, data: FixedPoint = WIDE, weight: FixedPoint = WIDE, **facts: Any
) -> LayerSpec:
    matrix = np.atleast_2d(np.asarray(codes, dtype=float))
    parameters = {"weight": Parameter(matrix, weight, facts.pop("encoding", Encoding.FIXED))}
    defaults: dict[str, Any] = {"strategy": Strategy.LATENCY, "reuse_factor": 1, "input_precision": data}
    shape = (matrix.shape[0],), (matrix.shape[1],)
    return LayerSpec(name, LayerKind.DENSE, (reads,), *shape, data, parameters=parameters, **{**defaults, **facts})


def activation(name: str, reads: str, size: int, operation: str = "relu") -> LayerSpec:
    return LayerSpec(name, LayerKind.ACTIVATION, (reads,), (size,), (size,), WIDE, WIDE, operation=operation)


def design(*layers: LayerSpec, io_type: str = "io_parallel", **target: Any) -> Design:
    aim = Target(**{"part": U250, "clock_ns": 5.0, **target})
    return Design("net", layers, io_type, (layers[-1].name,), aim)


def one(codes: Any, rules: MappingRules = VITIS, target: dict[str, Any] | None = None, **facts: Any) -> LayerEstimate:
    layer = dense("fc", "in", codes, **facts)
    return last(estimate_design(design(source(layer.input_shape[0]), layer, **(target or {})), rules))


def last(estimate: Estimate) -> LayerEstimate:
    return estimate.layers[-1]


def dsp(layer: LayerEstimate) -> Any:
    return None if layer.dsp is None else layer.dsp.json()


def network(*codes: Any, operation: str = "relu", io_type: str = "io_parallel", **facts: Any) -> Estimate:
    """Dense layers with an activation between them."""
    layers = [source(np.shape(codes[0])[0])]
    for index, matrix in enumerate(codes):
        if index:
            layers.append(activation(f"a{index}", layers[-1].name, np.shape(matrix)[0], operation))
        layers.append(dense(f"d{index}", layers[-1].name, matrix, **facts))
    return estimate_design(design(*layers, io_type=io_type), VITIS)


def counts(estimate: Estimate) -> list[Any]:
    return [dsp(layer) for layer in estimate.layers if layer.kind == "dense"]
