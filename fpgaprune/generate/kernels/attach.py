"""Attaches kernels to hls4ml's graph: the `kernel` of a layer's configuration and the header that defines it.

hls4ml's templates have run by then and left their text in the nodes' attributes `config_cpp` and `include_header`,
which its writer writes; a dense layer calls whatever class its configuration names as `kernel` (nnet_dense.h).
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fpgaprune.design import LayerKind, LayerSpec
from fpgaprune.estimate.kernels import (
    RECURRENT,
    KernelPlan,
    kernel_names,
    kernel_parameters,
    layer_attributes,
)
from fpgaprune.generate.kernels.choose import ChosenKernel, KernelChoices
from fpgaprune.generate.kernels.forms import CALL, KERNEL, SIZES
from fpgaprune.generate.kernels.text import kernel_text
from fpgaprune.templates import read_template

FOLDER = "kernels"  # inside firmware/
ATTRIBUTE = "fpgaprune_kernel"  # of a node: what the graph's reader says of it


@dataclass(frozen=True)
class Kernels:
    """Headers by file name, and what was decided, a sentence per layer."""

    headers: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def attach_kernels(graph: Any, choices: KernelChoices, io_type: str) -> Kernels:
    """Give every chosen layer of hls4ml's graph its kernel; the graph's strategy there is latency."""
    headers: dict[str, str] = {}
    for name, choice in choices.chosen.items():
        headers |= _attach(graph.graph[name], choice, streams=io_type == "io_stream")
    if any("in_slots" in text for text in headers.values()):
        graph.config.pipeline_style = "dataflow"  # a pipeline around the layers would unroll the time slots
    return Kernels(headers, (*choices.notes, *(choice.note for choice in choices.chosen.values())))


def write_kernels(kernels: Kernels, project: Path) -> None:
    """Write the headers into a project's firmware, and what they share."""
    if not kernels.headers:
        return
    folder = project / "firmware" / FOLDER
    folder.mkdir()
    (folder / "sparse.h").write_text(read_template("kernels/sparse.h"), encoding="utf-8")
    for name, text in kernels.headers.items():
        (folder / name).write_text(text, encoding="utf-8")


def _attach(node: Any, choice: ChosenKernel, *, streams: bool) -> dict[str, str]:
    layer, names = choice.layer, kernel_names(choice.layer, str(node.index))
    of_config = iter(names)
    config = KERNEL.sub(lambda match: f"{match[1]}nnet::{next(of_config)}{match[2]}", str(node.get_attr("config_cpp")))
    if layer.kind in RECURRENT:
        node.set_attr("config_cpp", config)
    else:
        _attach_call(node, layer, config, choice.plans[0], streams=streams)
    files = [f"{name}.h" for name in names]
    node.set_attr("include_header", [*node.get_attr("include_header"), *(f"{FOLDER}/{file}" for file in files)])
    node.set_attr(ATTRIBUTE, layer_attributes(choice.plans))
    matrices = (layer.parameters[name] for name in kernel_parameters(layer))
    return {
        file: kernel_text(plan, name, _title(layer, plan), matrix.precision.fraction)
        for file, name, plan, matrix in zip(files, names, choice.plans, matrices, strict=True)
    }


def _title(layer: LayerSpec, plan: KernelPlan) -> str:
    return f"Layer {layer.name}: {plan.n_in} inputs, {plan.n_out} outputs. Written by fpgaprune."


def _attach_call(node: Any, layer: LayerSpec, config: str, plan: KernelPlan, *, streams: bool) -> None:
    """Let the node's call reach the kernel that its configuration names."""
    if layer.kind is not LayerKind.DENSE:
        config = SIZES.sub(rf"\g<1>{plan.n_in}\g<2>{plan.n_out};", config)
        if not streams:
            node.set_attr("function_cpp", CALL.sub(r"nnet::\1_sparse_cl<", str(node.get_attr("function_cpp"))))
        elif plan.reuse_factor > 1:
            # hls4ml's streams put a latency product into a pipeline, which would unroll the time slots.
            config = config.replace("strategy = nnet::latency;", "strategy = nnet::resource;")
    elif streams:
        call = str(node.get_attr("function_cpp")).replace("nnet::dense<", "nnet::dense_sparse<", 1)
        node.set_attr("function_cpp", call)
    node.set_attr("config_cpp", config)
