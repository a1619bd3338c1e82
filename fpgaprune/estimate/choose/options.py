"""What each layer could be built as, and the price of each possibility: the layer priced again, nothing converted."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import ceil

from fpgaprune.csd import csd_digits
from fpgaprune.design import Design, Encoding, LayerKind, LayerSpec, Strategy
from fpgaprune.device import Device
from fpgaprune.estimate.context import Context
from fpgaprune.estimate.fabric.layers import describe_layer
from fpgaprune.estimate.fabric.model import FabricModel, load_model
from fpgaprune.estimate.fabric.schedule import Clock, build_clock
from fpgaprune.estimate.fabric.structure import LayerFabric
from fpgaprune.estimate.kernels import KernelCounts, KernelForm, kernel_matrix, kernel_needs
from fpgaprune.estimate.network import build_estimate_context, estimate_layer
from fpgaprune.estimate.rules import MappingRules

_DEPTHWISE = frozenset({LayerKind.DEPTHWISE_CONV1D, LayerKind.DEPTHWISE_CONV2D})
MATRICES = frozenset({LayerKind.DENSE, LayerKind.CONV1D, LayerKind.CONV2D, *_DEPTHWISE})
# Tried besides those hls4ml allows for Resource: close enough that the next smaller one costs at most half more.
_STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)


@dataclass(frozen=True)
class Fixed:
    """What the settings fix of one layer; None leaves it open.

    `kernels` holds those the layer may have: forms of ours, and None for hls4ml's own.
    """

    strategy: Strategy | None = None
    reuse_factor: int | None = None
    kernels: frozenset[KernelForm | None] | None = None

    def allows(self, kernel: KernelForm | None) -> bool:
        """Whether the layer may have that kernel."""
        return self.kernels is None or kernel in self.kernels


@dataclass(frozen=True)
class Option:
    """One way to build the layers of one group: a layer, or both halves of a separable convolution."""

    strategy: Strategy
    reuse_factor: int
    kernel: KernelForm | None  # None: hls4ml's own
    layers: tuple[LayerSpec, ...]
    dsp: int = 0  # at most
    lut: float = 0.0
    fabrics: tuple[LayerFabric, ...] = ()


@dataclass(frozen=True)
class Pricer:
    """Prices layers of one design under one rule set on one device."""

    design: Design
    context: Context
    clock: Clock
    model: FabricModel
    kernels: dict[str, KernelCounts] = field(default_factory=dict)

    @classmethod
    def of(cls, design: Design, rules: MappingRules, device: Device) -> "Pricer":
        """The prices of a design."""
        clock = build_clock(rules.tool, rules.version, device, design.target.clock_ns)
        return cls(design, build_estimate_context(design, rules, device), clock, load_model())

    def priced(self, option: Option) -> Option | None:
        """The option with its prices; None where a layer of it cannot be priced."""
        dsp, lut, fabrics = 0, 0.0, []
        for layer in option.layers:
            cost, fabric = estimate_layer(layer, self.context).dsp, self.fabric(layer)
            if cost is None or fabric is None:
                return None
            dsp += cost.high
            lut += self.model.expect("lut", fabric.structure)
            fabrics.append(fabric)
        return replace(option, dsp=dsp, lut=lut, fabrics=tuple(fabrics))

    def fabric(self, layer: LayerSpec) -> LayerFabric | None:
        """Structure and timing of a layer."""
        return describe_layer(layer, self.context, self.clock)

    def kernel(self, layer: LayerSpec, reuse_factor: int, form: KernelForm) -> LayerSpec:
        """The layer with a sparse kernel."""
        return replace(layer, attributes={**layer.attributes, **self.counts(layer).attributes(reuse_factor, form)})

    def counts(self, layer: LayerSpec) -> KernelCounts:
        """What a sparse kernel of the layer would hold."""
        if layer.name not in self.kernels:
            self.kernels[layer.name] = KernelCounts.of(kernel_needs(layer, self.design))
        return self.kernels[layer.name]

    def gains(self, layer: LayerSpec) -> bool:
        """Whether a sparse kernel needs fewer multipliers than the limit hls4ml would state for the layer."""
        limit, reuse_factor = layer.multiplier_limit or 0, layer.reuse_factor or 1
        return reuse_factor > 1 and self.counts(layer).multipliers(reuse_factor) < max(1, limit)


def options_of(
    group: tuple[LayerSpec, ...], pricer: Pricer, fixed: Fixed, kernels: Collection[str]
) -> tuple[Option, ...]:
    """Every way to build a group that its fixed settings leave open, priced; `kernels` may have a sparse kernel."""
    found = []
    for strategy, form in _ways(group, pricer, fixed, kernels):
        factors = _reuse_factors(group, strategy, fixed, streams=pricer.context.streams)
        for reuse_factor in factors if form is not KernelForm.ADDERS else (fixed.reuse_factor or 1,):
            layers = tuple(_built(layer, strategy, reuse_factor) for layer in group)
            if form is KernelForm.SLOTS and fixed.allows(None) and not any(pricer.gains(layer) for layer in layers):
                continue
            if form is not None:
                layers = tuple(pricer.kernel(layer, reuse_factor, form) for layer in layers)
            option = pricer.priced(Option(strategy, reuse_factor, form, layers))
            if option is not None:
                found.append(option)
    return tuple(found)


def _ways(
    group: tuple[LayerSpec, ...], pricer: Pricer, fixed: Fixed, kernels: Collection[str]
) -> Iterator[tuple[Strategy, KernelForm | None]]:
    able = all(layer.name in kernels for layer in group)
    if fixed.allows(None):
        yield fixed.strategy or Strategy.LATENCY, None
        # hls4ml has no Resource kernel for depthwise convolutions with parallel data (nnet_sepconv2d.h).
        parallel_depthwise = not pricer.context.streams and any(layer.kind in _DEPTHWISE for layer in group)
        if fixed.strategy is None and not parallel_depthwise:
            yield Strategy.RESOURCE, None
    if able and fixed.strategy in {None, Strategy.LATENCY}:
        yield from ((Strategy.LATENCY, form) for form in KernelForm if fixed.allows(form))


def _reuse_factors(group: tuple[LayerSpec, ...], strategy: Strategy, fixed: Fixed, *, streams: bool) -> Iterator[int]:
    if fixed.reuse_factor is not None:
        yield fixed.reuse_factor
        return
    if strategy is Strategy.DISTRIBUTED_ARITHMETIC:
        yield 1
        return
    most = max(kernel_matrix(layer).size if layer.kind not in _DEPTHWISE else _size(layer) for layer in group)
    if strategy is Strategy.LATENCY:
        yield from (step for step in _STEPS if step <= most)
        return
    last = 1
    for step in range(2, most + 1):
        if step >= 1.4 * last and all(_is_valid(layer, step, streams=streams) for layer in group):
            last = step
            yield step


def _size(layer: LayerSpec) -> int:
    return 0 if layer.weight is None else layer.weight.values.size


def _is_valid(layer: LayerSpec, reuse_factor: int, *, streams: bool) -> bool:
    """Whether hls4ml 1.3 keeps the reuse factor of a Resource layer (FPGABackend.get_valid_reuse_factors)."""
    weight = layer.weight
    if weight is None:
        return False
    n_out = layer.output_shape[-1] if layer.kind not in _DEPTHWISE else 1
    n_in = weight.values.size // n_out
    if layer.kind in _DEPTHWISE and not streams:
        return False
    whole_outputs = ceil(n_in * n_out / min(n_in, reuse_factor)) % n_out == 0 or reuse_factor >= n_in
    whole_inputs = reuse_factor < n_in or reuse_factor % n_in == 0
    return whole_outputs and whole_inputs and (n_in * n_out) % reuse_factor == 0


def _built(layer: LayerSpec, strategy: Strategy, reuse_factor: int) -> LayerSpec:
    """The layer as hls4ml would configure it, with the multiplier limit of its templates."""
    zeros = layer.claimed_zeros if layer.claimed_zeros is not None else layer.zero_count
    limit = ceil(_size(layer) / reuse_factor) - zeros // reuse_factor
    return replace(layer, strategy=strategy, reuse_factor=reuse_factor, multiplier_limit=limit)


def adder_lut(layer: LayerSpec) -> int | None:
    """The most LUTs of distributed arithmetic: an adder per signed digit beyond the first of an output.

    Each is as wide as the accumulator, a LUT per bit (a carry chain of the 7 series and later: AMD UG474, "Carry
    Logic"; UG574). da4ml shares partial sums and narrows adders, so what it writes is smaller. None where hls4ml has
    no such layer (depthwise convolutions) or weights or types are not known.
    """
    weight, sums = layer.weight, layer.accumulator_precision or layer.output_precision
    if weight is None or sums is None or weight.encoding is not Encoding.FIXED or layer.kind in _DEPTHWISE:
        return None
    codes = kernel_matrix(layer)
    digits = csd_digits(codes.ravel()).reshape(codes.shape).sum(axis=0)
    bias = layer.bias
    adders = sum(max(0, int(count) - 1) for count in digits) + (0 if bias is None else bias.values.size - bias.zeros)
    return int(adders) * sums.width * layer.parallelization_factor


def groups_of(design: Design, origins: Mapping[str, str], pricer: Pricer) -> dict[str, tuple[LayerSpec, ...]]:
    """The layers that are open to a choice, by the name they are set by."""
    found: dict[str, list[LayerSpec]] = {}
    for layer in design:
        if layer.kind in MATRICES and layer.weight is not None:
            found.setdefault(origins.get(layer.name, layer.name), []).append(layer)
    return {
        name: tuple(layers)
        for name, layers in found.items()
        if all(pricer.fabric(layer) is not None and estimate_layer(layer, pricer.context).dsp for layer in layers)
    }
