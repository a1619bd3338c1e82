"""Netlists as a file, so that an unchanged project is not compiled again."""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fpgaprune.errors import ReportError
from fpgaprune.synth.open.netlist import Netlist, Node, Op, Port

FORMAT = "fpgaprune netlists, version 1"


@dataclass(frozen=True)
class Network:
    """The netlists of a project in the order of the calls, and the layers that have none: by name, with the reason.

    Ports are named after the arrays of the C++ top function; `results` are those that leave the network.
    """

    netlists: tuple[Netlist, ...]
    results: tuple[str, ...]
    refused: Mapping[str, str] = field(default_factory=dict)


def save_network(network: Network, path: Path) -> None:
    """Write `network` to `path` as compressed JSON, beside first and then renamed."""
    data = {
        "format": FORMAT,
        "netlists": [_record(netlist) for netlist in network.netlists],
        "results": list(network.results),
        "refused": dict(network.refused),
    }
    beside = path.with_name(f"{path.name}.new")
    beside.write_bytes(gzip.compress(json.dumps(data, separators=(",", ":")).encode(), 1, mtime=0))
    beside.replace(path)


def load_network(path: Path) -> Network:
    """What `save_network` wrote; raises ReportError for anything else."""
    try:
        data: Any = json.loads(gzip.decompress(path.read_bytes()))
        if data["format"] != FORMAT:
            message = f"{path} is not a file of netlists ({FORMAT})"
            raise ReportError(message)
        netlists = tuple(_netlist(record) for record in data["netlists"])
        return Network(netlists, tuple(data["results"]), dict(data["refused"]))
    except (OSError, ValueError, KeyError, TypeError, IndexError, EOFError) as error:
        message = f"{path} is not a file of netlists ({FORMAT}): {error}"
        raise ReportError(message) from error


def _record(netlist: Netlist) -> dict[str, Any]:
    return {
        "name": netlist.name,
        "inputs": [[port.name, port.width, port.signed, port.size] for port in netlist.inputs],
        "output_ports": [[port.name, port.width, port.signed, port.size] for port in netlist.output_ports],
        "nodes": [
            [node.op.value, list(node.arguments), node.width, node.signed, node.low, node.high, node.number]
            for node in netlist.nodes
        ],
        "outputs": list(netlist.outputs),
        "tables": [list(table) for table in netlist.tables],
    }


def _netlist(record: dict[str, Any]) -> Netlist:
    return Netlist(
        name=record["name"],
        inputs=tuple(Port(*port) for port in record["inputs"]),
        output_ports=tuple(Port(*port) for port in record["output_ports"]),
        nodes=tuple(Node(Op(op), tuple(arguments), *rest) for op, arguments, *rest in record["nodes"]),
        outputs=tuple(record["outputs"]),
        tables=tuple(tuple(table) for table in record["tables"]),
    )
