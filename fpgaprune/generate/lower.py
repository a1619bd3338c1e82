"""From a Keras or QKeras model to hls4ml's layer records, with every quantizer already applied.

hls4ml's own QKeras handlers lose a bit of unsigned weights, insert a multiplication for every scale and move
rounding into the weights' text; so the records are parsed from a plain Keras architecture, and the constants and
types come from the model's own quantizers.
"""

import importlib
import json
from typing import Any

import numpy as np

from fpgaprune.errors import ModelError
from fpgaprune.frameworks import load_frameworks, quiet
from fpgaprune.generate.activations import lower_activation
from fpgaprune.generate.network import Network, Node, Record
from fpgaprune.generate.recurrent_layers import RECURRENT, check_recurrent, unwrap
from fpgaprune.generate.weights import Array, LayerConstants, layer_constants

_PLAIN_CLASS = {
    "QDense": "Dense",
    "QDenseBatchnorm": "Dense",
    "QConv1D": "Conv1D",
    "QConv2D": "Conv2D",
    "QConv2DBatchnorm": "Conv2D",
    "QDepthwiseConv2D": "DepthwiseConv2D",
    "QDepthwiseConv2DBatchnorm": "DepthwiseConv2D",
    "QSeparableConv1D": "SeparableConv1D",
    "QSeparableConv2D": "SeparableConv2D",
    "QBatchNormalization": "BatchNormalization",
    "QActivation": "Activation",
    "QAdaptiveActivation": "Activation",
    "QAveragePooling2D": "AveragePooling2D",
    "QGlobalAveragePooling2D": "GlobalAveragePooling2D",
    "QSimpleRNN": "SimpleRNN",
    "QLSTM": "LSTM",
    "QGRU": "GRU",
}
_IGNORED = {
    "GaussianNoise",
    "GaussianDropout",
    "AlphaDropout",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "ActivityRegularization",
}


class _ConstantReader:
    """What hls4ml's parsers ask for constants: by layer and the variable's exact name."""

    def __init__(self, constants: dict[str, LayerConstants], fallback: Any) -> None:
        self._constants = constants
        self._fallback = fallback  # for Bidirectional, whose variables hls4ml names by direction
        self.model = fallback.model

    def get_weights_data(self, layer_name: str, var_name: str) -> Array | None:
        """The array, or None when the layer has none of that name."""
        constants = self._constants.get(layer_name)
        if constants is None:
            found: Array | None = self._fallback.get_weights_data(layer_name, var_name)
            return found
        return constants.arrays.get(var_name)


