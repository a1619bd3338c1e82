"""One call of the top function in its context: tensors, configuration and arrays, with their types resolved."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.design import Encoding, LayerKind, LayerSpec, Parameter, Strategy
from fpgaprune.errors import DesignError, ProjectError
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.read.conventions import stored, stream_shape
from fpgaprune.read.project.expressions import evaluate
from fpgaprune.read.project.folder import ProjectFolder
from fpgaprune.read.project.kernels import is_kernel
from fpgaprune.read.project.source import Call, Headers, Struct, split_arguments
from fpgaprune.read.project.weights import RawArray, read_array

Layout = Callable[[NDArray[np.float64]], NDArray[np.float64]]
_CHAIN = 20  # typedefs and constants that refer to each other; deeper is a loop
_FLOATS = frozenset({"float", "double", "half", "int", "unsigned", "bool"})


@dataclass(frozen=True)
class TypeFacts:
    """A resolved type: the scalar's precision (None for floating point), lanes of a packet, fields of a structure."""

    precision: FixedPoint | None
    lanes: int | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Tensor:
    """A variable between layers; `shape` is known for arrays, `lanes` for streams."""

    name: str
    precision: FixedPoint | None
    shape: tuple[int, ...] | None
    lanes: int | None


class Source:
    """Headers and arrays of one project, looked up by name."""

    def __init__(self, folder: ProjectFolder, headers: Headers) -> None:
        self.folder = folder
        self.headers = headers

    def number(self, text: str, struct: Struct | None = None, depth: int = 0) -> int:
        """The value of a constant expression, names taken from `struct` first; raises ProjectError."""

        def lookup(name: str) -> int:
            if depth > _CHAIN:
                message = f"the constant {name!r} of the project {self.folder.root} refers to itself"
                raise ProjectError(message)
            owner, _, last = name.rpartition("::")
            scope = self.headers.structs.get(owner, struct)
            if scope is not None and last in scope.constants:
                return self.number(scope.constants[last], scope, depth + 1)
            if last in self.headers.macros:
                return self.number(self.headers.macros[last], struct, depth + 1)
            where = f"struct {struct.name}" if struct else "the project"
            message = f"{where} in {self.folder.root / 'firmware'} uses {name!r}, which nothing defines"
            raise ProjectError(message)

        return evaluate(text, lookup)

    def type(self, text: str, struct: Struct | None = None) -> TypeFacts:
        """The type a name or spelling stands for; raises ProjectError for one that is no hls4ml type."""
        name = text.removeprefix("const ").removeprefix("typename ").strip()
        for _ in range(_CHAIN):
            if name in self.headers.struct_types:
                return TypeFacts(None, None, self.headers.struct_types[name])
            if struct is not None and name in struct.types and struct.types[name] != name:
                name = struct.types[name]
            elif name in self.headers.types and self.headers.types[name] != name:
                name = self.headers.types[name]
            else:
                break
        return self._spelled(name)

    def _spelled(self, name: str) -> TypeFacts:
        if name.startswith("nnet::array") and name.endswith(">"):
            element, count = split_arguments(name[name.index("<") + 1 : -1])
            return TypeFacts(self._spelled(element).precision, self.number(count))
        if name in _FLOATS or name.startswith(("ap_float", "std::")):
            return TypeFacts(None)
        if name.startswith(("ac_", "ap_fixpt", "hls::")):
            message = f"the type {name} is not one of AMD's: fpgaprune reads projects for Vivado and Vitis HLS"
            raise ProjectError(message)
        try:
            return TypeFacts(FixedPoint.from_cpp(name))
        except DesignError as error:
            message = f"the project {self.folder.root} uses the type {name!r}, which nothing defines: {error}"
            raise ProjectError(message) from error

    def array(self, name: str) -> RawArray:
        """The numbers of one array."""
        return read_array(self.folder, name)


class Config:
    """One configuration structure."""

    def __init__(self, source: Source, struct: Struct) -> None:
        self._source = source
        self._struct = struct
        self.name = struct.name
        self.base = struct.base

    def get(self, *names: str) -> int | None:
        """The first of the constants that is written, as a number."""
        for name in names:
            if name in self._struct.constants:
                return self._source.number(self._struct.constants[name], self._struct)
        return None

    def need(self, *names: str) -> int:
        """As `get`; raises ProjectError when none is written."""
        value = self.get(*names)
        if value is None:
            message = f"struct {self.name} in {self._source.folder.root / 'firmware/parameters.h'} lacks {names[0]}"
            raise ProjectError(message)
        return value

    def word(self, name: str) -> str | None:
        """The last word of an enumeration or literal (`nnet::latency` gives latency), lower case."""
        text = self._struct.constants.get(name)
        return None if text is None else text.rsplit("::", 1)[-1].strip().lower()

    def real(self, name: str) -> float | None:
        """A constant that may have a fraction."""
        text = self._struct.constants.get(name)
        return None if text is None else real_number(text)

    def precision(self, *names: str) -> FixedPoint | None:
        """The type behind the first of the typedefs that is there."""
        for name in names:
            if name in self._struct.types:
                return self._source.type(self._struct.types[name], self._struct).precision
        return None

    def type_text(self, name: str) -> str | None:
        """The typedef as written."""
        return self._struct.types.get(name)

    def function(self, name: str) -> str | None:
        """The function a `using` chooses."""
        return self._struct.functions.get(name)

    def nested(self, name: str) -> "Config | None":
        """The configuration a typedef names, if it is one."""
        struct = self._source.headers.structs.get(self._struct.types.get(name, ""))
        return None if struct is None else Config(self._source, struct)


