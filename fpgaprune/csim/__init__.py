"""C simulation: the generated project, compiled for this machine and run on arrays."""

from fpgaprune.csim.build import build_simulation
from fpgaprune.csim.compiler import Compiler, find_compiler
from fpgaprune.csim.simulation import Simulation, SimulationResult
from fpgaprune.csim.source import Port, Recorded

__all__ = ["Compiler", "Port", "Recorded", "Simulation", "SimulationResult", "build_simulation", "find_compiler"]
