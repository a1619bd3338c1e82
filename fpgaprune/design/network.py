"""The whole network as a value: what every stage after reading works on."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256

from fpgaprune.design.canonical import layer_facts, target_facts
from fpgaprune.design.layer import LayerKind, LayerSpec
from fpgaprune.design.target import Target
from fpgaprune.errors import DesignError, unknown_choice


@dataclass(frozen=True, eq=False)
class Design:
    """A converted network: layers in topological order, edges by name.

    Identity is the digest: equal digests synthesize to the same hardware. `name` and `source` are not part of it.
    """

    name: str
    layers: tuple[LayerSpec, ...]
    io_type: str
    outputs: tuple[str, ...]
    target: Target = field(default_factory=Target)
    source: str | None = None

    def __post_init__(self) -> None:
        """Check that names are unique and that every edge points to an earlier layer."""
        seen: set[str] = set()
        for layer in self.layers:
            if layer.name in seen:
                message = f"two layers of the design {self.name!r} are called {layer.name!r}"
                raise DesignError(message)
            for source in layer.inputs:
                if source not in seen:
                    message = f"layer {layer.name!r} reads {source!r}, which is not an earlier layer"
                    raise DesignError(message)
            seen.add(layer.name)
        for output in self.outputs:
            if output not in seen:
                message = f"the output {output!r} of the design {self.name!r} is not one of its layers"
                raise DesignError(message)

    def __iter__(self) -> Iterator[LayerSpec]:
        return iter(self.layers)

    def __getitem__(self, name: str) -> LayerSpec:
        """The layer called `name`; raises DesignError with the choices otherwise."""
        if name not in self._by_name:
            raise DesignError(unknown_choice("layer", name, self._by_name))
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, LayerSpec]:
        return {layer.name: layer for layer in self.layers}

    @cached_property
    def consumers(self) -> dict[str, tuple[str, ...]]:
        """For every layer the names of those that read it."""
        found: dict[str, list[str]] = {layer.name: [] for layer in self.layers}
        for layer in self.layers:
            for source in layer.inputs:
                found[source].append(layer.name)
        return {name: tuple(readers) for name, readers in found.items()}

    @cached_property
    def digest(self) -> str:
        """SHA-256 over everything that decides the hardware, as 64 hexadecimal digits."""
        state = sha256()
        state.update(target_facts(self.io_type, self.outputs, self.target).encode())
        for layer in self.layers:
            state.update(layer_facts(layer).encode())
            for name, parameter in sorted(layer.parameters.items()):
                state.update(name.encode())
                state.update(str(parameter.values.shape).encode())
                state.update((parameter.values + 0.0).astype("<f8").tobytes())  # -0.0 and 0.0 are one
        return state.hexdigest()

    @property
    def weight_layers(self) -> tuple[LayerSpec, ...]:
        """Layers that multiply by constants."""
        return tuple(layer for layer in self.layers if layer.weight is not None)

    @property
    def input_layers(self) -> tuple[LayerSpec, ...]:
        """The network's inputs."""
        return tuple(layer for layer in self.layers if layer.kind is LayerKind.INPUT)

    def with_target(self, target: Target) -> "Design":
        """A copy aimed at another part, clock or backend."""
        return replace(self, target=target)
