"""Strategies and reuse factors: which layers can have them, and whether hls4ml kept what was asked for."""

from importlib.util import find_spec
from typing import Any

from fpgaprune.design import Strategy
from fpgaprune.errors import ConfigError, DependencyError
from fpgaprune.generate.network import Network, Node
from fpgaprune.generate.settings import GenerateSettings

WEIGHTED = {
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
CONVOLUTIONS = {"Conv1D", "Conv2D", "DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"}
_LATENCY_ONLY = {"DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"}


def strategy_of(node: Node, settings: GenerateSettings) -> Strategy:
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


def check_possible(network: Network, settings: GenerateSettings) -> None:
    """Refuse, before anything is converted, strategies that need what is not there or that hls4ml would drop.

    Raises ConfigError or DependencyError naming the layer and what would work.
    """
    for node in network:
        if settings.io_type == "io_stream":
            _check_streamed(node)
        if node.kind not in WEIGHTED:
            continue
        strategy = strategy_of(node, settings)
        if strategy is Strategy.DISTRIBUTED_ARITHMETIC and find_spec("da4ml") is None:
            message = (
                f"layer {node.name!r} has strategy distributed_arithmetic, for which hls4ml needs the package da4ml "
                "(LGPL-3, not installed with fpgaprune): install da4ml>=0.5.2,<0.6, or choose latency"
            )
            raise DependencyError(message)
        streamed = settings.io_type == "io_stream" and settings.backend == "Vitis"
        if strategy is Strategy.RESOURCE_UNROLLED and streamed and node.kind == "Dense":
            # nnet_dense_stream.h of the Vitis backend calls the plain resource kernel, whatever was asked for.
            message = (
                f"layer {node.name!r} cannot have strategy resource_unrolled: hls4ml's Vitis backend has it for dense "
                "layers with io_parallel only, and would use resource without saying so"
            )
            raise ConfigError(message)


def _check_streamed(node: Node) -> None:
    """Refuse what hls4ml's stream kernels stop at when they run (nnet_pooling_stream.h) or do not compile with."""
    padded = any(int(node.record.get(f"pad_{side}", 0)) for side in ("top", "bottom", "left", "right"))
    if "Pooling" in node.kind and padded:
        message = (
            f"layer {node.name!r} ({node.kind}) has padding, which hls4ml's io_stream kernel lacks; "
            "use io_parallel, or padding 'valid'"
        )
        raise ConfigError(message)
    if node.kind == "Bidirectional":
        # nnet_recurrent.h has bidirectional_stack for arrays only: the project would not compile.
        message = f"layer {node.name!r} is a Bidirectional, which hls4ml has for io_parallel only"
        raise ConfigError(message)
    if str(node.record.get("activation")) in ("relu6", "relu1"):
        message = f"layer {node.name!r} is a ReLU with an upper bound, which hls4ml has for io_parallel only"
        raise ConfigError(message)
    if node.kind == "Dot" or str(node.record.get("op", "")).startswith("dot"):
        message = f"layer {node.name!r} is a dot product, which hls4ml has for io_parallel only"
        raise ConfigError(message)


def _nearest_built(graph: Any, layer: Any, factor: int) -> int:
    """The reuse factor that can be built: hls4ml does not check that of 1x1 convolutions, where only some compile."""
    strategy = str(layer.get_attr("strategy")).lower()
    if not layer.class_name.startswith("Pointwise") or strategy not in ("resource", "resource_unrolled"):
        return factor
    backend = graph.config.backend
    valid = backend.get_valid_reuse_factors(layer.get_attr("n_chan"), layer.get_attr("n_filt"))
    return factor if factor in valid else int(backend.get_closest_reuse_factor(valid, factor))


def check_kept(graph: Any, network: Network, settings: GenerateSettings) -> None:
    """Refuse what hls4ml changed without asking: reuse factors, strategies and parallelization factors."""
    for layer in graph.get_layers():
        if layer.name not in network.nodes or network.nodes[layer.name].kind not in WEIGHTED:
            continue
        asked = settings.of(layer.name)
        factor = asked.reuse_factor or settings.reuse_factor
        found = layer.get_attr("reuse_factor")
        if found == factor:
            found = _nearest_built(graph, layer, factor)
        if found != factor:
            message = (
                f"layer {layer.name!r} cannot have reuse factor {factor}: the nearest that hls4ml can build is {found}"
            )
            raise ConfigError(message)
        strategy = strategy_of(network.nodes[layer.name], settings)
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


def check_packets(graph: Any) -> None:
    """Refuse reshapes of streams to packets that nnet_stream.h cannot make: it splits packets, or joins whole ones."""
    for layer in graph.get_layers():
        if layer.class_name != "Repack":
            continue
        before, after = int(layer.get_input_variable().shape[-1]), int(layer.get_output_variable().shape[-1])
        if max(before, after) % min(before, after):
            message = (
                f"layer {layer.name.removeprefix('repack_')!r} reshapes packets of {before} values to packets of "
                f"{after}, which hls4ml's streams cannot: use io_parallel, or shapes of which one divides the other"
            )
            raise ConfigError(message)
