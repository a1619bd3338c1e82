"""From a project to its netlists: compile its C++ once, follow every layer."""

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Final

from fpgaprune.clang import find_clang
from fpgaprune.design import Design, LayerKind, LayerSpec
from fpgaprune.errors import ProgramError, UnsupportedError
from fpgaprune.read.project import LayerCall, read_calls
from fpgaprune.read.project.source import Variable
from fpgaprune.synth.open.front.compiler import compile_layers
from fpgaprune.synth.open.front.instructions import compile_function
from fpgaprune.synth.open.front.interpret import Machine
from fpgaprune.synth.open.front.intervals import Number, Value
from fpgaprune.synth.open.front.module import Module
from fpgaprune.synth.open.front.values import Builder
from fpgaprune.synth.open.front.words import Pointer, moved
from fpgaprune.synth.open.front.wrappers import Wrapper, layers_source, wrappers
from fpgaprune.synth.open.netlist import Netlist, Port
from fpgaprune.synth.open.storage import Network

_MOST_ELEMENTS: Final = 200_000
_TYPES: Final = 3  # template arguments of a convolution: data, result, configuration
_CONVOLUTIONS: Final = frozenset({
    LayerKind.CONV1D, LayerKind.CONV2D, LayerKind.DEPTHWISE_CONV1D, LayerKind.DEPTHWISE_CONV2D,
})  # fmt: skip


def netlists_of(project: Path, design: Design, folder: Path) -> Network:
    """The netlists of a project's layers, compiled in `folder`; layers that cannot be are refused with a reason.

    Raises ProjectError for what is no project, and ToolError when clang is missing or compiles none of it.
    """
    read = read_calls(project)
    refused = {call.layer: reason for call in read.calls if (reason := _reason_against(design, call)) is not None}
    calls = [call for call in read.calls if call.layer not in refused]
    sizes = {variable.name: design[read.written_by[variable.name]].output_size for variable in _streams(calls)}
    made = wrappers(calls, {call.layer: window for call in calls if (window := _window(design, call)) is not None})
    netlists: list[Netlist] = []
    for wrapper, module in _modules(project, read.top, made, sizes, folder, refused):
        try:
            netlists.append(_netlist(module, wrapper))
        except UnsupportedError as error:
            refused[wrapper.call.layer] = str(error)
    return Network(tuple(netlists), read.results, refused)


_RECURRENT: Final = frozenset({LayerKind.LSTM, LayerKind.GRU})
_MEMORY: Final = "its weights are ports of the top function (kept in memory), so no product has a known constant"
# One position is cut from the netlist of all of them where that stays within minutes; else it is compiled alone.
_MOST_PRODUCTS: Final = 20_000


def _reason_against(design: Design, call: LayerCall) -> str | None:
    """Why the function of a layer is not followed, where that is known beforehand."""
    if call.in_memory:
        return _MEMORY
    layer = design[call.layer]
    if layer.kind in _RECURRENT and layer.positions > 1:
        return f"its {layer.positions} time steps follow one another on the same hardware, which is not cut from them"
    if not _is_large(layer) or (layer.weight_count <= _MOST_PRODUCTS and _window(design, call) is not None):
        return None
    return (
        f"one of its {layer.positions} positions has {layer.weight_count} products, "
        f"more than the {_MOST_PRODUCTS} that are followed"
    )


def _is_large(layer: LayerSpec) -> bool:
    takes_turns = layer.kind in _CONVOLUTIONS and layer.positions > layer.parallelization_factor
    return takes_turns and layer.positions * layer.weight_count > _MOST_PRODUCTS


def _window(design: Design, call: LayerCall) -> tuple[int, int] | None:
    """Inputs and outputs of one position, where that is what is followed."""
    layer = design[call.layer]
    if not _is_large(layer) or layer.geometry is None or len(call.call.template) != _TYPES:
        return None
    return prod(layer.geometry.kernel) * layer.input_shape[-1], layer.output_shape[-1]


def _streams(calls: Sequence[LayerCall]) -> list[Variable]:
    return [variable for call in calls for variable in (*call.reads, *call.writes) if variable.is_stream]


def _modules(
    project: Path,
    top: str,
    made: Sequence[Wrapper],
    sizes: dict[str, int],
    folder: Path,
    refused: dict[str, str],
) -> list[tuple[Wrapper, Module]]:
    """All layers in one file; where clang refuses that, each in its own, so that one does not cost the others."""
    clang, firmware = find_clang(), (project / "firmware").resolve()
    most = max(sizes.values(), default=0)
    folder = folder.resolve()

    def compiled(name: str, some: Sequence[Wrapper]) -> Module:
        source = folder / f"{name}.cpp"
        source.write_text(layers_source(top, some, sizes), encoding="utf-8")
        return Module(compile_layers(clang, firmware, source, most))

    try:
        module = compiled("layers", made)
    except ProgramError as error:
        if len(made) < 2:
            raise
        whole = error
    else:
        return [(wrapper, module) for wrapper in made]
    found: list[tuple[Wrapper, Module]] = []
    for wrapper in made:
        try:
            found.append((wrapper, compiled(wrapper.function, [wrapper])))
        except ProgramError as error:
            refused[wrapper.call.layer] = str(error)
    if not found:
        raise whole
    return found


def _netlist(module: Module, wrapper: Wrapper) -> Netlist:
    """Follow one layer."""
    builder = Builder()
    machine = Machine(module, builder, compile_function)
    machine.start()
    call = wrapper.call
    ports, addresses = [], []
    number = 0
    for place, variable in enumerate((*call.reads, *call.writes)):
        port, size = _port(machine, wrapper.port(place), variable.name)
        block = machine.memory.block(variable.name)
        if place < len(call.reads):
            for element in range(port.size):
                value = builder.input(number, port.width, signed=port.signed)
                block.cells[element * size] = (size, value)
                number += 1
        ports.append((port, size, block))
        addresses.append(Pointer(block, 0))
    machine.call(wrapper.function, addresses)
    roots: list[Number] = []
    for port, size, block in ports[len(call.reads) :]:
        for element in range(port.size):
            written = machine.memory.read(Pointer(block, element * size), size, 8 * size)
            if not isinstance(written, (int, Value)):
                message = f"nothing is written to {port.name}[{element}]"
                raise UnsupportedError(message)
            roots.append(builder.cast(written, port.width, signed=port.signed))
    found = [port for port, _, _ in ports]
    return builder.netlist(call.layer, found[: len(call.reads)], found[len(call.reads) :], roots)


def _port(machine: Machine, name: str, variable: str) -> tuple[Port, int]:
    """An array as a port, and the bytes of its numbers."""
    address = machine.address(name)
    facts = [machine.memory.read(moved(address, 4 * number), 4, 32) for number in range(4)]
    width, sign, size, count = (value if isinstance(value, int) else 0 for value in facts)
    if width < 1:
        message = f"{variable} is not of a fixed-point type"
        raise UnsupportedError(message)
    if not 0 < count <= _MOST_ELEMENTS:
        message = f"{variable} has {count} values, too many to be ports of one module"
        raise UnsupportedError(message)
    return Port(variable, width, bool(sign), count), size
