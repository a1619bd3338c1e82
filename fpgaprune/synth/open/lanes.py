"""Time-multiplexed layers: which multiplier computes which product in which cycle, and what comes out.

The generated C++ says nothing of reuse (it is in pragmas), so for a reuse factor above 1 the hardware is built from
the layer's constants, as hls4ml's kernels and the HLS tools lay it out:

Resource: lane m holds the constants m * RF … m * RF + RF - 1 of the matrix in output-major order, whatever their
values, and takes one of them in each of RF cycles (nnet_dense_resource.h of hls4ml 1.3.0).
Resource, unrolled: the same lanes, but those without any nonzero constant are left out.
Latency: the products that need a multiplier share as many as `multiplier_limit` allows (the ALLOCATION pragma of
nnet_dense_latency.h); the others are shifts and adders.
Sparse kernels of ours: every lane's products and their time slots are lines of the generated C++.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import ceil, prod
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fpgaprune.csd import csd_digits
from fpgaprune.design import Encoding, LayerKind, LayerSpec, Strategy
from fpgaprune.errors import UnsupportedError
from fpgaprune.estimate.kernels import KernelForm, KernelPlan, KernelProduct, kernel_matrix
from fpgaprune.fixed_point import FixedPoint, Overflow, Rounding

Codes = NDArray[np.int64]
_BUILT: Final = frozenset({LayerKind.DENSE, LayerKind.CONV1D, LayerKind.CONV2D})
ONLY: Final = "only dense layers, plain convolutions and sparse kernels are time-multiplexed"
_MOST_ENTRIES: Final = 1 << 24  # of the matrix of a whole image
_WIDEST: Final = 53  # bits of a sum that the reference arithmetic holds exactly


@dataclass(frozen=True, slots=True)
class Slot:
    """One multiplication of a lane: an input by a constant, added to some outputs."""

    source: int
    code: int
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class MultiplexedLayer:
    """A dense layer, one window of a convolution or scale, or all windows of one, on shared multipliers.

    `lanes[m][t]` is what multiplier m does in cycle t, None where it idles. `shifted` are the products that need no
    multiplier. `bias` holds codes of the accumulator's type. `outputs` are the outputs that are computed: the others
    are read by nobody.
    """

    name: str
    inputs: int
    outputs: tuple[int, ...]
    data: FixedPoint
    weight: FixedPoint
    accumulator: FixedPoint
    result: FixedPoint
    cycles: int
    lanes: tuple[tuple[Slot | None, ...], ...]
    shifted: tuple[Slot, ...]
    bias: tuple[int, ...]
    fixed_width: bool  # every lane as wide as the types, rather than as its own constants

    @property
    def product(self) -> FixedPoint:
        """Type of an exact product."""
        signed = self.data.signed or self.weight.signed
        width = self.data.width + self.weight.width
        return FixedPoint(width, width - self.data.fraction - self.weight.fraction, signed)

    @property
    def multipliers(self) -> int:
        """Multipliers that multiply something."""
        return len(self.lanes)

    def evaluate(self, data: Codes) -> Codes:
        """Codes of the result type (samples, outputs) for codes of the data type (samples, inputs), cycle by cycle.

        Outputs that are not computed are 0.
        """
        sums = np.zeros((len(data), max(len(self.bias), 1)), dtype=np.int64)
        sums[:, : len(self.bias)] = self.bias
        for shifted in self.shifted:
            self._add(sums, data, shifted)
        for cycle in range(self.cycles):
            for lane in self.lanes:
                if cycle < len(lane) and (slot := lane[cycle]) is not None:
                    self._add(sums, data, slot)
            sums = _wrapped(sums, self.accumulator)
        results = self.result.codes(np.ldexp(sums.astype(np.float64), -self.accumulator.fraction))
        unread = np.ones(results.shape[1], dtype=bool)
        unread[list(self.outputs)] = False
        results[:, unread] = 0
        return results

    def with_constants(self, products: Iterable[KernelProduct]) -> tuple[int, ...]:
        """`bias` and products of inputs that never change: together what the sums begin with."""
        sums = np.array([self.bias], dtype=np.int64)
        for one in products:
            data = np.full((1, self.inputs), one.still)
            self._add(sums, data, Slot(one.input, one.code, one.outputs))
        return tuple(_wrapped(sums, self.accumulator)[0].tolist())

    def _add(self, sums: Codes, data: Codes, slot: Slot) -> None:
        product = data[:, slot.source] * slot.code
        shift = self.product.fraction - self.accumulator.fraction
        cast = product >> shift if shift >= 0 else product << -shift
        for output in slot.outputs:
            sums[:, output] += cast


def multiplexed_layer(
    layer: LayerSpec,
    data: FixedPoint | None,
    *,
    read: Sequence[bool] | None = None,
    moving: Sequence[bool] | None = None,
    together: tuple[Codes, int] | None = None,
) -> MultiplexedLayer:
    """The lanes of `layer`, for one window of a convolution; its input has the type `data`.

    For Latency, outputs that are not `read` and inputs that are not `moving` are left out, as their products fold
    away, and all windows may share what there is of lanes: `together` holds the inputs of each (positions, inputs of a
    window; -1 for 0), and as how many positions' lanes that is. Raises UnsupportedError with the reason where the layer
    cannot be built.
    """
    weight, accumulator, result = layer.weight, layer.accumulator_precision, layer.output_precision
    reason = _refusal(layer, data)
    if reason is not None or weight is None or data is None or accumulator is None or result is None:
        raise UnsupportedError(reason or "its types or constants are not known")
    codes = kernel_matrix(layer).copy()
    reuse_factor = max(1, layer.reuse_factor or 1)
    limit = layer.multiplier_limit or ceil(codes.size / reuse_factor) - layer.zero_count // reuse_factor
    bias = np.zeros(codes.shape[1]) if layer.bias is None else layer.bias.values.ravel()
    if together is not None:
        windows, copies = together
        codes, limit, bias = _of_all_windows(layer, codes, windows), limit * copies, np.tile(bias, len(windows))
    n_in, n_out = codes.shape
    outputs = tuple(range(n_out))
    strategy = layer.strategy or Strategy.LATENCY
    shifted: tuple[Slot, ...] = ()
    if strategy is Strategy.LATENCY:
        if moving is not None and len(moving) == n_in:
            codes[~np.asarray(moving, dtype=bool)] = 0
        if read is not None and len(read) == n_out:
            codes[:, ~np.asarray(read, dtype=bool)] = 0
            outputs = tuple(int(i) for i in np.flatnonzero(read))
        lanes, shifted = _shared(codes, limit)
    else:
        lanes = _in_order(codes, reuse_factor)
        if strategy is Strategy.RESOURCE_UNROLLED:
            lanes = tuple(lane for lane in lanes if any(slot is not None and slot.code for slot in lane))
    return MultiplexedLayer(
        name=layer.name,
        inputs=n_in,
        outputs=outputs,
        data=data,
        weight=weight.precision,
        accumulator=accumulator,
        result=result,
        cycles=max((len(lane) for lane in lanes), default=0),
        lanes=lanes,
        shifted=shifted,
        bias=tuple(int(code) for code in accumulator.codes(bias)),
        fixed_width=strategy is not Strategy.LATENCY,
    )


def _of_all_windows(layer: LayerSpec, codes: Codes, windows: Codes) -> Codes:
    """The matrix (elements of the image, results of all positions) of a convolution."""
    elements, positions = prod(layer.input_shape), len(windows)
    if elements * positions * codes.shape[1] > _MOST_ENTRIES:
        message = f"its {positions} positions at once have {elements * positions * codes.shape[1]} constants"
        raise UnsupportedError(message)
    whole = np.zeros((elements, positions, codes.shape[1]), dtype=np.int64)
    for position, window in enumerate(windows):
        whole[window[window >= 0], position] = codes[window >= 0]
    return whole.reshape(elements, -1)


def multiplexed_kernel(
    layer: LayerSpec, data: FixedPoint | None, accumulator: FixedPoint | None, plan: KernelPlan
) -> MultiplexedLayer:
    """One vector of `layer` in the time slots of its sparse kernel, whose products are in `plan`.

    Raises UnsupportedError with the reason where it cannot be built.
    """
    weight, result = layer.weight, layer.output_precision
    reason = _type_refusal(layer, data, accumulator)
    if reason is not None or weight is None or data is None or accumulator is None or result is None:
        raise UnsupportedError(reason or "its types or constants are not known")
    slots = [_in_time(lane, plan) for lane in plan.lanes]
    bias = np.zeros(1) if layer.bias is None else layer.bias.values.ravel()
    start = MultiplexedLayer(
        name=layer.name,
        inputs=plan.n_in,
        outputs=tuple(range(plan.n_out)),
        data=data,
        weight=weight.precision,
        accumulator=accumulator,
        result=result,
        cycles=plan.slots,
        lanes=tuple(slots),
        shifted=tuple(Slot(one.input, one.code, one.outputs) for one in plan.free if one.still is None),
        bias=tuple(int(code) for code in accumulator.codes(np.resize(bias, plan.n_out))),
        fixed_width=False,
    )
    return replace(start, bias=start.with_constants([one for one in plan.free if one.still is not None]))


def _in_time(lane: Sequence[KernelProduct], plan: KernelPlan) -> tuple[Slot | None, ...]:
    """What a multiplier does in each slot: lanes of a table idle where a weight is zero."""
    slots = [Slot(one.input, one.code, one.outputs) for one in lane]
    if plan.form is not KernelForm.LANES:
        return tuple(slots)
    by_time = {slot.source % plan.reuse_factor: slot for slot in slots}
    return tuple(by_time.get(time) for time in range(plan.slots))


def has_kernel(layer: LayerSpec) -> bool:
    """Whether a sparse kernel of ours computes the layer."""
    return "kernel_multipliers" in layer.attributes


def _refusal(layer: LayerSpec, data: FixedPoint | None) -> str | None:
    """Why a layer of hls4ml's kernels cannot be put on shared multipliers; None where it can."""
    if layer.kind not in _BUILT:
        return f"{layer.kind.value} at reuse factor {layer.reuse_factor}: {ONLY}"
    if layer.strategy is Strategy.DISTRIBUTED_ARITHMETIC:
        return "distributed arithmetic has no multipliers to share"
    return _type_refusal(layer, data, layer.accumulator_precision)


