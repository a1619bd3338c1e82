"""A whole design, layer by layer."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from fpgaprune.design import Design, LayerKind, LayerSpec
from fpgaprune.device import Device, find_device
from fpgaprune.errors import DeviceError
from fpgaprune.estimate.complexity import count_complexity
from fpgaprune.estimate.context import Context, Finding, build_context
from fpgaprune.estimate.elementwise import (
    estimate_activation,
    estimate_batch_norm,
    estimate_merge,
    estimate_nothing,
    estimate_pooling,
    estimate_softmax,
)
from fpgaprune.estimate.fabric import estimate_fabric
from fpgaprune.estimate.matrix import estimate_matrix_layer
from fpgaprune.estimate.pricing import Pricing, adder_delay, combinational_delay
from fpgaprune.estimate.recurrent import estimate_recurrent
from fpgaprune.estimate.rules import MappingRules
from fpgaprune.results import Estimate, Fabric, LayerEstimate

_IMPLEMENTATION = re.compile(r"^\s*config_op\s+(?=.*\bmul\b).*-impl\s+\{?(\w+)", re.IGNORECASE)
# Without a part: the block of UltraScale and UltraScale+, which most hls4ml designs aim at.
_DEFAULT_PART = "xcvu13p-flga2577-2-e"

LayerRule = Callable[[LayerSpec, Context], Finding]

LAYER_RULES: Mapping[LayerKind, LayerRule] = MappingProxyType({
    LayerKind.INPUT: estimate_nothing,
    LayerKind.DENSE: estimate_matrix_layer,
    LayerKind.CONV1D: estimate_matrix_layer,
    LayerKind.CONV2D: estimate_matrix_layer,
    LayerKind.DEPTHWISE_CONV1D: estimate_matrix_layer,
    LayerKind.DEPTHWISE_CONV2D: estimate_matrix_layer,
    LayerKind.EINSUM_DENSE: estimate_matrix_layer,
    LayerKind.BATCH_NORM: estimate_batch_norm,
    LayerKind.ACTIVATION: estimate_activation,
    LayerKind.SOFTMAX: estimate_softmax,
    LayerKind.POOLING: estimate_pooling,
    LayerKind.GLOBAL_POOLING: estimate_pooling,
    LayerKind.MERGE: estimate_merge,
    LayerKind.CONCATENATE: estimate_nothing,
    LayerKind.RESHAPE: estimate_nothing,
    LayerKind.PADDING: estimate_nothing,
    LayerKind.UPSAMPLING: estimate_nothing,
    LayerKind.LSTM: estimate_recurrent,
    LayerKind.GRU: estimate_recurrent,
})  # fmt: skip


def estimate_design(design: Design, rules: MappingRules, device: Device | None = None) -> Estimate:
    """Expected DSP count of every layer of `design` under `rules` on `device`.

    Without a device, the design's own part decides; without that, the DSP48E2 of UltraScale+. A layer no rule covers
    has `dsp` None and a note.
    """
    device, notes = device_of(design, device)
    notes = (*rules.notes, *notes)
    implementation = None if rules.tool == "yosys" else implementation_asked(design.target.directives)
    if implementation is not None:
        notes = (*notes, f"config_op mul -impl {implementation}: all multipliers {_WHERE[implementation]}")
    if device.dsp_block.unconfirmed:
        notes = (*notes, f"{device.dsp_block}: no report of this block has been compared with the rules")
    context = build_estimate_context(design, rules, device)
    doubtful = rules.extrapolated or device.dsp_block.unconfirmed
    layers = tuple(estimate_layer(layer, context, doubtful=doubtful) for layer in design)
    by_layer, between, whole = ({}, Fabric(), Fabric()) if context.unrolls else estimate_fabric(design, context, device)
    layers = tuple(replace(layer, fabric=by_layer.get(layer.name, Fabric())) for layer in layers)
    notes = (*notes, *_capacity(layers, device))
    return Estimate(
        design=design.name,
        digest=design.digest,
        rules=rules.label,
        rules_source=rules.source,
        device=device.part,
        dsp_block=str(device.dsp_block),
        available_dsp=device.available.dsp,
        layers=layers,
        notes=notes,
        fabric=whole,
        between=between,
        available=device.available,
    )


def _capacity(layers: tuple[LayerEstimate, ...], device: Device) -> tuple[str, ...]:
    wanted = sum(layer.dsp.low for layer in layers if layer.dsp is not None)
    available = device.available.dsp
    if available is None or wanted <= available:
        return ()
    # Six of six designs over the count were capped at exactly it by logic synthesis.
    return (
        f"{wanted} DSPs are more than the {available} of {device.part}: logic synthesis will move the rest to LUTs",
    )


def build_estimate_context(design: Design, rules: MappingRules, device: Device) -> Context:
    """What the estimates of single layers work from."""
    clock_ns, told = design.target.clock_ns, design.target.clock_uncertainty
    pricing = Pricing(
        rules,
        device.dsp_block,
        None if rules.tool == "yosys" else implementation_asked(design.target.directives),
        combinational_delay(rules, device),
        None if clock_ns is None else clock_ns * (1 - (rules.uncertainty if told is None else told)),
        adder_delay(rules, device),
    )
    return build_context(design, rules, pricing, device.family)


_WHERE = {"dsp": "in DSPs", "fabric": "in LUTs"}


def implementation_asked(directives: tuple[str, ...]) -> str | None:
    """Where a project's Tcl puts all multiplications: `dsp`, `fabric`, or None (the tool decides). The last wins."""
    found = None
    for line in directives:
        match = _IMPLEMENTATION.match(line)
        if match is not None:
            asked = match[1].lower()
            found = asked if asked in _WHERE else None
    return found


def device_of(design: Design, device: Device | None = None) -> tuple[Device, tuple[str, ...]]:
    """The device to estimate for, by default the design's own part, and notes on how it was found."""
    if device is not None:
        return device, ()
    part = design.target.part
    if part is None:
        return find_device(_DEFAULT_PART), (f"no part given: estimated for {_DEFAULT_PART}",)
    try:
        return find_device(part), ()
    except DeviceError as error:
        return find_device(_DEFAULT_PART), (f"{error}; estimated for {_DEFAULT_PART}",)


def estimate_layer(layer: LayerSpec, context: Context, *, doubtful: bool = False) -> LayerEstimate:
    """Expected DSP count of one layer; its fabric is left open."""
    rule = LAYER_RULES.get(layer.kind)
    if rule is None:
        finding = Finding(None, notes=(f"not estimated: no rule for {layer.operation or layer.kind}",))
    else:
        finding = rule(layer, context)
    own = layer.attributes.get("own_function")
    if own is not None:
        note = f"extrapolated: {own} is no function of hls4ml, whose rules are taken for it"
        finding = replace(finding, notes=(*finding.notes, note), extrapolated=True)
    cost = finding.cost
    return LayerEstimate(
        name=layer.name,
        kind=layer.kind.value,
        dsp=None if cost is None else cost.dsp,
        multipliers=None if cost is None else cost.multipliers,
        products=finding.products,
        weights=layer.weight_count,
        zeros=layer.zero_count,
        first_order_dsp=finding.first_order,
        reuse_factor=layer.reuse_factor,
        strategy=None if layer.strategy is None else layer.strategy.value,
        notes=finding.notes,
        extrapolated=finding.extrapolated or (doubtful and cost is not None and cost.multipliers.high > 0),
        complexity=count_complexity(layer, context.input_type(layer), context.codes.get(layer.name)),
    )