def lower(model: Any) -> Network:
    """The network of a loaded Keras model, one node per hls4ml layer.

    Raises ModelError naming the layer that cannot be converted, and why.
    """
    load_frameworks()
    converter = importlib.import_module("hls4ml.converters.keras_v2_to_hls")  # the package shadows it by a function
    with quiet("architecture"):
        architecture = json.loads(model.to_json())
    layers = {layer.name: layer for layer in model.layers}
    for record in architecture["config"]["layers"]:
        if (wrapped := layers.get(record["config"]["name"])) is not None:
            layers[wrapped.name] = unwrap(record, wrapped)
    constants = {
        name: layer_constants(layer)
        for name, layer in layers.items()
        if layer.weights and type(layer).__name__ != "Bidirectional"
    }
    for record in architecture["config"]["layers"]:
        _plain(record, layers.get(record["config"]["name"]), constants, converter.get_supported_keras_layers())
    reader = _ConstantReader(constants, converter.KerasModelReader(model))
    try:
        with quiet("hls4ml parser"):
            records, inputs, outputs, _ = converter.parse_keras_model(architecture, reader)
    except (AssertionError, KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        message = f"hls4ml cannot parse the model: {error!r}"
        raise ModelError(message) from error
    except Exception as error:  # hls4ml raises a bare Exception for every refusal
        message = f"hls4ml cannot convert the model: {error}"
        raise ModelError(message) from error
    network = _network(records, inputs, outputs)
    for name, layer in layers.items():
        _attach(network, name, layer, constants.get(name))
    for name in network.inputs:
        if not network.consumers(name) and name not in network.outputs:
            message = f"nothing reads the input {name!r}, which hls4ml would leave out; build the model without it"
            raise ModelError(message)
    return network


def _plain(record: Record, layer: Any, constants: dict[str, LayerConstants], supported: list[str]) -> None:
    """Turn one layer of the architecture into plain Keras, in place; activations become linear until lowered."""
    config = record["config"]
    kind = record["class_name"] = _PLAIN_CLASS.get(record["class_name"], record["class_name"])
    if kind in _IGNORED:
        record["class_name"] = kind = "Dropout"
    if kind not in supported and kind != "Dropout":
        message = f"layer {config['name']!r} is of class {kind!r}, which hls4ml cannot convert"
        raise ModelError(message)
    _refuse_broken_kernel(config, kind)
    if kind.startswith("Global") and config.get("keepdims"):
        message = (
            f"layer {config['name']!r} ({kind}) keeps the axes that it pools (keepdims), which hls4ml does not: leave "
            "that out, and put a Reshape to 1 x 1 x channels behind it"
        )
        raise ModelError(message)
    if layer is None:
        return
    if config.get("data_format") == "channels_first":
        message = f"layer {config['name']!r} is channels_first; only channels_last models are converted"
        raise ModelError(message)
    if "activation" in config and kind not in RECURRENT:
        config["activation"] = "linear"
    if "batch_input_shape" in config and None in config["batch_input_shape"][1:]:
        message = f"the input {config['name']!r} has an unknown dimension: {config['batch_input_shape'][1:]}"
        raise ModelError(message)
    check_recurrent(record, constants.get(config["name"]))
    _expand_kernel(config, kind, constants.get(config["name"]))


def _refuse_broken_kernel(config: Record, kind: str) -> None:
    """Layers that hls4ml 1.3.0 converts although their kernel is missing (nnet_image.h) or right for few values."""
    if kind == "UpSampling2D" and config.get("interpolation", "nearest") != "nearest":
        message = (
            f"layer {config['name']!r} interpolates {config['interpolation']!r}, for which hls4ml has no kernel; "
            "use interpolation 'nearest'"
        )
        raise ModelError(message)
    if kind == "LayerNormalization":
        message = (
            f"layer {config['name']!r} is a LayerNormalization, which hls4ml computes from a table of variances "
            "below 1 only (nnet_layernorm.h); use BatchNormalization"
        )
        raise ModelError(message)


def _expand_kernel(config: Record, kind: str, constants: LayerConstants | None) -> None:
    """Write dilation and groups, which hls4ml ignores, into the kernel as zeros: a zero weight costs nothing."""
    if constants is None or "dilation_rate" not in config:
        return
    dilation = config["dilation_rate"]
    name = "depthwise_kernel" if "depthwise_kernel" in constants.arrays else "kernel"
    kernel = constants.arrays[name]
    spatial = len(config["kernel_size"])
    if isinstance(dilation, int):
        dilation = [dilation] * spatial
    if any(rate != 1 for rate in dilation):
        shape = [(size - 1) * rate + 1 for size, rate in zip(kernel.shape, dilation, strict=False)]
        spread = np.zeros((*shape, *kernel.shape[spatial:]))
        spread[tuple(slice(None, None, rate) for rate in dilation)] = kernel
        kernel = spread
        config["kernel_size"], config["dilation_rate"] = shape, [1] * spatial
    groups = int(config.get("groups", 1) or 1)
    if kind in ("Conv1D", "Conv2D") and groups > 1:
        channels, filters = kernel.shape[-2], kernel.shape[-1] // groups
        full = np.zeros((*kernel.shape[:-2], channels * groups, kernel.shape[-1]))
        for group in range(groups):
            rows, columns = (
                slice(group * channels, (group + 1) * channels),
                slice(group * filters, (group + 1) * filters),
            )
            full[..., rows, columns] = kernel[..., columns]
        kernel = full
        config["groups"] = 1
    constants.arrays[name] = kernel


def _network(records: list[Record], inputs: list[str] | None, outputs: list[str] | None) -> Network:
    nodes: dict[str, Node] = {}
    previous: str | None = None
    for record in records:
        name = record["name"]
        if name in nodes:
            message = f"two layers are called {name!r}; hls4ml needs unique names"
            raise ModelError(message)
        is_input = record["class_name"] in ("InputLayer", "Input")
        sources = list(record.get("inputs") or ([] if is_input or previous is None else [previous]))
        nodes[name] = Node(record, [] if is_input else sources)
        previous = name
    first, last = records[0]["name"], records[-1]["name"]
    return Network(nodes, list(inputs or [first]), list(outputs or [last]))


def _attach(network: Network, name: str, layer: Any, constants: LayerConstants | None) -> None:
    """Give a layer's node its types and lower its activation to nodes of their own."""
    node = network.nodes.get(name)
    if node is None:  # dropout and the like
        return
    node.observed = name
    trailing = network.nodes.get(f"{name}_linear")
    if trailing is not None:
        network.remove(trailing)
    if constants is not None:
        network.notes.extend(constants.notes)
        node.parameter_types = {_HLS_NAME.get(key, key): value for key, value in constants.types.items()}
        node.quantized = constants.quantized
        if constants.scale is not None:
            node = _insert_scale(network, node, constants)
    if node.kind in RECURRENT:
        return
    lower_activation(network, node, layer)


_HLS_NAME = {"kernel": "weight", "depthwise_kernel": "weight", "recurrent_kernel": "recurrent_weight"}


def _insert_scale(network: Network, node: Node, constants: LayerConstants) -> Node:
    """A scale layer behind a matrix product whose weights are codes; it takes over the bias."""
    record = node.record
    bias = record.get("bias_data")
    channels = constants.scale.size if constants.scale is not None else 0
    record["bias_data"] = None if bias is None else np.zeros_like(bias)
    node.parameter_types.pop("bias", None)
    size = (
        int(record["n_out"])
        if node.kind == "Dense"
        else int(record["n_filt"] * record["out_width"] * record.get("out_height", 1))
    )
    scale = Node(
        {
            "name": f"{node.name}_alpha",
            "class_name": "ApplyAlpha",
            "n_in": size,
            "n_filt": -1 if node.kind == "Dense" else channels,
            "scale_data": constants.scale,
            "bias_data": np.zeros(channels) if bias is None else np.asarray(bias),
        },
        [node.name],
        observed=node.observed,
        parameter_types={"bias": constants.types["bias"]} if "bias" in constants.types else {},
    )
    network.insert_after(node, scale)
    node.observed = None
    return scale
