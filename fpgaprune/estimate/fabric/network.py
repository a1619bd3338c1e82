"""Layers put together: sums of structure, and the time from the first input to the last output."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fpgaprune.design import Design, LayerKind, Strategy
from fpgaprune.device import Device
from fpgaprune.estimate.context import Context
from fpgaprune.estimate.fabric.layers import describe_layer
from fpgaprune.estimate.fabric.model import FabricModel, load_model
from fpgaprune.estimate.fabric.prices import selector_lut
from fpgaprune.estimate.fabric.schedule import clock_of
from fpgaprune.estimate.fabric.structure import NOTHING, LayerFabric, Structure
from fpgaprune.estimate.fabric.tasks import as_task, runs_tasks
from fpgaprune.estimate.rules import MappingRules, version_of
from fpgaprune.results import Fabric

_RECURRENT = frozenset({LayerKind.LSTM, LayerKind.GRU})
# Clock edges between two layers of a parallel design: Vivado HLS keeps some activations in the cycle of their layer
# (4 to 6 edges between 8 layers), Vitis HLS on 7-series sometimes takes two (11 between 8).
_EDGE_BETWEEN = {"vivado_hls": 0.7, "vitis_hls": 1.4}
_EDGE_BETWEEN_FAST = 0.9  # Vitis HLS elsewhere: 6 and 9 edges between 8 layers, 4 between 5 (4 projects, UltraScale+)
_EDGE_BETWEEN_ONCE = 2.0  # before 2019: 12 to 17 edges of four layers, 14 of five (Vivado HLS 2016.4 and 2018.2)


@dataclass(frozen=True)
class DesignFabric:
    """Structure and timing of every layer (None where not known) and of the whole."""

    layers: Mapping[str, LayerFabric | None]
    structure: Structure
    between: Structure  # the part of it that is in no layer: FIFOs, registers of inputs and results
    latency_cycles: float
    ii: float
    regime: str

    @property
    def unknown(self) -> tuple[str, ...]:
        """Layers whose structure is not known."""
        return tuple(name for name, found in self.layers.items() if found is None)


def describe_design(design: Design, context: Context, device: Device) -> DesignFabric:
    """Structure and timing, without any fitted number."""
    clock = clock_of(design.target, context.rules, device)
    layers = {layer.name: describe_layer(layer, context, clock) for layer in design}
    if runs_tasks(design):
        layers = {name: found and as_task(design[name], found, context) for name, found in layers.items()}
    if context.rules.tool == "vivado_hls":
        layers = _with_one_selector(layers)
    known = [found for found in layers.values() if found is not None]
    between = sum((found.behind for found in known), _held_inputs(design, context))
    structure = sum((found.structure for found in known), between)
    latency, ii = total_timing(known, context, clock.series)
    return DesignFabric(layers, structure, between, latency, ii, regime_of(design, context.rules.tool))


def _with_one_selector(layers: Mapping[str, LayerFabric | None]) -> dict[str, LayerFabric | None]:
    """The layers with every multiplexer priced like the last layer's, as Vivado HLS does."""
    last = next((found.chooses for found in reversed(list(layers.values())) if found is not None and found.chooses), 0)
    price = selector_lut(last)
    return {
        name: found
        and replace(found, structure=replace(found.structure, selector_lut=found.structure.selectors * price))
        for name, found in layers.items()
    }


def _held_inputs(design: Design, context: Context) -> Structure:
    """Registers of Vivado HLS that keep the network's own inputs while it works on them."""
    if context.streams or context.rules.tool != "vivado_hls":
        return NOTHING
    inputs = [layer for layer in design if layer.kind is LayerKind.INPUT and layer.output_precision is not None]
    bits = sum(layer.output_size * layer.output_precision.width for layer in inputs if layer.output_precision)
    return Structure(read_bits=float(bits))


def total_timing(known: Sequence[LayerFabric], context: Context, series: str) -> tuple[float, float]:
    """Latency in cycles from the first input to the last output, and the interval between two inputs."""
    if not known:
        return 0.0, 1.0
    if context.streams:
        longest = max(found.latency_cycles for found in known)
        if context.rules.tool == "vitis_hls":
            # Its reports let all layers run at once: 1171 cycles around a longest of 1169, and 395 around 393.
            return longest + 2, max(found.ii for found in known)
        fill = sum(min(found.latency_cycles, 24.0) for found in known) - min(longest, 24.0)
        return longest + 0.5 * fill, max(found.ii for found in known)
    moved = sum(1 for found in known if found.whole != NOTHING)
    edges = _edge_between(context.rules, series) * max(0, moved - 1)
    return sum(found.latency_cycles for found in known) + edges, max(found.ii for found in known)


def _edge_between(rules: MappingRules, series: str) -> float:
    if rules.tool == "vitis_hls" and series != "7series":
        return _EDGE_BETWEEN_FAST
    if rules.tool == "vivado_hls" and rules.version is not None and version_of(rules.version) < (2019, 1):
        return _EDGE_BETWEEN_ONCE
    return _EDGE_BETWEEN.get(rules.tool, 1.0)


def regime_of(design: Design, tool: str) -> str:
    """What recorded reports are grouped by: tool, then recurrent, resource or latency, then reuse factor 1 or above."""
    weighted = [layer for layer in design if layer.weight is not None]
    reused = any((layer.reuse_factor or 1) > 1 for layer in weighted)
    if any(layer.kind in _RECURRENT for layer in design):
        kind = "recurrent"
    elif reused and any(layer.strategy is Strategy.RESOURCE for layer in weighted):
        kind = "resource"
    else:
        kind = "latency"
    return f"{tool} {kind} {'RF>1' if reused else 'RF 1'} {design.io_type}"


def estimate_fabric(
    design: Design, context: Context, device: Device, model: FabricModel | None = None
) -> tuple[dict[str, Fabric], Fabric, Fabric]:
    """Expected resources and timing of each layer's own module, of what lies between layers, and of the whole design.

    Layers that are not known have only None; then the whole has, too, for a sum without them would be too small.
    """
    model = load_model() if model is None else model
    described = describe_design(design, context, device)
    layers = {
        name: Fabric() if found is None else _fabric(found.structure, found.latency_cycles, found.ii, described, model)
        for name, found in described.layers.items()
    }
    if described.unknown:
        narrowed = any(context.narrowed(design[name]) for name in described.unknown)
        why = " (a quantizer gives every value its own type)" if narrowed else ""
        return layers, Fabric(), Fabric(doubt=f"not estimated: {', '.join(described.unknown)}{why}")
    total = _fabric(described.structure, described.latency_cycles, described.ii, described, model)
    found = _fabric(described.between, 0, 1, described, model)
    between = replace(found, latency_cycles=None, ii=None)
    return layers, between, replace(total, lut_after_synthesis=model.after_synthesis(total.lut))


def _fabric(structure: Structure, latency: float, ii: float, described: DesignFabric, model: FabricModel) -> Fabric:
    regime = described.regime
    doubt = None if regime in model.ranges["lut"] else f"thin data: few or no reports of {regime}"
    return Fabric(
        lut=model.around("lut", regime, model.expect("lut", structure)),
        ff=model.around("ff", regime, model.expect("ff", structure)),
        bram_18k=model.around("bram_18k", regime, model.expect("bram_18k", structure)),
        latency_cycles=model.around("latency_cycles", regime, latency),
        ii=model.around("ii", regime, max(1.0, ii)),
        doubt=doubt,
    )
