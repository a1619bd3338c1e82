"""Activations, as Keras functions or QKeras quantizers, into hls4ml activation records with exact output types."""

from math import prod
from typing import Any

import numpy as np

from fpgaprune.errors import ModelError
from fpgaprune.fixed_point import FixedPoint, Overflow, Rounding
from fpgaprune.frameworks import load_frameworks
from fpgaprune.generate.network import Network, Node, Record
from fpgaprune.generate.weights import check_computable
from fpgaprune.read.activation_rules import ActivationRule, activation_rule

_TABLES = {"sigmoid", "tanh", "softplus", "softsign", "selu"}
_SIGNS = {"binary", "stochastic_binary", "binary_tanh", "binary_sigmoid"}
_TERNARY = {"ternary", "stochastic_ternary", "ternary_tanh"}
_SELF = {"LeakyReLU", "ELU", "PReLU", "ThresholdedReLU", "Softmax"}  # layers hls4ml's parser already understands
_PLUS_MINUS_ONE = FixedPoint(2, 2, signed=True)


def lower_activation(network: Network, node: Node, layer: Any) -> None:
    """Add what `layer` applies to the values of `node`, its last node so far.

    Raises ModelError naming the layer when hls4ml has no such function.
    """
    kind = type(layer).__name__
    if kind == "Softmax":
        node.record["activation"] = "softmax"  # hls4ml names the structure by it, and by the class otherwise
        _place_softmax(node.record, layer, int(getattr(layer, "axis", -1)))
    if kind in _SELF:
        return
    if kind == "ReLU":
        _plain_relu(node, layer)
        return
    function = _function_of(layer)
    if function is None:
        return
    if kind in ("Activation", "QActivation", "QAdaptiveActivation"):
        _become(network, node, layer, function)
        return
    record, output_type = _record(function, node.name)
    if record["class_name"] == "Softmax":
        _place_softmax(record, layer, -1)
    if _is_linear(record):
        _set_output(network, node, output_type, f"{node.name}_linear")
        return
    suffix = str(record["activation"]).lower()
    follower = Node({**record, "name": _fresh(network, f"{node.name}_{suffix}")}, [], observed=node.observed)
    follower.output_type = output_type
    node.before_activation = True
    network.insert_after(node, follower)
    _round_once(network, follower)


def _function_of(layer: Any) -> Any:
    kind = type(layer).__name__
    activates = kind in ("QActivation", "QAdaptiveActivation")
    function = layer.quantizer if activates else getattr(layer, "activation", None)
    return load_frameworks().qkeras.get_quantizer(function) if isinstance(function, str) else function


def _become(network: Network, node: Node, layer: Any, function: Any) -> None:
    """Turn an activation layer's own node into what the function says; drop it where its type can move upstream."""
    record, output_type = _record(function, node.name)
    if record["class_name"] == "Softmax":
        _place_softmax(record, layer, -1)
    if not _is_linear(record):
        node.record = {**record, "name": node.name}
        node.output_type = output_type
        _round_once(network, node)
        return
    source = network.nodes[node.inputs[0]]
    if output_type is None:
        network.remove(node)
        return
    if network.only_consumer(source.name) is node and source.output_type is None and _casts_output(source):
        source.output_type, source.observed, source.before_activation = output_type, node.observed, False
        network.remove(node)
        return
    node.output_type = output_type


def _round_once(network: Network, node: Node) -> None:
    """Let the layer before a quantized ReLU store its result in the ReLU's own type.

    An unsigned saturating type clips at zero like the ReLU, so nothing changes but that the full sum is rounded once,
    and that the wide type between the two disappears. The same holds for hard sigmoids on their input's grid.
    """
    if node.output_type is None or not node.inputs:
        return
    source = network.nodes[node.inputs[0]]
    free = network.only_consumer(source.name) is node and source.output_type is None and _casts_output(source)
    if free and node.record["activation"] == "hard_sigmoid" and node.record.get("step") is not None:
        source.output_type = node.record["step"]
    if free and node.record["activation"] == "relu":
        source.output_type, source.observed, source.before_activation = node.output_type, node.observed, False


def _place_softmax(record: Record, layer: Any, axis: int) -> None:
    """Say over which axis to normalize: hls4ml would take a whole feature map for one distribution."""
    shape = [int(size) for size in layer.output.shape[1:]]
    position = axis if axis >= 0 else len(shape) + 1 + axis
    record["n_outer"], record["n_inner"] = prod(shape[: position - 1]), prod(shape[position:])
    record["classes"] = shape[position - 1]


def _casts_output(node: Node) -> bool:
    """Whether hls4ml computes the node exactly and rounds once, when it stores the result."""
    return node.kind in (
        "Dense",
        "Conv1D",
        "Conv2D",
        "DepthwiseConv1D",
        "DepthwiseConv2D",
        "BatchNormalization",
        "ApplyAlpha",
    )


def _set_output(network: Network, node: Node, output_type: FixedPoint | None, name: str) -> None:
    if output_type is None:
        return
    if _casts_output(node):
        node.output_type = output_type
        return
    cast = Node({"name": _fresh(network, name), "class_name": "Activation", "activation": "linear"}, [], node.observed)
    cast.output_type = output_type
    network.insert_after(node, cast)


def _is_linear(record: Record) -> bool:
    return bool(record["activation"] == "linear")


