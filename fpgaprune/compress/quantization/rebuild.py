"""The same network in QKeras layers: our own conversion, since QKeras' fails on the TensorFlow versions we support."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress.quantization.config import PostTraining, value_quantizer, weight_quantizer
from fpgaprune.errors import ConfigError, ModelError, unknown_choice
from fpgaprune.frameworks import load_frameworks

Array = NDArray[Any]
_SAMPLES = 1024

# Keras class -> QKeras class, and the names of the arrays that get quantizers, in the order Keras keeps them.
_LAYERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "Dense": ("QDense", ("kernel",)),
    "Conv1D": ("QConv1D", ("kernel",)),
    "Conv2D": ("QConv2D", ("kernel",)),
    "DepthwiseConv2D": ("QDepthwiseConv2D", ("depthwise",)),
    "SeparableConv1D": ("QSeparableConv1D", ("depthwise", "pointwise")),
    "SeparableConv2D": ("QSeparableConv2D", ("depthwise", "pointwise")),
}
# What moves values or chooses among them: types pass.
_WIRES = frozenset({
    "Flatten", "Reshape", "Permute", "RepeatVector", "Dropout", "SpatialDropout1D", "SpatialDropout2D",
    "MaxPooling1D", "MaxPooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "ZeroPadding1D", "ZeroPadding2D",
    "Cropping1D", "Cropping2D", "UpSampling1D", "GaussianNoise", "GaussianDropout", "AlphaDropout",
})  # fmt: skip
_FOLDS_INTO = frozenset({"Dense", "Conv1D", "Conv2D"})
_DROPPED = ("initializer", "regularizer", "constraint")


@dataclass(frozen=True, eq=False)
class QuantizeResult:
    """The QKeras model, not compiled, and the JSON-ready record of the types that were chosen."""

    model: Any
    record: Mapping[str, Any]


def quantize(model: Any, config: PostTraining, samples: Sequence[Array]) -> QuantizeResult:
    """A QKeras model that computes what the built Sequential or Functional `model` does, in the types asked for.

    Dense, convolution, depthwise and separable layers become their QKeras kin; batch normalizations behind them are
    folded in; every value that goes into one is quantized, the network's inputs included, by integer bits that fit
    the `samples` (one array per input). Other layers with weights (recurrent ones) stay float, and the record says so.

    Raises ConfigError for an exclusion that matches nothing, ModelError for a model that cannot be rebuilt or holds
    nothing to quantize.
    """
    names = [layer.name for layer in model.layers]
    for pattern in config.exclude:
        if not any(_excluded(layer, (pattern,)) for layer in model.layers):
            raise ConfigError(unknown_choice("layer to exclude from quantization", pattern, names))
    # A Sequential does not list its input layer; the same layers as a Functional model do.
    functional = load_frameworks().keras.Model(model.inputs, model.outputs, name=model.name)
    rebuilt = _Rebuild(functional, config, samples)
    if not rebuilt.layers:
        message = f"the model {model.name!r} has no layer to quantize that is not excluded, or is quantized already"
        raise ModelError(message)
    return QuantizeResult(rebuilt.model, rebuilt.record())


class _Rebuild:
    """Walks the layers in order, each called once, and keeps what every tensor of the old model has become."""

    def __init__(self, model: Any, config: PostTraining, samples: Sequence[Array]) -> None:
        self._old, self._config = model, config
        self._keras, self._qkeras = load_frameworks().keras, load_frameworks().qkeras
        self._seen = _observe(model, samples)
        self._new: dict[int, Any] = {}
        self._new_input: dict[int, Any] = {}
        self._folding: set[int] = set()  # ids of tensors whose batch normalization is in the layer before
        self._quantized: set[int] = set()  # ids of old tensors whose new ones have a narrow type
        self._readers: dict[int, list[Any]] = {}
        for layer in model.layers:
            for tensor in _inputs(layer):
                self._readers.setdefault(id(tensor), []).append(layer)
        self.layers: list[dict[str, Any]] = []
        self._left: list[str] = []
        self._folded: list[str] = []
        self._pending: list[tuple[Any, list[Array]]] = []
        for layer in model.layers:
            self._add(layer)
        inputs = [self._new_input[id(tensor)] for tensor in model.inputs]
        self.model = self._keras.Model(inputs, [self._new[id(tensor)] for tensor in model.outputs], name=model.name)
        for layer, values in self._pending:
            layer.set_weights(values)

    def record(self) -> dict[str, Any]:
        """What was chosen."""
        return {
            "method": self._config.method,
            "asked": self._config.record(),
            "layers": self.layers,
            "left_float": self._left,
            "folded": self._folded,
        }

    def _add(self, layer: Any) -> None:
        kind = type(layer).__name__
        if kind == "InputLayer":
            self._input(layer)
        elif kind == "BatchNormalization" and id(layer.input) in self._folding:
            self._new[id(layer.output)] = self._new[id(layer.input)]
        elif kind in _LAYERS and not _excluded(layer, self._config.exclude):
            self._product(layer, kind)
        elif _is_relu(layer) and not _excluded(layer, self._config.exclude):
            self._set(layer, self._activation(layer.name, layer.output)(self._of(layer.input)), narrow=True)
        else:
            self._copy(layer, kind)

    def _input(self, layer: Any) -> None:
        tensor = self._keras.layers.Input(tuple(layer.output.shape[1:]), name=layer.name)
        self._new_input[id(layer.output)] = tensor
        self._set(layer, tensor, narrow=False)

    def _product(self, layer: Any, kind: str) -> None:
        name, parts = _LAYERS[kind]
        values = [np.asarray(array, dtype=np.float64) for array in layer.get_weights()]
        normalization = self._normalization(layer, kind)
        options = {k: v for k, v in layer.get_config().items() if not k.endswith(_DROPPED)}
        if normalization is not None:
            values = _fold(values, normalization)
            options["use_bias"] = True
            self._folding.add(id(layer.output))
            self._folded.append(normalization.name)
        chosen = {
            f"{part}_quantizer": weight_quantizer(array, self._config.for_weights)
            for part, array in zip(parts, values, strict=False)
        }
        if options["use_bias"]:
            chosen["bias_quantizer"] = weight_quantizer(values[-1], self._config.bias_bits)
        function = layer.activation.__name__
        options["activation"] = None
        built = getattr(self._qkeras, name)(**options, **chosen)
        tensor = built(self._narrow(layer.input))
        self._pending.append((built, [array.astype(np.float32) for array in values]))
        self.layers.append({"name": layer.name, "class": name, **chosen})
        if function == "relu":
            tensor = self._activation(f"{layer.name}_relu", layer.output)(tensor)
        elif function != "linear":
            tensor = self._keras.layers.Activation(function, name=f"{layer.name}_{function}")(tensor)
        self._set(layer, tensor, narrow=function == "relu")

    def _normalization(self, layer: Any, kind: str) -> Any:
        """The batch normalization that alone reads a linear layer's result."""
        readers = self._readers.get(id(layer.output), [])
        is_output = any(layer.output is tensor for tensor in self._old.outputs)
        if kind not in _FOLDS_INTO or layer.activation.__name__ != "linear" or len(readers) != 1 or is_output:
            return None
        found = readers[0]
        axis = getattr(found, "axis", None)
        last = axis in (-1, len(layer.output.shape) - 1) or list(axis or ()) == [len(layer.output.shape) - 1]
        return found if type(found).__name__ == "BatchNormalization" and last else None

    def _copy(self, layer: Any, kind: str) -> None:
        if layer.weights and not kind.startswith("Q"):
            self._left.append(layer.name)
        built = type(layer).from_config(layer.get_config())
        inputs = [self._of(tensor) for tensor in _inputs(layer)]
        tensor = built(inputs if len(inputs) > 1 else inputs[0])
        if layer.weights:
            self._pending.append((built, layer.get_weights()))
        narrow = kind in _WIRES and all(id(tensor) in self._quantized for tensor in _inputs(layer))
        self._set(layer, tensor, narrow=narrow or kind == "QActivation")

    def _narrow(self, tensor: Any) -> Any:
        """The new tensor with a quantizer behind it, unless it has a narrow type already; one for all its readers."""
        if id(tensor) not in self._quantized:
            source = next(layer.name for layer in self._old.layers if layer.output is tensor)
            self._new[id(tensor)] = self._activation(f"{source}_quantized", tensor)(self._new[id(tensor)])
            self._quantized.add(id(tensor))
        return self._new[id(tensor)]

    def _activation(self, name: str, tensor: Any) -> Any:
        text = value_quantizer(self._seen[id(tensor)], self._config.for_activations)
        self.layers.append({"name": name, "class": "QActivation", "activation": text})
        return self._qkeras.QActivation(text, name=name)

    def _of(self, tensor: Any) -> Any:
        return self._new[id(tensor)]

    def _set(self, layer: Any, tensor: Any, *, narrow: bool) -> None:
        self._new[id(layer.output)] = tensor
        if narrow:
            self._quantized.add(id(layer.output))


