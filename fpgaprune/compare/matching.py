"""Which modules of a report belong to which layers of a design, and how that is known.

Modules carry the name of the configuration structure in most versions of the tools (`…_config12_s`). Vivado HLS
replaces it by numbers where it propagated constants (`dense_latency_0_0_0_s`): there the ports, then the widths of
the multiplied constants, and last the order of the calls decide.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from math import prod
from typing import Final

from fpgaprune.compare.constants import reported_constant_widths, similarity
from fpgaprune.design import Design, LayerKind, LayerSpec
from fpgaprune.results import ModuleReport, Resources, SynthesisReport

CONFIG_NUMBER: Final = re.compile(r"(?<![A-Za-z0-9])config(\d+)(?![A-Za-z0-9])")
BY_CONFIGURATION: Final = "configuration name"
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
    LayerKind.EINSUM_DENSE: r"einsum_dense|dense",
    LayerKind.BATCH_NORM: r"normalize",
    LayerKind.SOFTMAX: r"softmax",
    LayerKind.LSTM: r"lstm|dense",
    LayerKind.GRU: r"gru|dense",
}
_DEPTHWISE: Final = (LayerKind.DEPTHWISE_CONV1D, LayerKind.DEPTHWISE_CONV2D)
_ALIKE: Final = (
    (LayerKind.DENSE,),
    (LayerKind.CONV1D, LayerKind.CONV2D),
    _DEPTHWISE,
    (LayerKind.BATCH_NORM,),
    (LayerKind.SOFTMAX,),
)


@dataclass(frozen=True, slots=True)
class Match:
    """The modules of one layer, outermost only, and how they were found. `dsp` is None where a module says none."""

    modules: tuple[str, ...]
    dsp: int | None
    evidence: str
    used: Resources = field(default_factory=Resources)
    latency_cycles: int | None = None  # of a single module
    ii: int | None = None


@dataclass(frozen=True, slots=True)
class _Node:
    """One instantiated module of the tree below the top; `order` is program order."""

    module: ModuleReport
    order: int


def match_modules(design: Design, report: SynthesisReport) -> dict[str, Match]:
    """For each layer that has modules of its own in the report, which ones; layers without are left out."""
    configs = _configurations(design)
    claimed, free = _by_configuration(report, configs)
    matches = {name: _match(nodes, BY_CONFIGURATION) for name, nodes in claimed.items()}
    layers = [layer for layer in design if layer.name not in matches and layer.kind in _FUNCTIONS]
    matches |= _without_names(layers, free)
    return matches


def _configurations(design: Design) -> dict[str, str]:
    """Layers by the name of their configuration; the two of a separable convolution share one, and are told apart."""
    users = Counter(layer.config for layer in design)
    configs = {}
    for layer in design:
        if layer.config and users[layer.config] > 1:
            configs[f"{layer.config}_{'depthwise' if layer.kind in _DEPTHWISE else 'pointwise'}"] = layer.name
        elif layer.config:
            configs[layer.config] = layer.name
    return configs


def _match(nodes: Sequence[_Node], evidence: str) -> Match:
    used = Resources(*(_sum(getattr(node.module.used, name.name) for node in nodes) for name in fields(Resources)))
    names = tuple(dict.fromkeys(node.module.name for node in nodes))
    single = nodes[0].module if len(nodes) == 1 else None
    return Match(
        modules=names,
        dsp=used.dsp,
        evidence=evidence,
        used=used,
        latency_cycles=None if single is None else single.latency_cycles,
        ii=None if single is None else single.ii,
    )


def _sum(counts: Iterable[int | None]) -> int | None:
    """The sum; None where one of them is not known."""
    total = 0
    for count in counts:
        if count is None:
            return None
        total += count
    return total


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
    for layer, node, evidence in _by_elimination(rest, nodes):
        matches[layer.name] = _match([node], evidence)
    return matches


def _fits(layer: LayerSpec, node: _Node) -> bool:
    """Whether a module could be a layer's: its function's name, and no more ports than the layer has data.

    Fewer are possible: inputs nobody reads and outputs that are constant have none.
    """
    if not re.match(rf"(?:\w+_)?(?:{_FUNCTIONS[layer.kind]})", node.module.name):
        return False
    module = node.module
    numbers = CONFIG_NUMBER.findall(module.name)
    if numbers and layer.config and not set(numbers) & set(CONFIG_NUMBER.findall(layer.config)):
        return False  # it says whose it is
    inputs, outputs = _layer_bits(layer)
    return _at_most(module.input_bits, inputs) and _at_most(module.output_bits, outputs)


def _at_most(found: int | None, expected: int | None) -> bool:
    return found is None or expected is None or found <= expected


def _layer_bits(layer: LayerSpec) -> tuple[int | None, int | None]:
    """Bits a layer reads and writes at once, whole vectors: what ports of an `io_parallel` module can carry at most."""
    return _bits(layer.input_shape, layer.input_precision), _bits(layer.output_shape, layer.output_precision)


def _bits(shape: tuple[int, ...], precision: object) -> int | None:
    width = getattr(precision, "width", None)
    return None if width is None else prod(shape) * int(width)


def _ports_agree(layer: LayerSpec, module: ModuleReport) -> bool:
    inputs, outputs = _layer_bits(layer)
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
        for node in nodes:
            found = reported_constant_widths(node.module, layer)
            if found and _fits(layer, node):
                scored.append((similarity(layer, found), layer, node))
    scored.sort(key=lambda entry: entry[0], reverse=True)
    if not scored or scored[0][0] < _ENOUGH:
        return None
    best, layer, node = scored[0]
    rivals = [score for score, other, rival in scored[1:] if (other is layer) != (rival is node)]
    if rivals and max(rivals) > best - _MARGIN:
        return None
    return layer, node, f"widths of the constants ({100 * best:.0f} % agree)"


def _by_elimination(layers: Sequence[LayerSpec], nodes: Sequence[_Node]) -> list[tuple[LayerSpec, _Node, str]]:
    """As many modules as layers of one kind: each layer its only possible module, then in the order of the calls."""
    pairs: list[tuple[LayerSpec, _Node, str]] = []
    for kinds in _ALIKE:
        some = [layer for layer in layers if layer.kind in kinds]
        taken = {id(node) for _, node, _ in pairs}
        fitting = [node for node in nodes if id(node) not in taken and any(_fits(layer, node) for layer in some)]
        if not some or len(some) != len(fitting):
            continue
        while single := _only_choice(some, fitting):
            pairs.append((*single, "the only module whose ports fit"))
            some.remove(single[0])
            fitting.remove(single[1])
        couples = list(zip(some, fitting, strict=True))
        if all(_fits(layer, node) for layer, node in couples):
            pairs += [(layer, node, "order of the calls") for layer, node in couples]
    return pairs


def _only_choice(layers: Sequence[LayerSpec], nodes: Sequence[_Node]) -> tuple[LayerSpec, _Node] | None:
    """A layer that only one module fits, or a module that fits only one layer, where there is a choice at all."""
    if len(layers) < 2:
        return None
    for layer in layers:
        possible = [node for node in nodes if _fits(layer, node)]
        if len(possible) == 1:
            return layer, possible[0]
    for node in nodes:
        owners = [layer for layer in layers if _fits(layer, node)]
        if len(owners) == 1:
            return owners[0], node
    return None
