"""Which layers get a kernel of their own, and what it would hold."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

from fpgaprune.design import Design, Encoding, LayerKind, LayerSpec, Strategy
from fpgaprune.errors import ConfigError
from fpgaprune.estimate import device_of, estimate_design, rules_for
from fpgaprune.estimate.choose import Pricer, adder_lut
from fpgaprune.estimate.kernels import (
    RECURRENT,
    KernelForm,
    KernelPlan,
    exact_sums,
    kernel_needs,
    kernel_parameters,
    kernel_prefixes,
    kernel_reuse_factor,
    plan_kernel,
    sums_in_order,
)
from fpgaprune.fixed_point import EXACT_WIDTH
from fpgaprune.generate.kernels.forms import obstacle_in_text
from fpgaprune.generate.settings import GenerateSettings, LayerSettings, SparseKernels
from fpgaprune.read.graph import read_graph

_CONVOLUTIONS = frozenset({
    LayerKind.CONV1D, LayerKind.CONV2D, LayerKind.DEPTHWISE_CONV1D, LayerKind.DEPTHWISE_CONV2D,
})  # fmt: skip
_REPLACED = frozenset({Strategy.LATENCY, Strategy.RESOURCE, Strategy.RESOURCE_UNROLLED})
_PARTS = ("_depthwise", "_pointwise")  # what hls4ml appends to a separable convolution's name for its two halves


@dataclass(frozen=True)
class ChosenKernel:
    """The kernel of each matrix of one layer; `origin` is the name the layer was asked for by."""

    layer: LayerSpec
    origin: str
    plans: tuple[KernelPlan, ...]
    note: str


@dataclass(frozen=True)
class KernelChoices:
    """Kernels by the name of their layer, and sentences on the layers that get none."""

    chosen: Mapping[str, ChosenKernel] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def to_latency(self) -> tuple[str, ...]:
        """Names of the layers asked for with another strategy than latency, which alone leaves the kernel open."""
        ours = (Strategy.LATENCY, None)
        found = (choice.origin for choice in self.chosen.values() if choice.layer.strategy not in ours)
        return tuple(dict.fromkeys(found))


def choose_kernels(graph: Any, settings: GenerateSettings, names: Collection[str]) -> KernelChoices:
    """Which layers of hls4ml's graph get a kernel; `auto` gives one where it takes less of the device.

    `names` are the layers of the network the graph was made from. Raises ConfigError where `always` was asked for by
    a layer's name and cannot be had.
    """
    origins = {layer.name: origin_of(layer.name, names) for layer in graph.get_layers()}
    asked = {name: settings.kernels_of(origin) for name, origin in origins.items()}
    deepened = {layer.name for layer in graph.get_layers() if _is_deepened(layer)}
    if not deepened and all(choice is SparseKernels.NEVER for choice in asked.values()):
        return KernelChoices()
    design = read_graph(graph)
    tool = "vivado_hls" if settings.backend == "Vivado" else "vitis_hls"
    pricer = Pricer.of(design, rules_for(tool), device_of(design)[0])
    plain = {layer.name: layer.multipliers for layer in estimate_design(design, rules_for(tool)).layers}
    chosen: dict[str, ChosenKernel] = {}
    notes: list[str] = []
    for layer in design:
        wish = asked.get(layer.name, SparseKernels.NEVER)
        if layer.name in deepened and wish is not SparseKernels.ADDERS:
            wish = SparseKernels.ALWAYS
        if wish is SparseKernels.NEVER or layer.weight is None:
            continue
        origin = origins[layer.name]
        why_not = _obstacle(layer, design) or obstacle_in_text(layer.kind, graph.graph[layer.name], design.io_type)
        if why_not is not None:
            if layer.name in deepened:
                message = (
                    f"layer {origin!r} has several filters per channel, which hls4ml's kernels do not compute, and "
                    f"ours cannot stand in: {why_not}; use io_parallel and strategy latency, or depth_multiplier=1"
                )
                raise ConfigError(message)
            _refuse(origin, wish, settings, why_not)
            notes.append(f"layer {layer.name}: hls4ml's own kernel, since {why_not}")
            continue
        alone = layer if layer.kind is LayerKind.BATCH_NORM else replace(layer, strategy=Strategy.LATENCY)
        form = KernelForm.ADDERS if wish is SparseKernels.ADDERS else pricer.forms(alone)
        plans = tuple(_plan(layer, prefix, design, form) for prefix in kernel_prefixes(layer))
        bound = plain[layer.name]
        before = inf if bound is None else bound.high
        after = sum(plan.multipliers for plan in plans) * layer.parallelization_factor + _between_gates(layer)
        at_once = all(plan.reuse_factor == 1 for plan in plans)
        areas = pricer.area(layer), pricer.area(pricer.kernel(alone, form))
        if wish is SparseKernels.AUTO and (at_once or not _gains(after, before, areas)):
            why = "at reuse factor 1 synthesis folds the constants itself" if at_once else _compared(after, areas)
            notes.append(f"layer {layer.name}: hls4ml's own kernel ({before} multipliers; {why})")
            continue
        chosen[layer.name] = ChosenKernel(layer, origin, plans, _note(layer, plans, after, before, areas))
    return _whole(KernelChoices(chosen, tuple(notes)), design, origins)


def kernel_candidates(graph: Any) -> frozenset[str]:
    """Names of the layers of hls4ml's graph that can have a kernel."""
    design = read_graph(graph)
    able = (layer for layer in design if layer.weight is not None and _obstacle(layer, design) is None)
    return frozenset(
        layer.name for layer in able if obstacle_in_text(layer.kind, graph.graph[layer.name], design.io_type) is None
    )


