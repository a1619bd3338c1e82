"""Layers that multiply by constants: dense, convolutions, batch normalization."""

import re
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.design import Geometry, LayerKind, LayerSpec, Parameter, Strategy
from fpgaprune.errors import ProjectError
from fpgaprune.estimate.kernels import kernel_attributes
from fpgaprune.read.project.kernels import is_kernel, read_kernel
from fpgaprune.read.project.site import Config, Layout, Site

_BINARY_PRODUCTS = (None, "weight_binary", "both_binary")
_STREAMS = "firmware/nnet_utils/nnet_conv_stream.h"
# The function that keeps a window, and whether it is kept a function.
_WINDOW = r"void\s+compute_output_buffer_{}d\s*\([^{{;]*\{{[^;]*?#pragma\s+HLS\s+INLINE[ \t]*(OFF)?"
_TRANSPOSED = (Strategy.RESOURCE, Strategy.RESOURCE_UNROLLED)


def layout(shape: tuple[int, ...], *, transposed: bool) -> Layout:
    """From the written order to Keras' layout of that shape; the Resource strategies write the last axis first."""

    def arranged(values: NDArray[np.float64]) -> NDArray[np.float64]:
        if not transposed:
            return values.reshape(shape)
        return np.moveaxis(values.reshape((shape[-1], *shape[:-1])), 0, -1)

    return arranged


def weight(site: Site, array: str, shape: tuple[int, ...], config: Config, *names: str) -> Parameter:
    """The multiplied constants of a layer, in Keras' layout."""
    transposed = site.strategy(config) in _TRANSPOSED
    declared = next((text for text in map(config.type_text, (*names, "weight_t")) if text), None)
    binary = config.function("product") in _BINARY_PRODUCTS
    return site.parameter(array, prod(shape), layout(shape, transposed=transposed), declared, may_be_binary=binary)


def vector(site: Site, array: str, size: int, config: Config, *names: str) -> Parameter:
    """One constant per output."""
    declared = next((text for text in map(config.type_text, names) if text), None)
    return site.parameter(array, size, layout((size,), transposed=False), declared)


def in_bram(site: Site) -> dict[str, bool]:
    """The attribute of layers whose weights are memory ports or kept in block memory."""
    config = site.settings()
    stored = any(array in site.bram for array in site.arrays) or bool(config.get("store_weights_in_bram"))
    return {"store_weights_in_bram": True} if stored else {}


def dense(site: Site) -> tuple[LayerSpec, ...]:
    """A matrix product; with distributed arithmetic its weights are an adder graph, so the project has none."""
    if site.config is None and site.call.function.startswith("dense_da_"):
        n_in, n_out = prod(site.input_shape), prod(site.output.shape or ())
        return (site.spec(LayerKind.DENSE, None, (n_in,), (n_out,), strategy=Strategy.DISTRIBUTED_ARITHMETIC),)
    config = site.settings()
    n_in, n_out = config.need("n_in"), config.need("n_out")
    if not site.arrays and site.strategy(config) is Strategy.DISTRIBUTED_ARITHMETIC:
        strategy = Strategy.DISTRIBUTED_ARITHMETIC
        return (site.spec(LayerKind.DENSE, None, (n_in,), (n_out,), strategy=strategy, reuse_factor=None),)
    parameters = {"weight": weight(site, site.array_name(0, "weights"), (n_in, n_out), config)}
    if len(site.arrays) > 1:
        parameters["bias"] = vector(site, site.arrays[1], n_out, config, "bias_t")
    return (
        site.spec(
            LayerKind.DENSE,
            None,
            (n_in,),
            (n_out,),
            parameters=parameters,
            accumulator_precision=config.precision("accum_t"),
            strategy=site.strategy(config),
            multiplier_limit=config.get("multiplier_limit"),
            claimed_zeros=config.get("n_zeros"),
            attributes={**in_bram(site), **kernel(site, config, parameters["weight"])},
        ),
    )


def kernel(site: Site, config: Config, parameter: Parameter) -> dict[str, int | str | bool]:
    """What a kernel of our own holds, counted in its text; nothing for hls4ml's kernels."""
    name = config.function("kernel")
    if name is None or not is_kernel(name):
        return {}
    reuse_factor = config.get("reuse_factor") or 1
    return kernel_attributes(read_kernel(site.source.folder, name, parameter.precision.fraction, reuse_factor))


def _window(config: Config, dimensions: int) -> tuple[Geometry, tuple[int, ...], tuple[int, ...]]:
    width = Geometry(
        kernel=(config.need("filt_width", "y_filt"),),
        stride=(config.get("stride_width", "stride") or 1,),
        padding=((config.get("pad_left") or 0, config.get("pad_right") or 0),),
    )
    in_width = config.need("in_width", "y_in", "n_in")
    out_width = config.need("out_width", "y_out", "n_out")
    if dimensions == 1:
        return width, (in_width,), (out_width,)
    both = Geometry(
        kernel=(config.need("filt_height"), *width.kernel),
        stride=(config.get("stride_height") or 1, *width.stride),
        padding=((config.get("pad_top") or 0, config.get("pad_bottom") or 0), *width.padding),
    )
    return both, (config.need("in_height"), in_width), (config.need("out_height"), out_width)


