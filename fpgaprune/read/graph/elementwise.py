"""Nodes without a matrix product: activations, pooling, merging, and those that only move data."""

import re
from math import ceil, prod
from typing import Any

from fpgaprune.design import Geometry, LayerKind, LayerSpec, Parameter, Table
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.read.conventions import ACTIVATION_PARAMETER, ACTIVATIONS, TABLE_ACTIVATIONS, spatial, stream_shape
from fpgaprune.read.graph.arrays import parameter, scalar
from fpgaprune.read.graph.node import Node

_FUNCTION = re.compile(r"\b\w+::(\w+)\s*[<(]")
_CONFIG = re.compile(r"\b(\w*config\w+)>\(")
_RENAMED = {"leakyrelu": "leaky_relu", "thresholdedrelu": "thresholded_relu"}


def activation(node: Node) -> LayerSpec:
    """A function of one value, with its table or its constants."""
    word = str(node.get("activation"))
    function = _RENAMED.get(word.lower(), word.lower())
    if function not in ACTIVATIONS:
        return other(node)
    shape = node.elementwise_shape()
    tables = {}
    precision = node.precision("table_t")
    if function in TABLE_ACTIVATIONS and precision is not None:
        tables["table"] = Table(node.need("table_size"), precision)
    return node.spec(
        LayerKind.ACTIVATION,
        function,
        shape,
        shape,
        tables=tables,
        parameters=_constants(node, function),
        reuse_factor=node.need("reuse_factor"),
        config=f"{word}_config{node.index}",
    )


def _constants(node: Node, function: str) -> dict[str, Parameter]:
    found: dict[str, Parameter | None] = {}
    if function in ("hard_sigmoid", "hard_tanh"):
        for name in ("slope", "shift"):
            found[name] = scalar(node.get(name), node.get(f"{name}_t").precision, node.name)
    elif function in ACTIVATION_PARAMETER:
        name = ACTIVATION_PARAMETER[function]
        if node.has_weights("param"):
            found[name] = parameter(node.weights("param"), (-1,))
        elif node.get("param_t") is not None:
            found[name] = scalar(node.get("activ_param", 1.0), node.get("param_t").precision, node.name)
    return {name: value for name, value in found.items() if value is not None}


def threshold(node: Node) -> LayerSpec:
    """Batch normalization and a binary or ternary activation, merged into comparisons."""
    shape = node.elementwise_shape()
    if int(node.get("quantize")) == 2:
        operation, names = "normalize_binary_tanh", {"threshold": "threshold"}
    else:
        operation = "normalize_ternary_tanh"
        names = {"threshold_high": "threshold_hi", "threshold_low": "threshold_lo"}
    return node.spec(
        LayerKind.ACTIVATION,
        operation,
        shape,
        shape,
        parameters={name: parameter(node.weights(hls4ml_name), (-1,)) for name, hls4ml_name in names.items()},
        reuse_factor=node.need("reuse_factor"),
    )


def softmax(node: Node) -> LayerSpec:
    """Softmax, with the tables of its implementation."""
    implementation = str(node.get("implementation", "stable")).lower()
    inner, outer = int(node.get("n_inner", 1)), int(node.get("n_outer", 1))
    tables = {}
    for name in ("exp_table", "inv_table"):
        precision = node.precision(f"{name}_t")
        if implementation != "argmax" and precision is not None:
            tables[name] = Table(_table_size(node, name, implementation), precision)
    shape = node.elementwise_shape()
    return node.spec(
        LayerKind.SOFTMAX,
        implementation,
        shape,
        shape,
        tables=tables,
        accumulator_precision=node.precision("accum_t"),
        reuse_factor=node.need("reuse_factor"),
        attributes={
            "slices": inner * outer,
            "slice_size": node.need("n_in") // inner // outer,
            "exp_scale": float(node.get("exp_scale", 1.0)),
            **({"inner": inner} if inner > 1 else {}),
            **_between(node, implementation),
        },
        config=f"{node.get('activation')}_config{node.index}",
    )


