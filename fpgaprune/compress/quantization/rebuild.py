"""The same network in QKeras layers: our own conversion, since QKeras' fails on the TensorFlow versions we support."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress.quantization.config import PostTraining, Types, matches
from fpgaprune.compress.quantization.folding import fold, foldable, inputs_of, is_relu, readers_of
from fpgaprune.compress.quantization.forms import bias_form, value_quantizer, weight_form
from fpgaprune.compress.quantization.profile import observe
from fpgaprune.errors import ModelError
from fpgaprune.frameworks import load_frameworks, quiet

Array = NDArray[Any]

# Keras class -> QKeras class, and the arrays that get quantizers, in the order Keras keeps them: the beginning of the
# quantizer's name, and along how many of the array's last axes the layer's outputs lie.
_LAYERS: Final[Mapping[str, tuple[str, tuple[tuple[str, int], ...]]]] = {
    "Dense": ("QDense", (("kernel", 1),)),
    "Conv1D": ("QConv1D", (("kernel", 1),)),
    "Conv2D": ("QConv2D", (("kernel", 1),)),
    "DepthwiseConv2D": ("QDepthwiseConv2D", (("depthwise", 2),)),
    "SeparableConv1D": ("QSeparableConv1D", (("depthwise", 2), ("pointwise", 1))),
    "SeparableConv2D": ("QSeparableConv2D", (("depthwise", 2), ("pointwise", 1))),
    "LSTM": ("QLSTM", (("kernel", 1), ("recurrent", 1))),
    "GRU": ("QGRU", (("kernel", 1), ("recurrent", 1))),
}
_RECURRENT: Final = frozenset({"LSTM", "GRU"})
# What moves values or chooses among them: types pass.
_WIRES: Final = frozenset({
    "Flatten", "Reshape", "Permute", "RepeatVector", "Dropout", "SpatialDropout1D", "SpatialDropout2D",
    "MaxPooling1D", "MaxPooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "ZeroPadding1D", "ZeroPadding2D",
    "Cropping1D", "Cropping2D", "UpSampling1D", "UpSampling2D", "GaussianNoise", "GaussianDropout", "AlphaDropout",
})  # fmt: skip
_DROPPED: Final = ("initializer", "regularizer", "constraint")


@dataclass(frozen=True, eq=False)
class QuantizeResult:
    """The QKeras model, not compiled, and the JSON-ready record of the types that were chosen."""

    model: Any
    record: Mapping[str, Any]


def quantize(model: Any, config: PostTraining, samples: Sequence[Array]) -> QuantizeResult:
    """A QKeras model that computes what the built Sequential or Functional `model` does, in the types asked for.

    Dense (also over time), convolution, depthwise, separable and recurrent layers become their QKeras kin; batch
    normalizations behind them are folded in; every value that goes into one is quantized, the network's inputs
    included, by integer bits that fit the `samples` (one array per input). Other layers with weights stay float, and
    the record says so.

    Raises ConfigError for a pattern that matches nothing, ModelError for a model that cannot be rebuilt or holds
    nothing to quantize, or weights that were pruned and would get a form without a zero.
    """
    return Quantizer(model, samples)(config)


class Quantizer:
    """`quantize` for one model in several ways: what its values are like on the samples is observed once."""

    def __init__(self, model: Any, samples: Sequence[Array]) -> None:
        self._layers = tuple(model.layers)
        # A Sequential does not list its input layer.
        self._model = load_frameworks().keras.Model(model.inputs, model.outputs, name=model.name)
        self._seen = observe(self._model, samples)
        self._kept: _Rebuild | None = None

    def __call__(self, config: PostTraining) -> QuantizeResult:
        """The model in the types asked for; raises what `quantize` raises."""
        rebuilt = self._rebuilt(config)
        return QuantizeResult(rebuilt.model, rebuilt.record())

    def passing(self, config: PostTraining) -> Any:
        """What computes as the model of `config`, to be looked at until the next one is asked for, and nothing else.

        It is the same object with other quantizers each time, which takes a fraction of building one.
        """
        if self._kept is None or self._kept.exclude != config.exclude:
            self._kept = self._rebuilt(config)
        with quiet("quantization"):
            self._kept.retype(config)
        return self._kept.model

    def _rebuilt(self, config: PostTraining) -> "_Rebuild":
        config.check_patterns(self._layers)
        with quiet("quantization"):
            rebuilt = _Rebuild(self._model, config, self._seen)
        if not rebuilt.layers:
            raise ModelError(self._nothing())
        return rebuilt

    def _nothing(self) -> str:
        """Why there is nothing to quantize."""
        done = [layer.name for layer in self._layers if type(layer).__name__.startswith("Q") and layer.weights]
        if done:
            return (
                f"the model {self._model.name!r} is quantized already, by the QKeras layers {', '.join(done[:3])}"
                f"{' and others' if len(done) > 3 else ''}: prune, fit, factorize and generate take it as it is"
            )
        return f"the model {self._model.name!r} has no layer to quantize that is not excluded"

    def layer(self, name: str) -> Any:
        """A layer of the model that is quantized."""
        return self._model.get_layer(name)


def quantizable(model: Any, exclude: Sequence[str] = ()) -> tuple[str, ...]:
    """Names of the layers that `quantize` gives weights of their own types, in order."""
    return tuple(
        layer.name for layer in model.layers if type(_inner(layer)).__name__ in _LAYERS and not matches(layer, exclude)
    )


class _Rebuild:
    """Walks the layers in order, each called once, and keeps what every tensor of the old model has become."""

    def __init__(self, model: Any, config: PostTraining, seen: Mapping[int, Array]) -> None:
        self._old, self._config, self._seen = model, config, seen
        self._keras, self._qkeras = load_frameworks().keras, load_frameworks().qkeras
        self._readers = readers_of(model)
        self._new: dict[int, Any] = {}
        self._new_input: dict[int, Any] = {}
        self._folding: set[int] = set()  # ids of tensors whose batch normalization is in the layer before
        self._typed: dict[int, str] = {}  # id of an old tensor -> the new layer that gives the new one a narrow type
        self.layers: list[dict[str, Any]] = []
        self._left: list[str] = []
        self._folded: list[str] = []
        self._pending: list[tuple[Any, list[Array]]] = []
        self._retyped: list[tuple[Any, Types, Callable[[Types], None]]] = []  # old layer, its types, how to change them
        for layer in model.layers:
            self._add(layer)
        inputs = [self._new_input[id(tensor)] for tensor in model.inputs]
        self.model = self._keras.Model(inputs, [self._new[id(tensor)] for tensor in model.outputs], name=model.name)
        for layer, values in self._pending:
            layer.set_weights(values)

    @property
    def exclude(self) -> tuple[str, ...]:
        """What stays as it is."""
        return self._config.exclude

    def retype(self, config: PostTraining) -> None:
        """Other types for the model that is there."""
        self._config = config
        for place, (layer, now, change) in enumerate(self._retyped):
            types = config.of(layer)
            if types != now:
                change(types)
                self._retyped[place] = (layer, types, change)

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
        kind = type(_inner(layer)).__name__
        excluded = matches(layer, self._config.exclude)
        if kind == "InputLayer":
            self._input(layer)
        elif kind == "BatchNormalization" and id(layer.input) in self._folding:
            self._new[id(layer.output)] = self._new[id(layer.input)]
        elif kind in _LAYERS and not excluded:
            self._product(layer, kind)
        elif is_relu(layer) and not excluded:
            self._set(layer, self._activation(layer.name, layer)(self._of(layer.input)), layer.name)
        else:
            self._copy(layer, kind)

    def _input(self, layer: Any) -> None:
        tensor = self._keras.layers.Input(tuple(layer.output.shape[1:]), name=layer.name)
        self._new_input[id(layer.output)] = tensor
        self._set(layer, tensor)

    def _product(self, layer: Any, kind: str) -> None:
        name, parts = _LAYERS[kind]
        inner, types = _inner(layer), self._config.of(layer)
        values = [np.asarray(array, dtype=np.float64) for array in inner.get_weights()]
        options = {k: v for k, v in inner.get_config().items() if not k.endswith(_DROPPED)} | {"name": layer.name}
        normalization = None if layer is not inner else self._normalization(layer)
        if normalization is not None:
            values = fold(kind, values, normalization)
            options["use_bias"] = True
            self._folding.add(id(layer.output))
            self._folded.append(normalization.name)
        function = inner.activation.__name__
        if kind not in _RECURRENT:
            options["activation"] = None
        make: Callable[[Types], tuple[Any, list[Array], dict[str, str]]] = partial(
            self._quantizers, options, name, parts, values
        )
        built, stored, told = make(types)
        self._pending.append((built, stored))
        self._retyped.append((layer, types, lambda asked: _exchange(built, *make(asked)[:2])))
        narrow = self._narrow(layer.input)
        reads = self._typed[id(layer.input)]
        self.layers.append({"name": layer.name, "class": name, "of": layer.name, "reads": reads, **told})
        tensor = built(narrow)
        given = None
        if function == "relu" and kind not in _RECURRENT:
            given = f"{layer.name}_relu"
            tensor = self._activation(given, layer)(tensor)
        elif function != "linear" and kind not in _RECURRENT:
            tensor = self._keras.layers.Activation(function, name=f"{layer.name}_{function}")(tensor)
        self._set(layer, tensor, given)

    def _quantizers(
        self,
        options: dict[str, Any],
        name: str,
        parts: Sequence[tuple[str, int]],
        values: Sequence[Array],
        types: Types,
    ) -> tuple[Any, list[Array], dict[str, str]]:
        """The QKeras layer, what it stores, and its types in words."""
        forms = {
            f"{part}_quantizer": weight_form(array, types, axes, f"the {part} of layer {options['name']!r}")
            for (part, axes), array in zip(parts, values, strict=False)
        }
        if options["use_bias"]:
            forms["bias_quantizer"] = bias_form(values[-1], types.bias_bits)
        built = getattr(self._qkeras, name)(**options, **{key: form.quantizer for key, form in forms.items()})
        told = {key: form.text for key, form in forms.items()}
        return built, [form.stored.astype(np.float32) for form in forms.values()], told

    def _normalization(self, layer: Any) -> Any:
        if any(layer.output is tensor for tensor in self._old.outputs):
            return None
        return foldable(layer, self._readers.get(id(layer.output), []))

    def _copy(self, layer: Any, kind: str) -> None:
        if layer.weights and not kind.startswith("Q"):
            self._left.append(layer.name)
        built = type(layer).from_config(layer.get_config())
        inputs = [self._of(tensor) for tensor in inputs_of(layer)]
        tensor = built(inputs if len(inputs) > 1 else inputs[0])
        if layer.weights:
            self._pending.append((built, layer.get_weights()))
        passed = self._typed.get(id(layer.input)) if kind in _WIRES else None
        self._set(layer, tensor, layer.name if kind == "QActivation" else passed)

    def _narrow(self, tensor: Any) -> Any:
        """The new tensor with a quantizer behind it, unless it has a narrow type already; one for all its readers."""
        if id(tensor) not in self._typed:
            source = next(layer for layer in self._old.layers if layer.output is tensor)
            name = f"{source.name}_quantized"
            self._new[id(tensor)] = self._activation(name, source)(self._new[id(tensor)])
            self._typed[id(tensor)] = name
        return self._new[id(tensor)]

    def _activation(self, name: str, layer: Any) -> Any:
        """A quantizer for the values that a layer of the old model gives."""
        types = self._config.of(layer)
        text = value_quantizer(self._seen[id(layer.output)], types.activation_bits)
        self.layers.append({"name": name, "class": "QActivation", "of": layer.name, "activation": text})
        built = self._qkeras.QActivation(text, name=name)

        def change(asked: Types) -> None:
            built.activation = value_quantizer(self._seen[id(layer.output)], asked.activation_bits)
            built.quantizer = self._qkeras.get_quantizer(built.activation)

        self._retyped.append((layer, types, change))
        return built

    def _of(self, tensor: Any) -> Any:
        return self._new[id(tensor)]

    def _set(self, layer: Any, tensor: Any, typed_by: str | None = None) -> None:
        """What a layer gives has become `tensor`; `typed_by` names the new layer whose narrow type it has."""
        self._new[id(layer.output)] = tensor
        if typed_by is not None:
            self._typed[id(layer.output)] = typed_by


def _exchange(layer: Any, donor: Any, stored: list[Array]) -> None:
    """Give a built layer the quantizers of one that is not built, and what it stores for them."""
    target, source = getattr(layer, "cell", layer), getattr(donor, "cell", donor)
    for name, value in vars(source).items():
        if name.endswith(("_quantizer", "_quantizer_internal")):
            setattr(target, name, value)
    layer.set_weights(stored)


def _inner(layer: Any) -> Any:
    """The dense layer that is repeated over time, which is a dense layer over the last axis; else the layer itself."""
    repeated = getattr(layer, "layer", None)
    if type(layer).__name__ == "TimeDistributed" and type(repeated).__name__ == "Dense":
        return repeated
    return layer
