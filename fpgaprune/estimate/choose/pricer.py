"""One way to build the layers of a group, and what it costs: layers priced again, nothing converted."""

from dataclasses import dataclass, field, replace

from fpgaprune.design import Design, LayerKind, LayerSpec, Strategy
from fpgaprune.device import Device, find_device
from fpgaprune.estimate.choose.builds import DEPTHWISE
from fpgaprune.estimate.context import Context
from fpgaprune.estimate.fabric.layers import describe_layer
from fpgaprune.estimate.fabric.model import FabricModel, load_model
from fpgaprune.estimate.fabric.schedule import Clock, clock_of
from fpgaprune.estimate.fabric.structure import LayerFabric
from fpgaprune.estimate.kernels import (
    KernelCounts,
    KernelForm,
    has_lanes,
    kernel_needs,
    kernel_prefixes,
    kernel_reuse_factor,
    sums_in_order,
)
from fpgaprune.estimate.network import build_estimate_context, estimate_layer
from fpgaprune.estimate.rules import MappingRules

_USUAL_PART = "xcvu13p-flga2577-2-e"  # whose LUTs and DSPs count where those of the device are not known


@dataclass(frozen=True)
class Option:
    """One way to build the layers of one group: a layer, or both halves of a separable convolution."""

    strategy: Strategy
    reuse_factor: int
    parallelization_factor: int
    kernel: KernelForm | None  # None: hls4ml's own
    layers: tuple[LayerSpec, ...]
    dsp: int = 0  # at most
    lut: float = 0.0
    fabrics: tuple[LayerFabric, ...] = ()

    @property
    def cycles(self) -> float:
        """Latency of its layers, one after the other."""
        return sum(fabric.latency_cycles for fabric in self.fabrics)

    @property
    def ii(self) -> float:
        """Cycles between two inputs of the slowest of its layers."""
        return max(fabric.ii for fabric in self.fabrics)

    @property
    def costs(self) -> tuple[float, ...]:
        """All that limits may be set for."""
        return self.dsp, self.lut, self.cycles, self.ii


@dataclass(frozen=True)
class Pricer:
    """Prices layers of one design under one rule set on one device."""

    design: Design
    context: Context
    clock: Clock
    model: FabricModel
    lut_per_dsp: float
    kernels: dict[str, dict[str, KernelCounts]] = field(default_factory=dict)

    @classmethod
    def of(cls, design: Design, rules: MappingRules, device: Device) -> "Pricer":
        """The prices of a design."""
        clock = clock_of(design.target, rules, device)
        has = device.available if device.available.lut and device.available.dsp else find_device(_USUAL_PART).available
        context = build_estimate_context(design, rules, device)
        return cls(design, context, clock, load_model(), (has.lut or 0) / (has.dsp or 1))

    def priced(self, option: Option) -> Option | None:
        """The option with its prices; None where a layer of it cannot be priced."""
        dsp, lut, fabrics = 0, 0.0, []
        for layer in option.layers:
            cost, fabric = estimate_layer(layer, self.context).dsp, self.fabric(layer)
            if cost is None or fabric is None:
                return None
            dsp += cost.high
            lut += self.model.expect("lut", fabric.whole)
            fabrics.append(fabric)
        return replace(option, dsp=dsp, lut=lut, fabrics=tuple(fabrics))

    def fabric(self, layer: LayerSpec) -> LayerFabric | None:
        """Structure and timing of a layer."""
        return describe_layer(layer, self.context, self.clock)

    def kernel(self, layer: LayerSpec, form: KernelForm) -> LayerSpec:
        """The layer with a sparse kernel at its reuse factor; slots become lanes where those cost less."""
        return self._with(layer, self.forms(layer) if form is KernelForm.SLOTS else form)

    def forms(self, layer: LayerSpec) -> KernelForm:
        """Slots or lanes for multipliers that take turns, whichever takes the smaller part of the device.

        Slots need the fewest multipliers; lanes share what selects their inputs, and add to one output each.
        """
        if layer.kind in DEPTHWISE or layer.kind is LayerKind.BATCH_NORM:
            return KernelForm.SLOTS
        for prefix, counts in self.counts(layer).items():
            turns = kernel_reuse_factor(layer, prefix)
            if not counts.bits.size or not has_lanes(counts.needs.n_in, turns, in_order=sums_in_order(layer)):
                return KernelForm.SLOTS
        slots, lanes = (self.area(self._with(layer, form)) for form in (KernelForm.SLOTS, KernelForm.LANES))
        return KernelForm.LANES if slots is not None and lanes is not None and lanes < slots else KernelForm.SLOTS

    def area(self, layer: LayerSpec) -> float | None:
        """LUTs of a layer, with each DSP for as many as there are LUTs for a DSP of the device."""
        found = self.cost(layer)
        return None if found is None else found[1] + found[0] * self.lut_per_dsp

    def cost(self, layer: LayerSpec) -> tuple[int, float] | None:
        """DSPs at most and LUTs expected of a layer; None where one is not known."""
        found = self.priced(Option(layer.strategy or Strategy.LATENCY, 1, 1, None, (layer,)))
        return None if found is None else (found.dsp, found.lut)

    def _with(self, layer: LayerSpec, form: KernelForm) -> LayerSpec:
        facts = {
            f"{prefix}{name}": value
            for prefix, counts in self.counts(layer).items()
            for name, value in counts.attributes(kernel_reuse_factor(layer, prefix), form).items()
        }
        return replace(layer, attributes={**layer.attributes, **facts})

    def counts(self, layer: LayerSpec) -> dict[str, KernelCounts]:
        """What each kernel of the layer would hold, by the prefix of its attributes."""
        if layer.name not in self.kernels:
            self.kernels[layer.name] = {
                prefix: KernelCounts.of(kernel_needs(layer, self.design, f"{prefix}weight"))
                for prefix in kernel_prefixes(layer)
            }
        return self.kernels[layer.name]

    def gains(self, layer: LayerSpec) -> bool:
        """Whether a sparse kernel needs fewer multipliers than the limit hls4ml would state for the layer."""
        reuse_factor = layer.reuse_factor or 1
        stated = [layer.attributes.get(f"{prefix}multiplier_limit") for prefix in kernel_prefixes(layer) if prefix]
        limit = (layer.multiplier_limit or 0) + sum(int(one or 0) for one in stated)
        ours = sum(counts.multipliers(reuse_factor) for counts in self.counts(layer).values())
        return reuse_factor > 1 and ours < max(1, limit)
