"""Layers without a matrix product: activations, pooling, merging, and those that only move data."""

from math import prod

import numpy as np

from fpgaprune.design import Geometry, LayerKind, LayerSpec, Parameter, Table
from fpgaprune.errors import DesignError, ProjectError
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.read.conventions import ACTIVATION_PARAMETER, TABLE_ACTIVATIONS, spatial, stored, stream_shape
from fpgaprune.read.project.site import Config, Site


def activation(site: Site) -> LayerSpec:
    """A function of one value, with its table or its constants."""
    function = site.call.function
    shape = site.elementwise_shape()
    tables = {}
    if site.config is not None and function in TABLE_ACTIVATIONS:
        size, precision = site.config.get("table_size"), site.config.precision("table_t")
        if size is not None and precision is not None:
            tables["table"] = Table(size, precision)
    return site.spec(
        LayerKind.ACTIVATION, function, shape, shape, tables=tables, parameters=_activation_constants(site)
    )


def _activation_constants(site: Site) -> dict[str, Parameter]:
    function = site.call.function
    if function in ("hard_sigmoid", "hard_tanh") and site.config is not None:
        found = {}
        for name in ("slope", "shift"):
            value, precision = site.config.real(name), site.config.precision(name)
            if value is not None and precision is not None:
                found[name] = _scalar(site, value, precision)
        return found
    if function not in ACTIVATION_PARAMETER:
        return {}
    name = ACTIVATION_PARAMETER[function]
    # Since hls4ml 1.0 the type of the constant is a template argument; before, it was that of the data.
    declared = site.call.template[1] if len(site.call.template) > 3 else None
    if site.arrays:
        return {name: site.parameter(site.arrays[0], -1, np.ravel, declared)}
    if not site.scalars:
        return {}
    precision = site.source.type(declared).precision if declared else site.inputs[0].precision
    return {} if precision is None else {name: _scalar(site, site.scalars[0], precision)}


def _scalar(site: Site, value: float, precision: FixedPoint) -> Parameter:
    try:
        return Parameter(stored(np.array([value]), precision), precision)
    except DesignError as error:
        message = f"layer {site.name!r}: {error}"
        raise ProjectError(message) from error


def threshold(site: Site) -> LayerSpec:
    """Batch normalization and a binary or ternary activation, merged into comparisons."""
    shape = site.elementwise_shape()
    names = ("threshold",) if "binary" in site.call.function else ("threshold_high", "threshold_low")
    parameters = {
        name: site.parameter(array, -1, np.ravel, None) for name, array in zip(names, site.arrays, strict=False)
    }
    return site.spec(LayerKind.ACTIVATION, site.call.function, shape, shape, parameters=parameters)


def softmax(site: Site) -> LayerSpec:
    """Softmax, with the tables of its implementation."""
    config = site.settings()
    shape = site.elementwise_shape()
    implementation = config.word("implementation")
    if implementation is None:
        suffix = site.call.function.removeprefix("softmax").strip("_")
        implementation = suffix if suffix in ("stable", "latency") else "legacy"
    tables = {}
    for name in ("exp_table", "inv_table"):
        size = config.get(f"{name}_size", "table_size")
        precision = config.precision(f"{name}_t", "table_t")
        if implementation != "argmax" and size is not None and precision is not None:
            tables[name] = Table(size, precision)
    slice_size = config.get("n_slice") or config.need("n_in")
    inner = config.get("n_inner") or 1
    attributes: dict[str, float | int | str] = {
        "slices": (config.get("n_outer") or 1) * inner,
        "slice_size": slice_size,
    }
    if inner > 1:
        attributes["inner"] = inner
    for name in ("inp_norm", "inv_inp") if implementation == "stable" else ("inv_inp",):
        between = config.precision(f"{name}_t")
        if between is not None and implementation in ("stable", "latency"):
            attributes[f"{name}_precision"] = between.cpp()
    scale = config.real("exp_scale")
    if scale is not None:
        attributes["exp_scale"] = scale
    return site.spec(
        LayerKind.SOFTMAX,
        implementation,
        shape,
        shape,
        tables=tables,
        accumulator_precision=config.precision("accum_t"),
        attributes=attributes,
    )


def pooling(site: Site) -> LayerSpec:
    """Maximum or mean over a window."""
    config = site.settings()
    channels = config.need("n_filt")
    sides = ((config.get("pad_left") or 0, config.get("pad_right") or 0),)
    if "1d" in site.call.function:
        window = Geometry(
            (config.need("pool_width", "pool_size"),), (config.get("stride_width", "stride") or 1,), sides
        )
        before: tuple[int, ...] = (config.need("n_in", "in_width"),)
        after: tuple[int, ...] = (config.need("n_out", "out_width"),)
    else:
        window = Geometry(
            (config.need("pool_height"), config.need("pool_width")),
            (config.get("stride_height") or 1, config.get("stride_width") or 1),
            ((config.get("pad_top") or 0, config.get("pad_bottom") or 0), *sides),
        )
        before = (config.need("in_height"), config.need("in_width"))
        after = (config.need("out_height"), config.need("out_width"))
    return site.spec(
        LayerKind.POOLING,
        config.word("pool_op"),
        (*before, channels),
        (*after, channels),
        geometry=window,
        accumulator_precision=config.precision("accum_t"),
        attributes={"count_pad": True} if config.get("count_pad") else {},
    )


def global_pooling(site: Site) -> LayerSpec:
    """Maximum or mean over all positions."""
    config = site.settings()
    channels = config.need("n_filt")
    if "1d" in site.call.function:
        in_size: tuple[int, ...] = (config.need("n_in", "in_width"),)
    else:
        in_size = (config.need("in_height"), config.need("in_width"))
    return site.spec(
        LayerKind.GLOBAL_POOLING,
        config.word("pool_op"),
        (*in_size, channels),
        (channels,),
        accumulator_precision=config.precision("accum_t"),
    )


