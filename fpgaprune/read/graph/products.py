"""Nodes that multiply by constants: dense, convolutions, batch normalization, recurrent."""

from math import ceil, prod
from typing import Any

from fpgaprune.design import Geometry, LayerKind, LayerSpec, Parameter, Strategy, Table
from fpgaprune.read.graph.arrays import parameter
from fpgaprune.read.graph.node import Node, multiplier_limit

_GATES = {"LSTM": 4, "GRU": 3}


def dense(node: Node) -> LayerSpec:
    """A matrix product."""
    if not node.has_weights("weight"):  # distributed arithmetic: an adder graph took their place
        parallel = node.io_type != "io_stream"
        n_in = prod(node.input_shape) if parallel else node.need("n_in")
        n_out = prod(node.output().shape) if parallel else node.need("n_out")
        return node.spec(
            LayerKind.DENSE,
            None,
            (n_in,),
            (n_out,),
            strategy=Strategy.DISTRIBUTED_ARITHMETIC,
            config=None if parallel else f"config{node.index}",
        )
    n_in, n_out, reuse = node.need("n_in"), node.need("n_out"), node.need("reuse_factor")
    weights = node.weights("weight")
    return node.spec(
        LayerKind.DENSE,
        None,
        (n_in,),
        (n_out,),
        parameters={
            "weight": parameter(weights, (n_in, n_out), transposed=node.transposed, binary=True),
            "bias": parameter(node.weights("bias"), (n_out,)),
        },
        accumulator_precision=node.precision("accum_t"),
        strategy=node.strategy(),
        reuse_factor=reuse,
        multiplier_limit=multiplier_limit(n_in, n_out, reuse, int(weights.nzeros)),
        claimed_zeros=int(weights.nzeros),
        attributes={**node.in_bram(), **dict(node.get("fpgaprune_kernel") or {})},
    )


def _window(node: Node, dimensions: int) -> tuple[Geometry, tuple[int, ...], tuple[int, ...]]:
    sides = ("height", "width")[2 - dimensions :]
    borders = {"height": ("pad_top", "pad_bottom"), "width": ("pad_left", "pad_right")}
    written = node.has_weights("weight")  # the configuration of distributed arithmetic leaves the padding out
    geometry = Geometry(
        kernel=tuple(node.need(f"filt_{side}") for side in sides),
        stride=tuple(node.need(f"stride_{side}") for side in sides),
        padding=tuple(
            (node.need(borders[side][0]), node.need(borders[side][1])) if written else (0, 0) for side in sides
        ),
    )
    before = tuple(node.need(f"in_{side}") for side in sides)
    return geometry, before, tuple(node.need(f"out_{side}") for side in sides)