def _type_refusal(layer: LayerSpec, data: FixedPoint | None, accumulator: FixedPoint | None) -> str | None:
    """Why the arithmetic of lanes is not the layer's; None where it is."""
    weight = layer.weight
    if weight is None or data is None or accumulator is None or layer.output_precision is None:
        return "its constants or types are not known"
    if weight.encoding is not Encoding.FIXED:
        return f"{weight.encoding} constants at reuse factor {layer.reuse_factor}"
    if accumulator.rounding is not Rounding.TRN or accumulator.overflow is not Overflow.WRAP:
        return f"the sums of its accumulator {accumulator} depend on their order"
    widest = max(accumulator.width, data.width + weight.precision.width, layer.output_precision.width)
    if widest > _WIDEST:
        return f"values of {widest} bits, more than the {_WIDEST} its arithmetic is checked with"
    if layer.output_precision.overflow in {Overflow.WRAP_SM, Overflow.SAT_ZERO}:
        return f"the overflow mode of {layer.output_precision}"
    return None


def _in_order(codes: Codes, reuse_factor: int) -> tuple[tuple[Slot | None, ...], ...]:
    n_in = codes.shape[0]
    flat = codes.T.ravel()  # stored transposed: output after output
    slots = [Slot(index % n_in, int(code), (index // n_in,)) for index, code in enumerate(flat)]
    return tuple(tuple(slots[start : start + reuse_factor]) for start in range(0, len(slots), reuse_factor))


def _shared(codes: Codes, limit: int) -> tuple[tuple[tuple[Slot | None, ...], ...], tuple[Slot, ...]]:
    """Distinct products per input on at most `limit` lanes, the widest constants on lanes of their own first."""
    readers: dict[tuple[int, int], list[int]] = defaultdict(list)
    for source, output in zip(*np.nonzero(codes), strict=True):
        readers[int(source), int(codes[source, output])].append(int(output))
    products = [Slot(source, code, tuple(outputs)) for (source, code), outputs in readers.items()]
    digits = csd_digits([slot.code for slot in products]) if products else np.zeros(0, dtype=np.int64)
    shifted = tuple(slot for slot, count in zip(products, digits, strict=True) if count <= 2)
    multiplied = [slot for slot, count in zip(products, digits, strict=True) if count > 2]
    multiplied.sort(key=lambda slot: -constant_bits(slot.code))
    lanes = min(max(limit, 1), len(multiplied))
    return tuple(tuple(multiplied[lane::lanes]) for lane in range(lanes)), shifted


def constant_bits(code: int) -> int:
    """Bits of a constant in two's complement."""
    return (code if code >= 0 else -code - 1).bit_length() + 1


def _wrapped(codes: Codes, precision: FixedPoint) -> Codes:
    modulus = 1 << precision.width
    wrapped: Codes = codes % modulus
    return np.where(wrapped > precision.max_code, wrapped - modulus, wrapped)
