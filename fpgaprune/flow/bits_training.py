"""Training after a search for bits, which may move weights to codes that cost more than the limits allow."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from fpgaprune.compress.quantization import QuantizeResult
from fpgaprune.errors import ConfigError
from fpgaprune.flow.bits import BitSearch
from fpgaprune.results.bits import BitLimits

_ATTEMPTS: Final = 4


def train_within(search: BitSearch, limits: BitLimits, train: Callable[[Any], Any]) -> QuantizeResult | None:
    """The model of a search, trained, that meets the limits all the same; None where the search cannot meet them.

    Where training moves weights to codes that cost more than is allowed, the search goes on and leaves room for it.
    Raises ConfigError where that does not end.
    """
    asked = limits
    for _ in range(_ATTEMPTS):
        if not search.within(asked):
            break
        found = search.quantized()
        train(found.model)
        over = search.over(limits, found.model)
        if not over:
            return found
        asked = _tightened(asked, over)
    if asked is limits:
        return None
    message = (
        "the limits hold before training and not after it: it keeps moving weights to codes that cost more. Allow a "
        "little more, or train less"
    )
    raise ConfigError(message)


def _tightened(limits: BitLimits, over: Mapping[str, int]) -> BitLimits:
    """Limits that leave room for what was exceeded."""
    return replace(limits, **{name: max(0, limits.of_cost[name] - much) for name, much in over.items()})
