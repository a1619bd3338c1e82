"""C simulation: the generated project, compiled for this machine and run on arrays."""

from fpgaprune.csim.build import Headers, build_fast_simulation, build_simulation, build_simulation_with
from fpgaprune.csim.compiler import Compiler, find_compiler
from fpgaprune.csim.simulation import Simulation, SimulationResult
from fpgaprune.csim.source import Port, Recorded

__all__ = [
    "Compiler",
    "Headers",
    "Port",
    "Recorded",
    "Simulation",
    "SimulationResult",
    "build_fast_simulation",
    "build_simulation",
    "build_simulation_with",
    "find_compiler",
]