def _observe(model: Any, samples: Sequence[Array]) -> dict[int, Array]:
    """What every layer gives on the samples, flat, at most a million values each."""
    tensors = {id(layer.output): layer.output for layer in model.layers if not isinstance(layer.output, list | tuple)}
    probe = load_frameworks().keras.Model(model.inputs, list(tensors.values()))
    inputs = [np.asarray(array[:_SAMPLES], dtype=np.float32) for array in samples]
    values = probe(inputs if len(inputs) > 1 else inputs[0], training=False)
    values = values if isinstance(values, list | tuple) else [values]
    found = {}
    for key, value in zip(tensors, values, strict=True):
        flat = np.asarray(value, dtype=np.float64).ravel()
        if not np.isfinite(flat).all():
            message = f"the model {model.name!r} gives NaN or infinity on the given inputs"
            raise ModelError(message)
        found[key] = flat[:: max(1, flat.size // 1_000_000)]
    return found


def _fold(values: Sequence[Array], normalization: Any) -> list[Array]:
    """Kernel and bias with the batch normalization behind them taken in."""
    mean, variance = (
        np.asarray(v, dtype=np.float64) for v in (normalization.moving_mean, normalization.moving_variance)
    )
    scale = 1 / np.sqrt(variance + normalization.epsilon)
    if normalization.scale:
        scale = scale * np.asarray(normalization.gamma, dtype=np.float64)
    bias = values[1] if len(values) > 1 else np.zeros(mean.shape)
    offset = np.asarray(normalization.beta, dtype=np.float64) if normalization.center else 0.0
    return [values[0] * scale, (bias - mean) * scale + offset]


def _is_relu(layer: Any) -> bool:
    if type(layer).__name__ == "Activation":
        return bool(layer.activation.__name__ == "relu")
    if type(layer).__name__ != "ReLU":
        return False
    return layer.max_value is None and not layer.negative_slope and not layer.threshold


def _inputs(layer: Any) -> list[Any]:
    if type(layer).__name__ == "InputLayer":
        return []
    return list(layer.input) if isinstance(layer.input, list | tuple) else [layer.input]


def _excluded(layer: Any, patterns: Sequence[str]) -> bool:
    kind = type(layer).__name__.lower()
    return any(
        fnmatchcase(kind, pattern[5:].strip().lower())
        if pattern.startswith("type:")
        else fnmatchcase(layer.name, pattern)
        for pattern in patterns
    )
