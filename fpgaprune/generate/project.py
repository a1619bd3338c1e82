"""A converted network as a project folder: written beside, completed, then renamed into place."""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np

from fpgaprune.design import Design, save_design
from fpgaprune.errors import ConfigError, ModelError
from fpgaprune.fixed_ranges import Range
from fpgaprune.frameworks import load_frameworks, quiet
from fpgaprune.generate.convert import convert
from fpgaprune.generate.headers import correct_headers
from fpgaprune.generate.inputs import InputSet
from fpgaprune.generate.kernels import Kernels, attach_kernels, choose_kernels, with_latency, write_kernels
from fpgaprune.generate.lower import lower
from fpgaprune.generate.network import Network
from fpgaprune.generate.planning import Plan, plan_types
from fpgaprune.generate.ranges import Point, observe, points
from fpgaprune.generate.rewrite import simplify
from fpgaprune.generate.settings import GenerateSettings
from fpgaprune.generate.type_rules import plain
from fpgaprune.generate.weights import Array
from fpgaprune.read.graph import read_graph
from fpgaprune.read.quantizer_types import FLOAT32_BITS

EXTRAS = "fpgaprune"  # our own folder inside the project
RECORD = "generate.json"
MODEL = "model.h5"
DESIGN = "graph.design.npz"
INPUTS = "inputs.npz"


@dataclass(frozen=True, eq=False)
class Converted:
    """hls4ml's graph of a model with the network and plan behind it."""

    graph: Any
    network: Network
    plan: Plan
    settings: GenerateSettings
    inputs: InputSet
    places: Mapping[str, Point]
    kernels: Kernels

    @property
    def design(self) -> Design:
        """The graph as a value, with the directives of the project it becomes."""
        design = read_graph(self.graph)
        if self.settings.multipliers is None:
            return design
        directives = (*design.target.directives, f"config_op mul -impl {self.settings.multipliers}")
        return replace(design, target=replace(design.target, directives=directives))


def observe_model(model: Any, inputs: InputSet) -> dict[str, Range]:
    """Ranges of the values of a model on the inputs, by layer of the network that it becomes."""
    network = lower(model)
    simplify(network)
    return observe(model, network, inputs.arrays)


def convert_network(
    model: Any,
    settings: GenerateSettings,
    inputs: InputSet,
    output: Path,
    ranges: Mapping[str, Range] | None = None,
) -> Converted:
    """Lower the model, choose types from the inputs, and build hls4ml's graph that will write to `output`.

    `ranges` are those of `observe_model` for the same model and inputs, where they are known already.
    """
    network = lower(model)
    simplify(network)
    ranges = observe(model, network, inputs.arrays) if ranges is None else dict(ranges)
    plan = plan_types(network, ranges, settings, real_inputs=inputs.real)
    graph = convert(network, plan, settings, output)
    choices = choose_kernels(graph, settings, network.nodes)
    if choices.to_latency:
        graph = convert(network, plan, with_latency(settings, choices.to_latency), output)
    kernels = attach_kernels(graph, choices, settings.io_type)
    network.notes.extend(kernels.notes)
    return Converted(graph, network, plan, settings, inputs, points(network), kernels)


def check_output(output: Path) -> None:
    """Raise ConfigError unless `output` can become a new project folder."""
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        message = f"{output} exists and is not an empty folder; choose another output folder, or remove it first"
        raise ConfigError(message)


def write_project(
    model: Any, settings: GenerateSettings, inputs: InputSet, output: Path, record: Mapping[str, Any]
) -> Converted:
    """Convert the model and write its project to `output`; nothing is left there when anything fails."""
    check_output(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=output.parent, prefix=f".{output.name}."))
    try:
        converted = convert_network(model, settings, inputs, beside)
        with quiet("hls4ml writer"):
            converted.graph.write()
        correct_headers(beside)
        _place_multipliers(beside / "build_prj.tcl", settings.multipliers)
        write_kernels(converted.kernels, beside)
        _complete(converted, model, beside, output, record)
        beside.chmod(0o755)
        beside.replace(output) if not output.exists() else _replace_empty(beside, output)
    finally:
        if beside.exists():
            rmtree(beside, ignore_errors=True)
    return converted


def _place_multipliers(script: Path, where: str | None) -> None:
    """The directive for all multiplications, after the other ones of hls4ml's script."""
    if where is None:
        return
    text, mark = script.read_text(encoding="utf-8"), "\ncreate_clock "
    if text.count(mark) != 1:
        message = f"{script.name} of this hls4ml has no place for the directive of multipliers={where}: leave it out"
        raise ConfigError(message)
    script.write_text(text.replace(mark, f"\nconfig_op mul -impl {where}{mark}"), encoding="utf-8")


