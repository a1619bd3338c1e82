"""Recurrent layers: the two gate matrices by the rules of dense layers, and the products between gates.

The twelve recurrent layers with a trustworthy report (GRU and LSTM of 4 to 20 bits, Vivado HLS) have exactly three
products of data by data per unit, whatever the reuse factor. hls4ml computes them in the accumulator's type; states
have the output's.
"""

from dataclasses import replace
from functools import reduce
from math import ceil

import numpy as np

from fpgaprune.design import Encoding, LayerKind, LayerSpec, Parameter, Strategy
from fpgaprune.estimate.context import Context, Finding
from fpgaprune.estimate.cost import NOTHING, Cost
from fpgaprune.estimate.strategies import Matrix, estimate_matrix, first_order
from fpgaprune.fixed_point import EXACT_WIDTH, FixedPoint
from fpgaprune.results import Bound


def estimate_recurrent(layer: LayerSpec, context: Context) -> Finding:
    """Cost of an LSTM or GRU."""
    if context.unrolls:
        return Finding(None, notes=("not estimated: no netlist of the open flow has a recurrent layer",))
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
            parts.append(_matrix(layer, parameter, width, kind))
    findings = [estimate_matrix(matrix, context) for matrix in parts]
    costs = [finding.cost for finding in findings if finding.cost is not None]
    matrices = reduce(Cost.__add__, costs)
    notes = list(dict.fromkeys(note for finding in findings for note in finding.notes))
    gates = _gates(layer, data, context)
    if not gates.dsp.is_exact:
        notes.append("bounded: small products between gates may join their adder in a DSP")
    extrapolated = context.rules.tool != "vivado_hls"
    if extrapolated:
        notes.append(f"extrapolated: no report of {context.rules.tool} has a recurrent layer")
    return Finding(
        matrices + gates,
        products=sum(int(np.count_nonzero(matrix.codes)) for matrix in parts),
        first_order=sum(first_order(matrix, context) for matrix in parts),
        notes=tuple(notes),
        extrapolated=extrapolated or any(finding.extrapolated for finding in findings),
    )


def _too_wide(parameter: Parameter) -> bool:
    return parameter.encoding is Encoding.FIXED and parameter.precision.width > EXACT_WIDTH


def _matrix(layer: LayerSpec, parameter: Parameter, data: FixedPoint, prefix: str) -> Matrix:
    """One gate matrix; `prefix` names its attributes, "" those of the layer itself."""
    reuse_factor = layer.attributes.get(f"{prefix}reuse_factor") if prefix else layer.reuse_factor
    limit = layer.attributes.get(f"{prefix}multiplier_limit") if prefix else layer.multiplier_limit
    codes = parameter.codes
    bits = layer.attributes.get(f"{prefix}kernel_bits")
    matrix = Matrix(
        codes=codes.reshape(-1, codes.shape[-1]),
        weight=parameter,
        data=data,
        strategy=layer.strategy or Strategy.LATENCY,
        reuse_factor=max(1, int(reuse_factor or layer.reuse_factor or 1)),
        limit=None if limit is None else int(limit),
        constant=not layer.attributes.get("store_weights_in_bram", False),
        kernel=None if bits is None else str(bits),
    )
    if matrix.limit is None and matrix.reuse_factor > 1:
        limit = ceil(codes.size / matrix.reuse_factor) - parameter.zeros // matrix.reuse_factor
        return replace(matrix, limit=limit)
    return matrix


def _gates(layer: LayerSpec, data: FixedPoint | None, context: Context) -> Cost:
    """Products of data by data, three per unit and direction, two of which are summed."""
    result = layer.output_precision or data
    gate = layer.accumulator_precision or result
    if result is None or gate is None:
        return NOTHING
    directions = 2 if layer.attributes.get("bidirectional") else 1
    units = int(layer.attributes.get("units", 0)) or (layer.output_shape[-1] // directions if layer.output_shape else 0)
    cost = _gate_products(layer.kind, units, result, gate, context)
    if directions == 1:
        return cost
    kind = LayerKind(str(layer.attributes.get("backward_kind", layer.kind)))
    units = int(layer.attributes.get("backward_units", units))
    return cost + _gate_products(kind, units, result, gate, context)


def _gate_products(kind: LayerKind, units: int, result: FixedPoint, gate: FixedPoint, context: Context) -> Cost:
    # GRU: reset x state, candidate x (1 - update), state x update. LSTM: candidate x input, cell x forget, output x
    # tanh(cell). 1 - update takes a bit more.
    candidate = gate.width if kind is LayerKind.LSTM else gate.width + 1
    summed = ((gate.width, candidate), (result.width, gate.width))
    prices = [context.pricing.dsp(*pair) for pair in (*summed, (gate.width, gate.width))]
    dsp = Bound.exactly(units * sum(prices))
    if prices[0] == prices[1] == 0 and context.pricing.implementation != "fabric":
        fuses = context.rules.fuses_gates
        dsp += Bound(units if fuses else 0, units if fuses is not False else 0)
    return Cost(Bound.exactly(units * len(prices)), dsp)
