"""The constants a layer multiplies by against those a module's multipliers were built for, by their widths in bits."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

import numpy as np

from fpgaprune.csd import csd_digits
from fpgaprune.design import LayerSpec, Strategy
from fpgaprune.results import ModuleReport

_FREE_DIGITS: Final = 2  # constants of at most two canonical signed digits become wires and adders


def constant_widths(layer: LayerSpec, sign_of_positive: bool = True) -> Counter[int]:
    """How many constants of which width a layer multiplies by, zeros, shared and free ones left out.

    A negative constant counts as two's complement; whether a positive one has a sign bit depends on the tool. Empty
    where the weights do not become constants of multipliers.
    """
    weight = layer.weight
    if weight is None or not _folds(layer) or not weight.values.ndim:
        return Counter()
    codes = weight.codes
    rows = codes.reshape(-1, codes.shape[-1]) if codes.ndim > 1 else codes.reshape(-1, 1)
    widths: Counter[int] = Counter()
    for row in rows:
        distinct = np.unique(row)
        dear = distinct[csd_digits(distinct) > _FREE_DIGITS]
        widths.update(_width(int(code), sign_of_positive) for code in dear)
    return widths


def _folds(layer: LayerSpec) -> bool:
    """Whether each weight meets its own multiplier as a constant."""
    return layer.strategy in {Strategy.LATENCY, Strategy.RESOURCE} and layer.reuse_factor == 1


def _width(code: int, sign_of_positive: bool) -> int:
    return code.bit_length() + sign_of_positive if code > 0 else (-code - 1).bit_length() + 1


def similarity(layer: LayerSpec, found: Counter[int]) -> float:
    """Share of the constants' widths that a layer and a module have in common, 0 to 1, by the tool's own convention.

    Whichever convention fits better is the tool's: the other one shifts half of the constants.
    """
    return max(_overlap(constant_widths(layer, sign), found) for sign in (True, False))


def unknown_constants(layer: LayerSpec, module: ModuleReport) -> int | None:
    """How many constants a module multiplies by that are not among the layer's weights, judged by their widths.

    Where either operand could be the constant, the one that is among the weights is taken. None where operators do
    not tell their widths, or the layer's products are not by constants.
    """
    if module.multipliers and all(m.width_a is None for m in module.multipliers):
        return None
    counts = [_unknown(constant_widths(layer, sign), module, layer) for sign in (True, False)]
    return min(counts) if constant_widths(layer) or _folds(layer) else None


def _unknown(known: Counter[int], module: ModuleReport, layer: LayerSpec) -> int:
    copies = max(1, layer.parallelization_factor)
    rest = Counter({width: number * copies for width, number in known.items()})
    doubtful = []
    for data, constant in _operands(module, layer):
        if rest[constant] > 0:
            rest[constant] -= 1
        else:
            doubtful.append(data)
    unknown = 0
    for other in doubtful:
        if rest[other] > 0:
            rest[other] -= 1
        else:
            unknown += 1
    return unknown


def reported_constant_widths(module: ModuleReport, layer: LayerSpec) -> Counter[int]:
    """Widths of the operands of a module's multipliers that are not the data; empty where names do not tell them."""
    return Counter(constant for _, constant in _operands(module, layer))


def _operands(module: ModuleReport, layer: LayerSpec) -> Iterator[tuple[int, int]]:
    """Widths of data and constant of each multiplier: the data is the operand nearer to the width of its type."""
    data = layer.input_precision.width if layer.input_precision else None
    for multiplier in module.multipliers:
        a, b = multiplier.width_a, multiplier.width_b
        if data is not None and a is not None and b is not None:
            yield (b, a) if abs(b - data) < abs(a - data) else (a, b)


def _overlap(expected: Counter[int], found: Counter[int]) -> float:
    total = max(expected.total(), found.total())
    return (expected & found).total() / total if total else 0.0


def width_agreement(layer: LayerSpec, found: Counter[int], *, sign_of_positive: bool) -> float | None:
    """Share of the constants' widths in common, 0 to 1, by one of the two conventions; None where there are none."""
    expected = constant_widths(layer, sign_of_positive)
    return _overlap(expected, found) if expected and found else None
