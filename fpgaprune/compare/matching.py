"""Which modules of a report belong to which layers of a design, and how that is known.

Modules carry the name of the configuration structure in most versions of the tools (`…_config12_s`). Vivado HLS
replaces it by numbers where it propagated constants (`dense_latency_0_0_0_s`): there the ports, then the widths of
the multiplied constants, and last the order of the calls decide.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Final

from fpgaprune.compare.constants import constant_widths, overlap, reported_constant_widths
from fpgaprune.design import Design, LayerKind, LayerSpec
from fpgaprune.results import ModuleReport, SynthesisReport

_MAX_INSTANCES: Final = 100_000  # of one report's tree; a real one has hundreds
_ENOUGH: Final = 0.9  # share of constant widths that must agree to tell modules apart by them
_MARGIN: Final = 0.02  # by which the best module must lead the second

# What hls4ml calls the functions that multiply by a layer's weights, current and early versions.
_FUNCTIONS: Final[Mapping[LayerKind, str]] = {
    LayerKind.DENSE: r"dense|compute_layer",
    LayerKind.CONV1D: r"conv_?1d|pointwise|dense|compute_layer",
    LayerKind.CONV2D: r"conv_?2d|pointwise|dense|compute_layer",
    LayerKind.DEPTHWISE_CONV1D: r"depthwise|dense",
    LayerKind.DEPTHWISE_CONV2D: r"depthwise|dense",
    LayerKind.BATCH_NORM: r"normalize",
    LayerKind.SOFTMAX: r"softmax",
    LayerKind.LSTM: r"lstm|dense",
    LayerKind.GRU: r"gru|dense",
}


@dataclass(frozen=True, slots=True)
class Match:
    """The modules of one layer, outermost only, and how they were found. `dsp` is None where a module says none."""

    modules: tuple[str, ...]
    dsp: int | None
    evidence: str


@dataclass(frozen=True, slots=True)
class _Node:
    """One instantiated module of the tree below the top; `order` is program order."""

    module: ModuleReport
    order: int


def match_modules(design: Design, report: SynthesisReport) -> dict[str, Match]:
    """For each layer that has modules of its own in the report, which ones; layers without are left out."""
    shared = Counter(layer.config for layer in design)
    configs = {layer.config: layer.name for layer in design if layer.config and shared[layer.config] == 1}
    claimed, free = _by_configuration(report, configs)
    matches = {name: _match(nodes, "configuration name") for name, nodes in claimed.items()}
    layers = [layer for layer in design if layer.name not in matches and layer.kind in _FUNCTIONS]
    matches |= _without_names(layers, free)
    return matches


def _match(nodes: Sequence[_Node], evidence: str) -> Match:
    counts = [node.module.used.dsp for node in nodes]
    total = None if any(dsp is None for dsp in counts) else sum(dsp or 0 for dsp in counts)
    return Match(tuple(dict.fromkeys(node.module.name for node in nodes)), total, evidence)


def _by_configuration(
    report: SynthesisReport, configs: Mapping[str, str]
) -> tuple[dict[str, list[_Node]], list[_Node]]:
    """Walk the instances from the top down: a module that names a configuration takes all below it with it."""
    known = {module.name: module for module in report.modules}
    top = known.get(report.top)
    if top is None or not top.instances:
        return _flat(report, configs)
    claimed: dict[str, list[_Node]] = defaultdict(list)
    free: list[_Node] = []
    stack: list[tuple[str, tuple[str, ...]]] = [(name, (report.top,)) for name in reversed(top.instances)]
    order = 0
    while stack and order < _MAX_INSTANCES:
        name, path = stack.pop()
        order += 1
        module = known.get(name)
        if module is None or name in path:
            continue
        layer = _layer_of(name, configs)
        if layer is not None:
            claimed[layer].append(_Node(module, order))
            continue
        free.append(_Node(module, order))
        stack.extend((child, (*path, name)) for child in reversed(module.instances))
    return claimed, free


def _flat(report: SynthesisReport, configs: Mapping[str, str]) -> tuple[dict[str, list[_Node]], list[_Node]]:
    """A list of modules without a tree: of those that name a configuration the largest holds the others."""
    claimed: dict[str, list[_Node]] = defaultdict(list)
    free: list[_Node] = []
    for order, module in enumerate(report.modules):
        if module.name == report.top:
            continue
        layer = _layer_of(module.name, configs)
        (free if layer is None else claimed[layer]).append(_Node(module, order))
    return {name: [max(nodes, key=_size)] for name, nodes in claimed.items()}, free


def _size(node: _Node) -> tuple[int, int]:
    return node.module.used.dsp or 0, node.module.used.lut or 0


def _layer_of(module: str, configs: Mapping[str, str]) -> str | None:
    """The layer whose configuration a module's name carries as whole words; the longest name wins."""
    found = [
        config
        for config in configs
        if config in module and re.search(rf"(?<![A-Za-z0-9]){re.escape(config)}(?![A-Za-z0-9])", module)
    ]
    return configs[max(found, key=len)] if found else None


