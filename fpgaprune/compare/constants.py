"""The constants a layer multiplies by against those a module's multipliers were built for, by their widths in bits."""

from collections import Counter
from typing import Final

import numpy as np

from fpgaprune.csd import csd_digits
from fpgaprune.design import LayerSpec, Strategy
from fpgaprune.results import ModuleReport

_FREE_DIGITS: Final = 2  # constants of at most two canonical signed digits become wires and adders


def constant_widths(layer: LayerSpec) -> Counter[int]:
    """How many constants of which width a layer multiplies by, zeros, shared and free ones left out.

    The width is that of the two's complement number without the sign bit of a positive one, so that both ways of
    the tools to count it differ by at most one. Empty where the weights do not become constants of multipliers.
    """
    weight = layer.weight
    folds = layer.strategy is Strategy.LATENCY or layer.reuse_factor == 1
    if weight is None or not folds or weight.values.ndim < 1:
        return Counter()
    codes = weight.codes
    rows = codes.reshape(-1, codes.shape[-1]) if codes.ndim > 1 else codes.reshape(-1, 1)
    widths: Counter[int] = Counter()
    for row in rows:
        distinct = np.unique(row)
        dear = distinct[csd_digits(distinct) > _FREE_DIGITS]
        widths.update(_width(int(code)) for code in dear)
    return widths


def _width(code: int) -> int:
    return code.bit_length() if code > 0 else (-code - 1).bit_length() + 1


def reported_constant_widths(module: ModuleReport, layer: LayerSpec) -> Counter[int]:
    """Widths of the operands of a module's multipliers that are not the data; empty where names do not tell them."""
    data = layer.input_precision.width if layer.input_precision else None
    widths: Counter[int] = Counter()
    for multiplier in module.multipliers:
        a, b = multiplier.width_a, multiplier.width_b
        if data is None or a is None or b is None:
            continue
        widths[a if abs(b - data) < abs(a - data) else b] += 1
    return widths


def overlap(expected: Counter[int], found: Counter[int]) -> float:
    """Share of two collections of widths that coincides, 0 to 1, letting each width be one bit more than expected."""
    total = max(expected.total(), found.total())
    if not total:
        return 0.0
    rest, spare, same = Counter(expected), Counter(found), 0
    for shift in (0, 1):
        for width in sorted(rest):
            both = min(rest[width], spare[width + shift])
            rest[width] -= both
            spare[width + shift] -= both
            same += both
    return same / total
