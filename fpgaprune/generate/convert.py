"""The planned network through hls4ml: its graph, with the types, strategies and reuse factors that were asked for."""

from pathlib import Path
from typing import Any

from fpgaprune.design import Strategy
from fpgaprune.errors import ConfigError, ModelError
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.frameworks import load_frameworks, quiet
from fpgaprune.generate.network import Network, Node, Record
from fpgaprune.generate.planning import Plan
from fpgaprune.generate.settings import GenerateSettings

_WEIGHTED = {
    "Dense",
    "Conv1D",
    "Conv2D",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
    "SimpleRNN",
    "LSTM",
    "GRU",
    "Bidirectional",
}
_OURS = {"classes", "step"}  # what lowering notes in a record for the planner
_LATENCY_ONLY = {"DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"}
_CONVOLUTIONS = {"Conv1D", "Conv2D", "DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"}


def convert(network: Network, plan: Plan, settings: GenerateSettings, output: Path) -> Any:
    """hls4ml's ModelGraph of the network, not yet written; it will write to `output`.

    Raises ModelError for what hls4ml cannot build and ConfigError for what it would silently change.
    """
    settings.check_names([node.name for node in network])
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
    try:
        with quiet("hls4ml"):
            graph = hls4ml.model.graph.ModelGraph.from_layer_list(config, records, network.inputs, network.outputs)
    except (AssertionError, KeyError, TypeError, ValueError, IndexError, AttributeError, NotImplementedError) as error:
        message = f"hls4ml cannot build the network: {error!r}"
        raise ModelError(message) from error
    except Exception as error:  # hls4ml raises a bare Exception for every refusal
        message = f"hls4ml refuses the network: {error}"
        raise ModelError(message) from error
    _check_kept(graph, network, settings)
    return graph


def _plain_number(value: float) -> float | int:
    return int(value) if float(value).is_integer() else value


def _hls_config(network: Network, plan: Plan, settings: GenerateSettings) -> Record:
    layers: Record = {}
    for node in network:
        entry: Record = {"Precision": {name: precision.cpp() for name, precision in plan.types[node.name].items()}}
        asked = settings.of(node.name)
        if node.kind in _WEIGHTED:
            entry["Strategy"] = _strategy(node, settings).value
            if asked.parallelization_factor is not None:
                if node.kind not in _CONVOLUTIONS:
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


def _strategy(node: Node, settings: GenerateSettings) -> Strategy:
    """The strategy of a layer; one that hls4ml lacks for it gives way, unless it was asked for by name.

    nnet_sepconv1d.h and nnet_sepconv2d.h stop with an assertion for anything but latency where data is parallel.
    """
    asked = settings.of(node.name).strategy or settings.strategy
    if node.kind not in _LATENCY_ONLY or settings.io_type != "io_parallel" or asked is Strategy.LATENCY:
        return asked
    by_name = settings.layers.get(node.name)
    if by_name is not None and by_name.strategy is not None:
        message = (
            f"layer {node.name!r} ({node.kind}) cannot have strategy {asked.value}: with io_parallel hls4ml has only "
            "latency for it; io_stream has the others"
        )
        raise ConfigError(message)
    return Strategy.LATENCY


def _records(network: Network, plan: Plan, hls4ml: Any) -> list[Record]:
    records = []
    for record in network.records():
        extra = {
            name: _hls_type(value, hls4ml) if isinstance(value, FixedPoint) else value
            for name, value in plan.attributes.get(record["name"], {}).items()
        }
        records.append({name: value for name, value in {**record, **extra}.items() if name not in _OURS})
    return records


def _hls_type(precision: FixedPoint, hls4ml: Any) -> Any:
    types = hls4ml.model.types
    return types.FixedPrecisionType(
        precision.width,
        precision.integer,
        precision.signed,
        types.RoundingMode[precision.rounding.value],
        types.SaturationMode[precision.overflow.value],
    )


def _check_kept(graph: Any, network: Network, settings: GenerateSettings) -> None:
    """Refuse what hls4ml changed without asking: reuse factors, strategies and parallelization factors."""
    for layer in graph.get_layers():
        if layer.name not in network.nodes or network.nodes[layer.name].kind not in _WEIGHTED:
            continue
        asked = settings.of(layer.name)
        factor = asked.reuse_factor or settings.reuse_factor
        found = layer.get_attr("reuse_factor")
        if found != factor:
            message = (
                f"layer {layer.name!r} cannot have reuse factor {factor}: the nearest that hls4ml can build is {found}"
            )
            raise ConfigError(message)
        strategy = _strategy(network.nodes[layer.name], settings)
        written = layer.get_attr("strategy")
        if written is not None and str(written).lower() != strategy.value:
            message = f"layer {layer.name!r} cannot have strategy {strategy.value}: hls4ml would fall back to {written}"
            if strategy is Strategy.RESOURCE_UNROLLED and factor == 1:
                message += "; resource_unrolled needs a reuse factor above 1"
            raise ConfigError(message)
        parallel = layer.get_attr("parallelization_factor")
        wanted = asked.parallelization_factor
        if wanted is not None and parallel != wanted:
            message = f"layer {layer.name!r} cannot compute {wanted} positions in parallel: the nearest is {parallel}"
            raise ConfigError(message)
