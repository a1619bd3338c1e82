"""What a choice of constants does not reach: the layers whose DSPs stay, and what would take them away."""

import numpy as np

from fpgaprune.csd import csd_digits, nearest_with_digits
from fpgaprune.design import Design, LayerKind, LayerSpec, Parameter
from fpgaprune.errors import ConfigError
from fpgaprune.estimate import MappingRules
from fpgaprune.results import Estimate

_SLOPES = ("slope", "alpha")
_OF_QUANTIZER = "_alpha"  # what `generate` calls the scales of a quantized layer


def unreachable(design: Design, least: Estimate, asked: int, rules: MappingRules) -> ConfigError:
    """The error for a limit of DSPs below what `design` needs with the cheapest constants, layer by layer."""
    layers = {layer.name: layer for layer in design}
    rest = [
        f"{each.name} ({each.kind}) {each.dsp}{_what_helps(layers.get(each.name), rules)}"
        for each in least.layers
        if each.dsp is not None and each.dsp.high > 0
    ]
    message = (
        f"max_dsp={asked} cannot be met by choosing constants: {least.dsp.high} DSPs do not depend on those that may "
        f"change: {', '.join(rest)}"
    )
    return ConfigError(message)


def _what_helps(layer: LayerSpec | None, rules: MappingRules) -> str:
    """Why a layer needs DSPs and what would need none, where that is simple to say."""
    if layer is None:
        return ""
    if layer.kind is LayerKind.SOFTMAX:
        return ", one for each class: a model that ends in logits has the same argmax and needs none"
    if layer.kind is LayerKind.BATCH_NORM and layer.name.endswith(_OF_QUANTIZER):
        return ", for scales that a quantizer chooses (alpha): with alpha=1 or alpha='auto_po2' it needs none"
    if layer.kind is LayerKind.BATCH_NORM:
        return (
            f", for scales of more than {rules.free_digits} signed digits: right behind a plain layer without "
            "activation it is folded into that"
        )
    if layer.kind in (LayerKind.LSTM, LayerKind.GRU):
        return ", in which every unit multiplies values by values three times: fewer units need fewer"
    slope = next((layer.parameters[name] for name in _SLOPES if name in layer.parameters), None)
    return "" if slope is None else _of_slope(slope, rules)


def _of_slope(slope: Parameter, rules: MappingRules) -> str:
    codes = np.unique(slope.codes)
    dear = codes[csd_digits(codes) > rules.free_digits]
    if not dear.size:
        return ""
    if dear.size > 1:
        return (
            f", for {dear.size} slopes of more than {rules.free_digits} signed digits, as 0.375 = 0.5 - 0.125 has two"
        )
    lsb = slope.precision.lsb
    nearest = nearest_with_digits(dear, rules.free_digits, slope.precision.max_code.bit_length())
    return f", for its slope of {dear[0] * lsb:.6g}: one of {nearest[0] * lsb:.6g} needs none"