def real_number(text: str) -> float | None:
    """A literal such as `0.3`, `1e-3f`; None for anything else."""
    try:
        return float(text.strip().rstrip("fF"))
    except ValueError:
        return None


@dataclass(frozen=True)
class Site:
    """One call: where it reads and writes, its configuration, and the arrays it is given."""

    source: Source
    call: Call
    name: str
    io_type: str
    sources: tuple[str, ...]  # names of the layers read
    inputs: tuple[Tensor, ...]
    input_shape: tuple[int, ...]  # of the first layer read
    output: Tensor
    arrays: tuple[str, ...]
    scalars: tuple[float, ...]
    bram: frozenset[str]  # arrays that are ports of the top function
    default_strategy: Strategy
    config: Config | None
    dataflow: bool = False  # whether layers run as tasks, not as one pipeline

    def settings(self) -> Config:
        """The configuration; raises ProjectError when the call names none."""
        if self.config is None:
            message = (
                f"layer {self.name!r} calls {self.call.function} with a configuration that "
                f"{self.source.folder.root / 'firmware/parameters.h'} does not define"
            )
            raise ProjectError(message)
        return self.config

    def elementwise_shape(self) -> tuple[int, ...]:
        """Shape of an output that has the shape of the input."""
        if self.output.shape is not None:
            return self.output.shape
        return stream_shape(prod(self.input_shape), self.output.lanes or 0, self.input_shape)

    def spec(
        self,
        kind: LayerKind,
        operation: str | None,
        input_shape: tuple[int, ...],
        output_shape: tuple[int, ...],
        **facts: Any,
    ) -> LayerSpec:
        """A layer with what every kind has: name, edges, types and, where written, the reuse factor."""
        if "reuse_factor" not in facts and self.config is not None:
            facts["reuse_factor"] = self.config.get("reuse_factor")
        defaults: dict[str, Any] = {
            "name": self.name,
            "inputs": self.sources,
            "output_precision": self.output.precision,
            "input_precision": self.inputs[0].precision if self.inputs else None,
            "config": None if self.config is None else self.config.name,
        }
        return LayerSpec(
            kind=kind, operation=operation, input_shape=input_shape, output_shape=output_shape, **{**defaults, **facts}
        )

    def strategy(self, config: Config) -> Strategy:
        """The strategy written in the configuration, told by the function's name, or that of the project."""
        if is_kernel(config.function("kernel")):
            return Strategy.LATENCY  # whose layout the weights have, whatever keeps hls4ml from unrolling it
        word = config.word("strategy") or ""
        if word == "compressed":
            return Strategy.RESOURCE
        if word in Strategy.__members__.values():
            return Strategy(word)
        for part, strategy in (("_large", Strategy.RESOURCE), ("_resource", Strategy.RESOURCE)):
            if part in self.call.function:
                return strategy
        return Strategy.LATENCY if "_latency" in self.call.function else self.default_strategy

    def array_name(self, position: int, what: str) -> str:
        """The array given at that place; raises ProjectError when the call has fewer."""
        if position >= len(self.arrays):
            message = (
                f"layer {self.name!r} calls {self.call.function} without its {what}: none of its arguments "
                f"({', '.join(self.call.arguments)}) has a file NAME.h or NAME.txt in firmware/weights"
            )
            raise ProjectError(message)
        return self.arrays[position]

    def parameter(
        self, name: str, count: int, layout: Layout, declared: str | None, *, may_be_binary: bool = False
    ) -> Parameter:
        """The array `name` of `count` elements as a parameter; `declared` is its type where the file does not say."""
        raw = self.source.array(name)
        found = raw.numbers.shape[0]
        if count not in (found, -1) or raw.declared not in (None, found):
            expected = raw.declared if raw.declared not in (None, found) else count
            message = f"{self.source.folder.root / raw.file} holds {found} values where {expected} are expected"
            raise ProjectError(message)
        text = raw.type or declared
        if text is None:
            message = f"nothing tells the type of {raw.file}, the weights of layer {self.name!r}"
            raise ProjectError(message)
        facts = self.source.type(text)
        values, precision, encoding = self._decoded(raw, facts, may_be_binary)
        return Parameter(layout(values), precision, encoding)

    def _decoded(
        self, raw: RawArray, facts: TypeFacts, may_be_binary: bool
    ) -> tuple[NDArray[np.float64], FixedPoint, Encoding]:
        if "sign" in facts.fields:
            exponent = self.source.type(facts.fields["weight"]).precision
            if exponent is not None and raw.numbers.shape[1] == 2:
                signs = np.where(raw.numbers[:, 0] > 0, 1.0, -1.0)
                values = np.ldexp(signs, stored(raw.numbers[:, 1], exponent).astype(np.int64))
                return values, exponent, Encoding.POWER_OF_TWO
        elif facts.precision is not None and raw.numbers.shape[1] == 1:
            try:
                values = stored(raw.numbers[:, 0], facts.precision)
            except DesignError as error:
                message = f"{self.source.folder.root / raw.file}: {error}"
                raise ProjectError(message) from error
            if may_be_binary and facts.precision == FixedPoint(1, 1, signed=False):
                return np.where(values > 0, 1.0, -1.0), facts.precision, Encoding.XNOR
            return values, facts.precision, Encoding.FIXED
        message = (
            f"{self.source.folder.root / raw.file} holds {raw.numbers.shape[1]} numbers per element of a type "
            f"({', '.join(facts.fields) or 'floating point'}) that this reader does not know"
        )
        raise ProjectError(message)