def origin_of(name: str, names: Collection[str]) -> str:
    """The layer of the network that a node of hls4ml's graph belongs to: itself, or the separable it is half of."""
    for part in _PARTS:
        if name not in names and name.endswith(part) and name.removesuffix(part) in names:
            return name.removesuffix(part)
    return name


def with_latency(settings: GenerateSettings, names: Iterable[str]) -> GenerateSettings:
    """The settings with the strategy of some layers turned into latency."""
    layers = dict(settings.layers)
    for name in names:
        merged = settings.of(name)
        layers.pop(name, None)  # the last of those that match wins
        layers[name] = replace(merged, strategy=Strategy.LATENCY)
    return replace(settings, layers=layers)


_Areas = tuple[float | None, float | None]  # of hls4ml's kernel and ours, in LUTs with DSPs converted


def _gains(after: int, before: float, areas: _Areas) -> bool:
    """Whether a kernel of ours takes less of the device; by multipliers alone where that is not known."""
    theirs, ours = areas
    return after < before if theirs is None or ours is None else ours < theirs


def _compared(after: int, areas: _Areas) -> str:
    theirs, ours = areas
    if theirs is None or ours is None:
        return f"a sparse one has {after}"
    return f"a sparse one has {after}, worth {ours:.0f} LUTs, DSPs included, where hls4ml's is worth {theirs:.0f}"


def _note(layer: LayerSpec, plans: tuple[KernelPlan, ...], after: int, before: float, areas: _Areas) -> str:
    form = " in lanes with tables of weights" if any(plan.form is KernelForm.LANES for plan in plans) else ""
    said = f"layer {layer.name}: sparse kernel{form}, {after} multipliers where hls4ml's needs {before}"
    if layer.strategy not in {None, Strategy.LATENCY}:
        said += f" with strategy {layer.strategy}, which it replaces"
    theirs, ours = areas
    if theirs is not None and ours is not None:
        said += f", worth {ours:.0f} LUTs, DSPs included, where hls4ml's is worth {theirs:.0f}"
    adders = adder_lut(layer)
    return said if adders is None else f"{said} (distributed_arithmetic: none, for at most {adders} LUTs of adders)"


def _whole(choices: KernelChoices, design: Design, origins: Mapping[str, str]) -> KernelChoices:
    """Without halves of separable convolutions that would have to change strategy while the other half keeps it."""
    halves = {name: origin for name, origin in origins.items() if origin != name}
    kept = {
        name: choice
        for name, choice in choices.chosen.items()
        if choice.layer.strategy is Strategy.LATENCY
        or all(other in choices.chosen for other, origin in halves.items() if origin == halves.get(name))
    }
    lost = [name for name in choices.chosen if name not in kept]
    notes = tuple(
        f"layer {name}: hls4ml's own kernel (strategy {design[name].strategy}; its other half keeps it)"
        for name in lost
    )
    return KernelChoices(kept, choices.notes + notes)


def _is_deepened(node: Any) -> bool:
    """Whether a node of hls4ml's graph is a depthwise convolution with a depth multiplier above 1."""
    return str(node.class_name).startswith("Depthwise") and node.get_attr("n_filt") != node.get_attr("n_chan")


def _obstacle(layer: LayerSpec, design: Design) -> str | None:
    """Why a layer cannot have a kernel; None where it can."""
    if layer.kind not in {LayerKind.DENSE, LayerKind.BATCH_NORM, *_CONVOLUTIONS, *RECURRENT}:
        return f"there is no sparse kernel for {layer.kind.value} layers"
    if layer.strategy not in _REPLACED and layer.kind is not LayerKind.BATCH_NORM:
        return f"its strategy is {layer.strategy}"
    for weight in (layer.parameters[name] for name in kernel_parameters(layer)):
        if weight.encoding is not Encoding.FIXED or weight.precision.width > EXACT_WIDTH:
            return "its weights are not fixed-point codes"
    sums = exact_sums(layer) if layer.kind is LayerKind.BATCH_NORM else layer.accumulator_precision
    if sums is None or layer.input_precision is None:
        return "its types are not fixed-point"
    if layer.attributes.get("depth_multiplier", 1) != 1 and design.io_type == "io_stream":
        return "hls4ml's streams know one filter per channel only"
    if layer.kind is LayerKind.BATCH_NORM and design.io_type == "io_stream":
        channels = layer.attributes.get("channels")
        return None if layer.input_shape[-1] == channels else "its stream does not carry all of its channels at once"
    return None


def _refuse(origin: str, asked: SparseKernels, settings: GenerateSettings, why: str) -> None:
    named: LayerSettings | None = settings.layers.get(origin)
    if asked in {SparseKernels.ALWAYS, SparseKernels.ADDERS} and named is not None and named.sparse_kernels is not None:
        message = f"layer {origin!r} cannot have a sparse kernel: {why}"
        raise ConfigError(message)


def _plan(layer: LayerSpec, prefix: str, design: Design, form: KernelForm) -> KernelPlan:
    in_order = sums_in_order(layer)
    needs = kernel_needs(layer, design, f"{prefix}weight")
    return plan_kernel(needs, kernel_reuse_factor(layer, prefix), in_order=in_order, form=form)


def _between_gates(layer: LayerSpec) -> int:
    """Products of data by data in a recurrent layer, three per unit and direction, which no kernel changes."""
    if layer.kind not in RECURRENT:
        return 0
    return 3 * sum(int(layer.attributes.get(name, 0)) for name in ("units", "backward_units"))
