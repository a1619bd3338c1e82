"""Attaches kernels to hls4ml's graph: the `kernel` of a layer's configuration and the header that defines it.

hls4ml's templates have run by then and left their text in the nodes' attributes `config_cpp` and `include_header`,
which its writer writes; a dense layer calls whatever class its configuration names as `kernel` (nnet_dense.h).
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fpgaprune.design import LayerKind
from fpgaprune.errors import ConfigError
from fpgaprune.estimate.sparse_kernels import kernel_attributes
from fpgaprune.generate.kernels.choose import ChosenKernel, KernelChoices
from fpgaprune.generate.kernels.forms import CALL, KERNEL, SIZES
from fpgaprune.generate.kernels.text import kernel_name, kernel_text
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
    headers = {}
    for name, choice in choices.chosen.items():
        node = graph.graph[name]
        headers[f"{kernel_name(str(node.index))}.h"] = _attach(node, choice, streams=io_type == "io_stream")
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


def _attach(node: Any, choice: ChosenKernel, *, streams: bool) -> str:
    layer, plan = choice.layer, choice.plan
    if layer.weight is None:
        message = f"layer {layer.name!r} has no weights for a kernel"
        raise ConfigError(message)
    index = str(node.index)
    config = KERNEL.sub(rf"\1nnet::{kernel_name(index)}\2", str(node.get_attr("config_cpp")))
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
    node.set_attr("include_header", [*node.get_attr("include_header"), f"{FOLDER}/{kernel_name(index)}.h"])
    node.set_attr(ATTRIBUTE, kernel_attributes(plan))
    title = f"Layer {layer.name}: {plan.n_in} inputs, {plan.n_out} outputs. Written by fpgaprune."
    return kernel_text(plan, index, title, layer.weight.precision.fraction)