def _without_names(layers: Sequence[LayerSpec], free: Sequence[_Node]) -> dict[str, Match]:
    """Match what is left by ports, then by constants, then by order; each step takes only what is unmistakable."""
    matches: dict[str, Match] = {}
    nodes = list({node.module.name: node for node in reversed(free)}.values())
    nodes.sort(key=lambda node: node.order)
    rest = list(layers)
    while pair := _by_ports(rest, nodes) or _by_constants(rest, nodes):
        layer, node, evidence = pair
        matches[layer.name] = _match([node], evidence)
        rest.remove(layer)
        nodes.remove(node)
    for layer, node in _by_order(rest, nodes):
        matches[layer.name] = _match([node], "order of the calls")
    return matches


def _fits(layer: LayerSpec, node: _Node) -> bool:
    """Whether a module could be a layer's: its function's name, and no more outputs than the layer has."""
    if not re.match(rf"(?:\w+_)?(?:{_FUNCTIONS[layer.kind]})", node.module.name):
        return False
    ports, bits = node.module.output_ports, _bits(layer.output_shape, layer.output_precision)
    return ports is None or bits is None or ports <= layer.output_size


def _bits(shape: tuple[int, ...], precision: object) -> int | None:
    width = getattr(precision, "width", None)
    return None if width is None else prod(shape) * int(width)


def _ports_agree(layer: LayerSpec, module: ModuleReport) -> bool:
    inputs, outputs = (
        _bits(layer.input_shape, layer.input_precision),
        _bits(layer.output_shape, layer.output_precision),
    )
    return bool(inputs and outputs) and (module.input_bits, module.output_bits) == (inputs, outputs)


def _by_ports(layers: Iterable[LayerSpec], nodes: Sequence[_Node]) -> tuple[LayerSpec, _Node, str] | None:
    """A layer and a module whose ports have each other's sizes, and nobody else's."""
    pairs = [
        (layer, node) for layer in layers for node in nodes if _fits(layer, node) and _ports_agree(layer, node.module)
    ]
    per_layer = Counter(layer.name for layer, _ in pairs)
    per_node = Counter(node.module.name for _, node in pairs)
    for layer, node in pairs:
        if per_layer[layer.name] == per_node[node.module.name] == 1:
            return layer, node, "ports"
    return None


def _by_constants(layers: Iterable[LayerSpec], nodes: Sequence[_Node]) -> tuple[LayerSpec, _Node, str] | None:
    """The layer and module whose multiplied constants have the most similar widths, if no other comes near."""
    scored = []
    for layer in layers:
        expected = constant_widths(layer)
        for node in nodes:
            found = reported_constant_widths(node.module, layer)
            if expected and found and _fits(layer, node):
                scored.append((overlap(expected, found), layer, node))
    scored.sort(key=lambda entry: entry[0], reverse=True)
    if not scored or scored[0][0] < _ENOUGH:
        return None
    best, layer, node = scored[0]
    rivals = [score for score, other, rival in scored[1:] if (other is layer) != (rival is node)]
    if rivals and max(rivals) > best - _MARGIN:
        return None
    return layer, node, f"widths of the constants ({best:.0%} agree)"


def _by_order(layers: Sequence[LayerSpec], nodes: Sequence[_Node]) -> list[tuple[LayerSpec, _Node]]:
    """Layers and modules in sequence, where there are as many of one as of the other and each pair fits."""
    pairs: list[tuple[LayerSpec, _Node]] = []
    for kinds in (
        (LayerKind.DENSE,),
        (LayerKind.CONV1D, LayerKind.CONV2D),
        (LayerKind.BATCH_NORM,),
        (LayerKind.SOFTMAX,),
    ):
        some = [layer for layer in layers if layer.kind in kinds]
        fitting = [node for node in nodes if some and _fits(some[0], node) and node not in [n for _, n in pairs]]
        couples = list(zip(some, fitting, strict=False))
        if len(some) == len(fitting) and all(_fits(layer, node) for layer, node in couples):
            pairs += couples
    return pairs
