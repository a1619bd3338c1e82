"""Replacement of convolutions by depthwise-separable ones: a filter per channel, then a mix of the channels.

The idea of Sifre's thesis and of MobileNets (arXiv:1704.04861). The filters start as the best approximation of the
old ones: per channel, filters x taps is decomposed by its largest singular value.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from fpgaprune.compress.factorization.factors import Factor, chain, effective_kernel, replaceable, what_it_reads
from fpgaprune.compress.factorization.method import (
    Count,
    FactorizeConfig,
    FactorizeResult,
    Samples,
    excluded,
    factorization,
)
from fpgaprune.compress.rewiring import rewired
from fpgaprune.errors import ModelError


@dataclass(frozen=True)
class DepthwiseSeparable(FactorizeConfig):
    """Every Conv2D of more than one tap, one group and equal strides becomes a depthwise and a 1x1 convolution."""

    method: ClassVar[str] = "depthwise_separable"

    exclude: tuple[str, ...] = ()


@factorization(DepthwiseSeparable)
def separate_channels(
    model: Any,
    config: DepthwiseSeparable,
    samples: Samples,
    count: Count | None,  # noqa: ARG001 - there is nothing to choose
) -> FactorizeResult:
    """See `factorize`."""
    parts, layers = {}, []
    for layer in model.layers:
        if not replaceable(layer, ("Conv2D",)) or excluded(layer, config.exclude) or not _suits(layer):
            continue
        kernel = effective_kernel(layer)
        height, width, channels, filters = kernel.shape
        if height * width * channels + channels * filters >= kernel.size:
            continue
        taps, mix, kept = _best_start(kernel)
        options = {
            "kernel_size": (height, width),
            "strides": tuple(layer.strides),
            "dilation_rate": tuple(layer.dilation_rate),
            "padding": layer.padding,
        }
        factors = (
            Factor("DepthwiseConv2D", options, taps),
            Factor("Conv2D", {"kernel_size": 1, "filters": filters}, mix),
        )
        parts[layer.name] = chain(model, layer, factors, what_it_reads(model, layer, samples))
        layers.append({
            "name": layer.name,
            "weights_before": kernel.size,
            "weights": taps.size + mix.size,
            "energy": kept,
        })  # fmt: skip
    if not parts:
        message = (
            f"the model {model.name!r} has no Conv2D to replace that is not excluded, has more than one tap, one "
            "group, equal strides and enough filters to gain by it"
        )
        raise ModelError(message)
    return FactorizeResult(rewired(model, parts), {"method": config.method, "asked": config.record(), "layers": layers})


def _suits(layer: Any) -> bool:
    """Keras' depthwise convolutions take one stride for both directions."""
    return layer.groups == 1 and layer.data_format == "channels_last" and len(set(layer.strides)) == 1


def _best_start(kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Depthwise kernel (h, w, channels, 1), 1x1 kernel (1, 1, channels, filters), and the share of squares kept."""
    height, width, channels, filters = kernel.shape
    by_channel = kernel.transpose(2, 0, 1, 3).reshape(channels, height * width, filters)
    u, s, v = np.linalg.svd(by_channel, full_matrices=False)
    root = np.sqrt(s[:, :1])
    taps, mix = u[:, :, 0] * root, v[:, 0, :] * root
    total = float(np.square(s).sum())
    kept = float(np.square(s[:, 0]).sum()) / total if total else 1.0
    return taps.T.reshape(height, width, channels, 1), mix[np.newaxis, np.newaxis], kept
