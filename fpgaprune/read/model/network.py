"""The graph an architecture describes, in one form for Sequential and Functional, Keras 2 and 3, nested or not."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fpgaprune.errors import ModelError
from fpgaprune.read.model.names import check_not_a_path
from fpgaprune.read.model.vet import Vetting, check_layer_class, class_of

_MODELS = frozenset(("Sequential", "Functional", "Model"))
_PRUNED = "PruneLowMagnitude"
_DEEPEST = 16  # models within models


@dataclass(frozen=True)
class Tensor:
    """One output of one call of a layer."""

    layer: str
    call: int = 0
    output: int = 0


@dataclass(frozen=True)
class LayerRecord:
    """A layer of the file: `name` is what edges call it, `options` its own configuration (a pruning wrapper's inside).

    `calls` are the inputs of each time it is called. `stored_class` is the class the file's arrays are filed under.
    """

    name: str
    kind: str
    stored_class: str
    options: Mapping[str, Any]
    calls: tuple[tuple[Tensor, ...], ...]
    network: "NetworkRecord | None" = None
    pruned: bool = False


@dataclass(frozen=True)
class NetworkRecord:
    """Layers in the file's order, with the tensors that go in and come out."""

    name: str
    layers: tuple[LayerRecord, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    input_shape: tuple[int | None, ...] | None = None  # of a Sequential that says it nowhere else, batch included

    def leaves(self) -> Iterator[LayerRecord]:
        """Every layer that is not itself a network, depth first in the file's order."""
        for layer in self.layers:
            if layer.network is None:
                yield layer
            else:
                yield from layer.network.leaves()


def parse_network(vetting: Vetting, record: Mapping[str, Any], depth: int = 0) -> NetworkRecord:
    """Read the JSON of a model; raises ModelError for everything that is not whitelisted or not understood."""
    kind = class_of(record)
    if kind not in _MODELS:
        message = (
            f"{vetting.path} holds a model of class {kind!r}; only Sequential and Functional models say their layers"
        )
        raise ModelError(message)
    if depth > _DEEPEST:
        message = f"{vetting.path} nests models more than {_DEEPEST} deep"
        raise ModelError(message)
    config = record.get("config")
    if isinstance(config, list):  # Keras before 2.2.3 stored a Sequential's layers alone
        config = {"name": "sequential", "layers": config}
    layers = config.get("layers") if isinstance(config, Mapping) else None
    if not isinstance(config, Mapping) or not isinstance(layers, list) or not layers:
        message = f"{vetting.path} holds a model without layers"
        raise ModelError(message)
    if kind == "Sequential":
        return _sequential(vetting, config, layers, depth)
    return _functional(vetting, config, layers, depth)


def _sequential(vetting: Vetting, config: Mapping[str, Any], layers: list[Any], depth: int) -> NetworkRecord:
    records: list[LayerRecord] = []
    for index, layer in enumerate(layers):
        calls = ((Tensor(records[-1].name),),) if records else ()
        name = _name(vetting, layer, f"layer_{index}")
        records.append(_layer(vetting, layer, name, calls, depth))
    shape = config.get("build_input_shape")
    return NetworkRecord(
        name=str(config.get("name", "sequential")),
        layers=tuple(records),
        inputs=(Tensor(records[0].name),),
        outputs=(Tensor(records[-1].name),),
        input_shape=tuple(shape) if isinstance(shape, list) else None,
    )


def _functional(vetting: Vetting, config: Mapping[str, Any], layers: list[Any], depth: int) -> NetworkRecord:
    records: list[LayerRecord] = []
    for index, layer in enumerate(layers):
        name = str(layer.get("name") or _name(vetting, layer, f"layer_{index}")) if isinstance(layer, Mapping) else ""
        calls = tuple(_call(vetting, name, node) for node in _nodes(vetting, layer, name))
        records.append(_layer(vetting, layer, name, calls, depth))
    network = NetworkRecord(
        name=str(config.get("name", "model")),
        layers=tuple(records),
        inputs=_tensors(vetting, config.get("input_layers"), "inputs"),
        outputs=_tensors(vetting, config.get("output_layers"), "outputs"),
    )
    return _renumbered(vetting, network)


def _nodes(vetting: Vetting, layer: Any, name: str) -> Sequence[Any]:
    nodes = layer.get("inbound_nodes", []) if isinstance(layer, Mapping) else None
    if not isinstance(nodes, list):
        raise vetting.refuse(name, "does not say what it reads")
    return nodes


def _name(vetting: Vetting, layer: Any, default: str) -> str:
    config = layer.get("config") if isinstance(layer, Mapping) else None
    if not isinstance(config, Mapping):
        message = f"{vetting.path}: the layer {default!r} has no configuration"
        raise ModelError(message)
    return str(config.get("name", default))


def _layer(vetting: Vetting, layer: Any, name: str, calls: tuple[tuple[Tensor, ...], ...], depth: int) -> LayerRecord:
    check_not_a_path(name, vetting.path)
    options = layer.get("config")
    if not isinstance(options, Mapping):
        raise vetting.refuse(name, "has no configuration")
    kind = class_of(layer)
    check_not_a_path(str(options.get("name", name)), vetting.path)
    if kind in _MODELS:
        network = parse_network(vetting, layer, depth + 1)
        return LayerRecord(name, kind, kind, {"name": name}, calls, network=network)
    if kind == _PRUNED:
        inner = options.get("layer")
        if not isinstance(inner, Mapping) or class_of(inner) in _MODELS | {_PRUNED}:
            raise vetting.refuse(name, "is a pruning wrapper around something other than a layer")
        unwrapped = _layer(vetting, inner, _name(vetting, inner, name), calls, depth + 1)
        vetting.note("pruning wrappers are taken off, their masks applied to the weights")
        return LayerRecord(name, unwrapped.kind, _PRUNED, unwrapped.options, calls, pruned=True)
    return LayerRecord(name, check_layer_class(vetting, layer, name), kind, options, calls)


def _tensors(vetting: Vetting, found: Any, what: str) -> tuple[Tensor, ...]:
    """Keras 2 lists references; Keras 3 may give a lone one, or a dictionary of them."""
    if isinstance(found, Mapping):
        found = list(found.values())
    if isinstance(found, list) and found and isinstance(found[0], str):
        found = [found]
    try:
        tensors = tuple(Tensor(str(ref[0]), int(ref[1]), int(ref[2])) for ref in found)
    except (TypeError, ValueError, IndexError, KeyError) as error:
        message = f"{vetting.path} does not say its {what} in a form known here"
        raise ModelError(message) from error
    if not tensors:
        message = f"{vetting.path} has no {what}"
        raise ModelError(message)
    return tensors


def _call(vetting: Vetting, name: str, node: Any) -> tuple[Tensor, ...]:
    if isinstance(node, Mapping):
        return _keras3_call(vetting, name, node)
    if isinstance(node, list) and node and isinstance(node[0], str):
        node = [node]
    tensors: list[Tensor] = []
    try:
        for ref in node:
            source, call, output = str(ref[0]), int(ref[1]), int(ref[2])
            arguments = ref[3] if len(ref) > 3 else {}
            _check_arguments(vetting, name, arguments)
            if call < 0 or source.startswith("_"):
                raise vetting.refuse(name, "is called with a constant, which hls4ml cannot express")
            tensors.append(Tensor(source, call, output))
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise vetting.refuse(name, f"reads {node!r}, which is not a reference to other layers") from error
    return tuple(tensors)


def _check_arguments(vetting: Vetting, name: str, arguments: Any) -> None:
    if not isinstance(arguments, Mapping):
        raise vetting.refuse(name, f"is called with {arguments!r}, which is not understood")
    for key, value in arguments.items():
        if value is None or (key in ("training", "mask") and value is False):
            continue
        raise vetting.refuse(name, f"is called with {key}={value!r}, which hls4ml cannot express")


def _keras3_call(vetting: Vetting, name: str, node: Mapping[str, Any]) -> tuple[Tensor, ...]:
    _check_arguments(vetting, name, node.get("kwargs") or {})
    tensors: list[Tensor] = []

    def collect(argument: Any) -> None:
        if isinstance(argument, list | tuple):
            for item in argument:
                collect(item)
        elif isinstance(argument, Mapping) and class_of(argument) == "__keras_tensor__":
            history = argument["config"]["keras_history"]
            tensors.append(Tensor(str(history[0]), int(history[1]), int(history[2])))
        elif argument is not None:
            raise vetting.refuse(name, f"is called with {argument!r}, which hls4ml cannot express")

    try:
        collect(node.get("args", []))
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise vetting.refuse(name, "does not say what it reads in a form known here") from error
    return tuple(tensors)


def _renumbered(vetting: Vetting, network: NetworkRecord) -> NetworkRecord:
    """Count the calls of every layer from 0, and check that all references exist.

    Keras 2 counts those of a nested model from 1: its own construction was call 0.
    """
    by_name: dict[str, LayerRecord] = {}
    for layer in network.layers:
        if layer.name in by_name:
            message = f"{vetting.path} has two layers called {layer.name!r} in the model {network.name!r}"
            raise ModelError(message)
        by_name[layer.name] = layer
    references = [t for layer in network.layers for call in layer.calls for t in call] + [*network.outputs]
    first = {
        name: 1
        for name, layer in by_name.items()
        if layer.network is not None and all(t.call > 0 for t in references if t.layer == name)
    }

    def checked(tensor: Tensor) -> Tensor:
        source = by_name.get(tensor.layer)
        call = tensor.call - first.get(tensor.layer, 0)
        if source is None or (call >= max(len(source.calls), 1)):
            message = f"{vetting.path}: something reads call {tensor.call} of {tensor.layer!r}, which the file lacks"
            raise ModelError(message)
        return Tensor(tensor.layer, call, tensor.output)

    layers = tuple(
        LayerRecord(
            layer.name,
            layer.kind,
            layer.stored_class,
            layer.options,
            tuple(tuple(checked(t) for t in call) for call in layer.calls),
            layer.network,
            layer.pruned,
        )
        for layer in network.layers
    )
    return NetworkRecord(
        network.name, layers, tuple(map(checked, network.inputs)), tuple(map(checked, network.outputs))
    )
