"""Group-equivariant convolutions that are ordinary ones: filters tied to their own rotations and reflections.

After Cohen and Welling (arXiv:1602.07576), for p4 (rotations by 90 degrees) and p4m (mirrored, too). A convolution
whose channels are fields of orientations is equivariant when its kernel stays the same as the group acts on taps, input
orientations and output orientations together; the mean over the group is the nearest such kernel. So the network keeps
its Conv2D layers, which hls4ml takes, and training projects them after every step: a fourth or an eighth of the weights
are free.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress.copying import copy_model
from fpgaprune.compress.factorization.factors import replaceable
from fpgaprune.compress.factorization.method import (
    Count,
    FactorizeConfig,
    FactorizeResult,
    Samples,
    Tie,
    excluded,
    factorization,
)
from fpgaprune.compress.kernels import Kernel
from fpgaprune.compress.rewiring import called_once, layer_inputs
from fpgaprune.errors import ConfigError, ModelError, unknown_choice
from fpgaprune.frameworks import load_frameworks

Index = NDArray[np.int64]
_ORDERS = {"p4": 4, "p4m": 8}
# What leaves orientations where they are.
_PASSES = frozenset({
    "Activation", "QActivation", "ReLU", "LeakyReLU", "ELU", "Dropout", "SpatialDropout2D", "BatchNormalization",
    "MaxPooling2D", "AveragePooling2D", "ZeroPadding2D", "Add",
})  # fmt: skip


@dataclass(frozen=True)
class Equivariant(FactorizeConfig):
    """Every Conv2D with square filters, stride 1 and a number of filters that the order of the `group` divides.

    Filters are fields of 4 (p4) or 8 (p4m) orientations each, orientation running fastest.
    """

    method: ClassVar[str] = "equivariant"

    group: str = "p4"
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise ConfigError for an unknown group."""
        if self.group not in _ORDERS:
            raise ConfigError(unknown_choice("group", self.group, _ORDERS))


@factorization(Equivariant)
def tie_orientations(
    model: Any,
    config: Equivariant,
    samples: Samples,
    count: Count | None,  # noqa: ARG001 - there is nothing to choose
) -> FactorizeResult:
    """See `factorize`."""
    order = _ORDERS[config.group]
    copy = copy_model(model, tuple(np.asarray(array[:16], dtype=np.float32) for array in samples))
    lifted: set[int] = set()  # ids of tensors whose channels are fields of orientations
    kernels: dict[str, Index] = {}
    ties: list[Tie] = []
    layers = []
    for layer in copy.layers:
        if not called_once(layer):
            continue
        turning = bool(layer_inputs(layer)) and all(id(tensor) in lifted for tensor in layer_inputs(layer))
        kind = type(layer).__name__
        if turning and kind in _PASSES:
            lifted.add(id(layer.output))
            if kind == "BatchNormalization":
                ties += [
                    (variable, _averaged(bias_orbits(int(variable.shape[0]), order))) for variable in layer.weights
                ]
        elif _suits(layer, order) and not excluded(layer, config.exclude) and (turning or layer.kernel_size[0] > 1):
            orbits = kernel_orbits(tuple(int(size) for size in layer.kernel.shape), order, turning=turning)
            kernels[layer.name] = orbits
            layer.kernel.assign(_averaged(orbits)(layer.kernel))
            if layer.use_bias:
                ties.append((layer.bias, _averaged(bias_orbits(int(layer.filters), order))))
            lifted.add(id(layer.output))
            free = int(np.unique(orbits.min(axis=0)).size)
            layers.append({
                "name": layer.name, "weights_before": int(orbits.shape[1]), "weights": int(orbits.shape[1]),
                "free_weights": free, "reads_orientations": turning,
            })  # fmt: skip
    if not layers:
        message = (
            f"the model {model.name!r} has no Conv2D for {config.group} that is not excluded, has square filters, "
            f"stride 1 and a multiple of {order} of them"
        )
        raise ModelError(message)
    for variable, tie in ties:
        variable.assign(tie(variable))

    def project(kernel: Kernel, tensor: Any) -> Any:
        return _averaged(kernels[kernel.layer])(tensor) if kernel.layer in kernels else tensor

    record = {"method": config.method, "asked": config.record(), "layers": layers}
    return FactorizeResult(copy, record, project, tuple(ties))


def _suits(layer: Any, order: int) -> bool:
    if not replaceable(layer, ("Conv2D",)) or layer.groups != 1 or layer.data_format != "channels_last":
        return False
    square = layer.kernel_size[0] == layer.kernel_size[1] and layer.dilation_rate[0] == layer.dilation_rate[1]
    # 'same' pads even filters on one side only, which no rotation keeps.
    centred = layer.padding == "valid" or layer.kernel_size[0] % 2 == 1
    return square and centred and tuple(layer.strides) == (1, 1) and layer.filters % order == 0


def kernel_orbits(shape: tuple[int, int, int, int] | tuple[int, ...], order: int, *, turning: bool) -> Index:
    """Row h: where each weight of the kernel, seen flat, comes from when element h of the group acts; (order, size).

    `turning`: the input channels are fields of orientations, too. Element h = 4 b + a is a mirror image (if b) that is
    then rotated a times.
    """
    places = np.arange(int(np.prod(shape))).reshape(shape)
    rows = []
    for element in range(order):
        acted = _turned(places, element)
        acted = _carried(acted, element, order, axis=3)
        rows.append((_carried(acted, element, order, axis=2) if turning else acted).ravel())
    return np.stack(rows)


def bias_orbits(channels: int, order: int) -> Index:
    """As `kernel_orbits`, for one number per channel; (order, channels)."""
    places = np.arange(channels)
    return np.stack([_carried(places, element, order, axis=0) for element in range(order)])


def _turned(array: NDArray[Any], element: int) -> NDArray[Any]:
    """Rows and columns, the first two axes, under an element."""
    mirrored = array[:, ::-1] if element >= 4 else array
    return np.rot90(mirrored, element % 4, axes=(0, 1))


def _carried(array: NDArray[Any], element: int, order: int, axis: int) -> NDArray[Any]:
    """Orientation g of every field along an axis moved to orientation element * g."""
    target = np.array([_product(element, orientation) for orientation in range(order)])
    source = np.argsort(target)
    fields = np.arange(array.shape[axis] // order)[:, np.newaxis] * order
    return np.take(array, (fields + source).ravel(), axis=axis)


def _product(first: int, second: int) -> int:
    """Of two elements r**a m**b, numbered 4 b + a: m r = r**-1 m."""
    mirror, turn = divmod(first, 4)
    other_mirror, other_turn = divmod(second, 4)
    return 4 * ((mirror + other_mirror) % 2) + (turn + (-other_turn if mirror else other_turn)) % 4


def _averaged(orbits: Sequence[Any] | Index) -> Any:
    """The function that gives every weight the mean of its orbit."""

    def mean(tensor: Any) -> Any:
        tensorflow = load_frameworks().tensorflow
        flat = tensorflow.reshape(tensor, [-1])
        return tensorflow.reshape(tensorflow.reduce_mean(tensorflow.gather(flat, orbits), axis=0), tensor.shape)

    return mean
