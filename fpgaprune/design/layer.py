"""One layer of a converted network: enough to estimate, emulate and synthesize it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import prod
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fpgaprune.errors import DesignError
from fpgaprune.fixed_point import FixedPoint


class LayerKind(StrEnum):
    """What a layer computes. `OTHER` is carried and shown, never estimated.

    A 1x1 convolution is a CONV1D or CONV2D with operation `pointwise`; a separable convolution is two layers, a
    depthwise one and a pointwise one. A bidirectional recurrent layer is one LSTM or GRU with `backward_*` parameters.
    """

    INPUT = "input"
    DENSE = "dense"
    CONV1D = "conv1d"
    CONV2D = "conv2d"
    DEPTHWISE_CONV1D = "depthwise_conv1d"
    DEPTHWISE_CONV2D = "depthwise_conv2d"
    EINSUM_DENSE = "einsum_dense"  # matrices of constants over chosen axes of the data
    BATCH_NORM = "batch_norm"  # also a lone scale: one constant and one offset per channel
    ACTIVATION = "activation"
    SOFTMAX = "softmax"
    POOLING = "pooling"
    GLOBAL_POOLING = "global_pooling"
    MERGE = "merge"  # elementwise: add, subtract, multiply, average, maximum, minimum; dot sums the products
    CONCATENATE = "concatenate"
    RESHAPE = "reshape"  # transpose, clone, repack, broadcast, crop: wires and buffers
    PADDING = "padding"
    UPSAMPLING = "upsampling"
    LSTM = "lstm"
    GRU = "gru"
    OTHER = "other"


# Merges that multiply and sum, where others combine element by element.
CONTRACTIONS = frozenset({"dot", "einsum"})


class Strategy(StrEnum):
    """hls4ml's implementation of a matrix product."""

    LATENCY = "latency"
    RESOURCE = "resource"
    RESOURCE_UNROLLED = "resource_unrolled"
    DISTRIBUTED_ARITHMETIC = "distributed_arithmetic"


class Encoding(StrEnum):
    """How a constant is written: plain code, exponent and sign, or one bit where 0 means -1."""

    FIXED = "fixed"
    POWER_OF_TWO = "power_of_two"
    XNOR = "xnor"


@dataclass(frozen=True, eq=False)
class Parameter:
    """The quantized constants of one array (weight, bias, scale, ...), read-only, with their type.

    `values` are the values the hardware multiplies by, in Keras' layout: dense (n_in, n_out), convolution
    (kernel..., channels_in, filters), depthwise (kernel..., channels, multiplier), recurrent (n_in, gates * units)
    with the gates in Keras' order, einsum_dense as hls4ml stores it, (axes kept, axes summed, new axes), one size each;
    a strategy that stores them transposed does not show here. They are exactly what
    the declared type holds: floored and wrapped already.

    `precision` is the type of the stored field, so its meaning depends on `encoding`:
    FIXED: the type of the value itself. XNOR: `ap_uint<1>`, values are -1 and 1 (stored 0 and 1).
    POWER_OF_TWO: the `ap_int` of the exponent beside a sign bit, values are +-2**exponent; there is no zero.
    """

    values: NDArray[np.float64]
    precision: FixedPoint
    encoding: Encoding = Encoding.FIXED

    def __post_init__(self) -> None:
        """Take a private read-only copy."""
        values = np.array(self.values, dtype=np.float64)
        values.setflags(write=False)
        object.__setattr__(self, "values", values)

    @property
    def codes(self) -> NDArray[np.int64]:
        """The integers multiplied by, same shape.

        FIXED: codes in the declared type, floored and wrapped as ap_fixed would. XNOR: -1 and 1. POWER_OF_TWO:
        +-2**(exponent - smallest exponent), one digit each; raises DesignError when that exceeds 62 bits.
        """
        if self.encoding is Encoding.XNOR:
            return np.where(self.values > 0, 1, -1).astype(np.int64)
        if self.encoding is Encoding.POWER_OF_TWO:
            return _shifts(self.values)
        return self.precision.codes(self.values)

    @property
    def zeros(self) -> int:
        """Number of zero values; a one-bit XNOR array has none."""
        return int(self.values.size - np.count_nonzero(self.values))


