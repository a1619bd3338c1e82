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
    """What a layer computes. `OTHER` is carried and shown, never estimated."""

    INPUT = "input"
    DENSE = "dense"
    CONV1D = "conv1d"
    CONV2D = "conv2d"
    DEPTHWISE_CONV1D = "depthwise_conv1d"
    DEPTHWISE_CONV2D = "depthwise_conv2d"
    BATCH_NORM = "batch_norm"  # also a lone scale: one constant and one offset per channel
    ACTIVATION = "activation"
    SOFTMAX = "softmax"
    POOLING = "pooling"
    GLOBAL_POOLING = "global_pooling"
    MERGE = "merge"  # elementwise: add, subtract, multiply, average, maximum, minimum
    CONCATENATE = "concatenate"
    RESHAPE = "reshape"  # flatten, reshape, transpose, repeat, clone: wires
    PADDING = "padding"
    UPSAMPLING = "upsampling"
    LSTM = "lstm"
    GRU = "gru"
    OTHER = "other"


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
    (kernel..., channels_in, filters), depthwise (kernel..., channels, multiplier), recurrent (n_in, gates * units).
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
        """Integer codes in the declared type, same shape: floored and wrapped as ap_fixed would."""
        return self.precision.codes(self.values)

    @property
    def zeros(self) -> int:
        """Number of zero values; a one-bit XNOR array has none."""
        return int(self.values.size - np.count_nonzero(self.values))


@dataclass(frozen=True)
class Geometry:
    """Window of a convolution, pooling, padding or up-sampling layer, per spatial dimension (height, width)."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]  # (before, after)
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

    `operation` narrows the kind: the activation's function (`relu`, `hard_tanh`), the merge's (`add`), the
    pooling's (`max`), a softmax' implementation (`stable`, `latency`, `legacy`, `argmax`), or hls4ml's own
    class name for `OTHER`.
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
