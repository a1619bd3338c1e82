"""The calls of a project's top function, and where that function is found."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fpgaprune.errors import ProjectError
from fpgaprune.read.project.folder import ProjectFolder
from fpgaprune.read.project.source import Call, Headers, TopFunction, Variable, read_top
from fpgaprune.read.project.target import ProjectTarget


@dataclass(frozen=True)
class LayerCall:
    """One call of the top function: the layer it is, its text, and the arrays or streams it reads and writes.

    `aliases` gives other names of arrays; `in_memory` tells that its weights are ports of the top function.
    """

    layer: str
    call: Call
    reads: tuple[Variable, ...]
    writes: tuple[Variable, ...]
    aliases: Mapping[str, str]
    in_memory: bool


@dataclass(frozen=True)
class ProjectCalls:
    """The calls of the top function in order; the layer that writes each variable, and those that are results."""

    top: str
    calls: tuple[LayerCall, ...]
    written_by: Mapping[str, str]
    results: tuple[str, ...]


def find_top(folder: ProjectFolder, target: ProjectTarget, headers: Headers) -> TopFunction:
    """The function that calls the layers; raises ProjectError where no source file defines one."""
    files = list(folder.listing("firmware", ".cpp"))
    found = []
    for name in [*([target.top] if target.top else []), *(Path(file).stem for file in files)]:
        for file in files:
            top = read_top(folder.text(file), name, dict(headers.macros))
            if top is not None and top.calls:
                found.append(top)
    if found:  # a wrapper around the network calls no layers, or fewer
        return max(found, key=lambda top: (top.name == target.top, len(top.calls)))
    wanted = f"the function {target.top!r}" if target.top else "a top function"
    message = f"no source file in {folder.root / 'firmware'} defines {wanted} that calls layers of hls4ml"
    raise ProjectError(message)
