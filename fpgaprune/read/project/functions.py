"""Which layer a function of hls4ml computes."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from fpgaprune.design import LayerSpec
from fpgaprune.errors import ProjectError
from fpgaprune.read.conventions import ACTIVATIONS, MERGES
from fpgaprune.read.project import elementwise as simple
from fpgaprune.read.project import quantizers
from fpgaprune.read.project.products import batch_norm, convolution, dense, einsum_dense
from fpgaprune.read.project.recurrent import recurrent
from fpgaprune.read.project.site import Site, Tensor

Handler = Callable[[Site], LayerSpec | tuple[LayerSpec, ...]]


def separable(site: Site) -> tuple[LayerSpec, ...]:
    """A separable convolution of versions before 1.0: one call, two products."""
    config = site.settings()
    depthwise, pointwise = config.nested("depthwise_config"), config.nested("pointwise_config")
    if depthwise is None or pointwise is None or len(site.arrays) != 4:
        message = f"layer {site.name!r} calls {site.call.function} without its two configurations and four arrays"
        raise ProjectError(message)
    weights, mixer, zeros, bias = site.arrays
    between = site.source.type(site.call.template[1]).precision if len(site.call.template) == 4 else None
    first = replace(site, arrays=(weights, zeros), name=f"{site.name}_depthwise")
    second = replace(
        site,
        arrays=(mixer, bias),
        sources=(first.name,),
        inputs=(Tensor(first.name, between, None, None),),
    )
    kind = "1d" if "1d" in site.call.function else "2d"
    return (
        replace(convolution(first, depthwise, suffix=f"depthwise_conv_{kind}"), output_precision=between),
        convolution(second, pointwise, suffix=f"pointwise_conv_{kind}"),
    )


_HANDLERS: tuple[tuple[re.Pattern[str], Handler], ...] = tuple(
    (re.compile(pattern), handler)
    for pattern, handler in (
        (
            r"dense|dense_(latency|resource|large|compressed|sparse)\w*|dense_da_\d+|compute_layer|compute_large_layer",
            dense,
        ),
        (r"separable_conv_[12]d\w*", separable),
        (r"(pointwise_|depthwise_)?conv_?[12]d\w*", convolution),
        (r"normalize_(binary|ternary)_tanh", simple.threshold),
        (r"normalize\w*", batch_norm),
        (r"softmax\w*", simple.softmax),
        (r"pooling[12]d\w*", simple.pooling),
        (r"global_pooling[12]d\w*", simple.global_pooling),
        (r"dot[123]d", simple.dot),
        (r"einsum", simple.einsum),
        (r"einsum_dense", einsum_dense),
        (r"unary_lut", quantizers.unary_lut),
        (r"concatenate[123]d", simple.concatenate),
        (r"clone_stream", partial(simple.moved, "clone")),
        (r"repack_stream", partial(simple.moved, "repack")),
        (r"flatten", partial(simple.moved, "flatten")),
        (r"broadcast_stream", simple.broadcast),
        (r"transpose\w*", simple.transpose),
        (r"zeropad[12]d\w*", simple.padding),
        (r"cropping[12]d\w*", simple.cropping),
        (r"resize_\w+", simple.resize),
        (r"(lstm|gru|bidirectional)(_stack)?", recurrent),
        ("|".join(sorted(MERGES)), simple.merge),
        ("|".join(sorted(ACTIVATIONS)), simple.activation),
    )
)


# What multiplies by weights or moves positions in any version of hls4ml, and our sparse kernels; what else is read
# above under such a name is others' own.
_OF_HLS4ML = re.compile(
    r"dense(_latency|_compressed|_sparse|_(resource|large)(_rf_\w+)?)?|dense_da_\d+|compute_layer|compute_large_layer"
    r"|(pointwise_|depthwise_|separable_)?conv_?[12]d(_large|_sparse)?(_buffer|_encoded|_latency|_resource)?(_cl|_cf)?"
    r"|normalize(_(binary|ternary)_tanh|_sparse)?|(lstm|gru|bidirectional)(_sparse)?(_stack)?"
    r"|zeropad[12]d(_cl|_cf)?|resize_nearest"
)
_NAMED = frozenset({dense, separable, convolution, batch_norm, recurrent, simple.padding, simple.resize})


def is_own(function: str) -> bool:
    """Whether a function that multiplies by weights, pads or repeats is none of hls4ml's, but named after one."""
    return handler_of(function) in _NAMED and _OF_HLS4ML.fullmatch(function) is None


def handler_of(function: str) -> Handler:
    """What reads a call of the function."""
    return next((handler for pattern, handler in _HANDLERS if pattern.fullmatch(function)), _unknown)


def _unknown(site: Site) -> LayerSpec:
    return quantizers.quantizer(site) or simple.other(site)
