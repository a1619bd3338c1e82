"""The facts of a design as canonical JSON: the same text for digests, files and differences."""

import json
from typing import TYPE_CHECKING, Any

from fpgaprune.design.layer import Encoding, Geometry, LayerKind, LayerSpec, Parameter, Strategy, Table
from fpgaprune.design.target import Target
from fpgaprune.errors import DesignError
from fpgaprune.fixed_point import FixedPoint

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def _type(precision: FixedPoint | None) -> str | None:
    return None if precision is None else precision.cpp()


def _parse(text: str | None) -> FixedPoint | None:
    return None if text is None else FixedPoint.from_cpp(text)


def layer_record(layer: LayerSpec) -> dict[str, Any]:
    """Everything of a layer but the values of its arrays, as JSON-ready data."""
    geometry = layer.geometry
    return {
        "name": layer.name,
        "kind": layer.kind.value,
        "operation": layer.operation,
        "inputs": list(layer.inputs),
        "input_shape": list(layer.input_shape),
        "output_shape": list(layer.output_shape),
        "input_precision": _type(layer.input_precision),
        "accumulator_precision": _type(layer.accumulator_precision),
        "output_precision": _type(layer.output_precision),
        "parameters": {
            name: {"precision": p.precision.cpp(), "encoding": p.encoding.value, "shape": list(p.values.shape)}
            for name, p in sorted(layer.parameters.items())
        },
        "geometry": None
        if geometry is None
        else {
            "kernel": list(geometry.kernel),
            "stride": list(geometry.stride),
            "padding": [list(pair) for pair in geometry.padding],
            "dilation": list(geometry.dilation),
        },
        "tables": {n: {"size": t.size, "precision": t.precision.cpp()} for n, t in sorted(layer.tables.items())},
        "positions": layer.positions,
        "strategy": None if layer.strategy is None else layer.strategy.value,
        "reuse_factor": layer.reuse_factor,
        "parallelization_factor": layer.parallelization_factor,
        "multiplier_limit": layer.multiplier_limit,
        "claimed_zeros": layer.claimed_zeros,
        "attributes": dict(sorted(layer.attributes.items())),
        "config": layer.config,
    }


def layer_facts(layer: LayerSpec) -> str:
    """What of the record decides the hardware, as canonical text, for digests."""
    record = layer_record(layer)
    del record["config"]
    return json.dumps(record, sort_keys=True, separators=(",", ":"))


def target_record(target: Target) -> dict[str, Any]:
    """The target as JSON-ready data; what it does not say of the clock's uncertainty is left out."""
    record: dict[str, Any] = {
        "backend": target.backend,
        "part": target.part,
        "clock_ns": target.clock_ns,
        "directives": list(target.directives),
    }
    if target.clock_uncertainty is not None:
        record["clock_uncertainty"] = target.clock_uncertainty
    return record


def target_facts(io_type: str, outputs: tuple[str, ...], target: Target) -> str:
    """What the design is aimed at, as canonical text, for digests."""
    record = {"io_type": io_type, "outputs": list(outputs), **target_record(target)}
    return json.dumps(record, sort_keys=True, separators=(",", ":"))


def layer_from_record(record: dict[str, Any], arrays: dict[str, "NDArray[np.float64]"]) -> LayerSpec:
    """The layer a record and its arrays describe; raises DesignError where a field is missing or of the wrong type."""
    try:
        return _layer(record, arrays)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        message = f"the record of a layer is not one that was saved: {error!r}"
        raise DesignError(message) from error


def _layer(record: dict[str, Any], arrays: dict[str, "NDArray[np.float64]"]) -> LayerSpec:
    geometry = record["geometry"]
    parameters = {
        name: Parameter(arrays[name], FixedPoint.from_cpp(facts["precision"]), Encoding(facts["encoding"]))
        for name, facts in record["parameters"].items()
    }
    tables = {n: Table(t["size"], FixedPoint.from_cpp(t["precision"])) for n, t in record["tables"].items()}
    return LayerSpec(
        name=record["name"],
        kind=LayerKind(record["kind"]),
        operation=record["operation"],
        inputs=tuple(record["inputs"]),
        input_shape=tuple(record["input_shape"]),
        output_shape=tuple(record["output_shape"]),
        input_precision=_parse(record["input_precision"]),
        accumulator_precision=_parse(record["accumulator_precision"]),
        output_precision=_parse(record["output_precision"]),
        parameters=parameters,
        geometry=None
        if geometry is None
        else Geometry(
            kernel=tuple(geometry["kernel"]),
            stride=tuple(geometry["stride"]),
            padding=tuple((before, after) for before, after in geometry["padding"]),
            dilation=tuple(geometry["dilation"]),
        ),
        tables=tables,
        positions=record["positions"],
        strategy=None if record["strategy"] is None else Strategy(record["strategy"]),
        reuse_factor=record["reuse_factor"],
        parallelization_factor=record["parallelization_factor"],
        multiplier_limit=record["multiplier_limit"],
        claimed_zeros=record["claimed_zeros"],
        attributes=record["attributes"],
        config=record.get("config"),
    )
