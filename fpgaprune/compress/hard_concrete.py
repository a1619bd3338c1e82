"""Gates that learn to close: the hard-concrete distribution of Louizos, Welling and Kingma (arXiv:1712.01312).

A gate is a stretched and clipped sigmoid of a learned number and logistic noise, so that it is exactly 0 or 1 most of
the time and still has a gradient; the chance that it is open is the expected L0 norm.
"""

from collections.abc import Sequence
from math import log
from typing import Any

from fpgaprune.frameworks import load_frameworks

# Temperature and stretch, the paper's own.
_BETA, _LOW, _HIGH = 2 / 3, -0.1, 1.1
_START = 2.2  # gates are open nine times in ten to begin with
_PULL = 1.0  # of the square of what is missing, and by how much of it the multiplier grows per step


class Gates:
    """One learned number for every gate; `shapes` have size 1 along the axes that share a gate.

    `sizes` are how many weights each kernel has. The penalty is an augmented Lagrangian: its multiplier grows as long
    as fewer weights are expected to be closed than `aim` says (Nocedal and Wright, Numerical Optimization, chapter 17).
    """

    def __init__(self, shapes: Sequence[tuple[int, ...]], sizes: Sequence[int], seed: int) -> None:
        tensorflow = load_frameworks().tensorflow
        self.variables = [tensorflow.Variable(tensorflow.fill(shape, _START)) for shape in shapes]
        self._random = tensorflow.random.Generator.from_seed(seed, alg="philox")
        self._sizes = tuple(sizes)
        self._aim = tensorflow.Variable(0.0, trainable=False)
        self._multiplier = tensorflow.Variable(0.0, trainable=False)

    def aim(self, sparsity: float) -> None:
        """The expected fraction of closed gates, counted in weights, to be reached from here on."""
        self._aim.assign(sparsity)

    def sampled(self) -> list[Any]:
        """Gates with noise, between 0 and 1."""
        tensorflow = load_frameworks().tensorflow
        gates = []
        for number in self.variables:
            noise = self._random.uniform(number.shape, 1e-6, 1 - 1e-6)
            logistic = tensorflow.math.log(noise) - tensorflow.math.log(1 - noise)
            gates.append(_stretched(tensorflow.sigmoid((logistic + number) / _BETA)))
        return gates

    def steady(self) -> list[Any]:
        """Gates without noise, as they are used after training."""
        return [_stretched(load_frameworks().tensorflow.sigmoid(number)) for number in self.variables]

    def penalty(self) -> Any:
        """What is added to the loss."""
        missing = self._missing()
        return self._multiplier * missing + 0.5 * _PULL * missing**2

    def after_step(self) -> None:
        """Push harder while the aim is not reached."""
        grown = self._multiplier + _PULL * self._missing()
        self._multiplier.assign(load_frameworks().tensorflow.maximum(grown, 0.0))

    def _missing(self) -> Any:
        tensorflow = load_frameworks().tensorflow
        shift = _BETA * log(-_LOW / _HIGH)
        opened = sum(
            size * tensorflow.reduce_mean(tensorflow.sigmoid(number - shift))
            for number, size in zip(self.variables, self._sizes, strict=True)
        )
        return tensorflow.maximum(self._aim - (1 - opened / sum(self._sizes)), 0.0)


def _stretched(value: Any) -> Any:
    return load_frameworks().tensorflow.clip_by_value(value * (_HIGH - _LOW) + _LOW, 0.0, 1.0)


GROUPS = ("weight", "input", "output")


def gate_shape(group: str, shape: tuple[int, ...], *, depthwise: bool) -> tuple[int, ...]:
    """The shape of a kernel's gates: one for each weight, or of size 1 along the axes that share one.

    An `input` is a channel the layer reads, over all taps and outputs; an `output` is a neuron or filter. A depthwise
    kernel has its outputs along the last two axes.
    """
    if group == "weight":
        return shape
    if group == "input":
        return (*(1 for _ in shape[:-2]), shape[-2], 1)
    own = 2 if depthwise else 1
    return (*(1 for _ in shape[:-own]), *shape[-own:])