def _parallel(site: Site, config: Config, positions: int) -> int:
    # The large functions of versions before 0.2 call one dense product per position, in turn.
    if site.io_type == "io_stream" or "_large" in site.call.function:
        return 1
    partitions = config.get("n_partitions")
    return positions if not partitions else max(1, positions // partitions)


def convolution(site: Site, config: Config | None = None, *, first: int = 0, suffix: str = "") -> LayerSpec:
    """A convolution, pointwise or depthwise too; `first` is where its arrays start among those of the call."""
    config = config or site.settings()
    function = suffix or site.call.function
    dimensions = 1 if "1d" in site.call.function else 2
    depthwise = function.startswith("depthwise")
    geometry, in_size, out_size = _window(config, dimensions)
    channels, filters = config.need("n_chan"), config.need("n_filt")
    positions = prod(out_size)
    if depthwise:
        kind = LayerKind.DEPTHWISE_CONV1D if dimensions == 1 else LayerKind.DEPTHWISE_CONV2D
        if not channels or filters % channels:
            message = f"layer {site.name!r} has {filters} filters for {channels} channels: not a depthwise convolution"
            raise ProjectError(message)
        shape = (*geometry.kernel, channels, filters // channels)
    else:
        kind = LayerKind.CONV1D if dimensions == 1 else LayerKind.CONV2D
        shape = (*geometry.kernel, channels, filters)
    product = config.nested("mult_config") or config
    parameters: dict[str, Parameter] = {}
    if site.arrays:
        parameters["weight"] = weight(site, site.array_name(first, "weights"), shape, product)
    attributes: dict[str, int | str | bool] = dict(in_bram(site))
    if "weight" in parameters:
        attributes.update(kernel(site, product, parameters["weight"]))
    if depthwise:
        attributes["depth_multiplier"] = filters // channels
    elif site.io_type == "io_stream" and not function.startswith("pointwise"):
        attributes.update(_window_facts(site, dimensions, config, product))
    if len(site.arrays) > first + 1:
        parameters["bias"] = vector(site, site.arrays[first + 1], filters, product, "bias_t")
    return site.spec(
        kind,
        "pointwise" if function.startswith("pointwise") else None,
        (*in_size, channels),
        (*out_size, filters),
        geometry=geometry,
        parameters=parameters,
        accumulator_precision=product.precision("accum_t") or config.precision("accum_t"),
        strategy=site.strategy(product if product.word("strategy") else config),
        reuse_factor=config.get("reuse_factor"),
        multiplier_limit=_first(product.get("multiplier_limit"), config.get("multiplier_limit")),
        claimed_zeros=_first(product.get("n_zeros"), config.get("n_zeros")),
        positions=positions,
        parallelization_factor=_parallel(site, config, positions),
        attributes=attributes,
    )


def _window_facts(site: Site, dimensions: int, config: Config, product: Config) -> dict[str, bool]:
    """Whether the window of a streamed convolution is FIFOs, or, with its product, a function, or part of the loop.

    Configurations say the first (those before 0.6, which knew nothing else, by what it needs), hls4ml's headers in the
    project the others (`INLINE OFF`, `INLINE`); without them, configurations of 1.0 and later say the second.
    """
    stated = config.word("implementation")
    if stated == "encoded" or (stated is None and config.get("min_width") is not None):
        return {"window_encoded": True}
    folder = site.source.folder
    if not folder.has(_STREAMS):
        return {"window_function": True} if product.function("kernel") is not None else {}
    found = re.search(_WINDOW.format(dimensions), folder.text(_STREAMS), re.IGNORECASE)
    if found is None:
        return {}
    return {"window_function": True} if found[1] is not None else {"window_inlined": True}


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)


def einsum_dense(site: Site) -> LayerSpec:
    """A matrix of constants over chosen axes (hls4ml since 1.1): one for every index of the axes kept."""
    config = site.settings()
    free, outputs, summed, kept = (
        config.need(name) for name in ("n_free_data", "n_free_kernel", "n_contract", "n_inplace")
    )
    product = config.nested("dense_conf")
    facts: dict[str, Any] = {"reuse_factor": None}
    if product is not None:  # distributed arithmetic has an adder graph in the place of constants
        kernel_shape = (kept, summed, outputs)
        parameters = {"weight": weight(site, site.array_name(0, "weights"), kernel_shape, product)}
        if len(site.arrays) > 1:
            parameters["bias"] = vector(site, site.arrays[1], free * outputs * kept, product, "bias_t")
        facts = {"parameters": parameters, "reuse_factor": product.get("reuse_factor")}
        if kept == 1:  # of several matrices neither is written
            facts.update(multiplier_limit=product.get("multiplier_limit"), claimed_zeros=product.get("n_zeros"))
    return site.spec(
        LayerKind.EINSUM_DENSE,
        None,
        (free * summed * kept,),
        (free * outputs * kept,),
        accumulator_precision=config.precision("accum_t"),
        strategy=site.strategy(config),
        positions=free,
        parallelization_factor=min(free, config.get("parallelization_factor") or free) if site.dataflow else free,
        **facts,
    )


def batch_norm(site: Site) -> tuple[LayerSpec, ...]:
    """One scale and one offset per channel."""
    config = site.settings()
    n_in = config.need("n_in")
    filters = config.get("n_filt")
    channels = n_in if filters is None or filters in (-1, 0) else filters
    shape = site.elementwise_shape()
    parameters = {"weight": _scale(site, channels, config)}
    if len(site.arrays) > 1:
        parameters["bias"] = vector(site, site.arrays[1], channels, config, "bias_t", "beta_t")
    return (
        site.spec(
            LayerKind.BATCH_NORM,
            None,
            shape,
            shape,
            parameters=parameters,
            multiplier_limit=config.get("multiplier_limit"),
            attributes={"channels": channels, **in_bram(site), **kernel(site, config, parameters["weight"])},
        ),
    )


def _scale(site: Site, channels: int, config: Config) -> Parameter:
    declared = config.type_text("scale_t")
    binary = config.function("product") in ("weight_binary", "both_binary")
    return site.parameter(
        site.array_name(0, "scale"), channels, layout((channels,), transposed=False), declared, may_be_binary=binary
    )
