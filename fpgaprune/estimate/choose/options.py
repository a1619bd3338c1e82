"""What each layer could be built as, of which only what no other possibility beats."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from fpgaprune.csd import csd_digits
from fpgaprune.design import Design, Encoding, LayerKind, LayerSpec, Strategy
from fpgaprune.estimate.choose.builds import (
    CHOSEN,
    DEPTHWISE,
    MATRICES,
    built,
    positions_at_once,
    reuse_factors,
)
from fpgaprune.estimate.choose.pricer import Option, Pricer
from fpgaprune.estimate.kernels import RECURRENT, KernelForm, kernel_matrix
from fpgaprune.estimate.network import estimate_layer

_OFFERED = (KernelForm.SLOTS, KernelForm.ADDERS)  # slots are lanes where those cost less


@dataclass(frozen=True)
class Fixed:
    """What the settings fix of one layer; None leaves it open.

    `kernels` holds those the layer may have: forms of ours, and None for hls4ml's own.
    """

    strategy: Strategy | None = None
    reuse_factor: int | None = None
    parallelization_factor: int | None = None
    kernels: frozenset[KernelForm | None] | None = None

    def allows(self, kernel: KernelForm | None) -> bool:
        """Whether the layer may have that kernel."""
        return self.kernels is None or kernel in self.kernels


def options_of(
    group: tuple[LayerSpec, ...], pricer: Pricer, fixed: Fixed, kernels: Collection[str]
) -> tuple[Option, ...]:
    """Every way to build a group that its fixed settings leave open, priced; `kernels` may have a sparse kernel."""
    found = []
    streams = pricer.context.streams
    for strategy, form in _ways(group, pricer, fixed, kernels):
        for reuse_factor in _factors(group, strategy, form, fixed, streams=streams):
            at_once = fixed.parallelization_factor
            for positions in positions_at_once(group, reuse_factor, streams=streams) if at_once is None else (at_once,):
                layers = tuple(built(layer, strategy, reuse_factor, positions) for layer in group)
                if form is KernelForm.SLOTS and fixed.allows(None) and not any(map(pricer.gains, layers)):
                    continue
                if form is not None:
                    layers = tuple(pricer.kernel(layer, form) for layer in layers)
                option = pricer.priced(Option(strategy, reuse_factor, positions, form, layers))
                if option is not None:
                    found.append(option)
    return _worth_having(found)


def _worth_having(options: list[Option]) -> tuple[Option, ...]:
    """Without those that another one beats or equals in everything; of equals the first stays."""
    kept: list[Option] = []
    for option in options:
        if any(all(a <= b for a, b in zip(one.costs, option.costs, strict=True)) for one in kept):
            continue
        kept = [one for one in kept if any(a < b for a, b in zip(one.costs, option.costs, strict=True))]
        kept.append(option)
    return tuple(kept)


def _factors(
    group: tuple[LayerSpec, ...], strategy: Strategy, form: KernelForm | None, fixed: Fixed, *, streams: bool
) -> Iterator[int]:
    if fixed.reuse_factor is not None:
        yield fixed.reuse_factor
    elif form is KernelForm.ADDERS:
        yield 1
    elif form is None and strategy is Strategy.LATENCY and any(layer.kind in RECURRENT for layer in group):
        yield 1  # no report tells what turns of the multipliers cost a recurrent layer of this strategy
    else:
        yield from reuse_factors(group, strategy, streams=streams)


def _ways(
    group: tuple[LayerSpec, ...], pricer: Pricer, fixed: Fixed, kernels: Collection[str]
) -> Iterator[tuple[Strategy, KernelForm | None]]:
    able = all(layer.name in kernels for layer in group)
    if fixed.allows(None):
        yield fixed.strategy or Strategy.LATENCY, None
        # hls4ml has no Resource kernel for depthwise convolutions with parallel data (nnet_sepconv2d.h).
        parallel_depthwise = not pricer.context.streams and any(layer.kind in DEPTHWISE for layer in group)
        scales = any(layer.kind is LayerKind.BATCH_NORM for layer in group)
        if fixed.strategy is None and not parallel_depthwise and not scales:
            yield Strategy.RESOURCE, None
    if able and fixed.strategy in {None, Strategy.LATENCY}:
        yield from ((Strategy.LATENCY, form) for form in _OFFERED if fixed.allows(form))


def adder_lut(layer: LayerSpec) -> int | None:
    """The most LUTs of distributed arithmetic: an adder per signed digit beyond the first of an output.

    Each is as wide as the accumulator, a LUT per bit (a carry chain of the 7 series and later: AMD UG474, "Carry
    Logic"; UG574). da4ml shares partial sums and narrows adders, so what it writes is smaller. None where hls4ml has
    no such layer (depthwise, recurrent, scales) or weights or types are not known.
    """
    weight, sums = layer.weight, layer.accumulator_precision or layer.output_precision
    if weight is None or sums is None or weight.encoding is not Encoding.FIXED:
        return None
    if layer.kind not in MATRICES or layer.kind in DEPTHWISE:
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
        if layer.kind in CHOSEN and layer.weight is not None:
            found.setdefault(origins.get(layer.name, layer.name), []).append(layer)
    return {
        name: tuple(layers)
        for name, layers in found.items()
        if all(pricer.fabric(layer) is not None and estimate_layer(layer, pricer.context).dsp for layer in layers)
    }
