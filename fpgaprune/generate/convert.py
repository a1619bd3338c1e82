"""The planned network through hls4ml: its graph, with the types, strategies and reuse factors that were asked for."""

from pathlib import Path
from typing import Any

from fpgaprune.errors import ConfigError, ModelError
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.frameworks import load_frameworks, quiet
from fpgaprune.generate.network import Network, Record
from fpgaprune.generate.planning import Plan
from fpgaprune.generate.settings import GenerateSettings
from fpgaprune.generate.strategies import CONVOLUTIONS, WEIGHTED, check_kept, check_packets, check_possible, strategy_of

_OURS = {"classes", "step", "lowest_input"}  # what lowering notes in a record for the planner


def convert(network: Network, plan: Plan, settings: GenerateSettings, output: Path) -> Any:
    """hls4ml's ModelGraph of the network, not yet written; it will write to `output`.

    Raises ModelError for what hls4ml cannot build and ConfigError for what it would silently change.
    """
    settings.check_names([node.name for node in network])
    check_possible(network, settings)
    hls4ml = load_frameworks().hls4ml
    config = hls4ml.utils.config.create_config(
        output_dir=str(output),
        project_name=settings.project_name,
        backend=settings.backend,
        part=settings.part,
        clock_period=_plain_number(settings.clock_ns),
        io_type=settings.io_type,
    )
    config["InputData"] = config["OutputPredictions"] = None
    config["HLSConfig"] = _hls_config(network, plan, settings)
    records = _records(network, plan, hls4ml)
    if settings.io_type == "io_stream":
        _gather_packets(network, records)
    try:
        with quiet("hls4ml"):
            graph = hls4ml.model.graph.ModelGraph.from_layer_list(config, records, network.inputs, network.outputs)
    except (AssertionError, KeyError, TypeError, ValueError, IndexError, AttributeError, NotImplementedError) as error:
        message = f"hls4ml cannot build the network: {error!r}"
        raise ModelError(message) from error
    except Exception as error:  # hls4ml raises a bare Exception for every refusal
        message = f"hls4ml refuses the network: {error}"
        raise ModelError(message) from error
    check_kept(graph, network, settings)
    check_packets(graph)
    return graph


def _plain_number(value: float) -> float | int:
    return int(value) if float(value).is_integer() else value


def _hls_config(network: Network, plan: Plan, settings: GenerateSettings) -> Record:
    layers: Record = {}
    for node in network:
        entry: Record = {"Precision": {name: precision.cpp() for name, precision in plan.types[node.name].items()}}
        asked = settings.of(node.name)
        if node.kind in WEIGHTED:
            entry["Strategy"] = strategy_of(node, settings).value
            if asked.parallelization_factor is not None:
                if node.kind not in CONVOLUTIONS:
                    message = f"layer {node.name!r} is not a convolution and has no parallelization factor"
                    raise ConfigError(message)
                entry["ParallelizationFactor"] = asked.parallelization_factor
        entry["ReuseFactor"] = asked.reuse_factor or settings.reuse_factor
        layers[node.name] = entry
    return {
        "Model": {
            "Precision": {"default": "ap_fixed<16,6>"},
            "ReuseFactor": settings.reuse_factor,
            "Strategy": "latency",
            "BramFactor": 1_000_000_000,
            "TraceOutput": False,
        },
        "LayerName": layers,
    }


def _records(network: Network, plan: Plan, hls4ml: Any) -> list[Record]:
    records = []
    for record in network.records():
        extra = {
            name: _hls_type(value, hls4ml) if isinstance(value, FixedPoint) else value
            for name, value in plan.attributes.get(record["name"], {}).items()
        }
        records.append({name: value for name, value in {**record, **extra}.items() if name not in _OURS})
    return records


def _gather_packets(network: Network, records: list[Record]) -> None:
    """Let a flattened stream become packets of all values, in place, where hls4ml would leave them as they were.

    Its flattening is another name of the same stream, which only dense layers read packet by packet.
    """
    for record in records:
        flat = record["class_name"] == "Reshape" and len(record["target_shape"]) == 1
        if flat and any(reader.kind != "Dense" for reader in network.consumers(str(record["name"]))):
            record["class_name"] = "Repack"


def _hls_type(precision: FixedPoint, hls4ml: Any) -> Any:
    types = hls4ml.model.types
    return types.FixedPrecisionType(
        precision.width,
        precision.integer,
        precision.signed,
        types.RoundingMode[precision.rounding.value],
        types.SaturationMode[precision.overflow.value],
    )
