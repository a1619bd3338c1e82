"""Checks of what open synthesis built from a project: against the C simulation, and of the Verilog by Verilator."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fpgaprune.csim import build_simulation, find_compiler
from fpgaprune.errors import ToolError
from fpgaprune.flow.open_job import OpenJob
from fpgaprune.generate.inputs import random_inputs
from fpgaprune.synth.open.evaluate import evaluate
from fpgaprune.synth.open.layers import LayerModule
from fpgaprune.synth.open.verilator import find_verilator, run_verilog

SAMPLES = 1000
Codes = NDArray[np.int64]


def check_multiplexed(job: OpenJob, modules: Mapping[str, LayerModule]) -> str | None:
    """Hold every layer on shared multipliers to the C simulation of the project; None where there is none.

    Raises ToolError naming the first layer that computes something else.
    """
    layers = [module.multiplexed for module in modules.values() if module.multiplexed is not None]
    if not layers:
        return None
    design = job.design
    given = random_inputs([layer.output_shape for layer in design.input_layers], SAMPLES)
    values = {
        layer.name: (array if layer.output_precision is None else layer.output_precision.quantize(array))
        for layer, array in zip(design.input_layers, given.arrays, strict=True)
    }
    trace = dict(build_simulation(job.project).trace(list(values.values())))
    for layer in layers:
        source = design[design[layer.name].inputs[0]]
        while source.name not in trace and source.name not in values and source.inputs:
            source = design[source.inputs[0]]  # a reshape has no values of its own
        data = trace[source.name] if source.name in trace else values[source.name]
        found = layer.evaluate(_codes(data.reshape(SAMPLES, -1), layer.data.fraction))
        expected = _codes(trace[layer.name], layer.result.fraction)
        columns = list(layer.outputs)
        wrong = np.count_nonzero(np.any(found[:, columns] != expected[:, columns], axis=1))
        if wrong:
            message = (
                f"the layer {layer.name} on {layer.multipliers} shared multipliers differs from the C simulation "
                f"in {wrong} of {SAMPLES} samples"
            )
            raise ToolError(message)
    names = ", ".join(layer.name for layer in layers)
    return f"time-multiplexed layers equal the C simulation on {SAMPLES} {given.description.split(':')[0]}: {names}"


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


def _codes(values: NDArray[np.float64], fraction: int) -> Codes:
    return np.rint(np.ldexp(values, fraction)).astype(np.int64)
