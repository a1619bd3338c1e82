"""Attaches kernels to hls4ml's graph: the `kernel` of a layer's configuration and the header that defines it.

hls4ml's templates have run by then and left their text in the nodes' attributes `config_cpp` and `include_header`,
which its writer writes; a dense layer calls whatever class its configuration names as `kernel` (nnet_dense.h).
"""

import re
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

from fpgaprune.design import Design, Encoding, LayerKind, LayerSpec, Strategy
from fpgaprune.errors import ConfigError
from fpgaprune.estimate import estimate_design, rules_for
from fpgaprune.estimate.sparse_kernels import KernelPlan, kernel_attributes, kernel_matrix, plan_kernel
from fpgaprune.fixed_point import EXACT_WIDTH, Overflow
from fpgaprune.generate.kernels.text import kernel_name, kernel_text
from fpgaprune.generate.settings import GenerateSettings, SparseKernels
from fpgaprune.read.graph import read_graph
from fpgaprune.templates import read_template

FOLDER = "kernels"  # inside firmware/
ATTRIBUTE = "fpgaprune_kernel"  # of a node: what the graph's reader says of it
_KERNEL = re.compile(r"(using kernel = )[\w:]+(<data_T, res_T, CONFIG_T>;)")
_CALL = re.compile(r"nnet::((?:pointwise_|depthwise_)?conv_[12]d)_cl<")
_SIZES = re.compile(
    r"(struct config\d+_mult [^{]*\{\s*static const unsigned n_in = )\d+(;\s*static const unsigned n_out = )\d+;"
)
_PRODUCT = "nnet::product::mult<"
_CONVOLUTIONS = frozenset({
    LayerKind.CONV1D, LayerKind.CONV2D, LayerKind.DEPTHWISE_CONV1D, LayerKind.DEPTHWISE_CONV2D,
})  # fmt: skip
_DEPTHWISE = frozenset({LayerKind.DEPTHWISE_CONV1D, LayerKind.DEPTHWISE_CONV2D})


@dataclass(frozen=True)
class Kernels:
    """Headers by file name, and what was decided, a sentence per layer."""

    headers: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def attach_kernels(graph: Any, settings: GenerateSettings) -> Kernels:
    """Give every layer the kernel its setting asks for; `auto` gives one where it needs fewer multipliers.

    Raises ConfigError where `always` was asked for by a layer's name and cannot be had.
    """
    kernels = Kernels()
    if not any(settings.kernels_of(layer.name) is not SparseKernels.NEVER for layer in graph.get_layers()):
        return kernels
    design = read_graph(graph)
    streams = design.io_type == "io_stream"
    tool = "vivado_hls" if settings.backend == "Vivado" else "vitis_hls"
    plain = {layer.name: layer.multipliers for layer in estimate_design(design, rules_for(tool)).layers}
    for layer in design:
        asked = settings.kernels_of(layer.name)
        if asked is SparseKernels.NEVER or layer.kind is LayerKind.INPUT or layer.weight is None:
            continue
        node = graph.graph[layer.name]
        why_not = _obstacle(layer, design, node)
        if why_not is not None:
            _refuse(layer, asked, settings, why_not)
            kernels.notes.append(f"layer {layer.name}: hls4ml's own kernel, since {why_not}")
            continue
        plan = _plan(layer)
        bound = plain[layer.name]
        before = inf if bound is None else bound.high
        after = plan.multipliers * layer.parallelization_factor
        if asked is SparseKernels.AUTO and (plan.reuse_factor == 1 or after >= before):
            why = "at reuse factor 1 synthesis folds the constants itself" if plan.reuse_factor == 1 else "no fewer"
            kernels.notes.append(f"layer {layer.name}: hls4ml's own kernel ({before} multipliers; {why})")
            continue
        kernels.headers[f"{kernel_name(str(node.index))}.h"] = _attach(node, layer, plan, streams=streams)
        kernels.notes.append(f"layer {layer.name}: sparse kernel, {after} multipliers where hls4ml's needs {before}")
    if any("in_slots" in text for text in kernels.headers.values()):
        graph.config.pipeline_style = "dataflow"  # a pipeline around the layers would unroll the time slots
    return kernels


def write_kernels(kernels: Kernels, project: Path) -> None:
    """Write the headers into a project's firmware, and what they share."""
    if not kernels.headers:
        return
    folder = project / "firmware" / FOLDER
    folder.mkdir()
    (folder / "sparse.h").write_text(read_template("kernels/sparse.h"), encoding="utf-8")
    for name, text in kernels.headers.items():
        (folder / name).write_text(text, encoding="utf-8")


def _obstacle(layer: LayerSpec, design: Design, node: Any) -> str | None:
    """Why a layer cannot have a kernel; None where it can."""
    weight = layer.weight
    if layer.kind not in {LayerKind.DENSE, *_CONVOLUTIONS}:
        return f"there is no sparse kernel for {layer.kind.value} layers"
    if layer.strategy is not Strategy.LATENCY:
        return "its strategy is not latency"
    if weight is None or weight.encoding is not Encoding.FIXED or weight.precision.width > EXACT_WIDTH:
        return "its weights are not fixed-point codes"
    if layer.accumulator_precision is None or layer.input_precision is None:
        return "its types are not fixed-point"
    text = str(node.get_attr("config_cpp"))
    if layer.kind in _DEPTHWISE and layer.attributes.get("depth_multiplier") != 1:
        return "its depth multiplier is not 1"
    if layer.kind in _CONVOLUTIONS and not (_CALL.search(str(node.get_attr("function_cpp"))) and _SIZES.search(text)):
        return "hls4ml calls it by a way of its own"
    if design.io_type != "io_parallel" and "conv_implementation::encoded" in text:
        return "its implementation is encoded"
    if _PRODUCT not in text or not _KERNEL.search(text):
        return "its products are not plain multiplications"
    return None


def _refuse(layer: LayerSpec, asked: SparseKernels, settings: GenerateSettings, why: str) -> None:
    named = settings.layers.get(layer.name)
    if asked is SparseKernels.ALWAYS and named is not None and named.sparse_kernels is not None:
        message = f"layer {layer.name!r} cannot have a sparse kernel: {why}"
        raise ConfigError(message)


def _plan(layer: LayerSpec) -> KernelPlan:
    weight, sums = layer.weight, layer.accumulator_precision
    if weight is None or sums is None:
        message = f"layer {layer.name!r} has no weights for a kernel"
        raise ConfigError(message)
    codes = kernel_matrix(layer)
    return plan_kernel(codes, layer.reuse_factor or 1, in_order=sums.overflow is not Overflow.WRAP)


def _attach(node: Any, layer: LayerSpec, plan: KernelPlan, *, streams: bool) -> str:
    if layer.weight is None:
        message = f"layer {layer.name!r} has no weights for a kernel"
        raise ConfigError(message)
    index = str(node.index)
    config = _KERNEL.sub(rf"\1nnet::{kernel_name(index)}\2", str(node.get_attr("config_cpp")))
    if layer.kind in _CONVOLUTIONS:
        config = _SIZES.sub(rf"\g<1>{plan.n_in}\g<2>{plan.n_out};", config)
        if not streams:
            node.set_attr("function_cpp", _CALL.sub(r"nnet::\1_sparse_cl<", str(node.get_attr("function_cpp"))))
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
