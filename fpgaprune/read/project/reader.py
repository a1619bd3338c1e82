"""From a folder to a Design."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import prod
from pathlib import Path

from fpgaprune.design import Design, LayerKind, LayerSpec, Strategy
from fpgaprune.errors import DesignError, ProjectError
from fpgaprune.read.conventions import shaped, stream_shape
from fpgaprune.read.project.calls import LayerCall, ProjectCalls, find_top
from fpgaprune.read.project.folder import ProjectFolder
from fpgaprune.read.project.functions import handler_of, is_own
from fpgaprune.read.project.site import Config, Site, Source, Tensor, real_number
from fpgaprune.read.project.source import Call, Headers, TopFunction, Variable, read_headers
from fpgaprune.read.project.target import ProjectTarget, read_target
from fpgaprune.read.project.weights import disagreeing_text_files as _disagreeing

_HEADERS = ("firmware/defines.h", "firmware/parameters.h")
# Constants whose product is the number of values a layer reads, most telling first.
_INPUT_SIZES = (
    ("n_time_steps", "in_height", "in_width", "n_chan"),
    ("in_height", "in_width", "n_chan"),
    ("in_height", "in_width", "n_filt"),
    ("in_height", "in_width", "in_chan"),
    ("height", "width", "n_chan"),
    ("in_width", "n_chan"),
    ("n_sequence", "n_in"),
    ("n_free_data", "n_contract", "n_inplace"),
    ("n_elem1",),
    ("n_elem1_0", "n_elem1_1", "n_elem1_2"),
    ("N",),
    ("n_in",),
)


def read_project(path: Path) -> Design:
    """The design that a generated hls4ml project holds.

    Reads `firmware/` (headers, top function, weights), the Tcl scripts and `hls4ml_config.yml`, of Vivado, Vitis and
    VivadoAccelerator projects of every version of hls4ml. Raises ProjectError when something is missing, truncated,
    contradictory, or made for another backend.
    """
    return _read(path)[0]


def read_calls(path: Path) -> ProjectCalls:
    """The calls that make the layers of the design; raises ProjectError as `read_project` does."""
    return _read(path)[1].calls()


def _read(path: Path) -> "tuple[Design, _Reader]":
    folder = ProjectFolder(path)
    target = read_target(folder)
    headers = read_headers(folder.text(name) for name in _HEADERS if name == _HEADERS[1] or folder.has(name))
    top = find_top(folder, target, headers)
    reader = _Reader(folder, target, headers, top)
    try:
        return reader.design(str(path)), reader
    except DesignError as error:
        message = f"the project {path} does not make a network: {error}"
        raise ProjectError(message) from error


def disagreeing_text_files(path: Path) -> tuple[str, ...]:
    """Names of arrays whose `weights/*.txt`, which C simulation loads, holds other numbers than the synthesized `.h`.

    Raises ProjectError as `read_project` does.
    """
    return _disagreeing(ProjectFolder(path))


class _Reader:
    """Follows the calls of the top function."""

    def __init__(self, folder: ProjectFolder, target: ProjectTarget, headers: Headers, top: TopFunction) -> None:
        self._source = Source(folder, headers)
        self._target = target
        self._top = top
        self._produced: dict[str, str] = {}  # variable -> layer
        self._layers: dict[str, LayerSpec] = {}
        self._calls: list[LayerCall] = []
        self._results: tuple[str, ...] = ()
        self._io_type = self._find_io_type(headers)
        self._strategy = _default_strategy(target.settings)

    def design(self, source: str) -> Design:
        calls = [(call, roles) for call in self._top.calls if (roles := self._roles(call)) is not None]
        written = {output for _, (_, outputs, _) in calls for output in outputs}
        used = {name for call, _ in calls for name in map(_plain, call.arguments)}
        bram = frozenset(a.name for a in self._top.arguments if self._is_array(a.name))
        tensors = [a for a in self._top.arguments if a.name in used and a.name not in bram]
        for argument in tensors:
            if argument.name not in written:
                self._add_input(argument)
        for call, roles in calls:
            self._add_layers(call, *roles, bram)
        self._results = tuple(a.name for a in tensors if a.name in written)
        outputs = tuple(self._produced[name] for name in self._results)
        if not outputs:
            message = f"no layer of {self._top.name} in {self._source.folder.root} writes an output of the network"
            raise ProjectError(message)
        return Design(
            name=self._top.name,
            layers=shaped(tuple(self._layers.values()), self._io_type),
            io_type=self._io_type,
            outputs=outputs,
            target=self._target.target,
            source=source,
        )

    def calls(self) -> ProjectCalls:
        """What `design` has followed."""
        return ProjectCalls(self._top.name, tuple(self._calls), dict(self._produced), self._results)

    def _find_io_type(self, headers: Headers) -> str:
        if any(variable.is_stream for variable in self._top.variables.values()):
            return "io_stream"
        found = (Config(self._source, struct).word("io_type") for struct in headers.structs.values())
        return "io_serial" if "io_serial" in found else "io_parallel"

    def _is_array(self, name: str) -> bool:
        folder = self._source.folder
        return any(folder.has(f"firmware/weights/{name}{suffix}") for suffix in (".h", ".txt"))

    def _resolved(self, name: str) -> str:
        seen = set()
        while name in self._top.aliases and name not in seen:
            seen.add(name)
            name = self._top.aliases[name]
        return name

    def _tensor(self, name: str) -> Tensor:
        variable = self._top.variables[name]
        if variable.sizes and variable.type.startswith("hls::stream"):
            message = (
                f"{name!r} of {self._top.name} is an array of streams: hls4ml writes none, so the layers around it are "
                "somebody's own, and fpgaprune reads those of hls4ml"
            )
            raise ProjectError(message)
        facts = self._source.type(variable.type)
        if variable.is_stream:
            return Tensor(name, facts.precision, None, facts.lanes)
        return Tensor(name, facts.precision, self._shape(variable), facts.lanes)

    def _shape(self, variable: Variable) -> tuple[int, ...]:
        terms = [term for size in variable.sizes for term in _factors(size)]
        shape = tuple(self._source.number(term) for term in terms)
        if not shape or min(shape) < 1:
            message = f"the tensor {variable.name!r} of {self._top.name} has the impossible size {variable.sizes}"
            raise ProjectError(message)
        return shape

    def _roles(self, call: Call) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]] | None:
        """Tensors read, tensors written, and arrays of a call; None for one that writes no tensor."""
        plain = [_plain(argument) for argument in call.arguments]
        arrays = tuple(name for name in plain if self._is_array(name))
        tensors = [
            resolved
            for name in plain
            if (resolved := self._resolved(name)) in self._top.variables and name not in arrays
        ]
        if len(tensors) < 2:
            return None
        count = len(tensors) - 1 if call.function == "clone_stream" else 1
        return tuple(tensors[:-count]), tuple(tensors[-count:]), arrays

    def _add_input(self, argument: Variable) -> None:
        tensor = self._tensor(argument.name)
        shape = tensor.shape or self._streamed_input(argument.name, tensor.lanes or 1)
        self._layers[argument.name] = LayerSpec(
            name=argument.name,
            kind=LayerKind.INPUT,
            operation=None,
            inputs=(),
            input_shape=shape,
            output_shape=shape,
            input_precision=tensor.precision,
            output_precision=tensor.precision,
        )
        self._produced[argument.name] = argument.name

    def _streamed_input(self, name: str, lanes: int) -> tuple[int, ...]:
        """A stream does not tell its length: the first layer that reads it does."""
        for call in self._top.calls:
            if name in map(self._resolved, map(_plain, call.arguments)):
                return stream_shape(self._consumed(call) or lanes, lanes, ())
        return (lanes,)

    def _consumed(self, call: Call) -> int | None:
        config = self._config(call)
        if config is None:
            size = call.template[2] if len(call.template) > 2 else ""
            return int(size) if size.isdigit() else None
        for names in _INPUT_SIZES:
            sizes = [config.get(name) for name in names]
            if names == ("n_in",) and "pool" in call.function:
                sizes.append(config.get("n_filt"))
            if None not in sizes:
                return prod(size for size in sizes if size)
        return None

    def _add_layers(
        self, call: Call, read: tuple[str, ...], written: tuple[str, ...], arrays: tuple[str, ...], bram: frozenset[str]
    ) -> None:
        for name in read:
            if name not in self._produced:
                message = f"{call.function} in {self._top.name} reads {name!r} before anything writes it"
                raise ProjectError(message)
        sources = tuple(self._produced[name] for name in read)
        site = Site(
            source=self._source,
            call=call,
            name=self._name(call, written[0]),
            io_type=self._io_type,
            sources=sources,
            inputs=tuple(self._tensor(name) for name in read),
            input_shape=self._layers[sources[0]].output_shape,
            output=self._tensor(written[0]),
            arrays=arrays,
            scalars=tuple(value for text in call.arguments if (value := real_number(text)) is not None),
            bram=bram,
            default_strategy=self._strategy,
            config=self._config(call),
            dataflow=self._top.dataflow,
        )
        made = handler_of(call.function)(site)
        layers = made if isinstance(made, tuple) else (made,)
        for layer in layers:
            config = layer.config or (site.config.name if site.config else None)
            own = {"own_function": call.function} if is_own(call.function) else {}
            self._layers[layer.name] = replace(layer, config=config, attributes={**layer.attributes, **own})
        self._produced.update(dict.fromkeys(written, layers[-1].name))
        variables = self._top.variables
        self._calls.append(
            LayerCall(
                layer=layers[-1].name,
                call=call,
                reads=tuple(variables[name] for name in dict.fromkeys(read)),
                writes=tuple(variables[name] for name in written),
                aliases={name: self._resolved(name) for name in self._top.aliases},
                in_memory=not bram.isdisjoint(arrays),
            )
        )

    def _name(self, call: Call, output: str) -> str:
        name = call.label or output.removesuffix("_out")
        return f"{name}_{output}" if name in self._layers else name

    def _config(self, call: Call) -> Config | None:
        structs = self._source.headers.structs
        found = [argument for argument in call.template if argument in structs]
        return Config(self._source, structs[found[-1]]) if found else None


def _plain(argument: str) -> str:
    return argument.strip().removeprefix("&").removesuffix("[0]")


def _factors(size: str) -> Iterator[str]:
    if re.fullmatch(r"[\w*\s]+", size):
        yield from (term.strip() for term in size.split("*"))
    else:
        yield size


def _default_strategy(settings: Mapping[str, object]) -> Strategy:
    model = settings.get("HLSConfig")
    model = model.get("Model") if isinstance(model, dict) else None
    word = str(model.get("Strategy")).lower() if isinstance(model, dict) else ""
    return Strategy.RESOURCE if word in ("resource", "large") else Strategy.LATENCY
