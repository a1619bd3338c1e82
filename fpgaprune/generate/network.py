"""The network on its way to hls4ml: hls4ml's own layer records, with what the model says about types beside them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fpgaprune.fixed_point import FixedPoint

Record = dict[str, Any]  # one layer as hls4ml's parsers describe it: attributes by name


@dataclass
class Node:
    """One layer to be: hls4ml's record, and where its values can be seen in the Keras model.

    `observed` names the Keras layer whose output equals this node's; `before_activation` says that it is that layer's
    value before its own activation. `output_type` and `parameter_types` are set where the model's quantizers decide
    them, and None or absent where they are to be chosen.
    """

    record: Record
    inputs: list[str]
    observed: str | None = None
    before_activation: bool = False
    output_type: FixedPoint | None = None
    parameter_types: dict[str, FixedPoint] = field(default_factory=dict)
    quantized: bool = False  # the model's own quantizers made its parameters

    @property
    def name(self) -> str:
        """hls4ml's name of the layer."""
        return str(self.record["name"])

    @property
    def kind(self) -> str:
        """hls4ml's class name of the layer."""
        return str(self.record["class_name"])


@dataclass
class Network:
    """Nodes in topological order, edited in place by the lowering steps and read by nobody after conversion."""

    nodes: dict[str, Node]
    inputs: list[str]
    outputs: list[str]
    notes: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[Node]:
        return iter(list(self.nodes.values()))

    def consumers(self, name: str) -> list[Node]:
        """Nodes that read `name`."""
        return [node for node in self.nodes.values() if name in node.inputs]

    def only_consumer(self, name: str) -> Node | None:
        """The one node that reads `name`, if there is exactly one and the network does not output it."""
        readers = self.consumers(name)
        return readers[0] if len(readers) == 1 and name not in self.outputs else None

    def remove(self, node: Node) -> None:
        """Take out a node with one input; its readers read that input instead."""
        (source,) = node.inputs
        for reader in self.consumers(node.name):
            reader.inputs = [source if name == node.name else name for name in reader.inputs]
        self.outputs = [source if name == node.name else name for name in self.outputs]
        del self.nodes[node.name]

    def insert_after(self, node: Node, new: Node) -> None:
        """Put `new`, which reads `node`, between it and its readers."""
        for reader in self.consumers(node.name):
            reader.inputs = [new.name if name == node.name else name for name in reader.inputs]
        self.outputs = [new.name if name == node.name else name for name in self.outputs]
        new.inputs = [node.name]
        ordered: dict[str, Node] = {}
        for name, old in self.nodes.items():
            ordered[name] = old
            if name == node.name:
                ordered[new.name] = new
        self.nodes = ordered

    def records(self) -> list[Record]:
        """The layer list hls4ml builds its graph from."""
        return [{**node.record, "inputs": list(node.inputs)} if node.inputs else node.record for node in self]
