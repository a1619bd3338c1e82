"""What a project is generated for: backend, part, clock, and the directives its tool gets."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """What a project is generated for. `directives` are its Tcl `config_*` lines, in order.

    `clock_uncertainty` is the share of the clock period that the tool is told to keep back; None: its own default.
    """

    backend: str | None = None  # Vitis, Vivado or VivadoAccelerator
    part: str | None = None
    clock_ns: float | None = None
    directives: tuple[str, ...] = ()
    clock_uncertainty: float | None = None
