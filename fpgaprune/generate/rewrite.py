"""Exact simplifications of the network before types are chosen: batch normalizations become scales, scales merge."""

import numpy as np

from fpgaprune.generate.network import Network, Node
from fpgaprune.generate.weights import Array

_MATRIX = ("Dense", "Conv1D", "Conv2D")
_DEPTHWISE = ("DepthwiseConv1D", "DepthwiseConv2D")
_SCALES = ("BatchNormalization", "ApplyAlpha")


def simplify(network: Network) -> None:
    """Turn every batch normalization into scale and offset, and fold it backwards where that costs nothing.

    It goes into a product with float weights, or into the scale in front of it; weights that the model's own
    quantizers made stay as they are, and the scale stays a layer.
    """
    for node in network:
        if node.kind == "BatchNormalization":
            _as_scale(node)
    for node in network:
        if node.kind in _SCALES and node.name in network.nodes:
            _fold_back(network, node)
    for node in network:
        if node.kind in _SCALES:
            node.record["class_name"] = "BatchNormalization"


def _as_scale(node: Node) -> None:
    record = node.record
    gamma, beta = np.asarray(record["gamma_data"], float), np.asarray(record["beta_data"], float)
    mean, variance = np.asarray(record["mean_data"], float), np.asarray(record["variance_data"], float)
    scale = gamma / np.sqrt(variance + record["epsilon"])
    record["scale_data"], record["bias_data"] = scale, beta - scale * mean
    for name in ("gamma_data", "beta_data", "mean_data", "variance_data"):
        del record[name]


def _fold_back(network: Network, node: Node) -> None:
    source = network.nodes[node.inputs[0]]
    if network.only_consumer(source.name) is not node or source.output_type is not None:
        return
    scale, offset = np.asarray(node.record["scale_data"]), np.asarray(node.record["bias_data"])
    if source.kind in _SCALES:
        source.record["scale_data"] = source.record["scale_data"] * scale
        source.parameter_types = {}
    elif source.kind in (*_MATRIX, *_DEPTHWISE) and not source.quantized:
        key = "depthwise_data" if source.kind in _DEPTHWISE else "weight_data"
        weights = np.asarray(source.record[key], float)
        channels = scale.reshape(weights.shape[-2:]) if source.kind in _DEPTHWISE else scale
        source.record[key] = weights * channels
    else:
        return
    bias: Array | float = (
        0.0 if source.record.get("bias_data") is None else np.asarray(source.record["bias_data"], float)
    )
    source.record["bias_data"] = bias * scale + offset
    source.record["use_bias"] = True
    source.observed, source.before_activation = node.observed, node.before_activation
    source.output_type = node.output_type
    network.remove(node)
