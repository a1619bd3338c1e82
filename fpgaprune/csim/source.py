"""Reads what the simulation must know of an hls4ml project, and marks where its layers end."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fpgaprune.errors import ProjectError

_IDENTIFIER = r"[A-Za-z_]\w*"
_LAYERS_MARK = "hls-fpga-machine-learning insert layers"


@dataclass(frozen=True)
class Port:
    """An input or output of the top function: its name and its number of values per sample."""

    name: str
    size: int


@dataclass(frozen=True)
class Top:
    """The top function of a project: its name, its ports in the order of the model, its source."""

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    source: Path
    bridge: Path


@dataclass(frozen=True)
class Recorded:
    """An array of the top function that is written by a layer."""

    layer: str
    variable: str


def read_top(project: Path) -> Top:
    """Find the top function of the hls4ml project in the folder `project`; raises ProjectError when there is none."""
    firmware = project / "firmware"
    if not firmware.is_dir():
        message = f"{project} is no hls4ml project: it has no folder 'firmware'"
        raise ProjectError(message)
    bridges = sorted(project.glob("*_bridge.cpp"))
    if len(bridges) != 1:
        message = f"{project} cannot be simulated: it has {len(bridges)} files *_bridge.cpp, and hls4ml writes one"
        raise ProjectError(message)
    name = bridges[0].name.removesuffix("_bridge.cpp")
    source = firmware / f"{name}.cpp"
    for needed in (source, firmware / f"{name}.h", firmware / "ap_types" / "ap_fixed.h", firmware / "nnet_utils"):
        if not needed.exists():
            message = f"{project} cannot be simulated: {needed.relative_to(project)} is missing"
            raise ProjectError(message)
    inputs, outputs = _ports(bridges[0], name)
    return Top(name, inputs, outputs, source, bridges[0])


def _ports(bridge: Path, name: str) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    text = bridge.read_text(encoding="utf-8", errors="replace")
    wrapper = re.search(
        rf"void\s+{re.escape(name)}_double\s*\((?P<header>[^)]*)\)\s*\{{(?P<body>.*?)\n\}}", text, re.DOTALL
    )
    if wrapper is None:
        message = f"{bridge} does not define {name}_double as hls4ml writes it: is it truncated?"
        raise ProjectError(message)
    order = re.findall(rf"double\s*\*?\s*({_IDENTIFIER})", wrapper["header"])
    calls = re.findall(r"convert_data<\s*(.*?)\s*,\s*([^,<>]+?)\s*>\(([^,]+),([^)]+)\)\s*;", wrapper["body"])
    inputs: dict[str, Port] = {}
    outputs: dict[str, Port] = {}
    for types, size, source, target in calls:
        ports, port = (inputs, source) if types.startswith("double") else (outputs, target)
        ports[port.strip()] = Port(port.strip(), _product(size, bridge))
    if not inputs or not outputs or set(order) != set(inputs) | set(outputs):
        message = f"{bridge} does not convert every input and output of {name}_double: is it truncated?"
        raise ProjectError(message)
    if order != [*inputs, *outputs]:
        message = f"{bridge} lists its ports as {', '.join(order)}, but inputs must come before outputs"
        raise ProjectError(message)
    return tuple(inputs.values()), tuple(outputs.values())


def _product(text: str, bridge: Path) -> int:
    result = 1
    for factor in text.split("*"):
        if not factor.strip().isdecimal():
            message = f"the size {text!r} in {bridge} is not a product of numbers; hls4ml 1.3 writes numbers"
            raise ProjectError(message)
        result *= int(factor)
    return result


def insert_recordings(top: Top) -> tuple[str, tuple[Recorded, ...]]:
    """The source of the top function with a call after each layer that keeps what the layer wrote.

    Recorded arrays are numbered in the order of the calls. A reshape has no code of its own and is not recorded.
    """
    text = top.source.read_text(encoding="utf-8", errors="replace")
    head, mark, layers = text.partition(_LAYERS_MARK)
    if not mark:
        message = f"{top.source} has no line '{_LAYERS_MARK}', after which hls4ml writes the layers"
        raise ProjectError(message)
    pending = {port.name: f", {port.size}" for port in top.outputs}
    pending |= dict.fromkeys(_declared(layers), "")
    recorded: list[Recorded] = []
    lines: list[str] = []
    for statement, layer in _statements(layers):
        lines.append(statement)
        if layer is None:
            continue
        for variable in _written(statement, pending):
            lines.append(f"    ::fpgaprune_csim::record({len(recorded)}, {variable}{pending.pop(variable)});")
            recorded.append(Recorded(layer, variable))
    return head + mark + "\n".join(lines), tuple(recorded)


def _declared(layers: str) -> Iterator[str]:
    """Local arrays `type name[size];` and streams `hls::stream<type> name("name");` of the top function."""
    for line in layers.splitlines():
        array = re.match(rf"\s*{_IDENTIFIER}[\w:<>,\s]*?\s({_IDENTIFIER})\s*\[[^\]]+\]\s*;", line)
        stream = re.match(rf"\s*hls::stream<.*>\s*({_IDENTIFIER})\s*\(", line)
        found = array or stream
        if found:
            yield found[1]


def _statements(layers: str) -> Iterator[tuple[str, str | None]]:
    """Each statement of the function body with the layer it belongs to; None for declarations and pragmas.

    hls4ml names the layer in a comment behind a single call, or on its own line before several.
    """
    layer: str | None = None
    held: list[str] = []
    for line in layers.split("\n"):
        code, _, comment = line.partition("//")
        stripped = code.strip()
        if not stripped:
            layer = comment.strip() or (layer if held else None)
            yield line, None
            continue
        if stripped.startswith("#") or (not held and "(" not in stripped):
            yield line, None
            continue
        held.append(line)
        if not stripped.endswith((";", "}")):
            continue
        is_declaration = re.match(r"(hls::stream<|auto\s*&)", held[0].strip()) is not None
        name = comment.strip() or layer
        yield "\n".join(held), None if is_declaration else name or "unnamed"
        held = []
    if held:
        yield "\n".join(held), None


def _written(statement: str, pending: dict[str, str]) -> list[str]:
    arguments = statement[statement.index("(") :] if "(" in statement else ""
    names = re.findall(_IDENTIFIER, arguments.partition("//")[0])
    return [name for name in dict.fromkeys(names) if name in pending]
