"""A Keras 2 Functional model from the graph: nested models inlined, shared layers copied, names made safe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fpgaprune.errors import ModelError
from fpgaprune.frameworks import Frameworks, load_frameworks, quiet
from fpgaprune.read.model.names import safe_name
from fpgaprune.read.model.network import LayerRecord, NetworkRecord, Tensor
from fpgaprune.read.model.vet import Vetting, check_layer_class, class_of, layer_class, vet_options
from fpgaprune.read.model.vocabulary import QKERAS_LAYERS, QUANTIZERS

# What does nothing at inference and what hls4ml does not know; it skips a plain Dropout itself.
_IDENTITIES = frozenset(
    (
        "SpatialDropout1D",
        "SpatialDropout2D",
        "GaussianNoise",
        "GaussianDropout",
        "AlphaDropout",
        "ActivityRegularization",
    )
)
_WRAPPERS = frozenset(("Bidirectional", "QBidirectional", "TimeDistributed"))
_WHERE = ("Exception encountered when calling layer", "in user code", "File ")
_BUILD_ERRORS = (TypeError, ValueError, KeyError, AttributeError, IndexError, AssertionError, NotImplementedError)


@dataclass
class Built:
    """The model, and for every layer record of the file (by identity) the layers built from it."""

    model: Any
    copies: dict[int, list[Any]]


def build_model(vetting: Vetting, network: NetworkRecord) -> Built:
    """Build the model without weights; raises ModelError naming the layer that cannot be built."""
    frameworks = load_frameworks()
    scope = {name: getattr(frameworks.qkeras, name) for name in QKERAS_LAYERS | QUANTIZERS | {"Clip", "QInitializer"}}
    with frameworks.keras.utils.custom_object_scope(scope), quiet("building the model"):
        builder = _Builder(vetting, frameworks)
        inputs = builder.make_inputs(network)
        outputs = builder.inline(network, dict(zip(network.inputs, inputs, strict=True)))
        if builder.shared:
            names = ", ".join(dict.fromkeys(builder.shared))
            vetting.note(f"layers used more than once are copied, and built as often in hardware: {names}")
        name = safe_name(network.name, ())
        return Built(frameworks.keras.Model(inputs, outputs, name=name), builder.copies)


@dataclass
class _Builder:
    vetting: Vetting
    frameworks: Frameworks
    names: set[str] = field(default_factory=set)
    copies: dict[int, list[Any]] = field(default_factory=dict)
    shared: list[str] = field(default_factory=list)

    def make_inputs(self, network: NetworkRecord) -> list[Any]:
        """Keras inputs for those of the outermost network, in its order."""
        return [self._input(network, tensor) for tensor in network.inputs]

    def _input(self, network: NetworkRecord, tensor: Tensor) -> Any:
        source = next(layer for layer in network.layers if layer.name == tensor.layer)
        shape = _input_shape(self.vetting, network, source)
        asked = source.name if source.kind == "InputLayer" else f"{source.name}_input"
        name = self._safe(asked, (), is_input=True)
        return self.frameworks.keras.Input(shape=shape, name=name)

    def _safe(self, asked: str, suffixes: Sequence[str], *, is_input: bool = False, is_copy: bool = False) -> str:
        name = safe_name(asked, self.names, suffixes, is_input=is_input)
        if name != asked and not is_copy:
            self.vetting.note(f"the layer {asked!r} is called {name!r} from here on: the name goes into C++ code")
        self.names.update((name, *(f"{name}{suffix}" for suffix in suffixes)))
        return name

    def inline(self, network: NetworkRecord, fed: Mapping[Tensor, Any]) -> list[Any]:
        """Call every layer of the network on what it reads, starting from `fed`; returns the outputs."""
        values: dict[Tensor, Any] = {}
        pending = list(self._start(network, fed, values))
        while pending:
            ready = [item for item in pending if all(t in values for t in item[1])]
            if not ready:
                names = ", ".join(sorted({layer.name for layer, _, _ in pending}))
                message = f"{self.vetting.path}: the layers {names} wait for each other"
                raise ModelError(message)
            for layer, reads, call in ready:
                results = self._call(layer, [values[t] for t in reads])
                values.update({Tensor(layer.name, call, index): one for index, one in enumerate(results)})
            pending = [item for item in pending if Tensor(item[0].name, item[2]) not in values]
        return [self._value(values, tensor) for tensor in network.outputs]

    def _start(
        self, network: NetworkRecord, fed: Mapping[Tensor, Any], values: dict[Tensor, Any]
    ) -> list[tuple[LayerRecord, tuple[Tensor, ...], int]]:
        """Put the inputs in place; what is left to call, with what it reads."""
        pending: list[tuple[LayerRecord, tuple[Tensor, ...], int]] = []
        sources = {tensor.layer: value for tensor, value in fed.items()}
        for layer in network.layers:
            if layer.kind == "InputLayer":
                if layer.name not in sources:
                    raise self.vetting.refuse(layer.name, "is an input that the model does not list")
                values[Tensor(layer.name)] = sources[layer.name]
            elif not layer.calls and layer.name in sources:  # a Sequential without an input layer
                outside = Tensor(f"/{layer.name}")
                values[outside] = sources[layer.name]
                pending.append((layer, (outside,), 0))
            else:
                pending.extend((layer, reads, call) for call, reads in enumerate(layer.calls))
        return pending

    def _value(self, values: Mapping[Tensor, Any], tensor: Tensor) -> Any:
        if tensor not in values:
            message = f"{self.vetting.path}: the layer {tensor.layer!r} has no output {tensor.output}"
            raise ModelError(message)
        return values[tensor]

    def _call(self, layer: LayerRecord, inputs: list[Any]) -> list[Any]:
        if layer.network is not None:
            if len(layer.network.inputs) != len(inputs):
                raise self.vetting.refuse(layer.name, f"reads {len(inputs)} tensors, but has other inputs")
            self.vetting.note(f"the model {layer.name!r} within the model is replaced by its layers")
            return self.inline(layer.network, dict(zip(layer.network.inputs, inputs, strict=True)))
        if layer.kind in _IDENTITIES:
            self.vetting.note(f"the layer {layer.name!r} ({layer.kind}) is left out: it does nothing at inference")
            return inputs
        options = vet_options(self.vetting, layer.kind, layer.name, layer.options)
        own = str(layer.options.get("name", layer.name))
        is_copy = id(layer) in self.copies
        if is_copy:
            self.shared.append(own)
        options["name"] = self._safe(own, _suffixes(layer.kind, options), is_copy=is_copy)
        try:
            built = self._construct(layer, options)
            result = built(inputs if len(inputs) > 1 or layer.kind == "Concatenate" else inputs[0])
        except _build_errors(self.frameworks) as error:
            raise self.vetting.refuse(layer.name, f"({layer.kind}) cannot be built: {_short(error)}") from error
        self.copies.setdefault(id(layer), []).append(built)
        return list(result) if isinstance(result, list | tuple) else [result]

    def _construct(self, layer: LayerRecord, options: dict[str, Any]) -> Any:
        cls = layer_class(layer.kind)
        if layer.kind == "QDenseBatchnorm":
            self.vetting.note(f"the layer {layer.name!r} (QDenseBatchnorm) is loaded as a QDense with folded weights")
            accepted = _qdense_options(options)
            return cls.from_config({**accepted, "use_bias": True})
        if layer.kind in _WRAPPERS:
            for key in ("layer", "backward_layer"):
                inner = layer.options.get(key)
                if inner is not None:
                    options[key] = self._wrapped(layer, inner)
            return cls(**options)
        return cls.from_config(options)

    def _wrapped(self, outer: LayerRecord, inner: Any) -> Any:
        if not isinstance(inner, Mapping) or not isinstance(inner.get("config"), Mapping):
            raise self.vetting.refuse(outer.name, "wraps something without a configuration")
        name = str(inner["config"].get("name", outer.name))
        if class_of(inner) in ("Sequential", "Functional", "Model"):
            raise self.vetting.refuse(outer.name, f"wraps the model {name!r}; only a single layer can be wrapped")
        kind = check_layer_class(self.vetting, inner, name)
        options = vet_options(self.vetting, kind, name, inner["config"])
        options["name"] = safe_name(name, ())
        return layer_class(kind).from_config(options)


def _build_errors(frameworks: Frameworks) -> tuple[type[Exception], ...]:
    return (*_BUILD_ERRORS, frameworks.tensorflow.errors.OpError)


def _short(error: BaseException) -> str:
    """The line of a Keras error that says something: it comes after where it happened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(_WHERE)]
    return (telling or lines or [type(error).__name__])[0][:200]


