"""Recurrent layers: the two gate matrices by the rules of dense layers, the products between gates as bounds."""

from dataclasses import replace
from functools import reduce
from math import ceil

import numpy as np

from fpgaprune.design import Encoding, LayerKind, LayerSpec, Parameter, Strategy
from fpgaprune.estimate.context import Context, Finding
from fpgaprune.estimate.cost import Cost
from fpgaprune.estimate.matrix import Matrix, estimate_matrix, first_order
from fpgaprune.fixed_point import EXACT_WIDTH, FixedPoint
from fpgaprune.results import Bound

# Products of data by data per unit and step: forget x cell, input x candidate, output x tanh(cell); for a GRU reset x
# state, update x state, (1 - update) x candidate.
_GATE_PRODUCTS = 3


def estimate_recurrent(layer: LayerSpec, context: Context) -> Finding:
    """Cost of an LSTM or GRU."""
    data = context.input_type(layer)
    state = layer.output_precision or data
    prefixes = ("", "backward_") if layer.attributes.get("bidirectional") else ("",)
    parts = []
    for prefix in prefixes:
        for name, kind, width in (
            (f"{prefix}weight", prefix, data),
            (f"{prefix}recurrent_weight", f"{prefix}recurrent_", state),
        ):
            parameter = layer.parameters.get(name)
            if parameter is None or width is None or _too_wide(parameter):
                return Finding(None, notes=(f"not estimated: {name} or the type of its data is not known",))
            parts.append(_matrix(layer, parameter, width, kind, context))
    findings = [estimate_matrix(matrix, context) for matrix in parts]
    costs = [finding.cost for finding in findings if finding.cost is not None]
    matrices = reduce(Cost.__add__, costs)
    gates = _gates(layer, state, context, len(prefixes))
    notes = tuple(dict.fromkeys(note for finding in findings for note in finding.notes))
    return Finding(
        matrices + gates,
        products=sum(int(np.count_nonzero(matrix.codes)) for matrix in parts),
        first_order=sum(first_order(matrix, context) for matrix in parts),
        notes=(*notes, "bounded: the products between gates are not explained by the rules"),
        extrapolated=any(finding.extrapolated for finding in findings),
    )


def _too_wide(parameter: Parameter) -> bool:
    return parameter.encoding is Encoding.FIXED and parameter.precision.width > EXACT_WIDTH


def _matrix(layer: LayerSpec, parameter: Parameter, data: FixedPoint, prefix: str, context: Context) -> Matrix:
    """One gate matrix; `prefix` names its attributes, "" those of the layer itself."""
    reuse_factor = layer.attributes.get(f"{prefix}reuse_factor") if prefix else layer.reuse_factor
    limit = layer.attributes.get(f"{prefix}multiplier_limit") if prefix else layer.multiplier_limit
    codes = parameter.codes
    matrix = Matrix(
        codes=codes.reshape(-1, codes.shape[-1]),
        weight=parameter,
        data=data,
        strategy=layer.strategy or Strategy.LATENCY,
        reuse_factor=1 if context.rules.tool == "yosys" else max(1, int(reuse_factor or layer.reuse_factor or 1)),
        limit=None if limit is None else int(limit),
        constant=not layer.attributes.get("store_weights_in_bram", False),
    )
    if matrix.limit is None and matrix.reuse_factor > 1:
        limit = ceil(codes.size / matrix.reuse_factor) - parameter.zeros // matrix.reuse_factor
        return replace(matrix, limit=limit)
    return matrix


def _gates(layer: LayerSpec, state: FixedPoint | None, context: Context, directions: int) -> Cost:
    units = int(layer.attributes.get("units", 0)) or (layer.output_shape[-1] // directions if layer.output_shape else 0)
    products = _GATE_PRODUCTS * units * directions
    if layer.kind is LayerKind.GRU and state is None:
        return Cost(Bound(0, products), Bound(0, products))
    price = context.pricing.dsp(state.width, state.width) if state is not None else 1
    return Cost(Bound(0, products), Bound(0, products * price))
