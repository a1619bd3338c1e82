"""What a quantization is asked for, and which type serves an array best."""

from dataclasses import asdict, dataclass
from math import ceil, log2
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress.run import check_settings, whole
from fpgaprune.fixed_point import FixedPoint, Overflow, Rounding

Array = NDArray[np.float64]
_FINER = 4  # how many bits of range may be given up for resolution


@dataclass(frozen=True)
class PostTraining:
    """Uniform fixed-point types, one per array of a layer, with integer bits placed by the data; nothing is trained.

    `bits` of weights and of the values between layers; `weight_bits` and `activation_bits` part the two. Biases get
    `bias_bits`: they cost an adder, not a multiplier. Layers that `exclude` names stay as they are.
    """

    method: ClassVar[str] = "post_training"

    bits: int = 8
    weight_bits: int | None = None
    activation_bits: int | None = None
    bias_bits: int = 16
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise ConfigError for widths that make no sense."""
        rules = []
        for name in ("bits", "weight_bits", "activation_bits", "bias_bits"):
            value = getattr(self, name)
            # QKeras computes in float32, which holds 24 bits.
            fine = (value is None and name in ("weight_bits", "activation_bits")) or (whole(value, 2) and value <= 24)
            rules.append((name, fine, "a whole number from 2 to 24"))
        check_settings(self, tuple(rules))

    @property
    def for_weights(self) -> int:
        """Bits of weights."""
        return self.bits if self.weight_bits is None else self.weight_bits

    @property
    def for_activations(self) -> int:
        """Bits of the values between layers."""
        return self.bits if self.activation_bits is None else self.activation_bits

    def record(self) -> dict[str, Any]:
        """The settings as JSON-ready data."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


def best_type(values: Array, bits: int, *, signed: bool) -> FixedPoint:
    """The type of `bits` bits with the least mean square error on the values, rounded to nearest and saturating.

    Fewer integer bits clip the largest values but resolve the others better. Never fewer than none besides the sign:
    QKeras raises 2 to that number as an integer, which TensorFlow refuses below zero.
    """
    largest = float(np.abs(values).max(initial=0.0))
    most = max(0, ceil(log2(largest))) if largest > 0 else 0
    sign = int(signed)
    types = [
        FixedPoint(bits, integer + sign, signed, Rounding.RND_CONV, Overflow.SAT)
        for integer in range(most, max(-1, most - _FINER - 1), -1)
    ]
    errors = [float(np.square(found.quantize(values) - values).mean()) for found in types]
    return types[int(np.argmin(errors))]


def weight_quantizer(values: Array, bits: int) -> str:
    """QKeras' text for the best type of constants; `alpha=1`, for any other scale costs a multiplier per output."""
    found = best_type(values, bits, signed=True)
    return f"quantized_bits({bits},{found.integer - 1},alpha=1)"


def value_quantizer(values: Array, bits: int) -> str:
    """QKeras' text for the best type of values between layers: without a sign where none is ever negative."""
    if values.min(initial=0.0) < 0:
        return weight_quantizer(values, bits)
    found = best_type(values, bits, signed=False)
    return f"quantized_relu({bits},{found.integer})"