def _record(function: Any, layer: str) -> tuple[Record, FixedPoint | None]:
    """hls4ml's record of an activation, and the type its output is quantized to (None: not quantized)."""
    name = getattr(function, "__name__", None)
    if isinstance(name, str) and not hasattr(function, "get_config"):
        record = _qkeras_hard(name) if str(function.__module__).startswith("qkeras") else None
        return record or _keras_record(name, layer), None
    return _quantizer_record(function, layer)


def _qkeras_hard(name: str) -> Record | None:
    """QKeras' own hard functions, clip(x / 2 + 1 / 2, 0, 1) and clip(x, -1, 1); Keras' have a slope of 1 / 5."""
    return {"activation": name, **_half_slope()} if name in ("hard_sigmoid", "hard_tanh") else None


def _half_slope() -> Record:
    half = load_frameworks().hls4ml.model.types.FixedPrecisionType(width=2, integer=0, signed=False)
    return {"class_name": "HardActivation", "slope": 0.5, "shift": 0.5, "slope_prec": half, "shift_prec": half}


def _keras_record(name: str, layer: str) -> Record:
    if name in ("linear", "relu", "relu6") or name in _TABLES:
        return {"class_name": "Activation", "activation": name}
    if name == "softmax":
        return {"class_name": "Softmax", "activation": "softmax", "axis": -1}
    if name == "hard_sigmoid":
        return {"class_name": "HardActivation", "activation": "hard_sigmoid"}
    if name == "elu":
        return {"class_name": "ELU", "activation": "elu", "activ_param": 1.0}
    if name == "leaky_relu":
        return {"class_name": "LeakyReLU", "activation": "leaky_relu", "activ_param": 0.2}
    known = ", ".join(sorted({"linear", "relu", "relu6", "softmax", "hard_sigmoid", "elu", "leaky_relu", *_TABLES}))
    message = f"the activation {name!r} of layer {layer!r} has no hls4ml kernel; those that have one are {known}"
    raise ModelError(message)


def _quantizer_record(quantizer: Any, layer: str) -> tuple[Record, FixedPoint | None]:
    kind = type(quantizer).__name__
    check_computable(layer, quantizer)
    rule = activation_rule(quantizer)
    if rule is not None:
        return _rule_record(quantizer, rule), rule.type
    unscaled = getattr(quantizer, "alpha", None) in (None, 1, 1.0)
    one_bit = kind == "quantized_bits" and int(quantizer.bits) == 1
    if (kind in _SIGNS or one_bit) and unscaled:
        return {"class_name": "Activation", "activation": "binary_tanh"}, _PLUS_MINUS_ONE
    if kind in _TERNARY and unscaled:
        threshold: Any = getattr(quantizer, "threshold", None) or getattr(quantizer, "default_threshold", 0.33)
        return {
            "class_name": "TernaryTanh",
            "activation": "ternary_tanh",
            "threshold": float(threshold),
        }, _PLUS_MINUS_ONE
    message = (
        f"the activation quantizer {kind} of layer {layer!r} has no fixed-point equal in hls4ml; "
        "use quantized_bits, quantized_relu, quantized_tanh, quantized_sigmoid, binary or ternary without a scale"
    )
    raise ModelError(message)


def _rule_record(quantizer: Any, rule: ActivationRule) -> Record:
    if rule.name == "linear" and "relu" in type(quantizer).__name__:
        return {"class_name": "Activation", "activation": "relu"}
    if rule.name == "linear":
        return {"class_name": "Activation", "activation": "linear"}
    if rule.name == "leaky_relu":
        # The negative side saturates where slope times the input reaches the slope itself times 2**integer.
        lowest = -(2.0 ** int(quantizer.integer))
        slope = float(quantizer.negative_slope)
        return {"class_name": "LeakyReLU", "activation": "leaky_relu", "activ_param": slope, "lowest_input": lowest}
    if rule.name == "hard_sigmoid":
        bits = int(quantizer.bits)
        symmetric = Overflow.SAT_SYM if quantizer.symmetric else Overflow.SAT
        return {
            **_half_slope(),
            "activation": "hard_sigmoid",
            # x / 2 + 1 / 2 in `bits` fractional bits, clipped, is x in one bit less, clipped: rounded before, not after
            "step": FixedPoint(bits, 1, True, Rounding.RND_CONV, symmetric),
        }
    return {"class_name": "Activation", "activation": rule.name}


def _plain_relu(node: Node, layer: Any) -> None:
    slope, threshold = float(np.asarray(layer.negative_slope)), float(np.asarray(layer.threshold))
    bound = None if layer.max_value is None else float(np.asarray(layer.max_value))
    if threshold != 0.0 or (slope != 0.0 and bound is not None) or bound not in (None, 1.0, 6.0):
        message = (
            f"the ReLU layer {node.name!r} has max_value={bound}, negative_slope={slope}, threshold={threshold}; "
            "hls4ml has plain and leaky ReLU, and upper bounds of 1 and 6"
        )
        raise ModelError(message)
    if slope != 0.0:
        node.record = {"class_name": "LeakyReLU", "activation": "leaky_relu", "activ_param": slope, "name": node.name}
    else:
        function = "relu" if bound is None else f"relu{int(bound)}"
        node.record = {"class_name": "Activation", "activation": function, "name": node.name}


def _fresh(network: Network, name: str) -> str:
    fresh = name
    while fresh in network.nodes:
        fresh += "_"
    return fresh
