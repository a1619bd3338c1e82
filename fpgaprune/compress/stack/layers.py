"""Layers with weights, for several networks at once; each equals the Keras or QKeras layer network by network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fpgaprune.compress.stack.quantizers import stacked
from fpgaprune.errors import ModelError
from fpgaprune.frameworks import load_frameworks

Compute = Callable[[Any, bool], Any]

_MULTIPLIED = {"kernel": "kernel_quantizer_internal", "depthwise_kernel": "depthwise_quantizer_internal"}
_ADDED = {"bias": "bias_quantizer_internal"}
_NORMALIZING = ("gamma", "beta", "moving_mean", "moving_variance")


class CannotStackError(ModelError):
    """A model that cannot be trained as a stack: its networks are trained one by one."""


class Variables:
    """The stacked variables of a layer by attribute."""

    def __init__(self, layer: Any, stack: Callable[[Any, str], Any]) -> None:
        self._held: dict[str, Any] = {}
        for name in (*_MULTIPLIED, *_ADDED, *_NORMALIZING):
            variable = getattr(layer, name, None)
            if hasattr(variable, "assign"):
                self._held[name] = stack(variable, f"{layer.name}_{name}")
        if len(self._held) != len(layer.weights):
            message = f"layer {layer.name!r} ({type(layer).__name__}) holds other weights than its class is known for"
            raise CannotStackError(message)

    def __getitem__(self, name: str) -> Any:
        return self._held[name]

    def __contains__(self, name: object) -> bool:
        return name in self._held

    @property
    def multiplied(self) -> list[str]:
        """Names of the kernels."""
        return [name for name in self._held if name in _MULTIPLIED]

    @property
    def all(self) -> Mapping[str, Any]:
        """All by name."""
        return self._held


@dataclass(frozen=True, eq=False)
class Part:
    """One layer of all networks: the layers themselves, for their settings, and the stacked variables."""

    layers: tuple[Any, ...]
    variables: Variables

    @property
    def layer(self) -> Any:
        """The first network's layer."""
        return self.layers[0]

    def quantized(self, name: str) -> Any:
        """A variable as the layer multiplies or adds it, (networks, ...)."""
        attribute = {**_MULTIPLIED, **_ADDED}[name]
        quantizers = [getattr(layer, attribute, None) for layer in self.layers]
        variable = self.variables[name]
        return variable if quantizers[0] is None else stacked(quantizers)(variable)

    def activated(self, tensor: Any) -> Any:
        """The layer's own activation."""
        functions = [layer.activation for layer in self.layers]
        return tensor if functions[0] is None else stacked(functions)(tensor)

    def finished(self, tensor: Any) -> Any:
        """Bias and activation: tensor (networks, samples, ..., outputs)."""
        tensorflow = load_frameworks().tensorflow
        if "bias" in self.variables:
            bias = self.quantized("bias")
            ones = [1] * (len(tensor.shape) - 2)
            tensor = tensor + tensorflow.reshape(bias, [len(self.layers), *ones, bias.shape[-1]])
        return self.activated(tensor)

    def penalty(self) -> Any:
        """Regularization terms, summed over networks; each sees its own weights."""
        tensorflow = load_frameworks().tensorflow
        total = 0.0
        for name, variable in self.variables.all.items():
            regularizer = getattr(self.layer, f"{name.removesuffix('_kernel')}_regularizer", None)
            if regularizer is not None:
                total += sum(regularizer(part) for part in tensorflow.unstack(variable))
        return total


def _dense(part: Part) -> Compute:
    def compute(tensor: Any, training: bool) -> Any:  # noqa: ARG001 - all layers are called alike
        tensorflow = load_frameworks().tensorflow
        kernel, count = part.quantized("kernel"), len(part.layers)
        shape = tensorflow.shape(tensor)
        rows = tensorflow.reshape(tensor, [count, -1, kernel.shape[1]])
        product = tensorflow.matmul(rows, kernel)
        whole = tensorflow.reshape(product, tensorflow.concat([shape[:-1], [kernel.shape[2]]], axis=0))
        whole.set_shape([count, *tensor.shape[1:-1], kernel.shape[2]])
        return part.finished(whole)

    return compute


def _convolution(function: str, kernel: str) -> Callable[[Part], Compute]:
    """A convolution of Keras' backend, network by network: each is work enough for an operation of its own."""

    def stack(part: Part) -> Compute:
        layer = part.layer
        if getattr(layer, "groups", 1) != 1 or layer.data_format != "channels_last":
            message = f"layer {layer.name!r} has groups, or channels first"
            raise CannotStackError(message)
        scalar = function == "conv1d"
        options = {
            "strides": layer.strides[0] if scalar else layer.strides,
            "padding": layer.padding,
            "data_format": layer.data_format,
            "dilation_rate": layer.dilation_rate[0] if scalar else layer.dilation_rate,
        }

        def compute(tensor: Any, training: bool) -> Any:  # noqa: ARG001
            frameworks = load_frameworks()
            convolve, count = getattr(frameworks.keras.backend, function), len(part.layers)
            pairs = zip(
                frameworks.tensorflow.unstack(tensor, num=count),
                frameworks.tensorflow.unstack(part.quantized(kernel), num=count),
                strict=True,
            )
            return part.finished(frameworks.tensorflow.stack([convolve(x, k, **options) for x, k in pairs]))

        return compute

    return stack


def _normalization(part: Part) -> Compute:
    """Batch normalization over every network's own samples, moving averages included."""
    layer, variables = part.layer, part.variables
    rank = len(layer.input.shape)
    if list(layer.axis) != [rank - 1]:
        message = f"layer {layer.name!r} normalizes another axis than the last one"
        raise CannotStackError(message)

    def wide(tensor: Any) -> Any:
        tensorflow = load_frameworks().tensorflow
        return tensorflow.reshape(tensor, [len(part.layers), *([1] * (rank - 1)), tensor.shape[-1]])

    def compute(tensor: Any, training: bool) -> Any:
        tensorflow = load_frameworks().tensorflow
        mean, variance = variables["moving_mean"], variables["moving_variance"]
        if training and layer.trainable:
            now_mean, now_variance = tensorflow.nn.moments(tensor, axes=list(range(1, rank)))
            for moving, now in ((mean, now_mean), (variance, now_variance)):
                moving.assign_sub((moving - now) * (1 - layer.momentum))
            mean, variance = now_mean, now_variance
        scale = tensorflow.math.rsqrt(variance + layer.epsilon)
        if "gamma" in variables:
            scale = scale * variables["gamma"]
        offset = -mean * scale
        if "beta" in variables:
            offset = offset + variables["beta"]
        return tensor * wide(scale) + wide(offset)

    return compute


_CONV1D, _CONV2D = _convolution("conv1d", "kernel"), _convolution("conv2d", "kernel")
_DEPTHWISE = _convolution("depthwise_conv2d", "depthwise_kernel")
STACKED: Mapping[str, Callable[[Part], Compute]] = {
    "Dense": _dense,
    "QDense": _dense,
    "Conv1D": _CONV1D,
    "QConv1D": _CONV1D,
    "Conv2D": _CONV2D,
    "QConv2D": _CONV2D,
    "DepthwiseConv2D": _DEPTHWISE,
    "QDepthwiseConv2D": _DEPTHWISE,
    "BatchNormalization": _normalization,
}
CONVOLUTIONS = frozenset(name for name in STACKED if "Conv" in name)
