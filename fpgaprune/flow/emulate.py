"""From a project or a saved design, and a file of inputs, to outputs: no model, no compiler."""

from pathlib import Path

from numpy import float64
from numpy.typing import NDArray

from fpgaprune.design import Design, load_design
from fpgaprune.emulate import emulate
from fpgaprune.read.arrays import read_inputs
from fpgaprune.read.project import read_project


def emulate_file(source: Path, data: Path) -> tuple[Design, tuple[NDArray[float64], ...]]:
    """The design in `source` (project folder or saved `.npz`), and its outputs, each (samples, values), for `data`.

    Raises what reading the source and the data raises, and EmulationError for what cannot be emulated.
    """
    design = read_project(source) if source.is_dir() else load_design(source)
    layers = design.input_layers
    inputs = read_inputs(data, [each.output_shape for each in layers], [each.name for each in layers])
    return design, emulate(design, inputs)