def _between(node: Node, implementation: str) -> dict[str, str]:
    """Types of the distance to the maximum and of the sum, which address the tables; defaults as hls4ml writes them."""
    if implementation not in ("stable", "latency"):
        return {}
    addressed = node.precision("inv_inp_t")
    if addressed is None or node.get("inv_inp_t").name == "model_default_t":
        addressed = node.precision("exp_table_t")
    found = {} if addressed is None else {"inv_inp_precision": addressed.cpp()}
    if implementation == "stable":
        distance = node.precision("inp_norm_t")
        if distance is None:
            source = node.input().type.precision
            sign = int(bool(source.signed))
            distance = FixedPoint(int(source.width) - sign, int(source.integer) - sign, signed=False)
        found["inp_norm_precision"] = distance.cpp()
    return found


def _table_size(node: Node, name: str, implementation: str) -> int:
    size = int(node.get(f"{name}_size") or node.need("table_size"))
    source = node.input().type.precision
    if name == "exp_table" and implementation == "stable" and node.get("inp_norm_t") is None and source.signed:
        # The maximum is subtracted, so half of the inputs' codes can occur: no larger table is written.
        inverse = int(node.get("inv_table_size") or node.need("table_size"))
        return min(inverse, 1 << (int(source.width) - 1))
    return size


def pooling(node: Node) -> LayerSpec:
    """Maximum or mean over a window."""
    channels = node.need("n_filt")
    sides = ((node.need("pad_left"), node.need("pad_right")),)
    if node.raw.class_name == "Pooling1D":
        window = Geometry((node.need("pool_width"),), (node.need("stride_width"),), sides)
        before: tuple[int, ...] = (node.need("n_in"),)
        after: tuple[int, ...] = (node.need("n_out"),)
    else:
        window = Geometry(
            (node.need("pool_height"), node.need("pool_width")),
            (node.need("stride_height"), node.need("stride_width")),
            ((node.need("pad_top"), node.need("pad_bottom")), *sides),
        )
        before = (node.need("in_height"), node.need("in_width"))
        after = (node.need("out_height"), node.need("out_width"))
    return node.spec(
        LayerKind.POOLING,
        str(node.get("pool_op")).lower(),
        (*before, channels),
        (*after, channels),
        geometry=window,
        accumulator_precision=node.precision("accum_t"),
        reuse_factor=node.need("reuse_factor"),
        attributes={"count_pad": True} if node.get("count_pad") else {},
    )


def global_pooling(node: Node) -> LayerSpec:
    """Maximum or mean over all positions."""
    channels = node.need("n_filt")
    one = node.raw.class_name == "GlobalPooling1D"
    before = (node.need("n_in"),) if one else (node.need("in_height"), node.need("in_width"))
    return node.spec(
        LayerKind.GLOBAL_POOLING,
        str(node.get("pool_op")).lower(),
        (*before, channels),
        (channels,),
        accumulator_precision=node.precision("accum_t"),
        reuse_factor=node.need("reuse_factor"),
    )


def merge(node: Node) -> LayerSpec:
    """An elementwise operation on two tensors."""
    operation = str(node.get("op")).lower()
    shape = node.elementwise_shape()
    return node.spec(LayerKind.MERGE, operation, node.input_shape, shape, reuse_factor=node.need("reuse_factor"))


def dot(node: Node) -> LayerSpec:
    """The sum of the products of two vectors."""
    size, reuse = int(node.input().shape[0]), node.need("reuse_factor")
    return node.spec(
        LayerKind.MERGE,
        "dot",
        (size,),
        (1,),
        accumulator_precision=node.precision("accum_t"),
        reuse_factor=reuse,
        multiplier_limit=ceil(size / reuse),
    )


def einsum(node: Node) -> LayerSpec:
    """Sums of products of two tensors over shared axes."""
    sizes = [node.need(name) for name in ("n_inplace", "n_free0", "n_free1", "n_contract")]
    reuse = node.need("reuse_factor")
    return node.spec(
        LayerKind.MERGE,
        "einsum",
        (prod(node.input_shape),),
        (prod(sizes[:3]),),
        accumulator_precision=node.precision("accum_t"),
        reuse_factor=reuse,
        multiplier_limit=ceil(prod(sizes) / reuse),
        attributes={"products": prod(sizes)},
    )


