"""What a project is generated for: backend, part, clock, and the directives its tool gets."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """What a project is generated for. `directives` are its Tcl `config_*` lines, in order."""

    backend: str | None = None  # Vitis, Vivado or VivadoAccelerator
    part: str | None = None
    clock_ns: float | None = None
    directives: tuple[str, ...] = ()
