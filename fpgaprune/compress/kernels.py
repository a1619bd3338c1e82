"""The arrays of a Keras model that pruning may touch, found by what a layer holds rather than by its class."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fpgaprune.errors import ConfigError, ModelError, unknown_choice

# Attribute of the weight, attribute of the quantizer QKeras puts beside it. Biases are never pruned: they cost an
# adder input, not a multiplier. Cells of recurrent layers and layers inside wrappers use the same names.
_PARAMETERS = {
    "kernel": "kernel_quantizer_internal",
    "depthwise_kernel": "depthwise_quantizer_internal",
    "pointwise_kernel": "pointwise_quantizer_internal",
    "recurrent_kernel": "recurrent_quantizer_internal",
}


class Weights(Protocol):
    """What choosing among weights by magnitude needs to know of one array of them."""

    @property
    def size(self) -> int:
        """Number of weights."""

    def values(self) -> NDArray[np.float64]:
        """The stored weights, before any quantizer."""

    def quantized(self) -> NDArray[np.float64]:
        """The weights that are multiplied by, same shape."""


@dataclass(frozen=True, eq=False)
class Kernel:
    """One multiplied array of one layer: its variable, and the quantizer the layer applies to it (or None)."""

    layer: str
    parameter: str  # prefixed by the inner layer's name where a wrapper holds several
    variable: Any
    quantizer: Any
    owner: Any

    @property
    def name(self) -> str:
        """`layer/parameter`, unique in the model."""
        return f"{self.layer}/{self.parameter}"

    @property
    def size(self) -> int:
        """Number of weights."""
        return int(np.prod(self.variable.shape, dtype=np.int64))

    @property
    def is_depthwise(self) -> bool:
        """Whether its outputs lie along the last two axes: channel and multiplier."""
        return self.parameter.endswith("depthwise_kernel")

    @property
    def bias(self) -> Any:
        """The variable that holds one number for each of its outputs; None where there is none such."""
        found: Any = getattr(self.owner, "bias", None)
        shape = tuple(self.variable.shape)
        outputs = shape[-2] * shape[-1] if self.is_depthwise else shape[-1]
        if not hasattr(found, "assign") or tuple(found.shape) != (outputs,) or hasattr(self.owner, "recurrent_kernel"):
            return None
        return None if self.is_depthwise and hasattr(self.owner, "pointwise_kernel") else found

    @property
    def trainable(self) -> bool:
        """Whether training moves it."""
        return bool(self.owner.trainable and self.variable.trainable)

    def values(self) -> NDArray[np.float64]:
        """The stored weights, before any quantizer, same shape."""
        return np.asarray(self.variable.numpy(), dtype=np.float64)

    def quantized(self) -> NDArray[np.float64]:
        """The weights the layer multiplies by, same shape: the stored ones where it has no quantizer.

        A batch normalization inside the layer (QConv2DBatchnorm) is folded in first.
        """
        fold = getattr(self.owner, "get_folded_weights", None)
        source = self.variable if fold is None else fold()[0]
        result = source if self.quantizer is None else self.quantizer(source)
        return np.asarray(result, dtype=np.float64)


def find_kernels(model: Any) -> tuple[Kernel, ...]:
    """Every kernel of a built Keras 2 model, in layer order; a kernel shared by several layers appears once.

    Raises ModelError for a model that has none, or still carries TFMOT's pruning wrappers.
    """
    seen: set[int] = set()
    found = [kernel for kernel in _walk(model, prefix="") if not _already(kernel, seen)]
    if not found:
        message = f"the model {model.name!r} holds no dense, convolution or recurrent kernel to prune"
        raise ModelError(message)
    return tuple(found)


def select_kernels(kernels: Sequence[Kernel], exclude: Sequence[str]) -> tuple[Kernel, ...]:
    """The trainable kernels that no pattern excludes.

    A pattern is a layer's name or `layer/parameter`, with `*`, `?` and `[...]` as in file names, or `type:` and the
    class of a layer, such as `type:Conv2D` (QConv2D too). Raises ConfigError for a pattern that matches nothing, and
    when nothing is left.
    """
    for pattern in exclude:
        if not any(_matches(kernel, pattern) for kernel in kernels):
            layers = dict.fromkeys(kernel.layer for kernel in kernels)
            raise ConfigError(unknown_choice("layer to exclude from pruning", pattern, layers))
    chosen = tuple(k for k in kernels if k.trainable and not any(_matches(k, pattern) for pattern in exclude))
    if not chosen:
        message = "nothing is left to prune: every kernel is excluded or frozen"
        raise ConfigError(message)
    return chosen


def excluded_variables(model: Any, exclude: Sequence[str]) -> tuple[Any, ...]:
    """All trainable variables of the layers that a pattern names, biases included; of `layer/parameter` that one."""
    found: list[Any] = []
    for kernel in find_kernels(model):
        for pattern in exclude:
            if _names_layer(kernel, pattern):
                found.extend(kernel.owner.trainable_variables)
            elif _matches(kernel, pattern):
                found.append(kernel.variable)
    for layer in model.layers:
        if any(fnmatchcase(layer.name, pattern) for pattern in exclude):
            found.extend(layer.trainable_variables)
    return tuple({id(variable): variable for variable in found}.values())


def refuse_without_zero(kernels: Sequence[Kernel]) -> None:
    """Raise ModelError when a quantizer turns a zero weight into something else: pruning would be silently undone.

    Powers of two, binary and one-bit quantizers have no zero; asking the quantizer finds every such one.
    """
    for kernel in kernels:
        if kernel.quantizer is None:
            continue
        probe = kernel.values()
        probe.reshape(-1)[::2] = 0.0  # a tensor of nothing but zeros would leave an automatic scale undefined
        answer = np.asarray(kernel.quantizer(probe.astype(np.float32)))
        if np.count_nonzero(answer.reshape(-1)[::2]):
            message = (
                f"layer {kernel.layer!r} quantizes its {kernel.parameter} with {kernel.quantizer}, which has no zero: "
                "a pruned weight would come back as another value. "
                "Exclude the layer, or use quantized_bits or ternary there"
            )
            raise ModelError(message)


def refuse_not_finite(model: Any) -> None:
    """Raise ModelError naming the first layer that holds NaN or infinity."""
    for layer in model.layers:
        if any(
            not np.isfinite(array).all() for array in layer.get_weights() if np.issubdtype(array.dtype, np.floating)
        ):
            message = f"layer {layer.name!r} holds NaN or infinite weights; nothing can be pruned by magnitude"
            raise ModelError(message)


def _walk(model: Any, prefix: str) -> Iterator[Kernel]:
    for layer in model.layers:
        name = f"{prefix}{layer.name}"
        if hasattr(layer, "layers") and hasattr(layer, "get_layer"):  # a model used as a layer
            yield from _walk(layer, f"{name}/")
            continue
        if type(layer).__name__.startswith("PruneLowMagnitude"):
            message = f"layer {name!r} is still in TFMOT's pruning wrapper: call strip_pruning and save it again"
            raise ModelError(message)
        yield from _held(name, layer)


def _held(name: str, layer: Any) -> Iterator[Kernel]:
    holders = [module for module in (layer, *layer.submodules) if any(_variable(module, p) for p in _PARAMETERS)]
    counts = Counter(parameter for module in holders for parameter in _PARAMETERS if _variable(module, parameter))
    for module in holders:
        for parameter, quantizer in _PARAMETERS.items():
            if not _variable(module, parameter):
                continue
            label = parameter if counts[parameter] == 1 else f"{module.name}/{parameter}"
            yield Kernel(name, label, getattr(module, parameter), getattr(module, quantizer, None), module)


def _variable(module: Any, attribute: str) -> bool:
    return hasattr(getattr(module, attribute, None), "assign")


def _already(kernel: Kernel, seen: set[int]) -> bool:
    if id(kernel.variable) in seen:
        return True
    seen.add(id(kernel.variable))
    return False


def _matches(kernel: Kernel, pattern: str) -> bool:
    return _names_layer(kernel, pattern) or fnmatchcase(kernel.name, pattern)


def _names_layer(kernel: Kernel, pattern: str) -> bool:
    kind, colon, wanted = pattern.partition(":")
    if colon and kind == "type":
        name = type(kernel.owner).__name__.lower().removesuffix("cell")
        return any(fnmatchcase(each, wanted.strip().lower()) for each in (name, name.removeprefix("q")))
    return fnmatchcase(kernel.layer, pattern)