def concatenate(node: Node) -> LayerSpec:
    """Two tensors side by side along one axis."""
    shape = tuple(node.input(0).shape)
    axis = int(node.get("axis"))
    position = axis - 1 if axis > 0 else len(shape) + axis
    after = list(shape)
    after[position] += int(node.input(1).shape[position])
    return node.spec(LayerKind.CONCATENATE, None, shape, tuple(after), attributes={"axis": axis})


def clone(node: Node) -> LayerSpec:
    """A stream read by several layers."""
    return node.spec(LayerKind.RESHAPE, "clone", node.input_shape, node.input_shape, config=None)


def repack(node: Node) -> LayerSpec:
    """A stream in packets of another size."""
    shape = stream_shape(prod(node.input_shape), node.lanes(), ())
    return node.spec(LayerKind.RESHAPE, "repack", node.input_shape, shape, config=None)


def transpose(node: Node) -> LayerSpec:
    """A permutation of the axes."""
    before = tuple(node.input().shape)
    permutation = tuple(int(axis) for axis in node.get("perm"))
    after = tuple(before[axis] for axis in permutation)
    text = ",".join(map(str, permutation))
    return node.spec(LayerKind.RESHAPE, "transpose", before, after, attributes={"permutation": text})


def broadcast(node: Node) -> LayerSpec:
    """A tensor repeated to the shape of another."""
    return node.spec(LayerKind.RESHAPE, "broadcast", tuple(node.input().shape), tuple(node.output().shape))


def _frame(node: Node, side: str) -> tuple[int, ...]:
    sizes = [node.need(f"{side}_width"), node.need("n_chan")]
    if "2D" in node.raw.class_name:
        sizes.insert(0, node.need(f"{side}_height"))
    return tuple(sizes)


def padding(node: Node) -> LayerSpec:
    """Zeros around an image."""
    geometry = _borders(node, "pad")
    return node.spec(LayerKind.PADDING, None, _frame(node, "in"), _frame(node, "out"), geometry=geometry)


def _borders(node: Node, what: str) -> Geometry:
    """What is put around an image, or cut off it."""
    borders = [(node.need(f"{what}_left"), node.need(f"{what}_right"))]
    if "2D" in node.raw.class_name:
        borders.insert(0, (node.need(f"{what}_top"), node.need(f"{what}_bottom")))
    ones = (1,) * len(borders)
    return Geometry(ones, ones, tuple(borders))


def cropping(node: Node) -> LayerSpec:
    """An image without its borders."""
    geometry = _borders(node, "crop")
    return node.spec(LayerKind.RESHAPE, "cropping", _frame(node, "in"), _frame(node, "out"), geometry=geometry)


def resize(node: Node) -> LayerSpec:
    """Up-sampling."""
    channels = node.need("n_chan")
    before = spatial(int(node.get("in_height") or 1), node.need("in_width"), channels)
    after = spatial(int(node.get("out_height") or 1), node.need("out_width"), channels)
    return node.spec(LayerKind.UPSAMPLING, str(node.get("algorithm")), before, after)


def other(node: Node) -> LayerSpec:
    """Whatever this reader does not know: the name of its function, edges, types and arrays."""
    call = str(node.get("function_cpp"))
    function = _FUNCTION.search(call)
    config = _CONFIG.search(call)
    arrays: dict[str, Any] = {w.name: w for w in node.raw.get_weights() if re.search(rf"\b{re.escape(w.name)}\b", call)}
    return node.spec(
        LayerKind.OTHER,
        function.group(1) if function else str(node.raw.class_name),
        node.input_shape,
        node.elementwise_shape(),
        parameters={name: parameter(weights, (-1,)) for name, weights in arrays.items()},
        config=config.group(1) if config else None,
    )