def _shifts(values: NDArray[np.float64]) -> NDArray[np.int64]:
    magnitude = np.abs(values[values != 0])
    if not magnitude.size:
        return np.zeros(values.shape, dtype=np.int64)
    if magnitude.max() / magnitude.min() > 2.0**61:
        message = "the powers of two of one array span more than 62 bits"
        raise DesignError(message)
    shifted: NDArray[np.int64] = (values / magnitude.min()).astype(np.int64)
    return shifted


@dataclass(frozen=True)
class Geometry:
    """Window of a convolution, pooling, padding or cropping layer, per spatial dimension (height, width)."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]  # (before, after); of a cropping what is cut off there
    dilation: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Dilation defaults to one in every dimension."""
        if not self.dilation:
            object.__setattr__(self, "dilation", (1,) * len(self.kernel))


@dataclass(frozen=True)
class Table:
    """A lookup table of an activation: entries and the type of each."""

    size: int
    precision: FixedPoint


@dataclass(frozen=True, eq=False)
class LayerSpec:
    """One layer. Shapes leave out the batch; absent facts are None.

    Both readers fill it by the same conventions; what a written project does not tell is left out by both.

    `operation` narrows the kind:
    ACTIVATION: `relu`, `leaky_relu`, `prelu`, `elu`, `selu`, `thresholded_relu`, `sigmoid`, `tanh`, `hard_sigmoid`,
    `hard_tanh`, `softplus`, `softsign`, `binary_tanh`, `ternary_tanh`, `linear` (a change of type),
    `quantize` (one with a type for every element), `unary_lut` (a table of every value), and `normalize_binary_tanh`,
    `normalize_ternary_tanh` (comparisons with constants, no multiplication);
    SOFTMAX: `stable`, `latency`, `legacy`, `argmax`; MERGE: `add`, `subtract`, `multiply`, `average`, `maximum`,
    `minimum`, `dot` (input_size products of data by data, summed), `einsum` (attribute `products` of them); POOLING,
    GLOBAL_POOLING: `max`, `average`; CONV1D, CONV2D: `pointwise` or None; UPSAMPLING: `nearest`, `bilinear`; RESHAPE:
    `transpose`, `clone`, `repack`, `broadcast`, `cropping`; OTHER: the name of hls4ml's function. None where the kind
    says all.

    `parameters`, by kind: "weight" and "bias" for dense, convolution and batch normalization (there the scale);
    recurrent layers add "recurrent_weight" and "recurrent_bias", bidirectional ones also the four with the prefix
    "backward_"; activations: "slope" (leaky_relu, hard_*: one value; prelu: one per element), "shift" (hard_*),
    "alpha" (elu), "threshold" (thresholded_relu, normalize_binary_tanh), "threshold_high" and "threshold_low"
    (normalize_ternary_tanh), "table" (unary_lut); OTHER: flat arrays under their C++ names. A bias
    that hls4ml adds as zeros is kept.

    `tables`: "table"; softmax: "exp_table", "inv_table"; recurrent: "activation", "recurrent_activation".

    `positions`: output positions (height * width, or width) of a convolution, in io_parallel and io_stream alike;
    time steps of a recurrent layer; the data axes that an einsum_dense neither sums nor shares with its constants, as
    one size; else 1. `parallelization_factor`: how many of them are computed at once, each by its own copy of the
    dense product: positions / n_partitions in io_parallel (all of them in versions of hls4ml that know no
    partitions), what an einsum_dense states where layers take turns (all of them where the network is one pipeline), 1
    in io_stream and for every other kind.

    `multiplier_limit`: the value of the expression written in the configuration that the product uses (for
    convolutions `configN_mult`; for recurrent layers that of "weight"). Written for every strategy, obeyed by the
    Latency kernels only, and *not* multiplied by the parallelization factor. None where none is written.
    `claimed_zeros` comes from the same place. `strategy` is None for layers that have none.

    `attributes`: recurrent: `recurrent_reuse_factor`, `recurrent_multiplier_limit`, `recurrent_claimed_zeros`, `units`,
    `activation`, `recurrent_activation`, `bidirectional`, `return_sequences`, `use_static`; bidirectional also
    `backward_kind` and, for its second direction, all of the first five and `reuse_factor`, `multiplier_limit`,
    `claimed_zeros` with the prefix `backward_`; batch normalization: `channels` (distinct constants; inputs beyond
    them share); softmax: `slices` of `slice_size` values each, `inner` values apart where that is not 1,
    `exp_scale`, and the types that address its tables, `inp_norm_precision` (distance to the maximum) and
    `inv_inp_precision` (sum); average pooling: `count_pad` where padding is counted; concatenate: `axis`; transpose:
    `permutation`; depthwise convolution: `depth_multiplier`; convolution in a stream, where the project tells, one of
    `window_function` (true: window and product are a function of their own, which keeps the window between calls),
    `window_inlined` (true: they are part of the loop over positions) and `window_encoded` (FIFOs hold the window);
    `quantize`: `element_widths` and `element_integers`, the bits and integer bits of every element in order, where the
    project says them; any layer with
    weights: `store_weights_in_bram` where it is true.

    A layer with a sparse kernel of our own: `sparse_kernel` (true), and per position `kernel_multipliers`,
    `kernel_products` (that need one), `kernel_shifts` (that need none), `kernel_bits` ("12x7 3x8": twelve multipliers
    with constants of at most 7 bits, three of 8), and at a reuse factor above 1 `kernel_writes` (outputs that each
    multiplier adds to, summed), or `kernel_form` ("lanes") and `kernel_selectors` (inputs chosen at a time); a
    recurrent layer has the same of its other matrices with the prefixes `recurrent_`, `backward_` and
    `backward_recurrent_`. The strategy of such a layer is latency, whose layout its weights have; a batch normalization
    has none.

    With distributed arithmetic in io_parallel, and for dense layers always, the project holds an adder graph instead
    of weights: `parameters` is empty, and reuse factor, multiplier limit and claimed zeros are None.
    """

    name: str
    kind: LayerKind
    inputs: tuple[str, ...]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    output_precision: FixedPoint | None
    input_precision: FixedPoint | None = None
    accumulator_precision: FixedPoint | None = None
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    operation: str | None = None
    geometry: Geometry | None = None
    tables: Mapping[str, Table] = field(default_factory=dict)
    positions: int = 1  # output positions a convolution evaluates; time steps of a recurrent layer
    strategy: Strategy | None = None
    reuse_factor: int | None = None
    parallelization_factor: int = 1
    multiplier_limit: int | None = None  # what the generated code passes to ALLOCATION
    claimed_zeros: int | None = None  # n_zeros as written in parameters.h
    attributes: Mapping[str, float | int | str | bool] = field(default_factory=dict)
    # The structure that configures the call in the generated C++ (`config12`, `relu_config4`): synthesis reports name
    # modules by it. Where a layer came from, like the design's source: no part of the digest.
    config: str | None = None

    def __post_init__(self) -> None:
        """Freeze the mappings; refuse a layer without a name."""
        if not self.name:
            message = "a layer needs a name"
            raise DesignError(message)
        for name in ("parameters", "tables", "attributes"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    @property
    def weight(self) -> Parameter | None:
        """The main constants: kernel, or scale of a batch normalization."""
        return self.parameters.get("weight")

    @property
    def bias(self) -> Parameter | None:
        """The offsets added once per output."""
        return self.parameters.get("bias")

    @property
    def recurrent_weight(self) -> Parameter | None:
        """The constants on the hidden state of a recurrent layer."""
        return self.parameters.get("recurrent_weight")

    @property
    def weight_count(self) -> int:
        """Multiplied constants, biases not counted."""
        return sum(p.values.size for n, p in self.parameters.items() if n.endswith("weight"))

    @property
    def zero_count(self) -> int:
        """Zero constants among them."""
        return sum(p.zeros for n, p in self.parameters.items() if n.endswith("weight"))

    @property
    def output_size(self) -> int:
        """Number of output values."""
        return prod(self.output_shape)

    def with_parameter(self, name: str, values: ArrayLike) -> "LayerSpec":
        """A copy with other values for one array; its type stays."""
        old = self.parameters[name]
        new = replace(old, values=np.asarray(values, dtype=np.float64))
        return replace(self, parameters={**self.parameters, name: new})