def convolution(node: Node) -> LayerSpec:
    """A convolution, pointwise or depthwise too."""
    name = str(node.raw.class_name)
    dimensions = 1 if "1D" in name else 2
    geometry, before, after = _window(node, dimensions)
    channels, filters = node.need("n_chan"), node.need("n_filt")
    positions = prod(after)
    depthwise = name.startswith("Depthwise")
    partitions = node.get("n_partitions") or 1
    kinds = (
        (LayerKind.DEPTHWISE_CONV1D, LayerKind.DEPTHWISE_CONV2D) if depthwise else (LayerKind.CONV1D, LayerKind.CONV2D)
    )
    attributes: dict[str, int | str | bool] = {**node.in_bram(), **dict(node.get("fpgaprune_kernel") or {})}
    if depthwise:
        attributes["depth_multiplier"] = filters // channels
    elif node.io_type == "io_stream" and not name.startswith("Pointwise"):
        encoded = str(node.get("implementation", "linebuffer")).lower() == "encoded"
        attributes["window_encoded" if encoded else "window_function"] = True
    shape = (*geometry.kernel, channels, filters // channels if depthwise else filters)
    facts = _product_facts(node, shape, filters, positions) if node.has_weights("weight") else {}
    return node.spec(
        kinds[dimensions - 1],
        "pointwise" if name.startswith("Pointwise") else None,
        (*before, channels),
        (*after, filters),
        geometry=geometry,
        strategy=node.strategy(),
        positions=positions,
        parallelization_factor=1 if node.io_type == "io_stream" else max(1, positions // int(partitions)),
        attributes=attributes,
        **facts,
    )


def _product_facts(node: Node, shape: tuple[int, ...], filters: int, positions: int) -> dict[str, object]:
    weights, reuse = node.weights("weight"), node.need("reuse_factor")
    n_in, n_out = prod(shape[:-2]) * node.need("n_chan"), filters
    if _batched(node, shape) and not node.get("fpgaprune_kernel"):
        # The latency kernel takes all positions of a one-dimensional pointwise convolution as one dense product.
        n_in, n_out = n_in * positions, n_out * positions
    parameters: dict[str, Parameter] = {
        "weight": parameter(weights, shape, transposed=node.transposed, binary=True),
        "bias": parameter(node.weights("bias"), (filters,)),
    }
    return {
        "parameters": parameters,
        "accumulator_precision": node.precision("accum_t"),
        "reuse_factor": reuse,
        "multiplier_limit": multiplier_limit(n_in, n_out, reuse, int(weights.nzeros)),
        "claimed_zeros": int(weights.nzeros),
    }


def _batched(node: Node, shape: tuple[int, ...]) -> bool:
    return (
        len(shape) == 3
        and shape[0] == 1
        and node.strategy() is Strategy.LATENCY
        and node.io_type == "io_parallel"
        and int(node.get("n_partitions") or 0) == 1
    )


def einsum_dense(node: Node) -> LayerSpec:
    """A matrix of constants over chosen axes: one for every index of the axes kept."""
    free, outputs, summed, kept = (
        node.need(name) for name in ("n_free_data", "n_free_kernel", "n_contract", "n_inplace")
    )
    facts: dict[str, Any] = {}
    if node.has_weights("weight"):
        weights, reuse = node.weights("weight"), node.need("reuse_factor")
        facts["parameters"] = {
            "weight": parameter(weights, (kept, summed, outputs), binary=True),
            "bias": parameter(node.weights("bias"), (-1,)),
        }
        facts["reuse_factor"] = reuse
        if kept == 1:
            facts["multiplier_limit"] = multiplier_limit(summed, outputs, reuse, int(weights.nzeros))
            facts["claimed_zeros"] = int(weights.nzeros)
    at_once = node.need("parallelization_factor") if node.raw.model.config.pipeline_style == "dataflow" else free
    return node.spec(
        LayerKind.EINSUM_DENSE,
        None,
        (free * summed * kept,),
        (free * outputs * kept,),
        accumulator_precision=node.precision("accum_t"),
        strategy=node.strategy(),
        positions=free,
        parallelization_factor=min(free, at_once if at_once > 0 else free),
        **facts,
    )


def batch_norm(node: Node) -> LayerSpec:
    """One scale and one offset per channel."""
    n_in, reuse = prod(node.input().shape), node.need("reuse_factor")
    filters = int(node.get("n_filt", -1))
    channels = n_in if filters in (-1, 0) else filters
    shape = node.elementwise_shape()
    return node.spec(
        LayerKind.BATCH_NORM,
        None,
        shape,
        shape,
        parameters={
            "weight": parameter(node.weights("scale"), (channels,), binary=True),
            "bias": parameter(node.weights("bias"), (channels,)),
        },
        reuse_factor=reuse,
        multiplier_limit=ceil(n_in / reuse),
        attributes={"channels": channels, **node.in_bram(), **dict(node.get("fpgaprune_kernel") or {})},
    )


def recurrent(node: Node) -> LayerSpec:
    """LSTM or GRU, one direction or both."""
    both = node.raw.class_name == "Bidirectional"
    first = "forward_" if both else ""
    name = str(node.get("forward_class_name")) if both else str(node.raw.class_name)
    steps, n_in = (int(size) for size in node.input().shape[:2])
    returned = node.output().shape
    steps_out = int(returned[0]) if node.get("return_sequences") else 1
    n_out = int(returned[-1])
    parameters, facts = _direction(node, name, first, n_in)
    limit, zeros = facts.pop("multiplier_limit"), facts.pop("claimed_zeros")
    facts.pop("reuse_factor")
    attributes: dict[str, float | int | str | bool] = {**facts, "bidirectional": both}
    if both:
        other = str(node.get("backward_class_name"))
        more_parameters, more = _direction(node, other, "backward_", n_in)
        parameters.update({f"backward_{key}": value for key, value in more_parameters.items()})
        attributes.update({f"backward_{key}": value for key, value in more.items()})
        attributes["backward_kind"] = other.lower()
    attributes["return_sequences"] = steps_out > 1
    attributes["use_static"] = bool(node.get("static"))
    table = node.precision("table_t")
    size = node.get("table_size")
    tables: dict[str, Table] = {}
    if table is not None and size is not None:
        tables = dict.fromkeys(("activation", "recurrent_activation"), Table(int(size), table))
    return node.spec(
        LayerKind(name.lower()),
        None,
        (steps, n_in),
        (steps_out, n_out) if steps_out > 1 else (n_out,),
        parameters=parameters,
        tables=tables,
        accumulator_precision=node.precision("accum_t"),
        strategy=node.strategy(),
        reuse_factor=node.need("reuse_factor"),
        multiplier_limit=limit,
        claimed_zeros=zeros,
        positions=steps,
        attributes={**attributes, **node.in_bram(), **dict(node.get("fpgaprune_kernel") or {})},
    )


def _direction(
    node: Node, name: str, prefix: str, n_in: int
) -> tuple[dict[str, Parameter], dict[str, float | int | str | bool]]:
    units = node.need(f"{prefix}n_states") if prefix else int(node.output().shape[-1])
    size = _GATES[name] * units
    kernel, recurrence = node.weights(f"{prefix}weight"), node.weights(f"{prefix}recurrent_weight")
    reuse, again = node.need("reuse_factor"), node.need(f"{prefix}recurrent_reuse_factor")
    parameters = {
        "weight": parameter(kernel, (n_in, size), transposed=node.transposed, binary=True),
        "recurrent_weight": parameter(recurrence, (units, size), transposed=node.transposed, binary=True),
        "bias": parameter(node.weights(f"{prefix}bias"), (size,)),
        "recurrent_bias": parameter(node.weights(f"{prefix}recurrent_bias"), (size,)),
    }
    facts: dict[str, float | int | str | bool] = {
        "multiplier_limit": multiplier_limit(n_in, size, reuse, int(kernel.nzeros)),
        "claimed_zeros": int(kernel.nzeros),
        "reuse_factor": reuse,
        "recurrent_reuse_factor": again,
        "recurrent_multiplier_limit": multiplier_limit(units, size, again, int(recurrence.nzeros)),
        "recurrent_claimed_zeros": int(recurrence.nzeros),
        "units": units,
        "activation": str(node.get(f"{prefix}activation")),
        "recurrent_activation": str(node.get(f"{prefix}recurrent_activation")),
    }
    return parameters, facts