def _replace_empty(beside: Path, output: Path) -> None:
    output.rmdir()
    beside.replace(output)


def _complete(converted: Converted, model: Any, folder: Path, output: Path, record: Mapping[str, Any]) -> None:
    extras = folder / EXTRAS
    extras.mkdir()
    _forget_folder(folder, output)
    simulated = [array[:] for array in converted.inputs.arrays]
    with quiet("prediction"):
        predicted = model.predict([a.astype(np.float32) for a in simulated], verbose=0)
    outputs = predicted if isinstance(predicted, list | tuple) else [predicted]
    (folder / "tb_data").mkdir(exist_ok=True)
    _write_dat(folder / "tb_data" / "tb_input_features.dat", simulated)
    _write_dat(folder / "tb_data" / "tb_output_predictions.dat", [np.asarray(o, np.float64) for o in outputs])
    stored: dict[str, Any] = {f"input_{i}": array for i, array in enumerate(simulated)}
    np.savez_compressed(extras / INPUTS, **stored)
    design = converted.design
    save_design(design, extras / DESIGN)
    _save_model(model, extras / MODEL)
    facts = {
        **record,
        "digest": design.digest,
        "inputs": converted.inputs.description,
        "real_inputs": converted.inputs.real,
        "expected_exact": is_exact(converted),
        "notes": converted.network.notes,
        "places": {name: [point.layer, point.before_activation] for name, point in converted.places.items()},
        "types": {name: {k: t.cpp() for k, t in types.items()} for name, types in converted.plan.types.items()},
    }
    (extras / RECORD).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def _forget_folder(folder: Path, output: Path) -> None:
    """hls4ml writes the folder it was given into its YAML; that was the one beside."""
    path = folder / "hls4ml_config.yml"
    if path.is_file():
        path.write_text(path.read_text(encoding="utf-8").replace(str(folder), output.name), encoding="utf-8")


def _write_dat(path: Path, arrays: Sequence[Array]) -> None:
    """The test bench's format: a line per sample, all arrays one after another, separated by blanks."""
    flat = np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1)
    np.savetxt(path, flat, fmt="%.9g")


def _save_model(model: Any, path: Path) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".h5")
    os.close(handle)
    try:
        with quiet("saving"):
            load_frameworks().keras.models.save_model(model, name, save_format="h5", include_optimizer=False)
        Path(name).replace(path)
    except (TypeError, ValueError, NotImplementedError) as error:
        Path(name).unlink(missing_ok=True)
        message = f"the model cannot be saved beside its project: {error}"
        raise ModelError(message) from error


_EXACT_FUNCTIONS = {"relu", "linear", "relu6", "relu1", "binary_tanh", "ternary_tanh"}
_EXACT_KINDS = {
    "Reshape",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "Cropping1D",
    "Cropping2D",
    "Resize",
    "UpSampling1D",
    "UpSampling2D",
    "Permute",
    "Transpose",
    "InputLayer",
}


def is_exact(converted: Converted) -> bool:
    """Whether the model's own quantizers decide every value, so that simulation must equal it bit for bit.

    Keras adds in float32: sums of more than 24 bits come out rounded there, so nothing exact can be asked.
    """
    sums = [types["accum"] for types in converted.plan.types.values() if "accum" in types]
    summed_exactly = all(precision.width - int(precision.signed) <= FLOAT32_BITS for precision in sums)
    return summed_exactly and all(_is_exact_node(converted, name) for name in converted.network.nodes)


def _is_exact_node(converted: Converted, name: str) -> bool:
    node = converted.network.nodes[name]
    if node.kind in ("Dense", "Conv1D", "Conv2D", "DepthwiseConv1D", "DepthwiseConv2D"):
        decided = {"weight"} if node.record.get("bias_data") is None else {"weight", "bias"}
        return node.quantized and decided <= set(node.parameter_types)
    if node.kind == "Activation":
        return str(node.record.get("activation")).lower() in _EXACT_FUNCTIONS
    if node.kind == "HardActivation":
        return node.output_type is not None
    if node.kind in ("Merge", "Concatenate"):
        result = converted.plan.result(name)
        kept = result == plain(result) and result.width - int(result.signed) <= FLOAT32_BITS
        return node.output_type is not None or kept
    return node.kind in _EXACT_KINDS or "Max" in node.kind