def merge(site: Site) -> LayerSpec:
    """An elementwise operation on two tensors."""
    return site.spec(LayerKind.MERGE, site.call.function, site.input_shape, site.elementwise_shape())


def dot(site: Site) -> LayerSpec:
    """The sum of the products of two vectors."""
    config = site.settings()
    return site.spec(
        LayerKind.MERGE,
        "dot",
        (config.need("n_in"),),
        (config.need("n_out"),),
        accumulator_precision=config.precision("accum_t"),
        multiplier_limit=config.get("multiplier_limit"),
    )


def einsum(site: Site) -> LayerSpec:
    """Sums of products of two tensors over shared axes (hls4ml since 1.1)."""
    config = site.settings()
    sizes = [config.need(name) for name in ("n_inplace", "n_free0", "n_free1", "n_contract")]
    return site.spec(
        LayerKind.MERGE,
        "einsum",
        (prod(site.input_shape),),
        (prod(sizes[:3]),),
        accumulator_precision=config.precision("accum_t"),
        multiplier_limit=config.get("multiplier_limit"),
        attributes={"products": prod(sizes)},
    )


def concatenate(site: Site) -> LayerSpec:
    """Two tensors side by side along one axis."""
    config = site.settings()
    first = [size for index in range(3) if (size := config.get(f"n_elem1_{index}"))]
    second = [size for index in range(3) if (size := config.get(f"n_elem2_{index}"))]
    written = config.get("axis")
    axis = 0 if written is None else written - 1 if written > 0 else len(first) + written
    if not 0 <= axis < len(first) or len(second) != len(first):
        message = f"layer {site.name!r} concatenates along axis {written}, which its tensors do not have"
        raise ProjectError(message)
    shape = list(first)
    shape[axis] += second[axis]
    attributes = {} if written is None else {"axis": written}
    return site.spec(LayerKind.CONCATENATE, None, tuple(first), tuple(shape), attributes=attributes)


def moved(operation: str, site: Site) -> LayerSpec:
    """A layer that changes neither values nor their order: `clone`, `flatten`, `repack`."""
    shape = site.input_shape
    if operation == "repack":
        shape = stream_shape(prod(shape), site.output.lanes or 0, ())
    return site.spec(LayerKind.RESHAPE, operation, site.input_shape, shape, reuse_factor=None)


def transpose(site: Site) -> LayerSpec:
    """A permutation of the axes."""
    config = site.settings()
    arrays = site.source.headers.arrays
    shape = tuple(site.source.number(text) for text in arrays.get(f"{config.name}_to_shape", ()))
    before = tuple(site.source.number(text) for text in arrays.get(f"{config.name}_from_shape", ()))
    permutation = ",".join(arrays.get(f"{config.name}_perm", ()))
    if not shape:  # versions before 1.0
        names = ("depth", "height", "width")
        before = tuple(size for name in names if (size := config.get(name)))
        shape = site.elementwise_shape()
    attributes = {"permutation": permutation} if permutation else {}
    return site.spec(LayerKind.RESHAPE, "transpose", before, shape, attributes=attributes, reuse_factor=None)


def broadcast(site: Site) -> LayerSpec:
    """A tensor repeated to the shape of another."""
    config = site.settings()
    before, after = (
        tuple(config.need(f"{side}_{name}") for name in ("height", "width", "chan")) for side in ("in", "out")
    )
    return site.spec(LayerKind.RESHAPE, "broadcast", before, after)


def _frame(config: Config, side: str) -> tuple[int, ...]:
    height = config.get(f"{side}_height")
    width, channels = config.need(f"{side}_width"), config.need("n_chan")
    return (width, channels) if height is None else (height, width, channels)


def padding(site: Site) -> LayerSpec:
    """Zeros around an image."""
    config = site.settings()
    after = _frame(config, "out")
    geometry = _borders(config, "pad", len(after) - 1)
    return site.spec(LayerKind.PADDING, None, _frame(config, "in"), after, geometry=geometry)


def _borders(config: Config, what: str, dimensions: int) -> Geometry:
    """What is put around an image, or cut off it."""
    sides = (("top", "bottom"), ("left", "right"))[2 - dimensions :]
    borders = tuple((config.get(f"{what}_{one}") or 0, config.get(f"{what}_{other}") or 0) for one, other in sides)
    ones = (1,) * dimensions
    return Geometry(ones, ones, borders)


def cropping(site: Site) -> LayerSpec:
    """An image without its borders."""
    config = site.settings()
    before = _frame(config, "in")
    geometry = _borders(config, "crop", len(before) - 1)
    return site.spec(LayerKind.RESHAPE, "cropping", before, _frame(config, "out"), geometry=geometry)


def resize(site: Site) -> LayerSpec:
    """Up-sampling."""
    config = site.settings()
    channels = config.need("n_chan")
    before = spatial(config.get("height") or 1, config.need("width"), channels)
    after = spatial(config.get("new_height") or 1, config.need("new_width"), channels)
    operation = site.call.function.removeprefix("resize_")
    return site.spec(LayerKind.UPSAMPLING, operation, before, after)


def other(site: Site) -> LayerSpec:
    """Whatever this reader does not know: its name, edges, types and arrays."""
    parameters = {array: site.parameter(array, -1, np.ravel, None) for array in site.arrays}
    after = site.elementwise_shape()
    return site.spec(
        LayerKind.OTHER, site.call.function, site.input_shape, after, parameters=parameters, reuse_factor=None
    )
