"""The C++ file in which every layer of a project is a function of its own."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Template

from fpgaprune.read.project import LayerCall
from fpgaprune.read.project.source import Variable
from fpgaprune.templates import read_template


@dataclass(frozen=True)
class Wrapper:
    """A layer's function and the arrays it reads and writes.

    With a `window` it is the function of one position of a convolution, of so many inputs and outputs.
    """

    function: str
    call: LayerCall
    window: tuple[int, int] | None = None

    def port(self, number: int) -> str:
        """The global with width, sign, bytes and elements of one of its arrays, those read first."""
        return f"{self.function}_port{number}"


def wrappers(calls: Sequence[LayerCall], windows: Mapping[str, tuple[int, int]]) -> tuple[Wrapper, ...]:
    """A function for every call, or for one position of those layers that have a window."""
    return tuple(
        Wrapper(f"fpgaprune_layer{number}", call, windows.get(call.layer)) for number, call in enumerate(calls)
    )


def layers_source(top: str, made: Sequence[Wrapper], sizes: Mapping[str, int]) -> str:
    """The file; `sizes` gives the numbers of values of the streams."""
    functions = "\n".join(_function(wrapper, sizes) for wrapper in made)
    return Template(read_template("open/layers.cpp")).substitute(top=top, functions=functions)


def _function(wrapper: Wrapper, sizes: Mapping[str, int]) -> str:
    if wrapper.window is not None:
        return _position(wrapper, wrapper.window)
    call = wrapper.call
    parameters, before, after, facts = [], [], [], []
    for number, variable in enumerate((*call.reads, *call.writes)):
        name = variable.name
        kind = f"fpgaprune_layers::facts<{variable.type}>"
        count = _count(variable, sizes)
        facts.append(
            f'extern "C" const int {wrapper.port(number)}[4] = {{{kind}::width, {kind}::sign, {kind}::bytes, {count}}};'
        )
        if not variable.is_stream:
            parameters.append(f"{variable.type} {name}{''.join(f'[{size}]' for size in variable.sizes)}")
            continue
        parameters.append(f"{variable.type} *{name}_values")
        before.append(f"    static hls::stream<{variable.type}> {name};")
        packets = f"{count} / {kind}::lanes"
        moved = f"({name}, {name}_values, {packets});"
        if number < len(call.reads):
            before.append(f"    fpgaprune_layers::fill{moved}")
        else:
            after.append(f"    fpgaprune_layers::drain{moved}")
    head = f'extern "C" void {wrapper.function}({", ".join(parameters)}) {{'
    return "\n".join([*facts, head, *before, f"    {_call(call)};", *after, "}\n"])


def _position(wrapper: Wrapper, window: tuple[int, int]) -> str:
    """The kernel of a convolution on one window, as its function calls it for every position."""
    call = wrapper.call
    kinds = [f"fpgaprune_layers::element<{kind}>::type" for kind in call.call.template[:2]]
    facts = [
        f'extern "C" const int {wrapper.port(number)}[4] = {{fpgaprune_layers::facts<{kind}>::width, '
        f"fpgaprune_layers::facts<{kind}>::sign, sizeof({kind}), {size}}};"
        for number, (kind, size) in enumerate(zip(kinds, window, strict=True))
    ]
    given, result = (
        f"{kind} values{number}[{size}]" for number, (kind, size) in enumerate(zip(kinds, window, strict=True))
    )
    constants = ", ".join(("values0", "values1", *call.call.arguments[2:]))
    return "\n".join(
        [
            *facts,
            f'extern "C" void {wrapper.function}({given}, {result}) {{',
            f"    fpgaprune_layers::position<{kinds[0]}, {kinds[1]}, {call.call.template[2]}>({constants});",
            "}\n",
        ]
    )


def _count(variable: Variable, sizes: Mapping[str, int]) -> str:
    if variable.is_stream:
        return str(sizes[variable.name])
    return " * ".join(f"({size})" for size in variable.sizes)


def _call(call: LayerCall) -> str:
    """The call as it is written, with the arrays' own names for their aliases."""
    template = f"<{', '.join(call.call.template)}>" if call.call.template else ""
    arguments = [
        re.sub(r"\b[A-Za-z_]\w*\b", lambda match: call.aliases.get(match.group(), match.group()), argument)
        for argument in call.call.arguments
    ]
    return f"{call.call.space}::{call.call.function}{template}({', '.join(arguments)})"
