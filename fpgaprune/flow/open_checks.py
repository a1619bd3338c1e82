"""Checks of what open synthesis built from a project: against the C simulation, and of the Verilog by Verilator."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fpgaprune.csim import Simulation, build_simulation, find_compiler
from fpgaprune.design import Design
from fpgaprune.errors import ToolError
from fpgaprune.flow.open_job import OpenJob
from fpgaprune.generate.inputs import random_inputs
from fpgaprune.synth.open.evaluate import evaluate
from fpgaprune.synth.open.layers import LayerModule
from fpgaprune.synth.open.verilator import find_verilator, run_verilog

SAMPLES = 1000
Codes = NDArray[np.int64]


def check_simulation(job: OpenJob, modules: Mapping[str, LayerModule]) -> str:
    """Hold every layer to the C simulation of the project, each on the data that it gets there; says what was held.

    Raises ToolError naming the first layer that computes something else, or whose data the simulation does not show.
    """
    simulation = build_simulation(job.project)
    given = random_inputs([layer.output_shape for layer in job.design.input_layers], SAMPLES)
    shown = _Shown(job.design, simulation, given.arrays)
    for name, module in modules.items():
        layer = job.design[name]
        if module.windows is not None or module.netlist is None:
            data, outputs = shown.of_layer(layer.inputs[0]), [layer.name]
        else:
            data = np.concatenate([shown.of_array(port.name) for port in module.netlist.inputs], axis=1)
            outputs = [port.name for port in module.netlist.output_ports]
        found = module.evaluate(data)
        expected = np.concatenate([shown.of_array(array) for array in outputs], axis=1)
        # The ports of one position stand for all of them.
        whole = module.turns is not None or module.windows is not None
        kept = range(expected.shape[1]) if whole else [int(port.name[1:]) for port in module.module.outputs]
        wrong = np.count_nonzero(np.any(found[:, list(kept)] != expected[:, list(kept)], axis=1))
        if wrong:
            made = "netlist" if module.multiplexed is None else f"{module.multiplexed.multipliers} shared multipliers"
            message = (
                f"the layer {name} ({made}) differs from the C simulation in {wrong} of {SAMPLES} samples; where files "
                "were edited by hand, fpgaprune audit shows which ones no longer agree"
            )
            raise ToolError(message)
    kind = given.description.split(":")[0]
    return f"{len(modules)} layers equal the C simulation bit for bit on {SAMPLES} {kind}"


class _Shown:
    """What the C simulation shows of a run, as codes (samples, values), by C++ array and by layer."""

    def __init__(self, design: Design, simulation: Simulation, arrays: Sequence[NDArray[np.float64]]) -> None:
        self._types = {layer.name: layer.output_precision for layer in design}
        self._sources = {layer.name: layer.inputs for layer in design}
        self._samples = len(arrays[0])
        typed = [
            array if layer.output_precision is None else layer.output_precision.quantize(array)
            for layer, array in zip(design.input_layers, arrays, strict=True)
        ]
        self._values: dict[str, tuple[str, NDArray[np.float64]]] = {}
        for layer, port, array in zip(design.input_layers, simulation.inputs, typed, strict=True):
            self._values[port.name] = self._values[layer.name] = (layer.name, array)
        trace = simulation.trace(typed)
        for recorded in simulation.recorded:
            whole = f"{recorded.layer}.{recorded.variable}"
            array = trace[whole] if whole in trace else trace[recorded.layer]
            self._values[recorded.variable] = self._values[recorded.layer] = (recorded.layer, array)

    def of_array(self, name: str) -> Codes:
        """The codes of the array `name` of the top function."""
        if name not in self._values:
            message = f"the C simulation shows no array {name}, so its layer cannot be held to it"
            raise ToolError(message)
        layer, array = self._values[name]
        precision = self._types.get(layer)
        if precision is None:
            message = f"the type of the array {name} is not known, so its layer cannot be held to the C simulation"
            raise ToolError(message)
        return np.rint(np.ldexp(array.reshape(self._samples, -1), precision.fraction)).astype(np.int64)

    def of_layer(self, name: str) -> Codes:
        """The codes that leave the layer `name`; a reshape has none of its own."""
        while name not in self._values and self._sources.get(name):
            name = self._sources[name][0]
        return self.of_array(name)


def check_verilog(modules: Sequence[LayerModule], samples: int = SAMPLES, seed: int = 0) -> str:
    """Run the Verilog of all layers by Verilator on random codes; raises ToolError naming a layer that differs."""
    rng = np.random.default_rng(seed)
    given, expected = [], []
    texts: dict[str, str] = {}
    for module in modules:
        inputs, outputs = _sampled(module, samples, rng)
        given.append(inputs)
        expected.append(outputs)
        texts |= module.files
    compiler = find_compiler()
    command = [*compiler.command, *(["-fno-sanitize=undefined"] if compiler.is_zig else [])]
    cycles = max((module.multiplexed.cycles for module in modules if module.multiplexed is not None), default=0)
    verilator = find_verilator()
    results = run_verilog(
        texts,
        [module.module for module in modules],
        given,
        verilator=verilator,
        compiler=command,
        most_cycles=cycles + 4,
    )
    for module, found, wanted in zip(modules, results, expected, strict=True):
        wrong = np.count_nonzero(np.any(found != wanted, axis=1))
        if wrong:
            message = f"the Verilog of the layer {module.name} differs from its netlist in {wrong} of {samples} samples"
            raise ToolError(message)
    who = f"Verilator {verilator.version}"
    return f"the Verilog of {len(modules)} layers equals their netlists on {samples} random inputs ({who})"


def _sampled(module: LayerModule, samples: int, rng: np.random.Generator) -> tuple[Codes, Codes]:
    """Random codes for the ports of a module, and what comes out of the layer it was made of."""
    if module.multiplexed is not None:
        layer = module.multiplexed
        data = rng.integers(layer.data.min_code, layer.data.max_code, (samples, layer.inputs), endpoint=True)
        return data, layer.evaluate(data)[:, list(layer.outputs)]
    if module.netlist is None:
        message = f"the layer {module.name} has nothing to compare its Verilog with"
        raise ToolError(message)
    netlist = module.netlist
    columns = []
    for port in netlist.inputs:
        low, high = (
            (-(1 << (port.width - 1)), (1 << (port.width - 1)) - 1) if port.signed else (0, (1 << port.width) - 1)
        )
        columns.append(rng.integers(low, high, (samples, port.size), endpoint=True))
    data = np.concatenate(columns, axis=1)
    outputs = evaluate(netlist, data)
    kept = [int(port.name[1:]) for port in module.module.outputs]
    return data[:, list(module.elements)], outputs[:, kept]