def _suffixes(kind: str, options: Mapping[str, Any]) -> tuple[str, ...]:
    """Endings under which hls4ml may make further layers of this one."""
    endings: list[str] = []
    activation = options.get("activation")
    if kind not in ("Activation", "QActivation") and activation not in (None, "linear"):
        endings.append(f"_{class_of(activation) if isinstance(activation, Mapping) else activation}")
    if "Separable" in kind:
        endings.extend(("_depthwise", "_pointwise"))
    if kind in QKERAS_LAYERS and any(key.endswith("_quantizer") for key in options):
        endings.append("_alpha")
    return tuple(endings)


def _qdense_options(options: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("name", "trainable", "units", "activation", "kernel_quantizer", "bias_quantizer")
    return {key: options[key] for key in kept if key in options}


def _input_shape(vetting: Vetting, network: NetworkRecord, source: LayerRecord) -> tuple[int, ...]:
    """Shape without the batch."""
    found: Any = None
    for key in ("batch_input_shape", "batch_shape", "build_input_shape"):
        found = found or source.options.get(key)
    if isinstance(found, Mapping):
        found = found.get("items")
    if found is None and source.options.get("input_shape") is not None:
        found = [None, *source.options["input_shape"]]
    if found is None and source.options.get("input_dim") is not None:
        found = [None, source.options["input_dim"]]
    found = found or network.input_shape
    if not isinstance(found, list | tuple) or len(found) < 2:
        if source.network is not None:
            inner = source.network
            first = next(layer for layer in inner.layers if layer.name == inner.inputs[0].layer)
            return _input_shape(vetting, inner, first)
        raise vetting.refuse(source.name, "does not say the shape of its input, nor does anything else in the file")
    shape = tuple(found[1:])
    if not all(isinstance(size, int) and size > 0 for size in shape):
        asked = "x".join("?" if size is None else str(size) for size in shape)
        raise vetting.refuse(source.name, f"takes inputs of any size ({asked}); hardware needs fixed sizes")
    return shape
