"""Low rank: a kernel as the product of two with fewer weights together, by singular value decomposition.

Dense: n x m becomes n x r and r x m. Conv2D: height x width filters become r vertical ones and then horizontal ones
(the second scheme of Jaderberg, Vedaldi and Zisserman, arXiv:1405.3866; for 1x1 filters that is the dense case).
Conv1D: r filters of the same size, then filters of size 1. Errors are weighed by how strongly the network's outputs
follow them, measured on samples, so that ranks of different layers can be compared.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, ClassVar

import numpy as np

from fpgaprune.compress.factorization.factors import (
    Array,
    Factor,
    chain,
    effective_kernel,
    replaceable,
    what_it_reads,
)
from fpgaprune.compress.factorization.method import (
    Count,
    FactorizeConfig,
    FactorizeResult,
    Samples,
    excluded,
    factorization,
)
from fpgaprune.compress.rewiring import Part, called_once, rewired
from fpgaprune.compress.sensitivity import kernel_variable, measure_importance
from fpgaprune.errors import ConfigError, ModelError

_KINDS = ("Dense", "Conv1D", "Conv2D")
_HALVINGS = 12  # of the price of a weight, over eight decades
_FLOOR = 1e-6  # an input or output that never matters still counts this part of the largest


@dataclass(frozen=True, kw_only=True)
class LowRank(FactorizeConfig):
    """By `energy`, the share of the weighed squared singular values that every layer keeps; or by `max_dsp`.

    With `max_dsp` the ranks of all layers together lose the least while the whole design needs at most that many DSPs.
    A layer is only replaced where its factors hold fewer weights than its kernel.
    """

    method: ClassVar[str] = "low_rank"

    energy: float | None = None
    max_dsp: int | None = None
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise ConfigError for settings that make no sense."""
        if (self.energy is None) == (self.max_dsp is None):
            message = "low rank needs either energy, the share every layer keeps, or max_dsp"
            raise ConfigError(message)
        if self.energy is not None and not (isfinite(self.energy) and 0 < self.energy < 1):
            message = f"energy must be a fraction between 0 and 1, such as 0.95, not {self.energy!r}"
            raise ConfigError(message)
        if self.max_dsp is not None and (type(self.max_dsp) is not int or self.max_dsp < 0):
            message = f"max_dsp must be a whole number that is not negative, not {self.max_dsp!r}"
            raise ConfigError(message)


@dataclass(frozen=True, eq=False)
class _Split:
    """The decomposition of one layer: `lost[r - 1]` is the weighed squared error at rank r, `price` weights a rank."""

    layer: Any
    left: Array
    right: Array
    lost: Array
    price: int
    whole: int
    total: float
    reads: Array | None

    @property
    def useful(self) -> int:
        """The largest rank with fewer weights than the kernel has; 0 where there is none."""
        return min((self.whole - 1) // self.price, len(self.lost))

    def keeping(self, energy: float) -> int | None:
        """The smallest rank that keeps the share; None where the kernel itself is smaller."""
        enough = np.flatnonzero(self.lost <= (1 - energy) * self.total * (1 + 1e-12))
        rank = int(enough[0]) + 1 if enough.size else len(self.lost)
        return rank if rank <= self.useful else None

    def cheapest(self, weight_price: float) -> int | None:
        """The rank of the least error when a weight costs that much; None: the kernel as it is."""
        ranks = np.arange(1, self.useful + 1)
        if not ranks.size:
            return None
        costs = self.lost[: ranks.size] + weight_price * self.price * ranks
        best = int(costs.argmin())
        return int(ranks[best]) if costs[best] < weight_price * self.whole else None


@factorization(LowRank)
def lower_ranks(model: Any, config: LowRank, samples: Samples, count: Count | None) -> FactorizeResult:
    """See `factorize`."""
    splits = _splits(model, config.exclude, samples)
    if not splits:
        message = f"the model {model.name!r} has no dense or convolution layer to factorize that is not excluded"
        raise ModelError(message)

    def build(ranks: Mapping[str, int | None]) -> Any:
        chosen = {split.layer.name: (split, ranks[split.layer.name]) for split in splits}
        return rewired(model, {name: _parts(model, split, rank) for name, (split, rank) in chosen.items() if rank})

    if config.energy is not None:
        ranks = {split.layer.name: split.keeping(config.energy) for split in splits}
        return FactorizeResult(build(ranks), _record(config, splits, ranks))
    if count is None or config.max_dsp is None:
        message = "low rank by max_dsp needs a count of DSPs"
        raise ConfigError(message)
    found, ranks = _within(model, splits, build, config.max_dsp, count)
    return FactorizeResult(found, _record(config, splits, ranks))


def _within(
    model: Any, splits: Sequence[_Split], build: Callable[[Mapping[str, int | None]], Any], max_dsp: int, count: Count
) -> tuple[Any, dict[str, int | None]]:
    """The model at the lowest price of a weight that fits the DSPs, and its ranks."""
    if count(model) <= max_dsp:
        ranks: dict[str, int | None] = {split.layer.name: None for split in splits}
        return build(ranks), ranks
    unit = sum(split.total for split in splits) / sum(split.whole for split in splits) or 1.0
    low, high = 1e-6 * unit, 1e2 * unit
    tried: dict[tuple[int | None, ...], int] = {}

    def at(price: float) -> tuple[dict[str, int | None], int]:
        ranks = {split.layer.name: split.cheapest(price) for split in splits}
        key = tuple(ranks.values())
        if key not in tried:
            tried[key] = count(build(ranks))
        return ranks, tried[key]

    best, least = at(high)
    if least > max_dsp:
        message = (
            f"max_dsp={max_dsp} cannot be met by low rank: with one rank in every layer that may change {least} DSPs "
            "are still expected"
        )
        raise ConfigError(message)
    for _ in range(_HALVINGS):
        middle = (low * high) ** 0.5
        ranks, dsp = at(middle)
        if dsp <= max_dsp:
            high, best = middle, ranks
        else:
            low = middle
    return build(best), best


def _splits(model: Any, exclude: Sequence[str], samples: Samples) -> list[_Split]:
    layers = [each for each in model.layers if replaceable(each, _KINDS) and not excluded(each, exclude)]
    layers = [each for each in layers if getattr(each, "groups", 1) == 1 and _channels_last(each)]
    # Sensitivity asks for the one output of every layer with a kernel.
    measured = all(called_once(each) for each in model.layers if kernel_variable(each) is not None)
    found = measure_importance(model, samples) if measured else None
    splits = []
    for layer in layers:
        kernel = effective_kernel(layer)
        rows = np.ones(kernel[..., 0].size) if found is None else found.inputs[layer.name]
        columns = np.ones(kernel.shape[-1]) if found is None else found.outputs[layer.name]
        splits.append(_split(layer, kernel, (rows, columns), what_it_reads(model, layer, samples)))
    return splits


def _split(layer: Any, kernel: Array, weights: tuple[Array, Array], reads: Array | None) -> _Split:
    """Decompose with errors weighed by row and column, and take the weights back out of the factors."""
    row_weight, column_weight = (np.sqrt(np.maximum(w, _FLOOR * (w.max() or 1.0))) for w in weights)
    matrix = _as_matrix(kernel)
    vertical = kernel.ndim == 4  # rows are (height, channels), columns (width, filters)
    if vertical:
        # Squares of what a tap reads are those of its channel, so rows of the vertical filters have weights of their
        # own; columns repeat those of the outputs.
        row_weight = row_weight.reshape(kernel.shape[:3])[:, 0, :].ravel()
        column_weight = np.tile(column_weight, kernel.shape[1])
    u, s, v = np.linalg.svd(row_weight[:, np.newaxis] * matrix * column_weight, full_matrices=False)
    root = np.sqrt(s)
    left, right = (u * root) / row_weight[:, np.newaxis], (v * root[:, np.newaxis]) / column_weight
    balance = np.sqrt(np.linalg.norm(right) / np.linalg.norm(left)) if s.any() else 1.0
    squares = np.square(s)
    lost = np.maximum(0.0, squares.sum() - np.cumsum(squares))
    factors = left * balance, right / balance
    return _Split(layer, *factors, lost, sum(matrix.shape), kernel.size, float(squares.sum()), reads)


def _as_matrix(kernel: Array) -> Array:
    """What is decomposed: for two dimensions (height, channels) x (width, filters), else inputs x outputs."""
    if kernel.ndim < 4:
        return kernel.reshape(-1, kernel.shape[-1])
    height, width, channels, filters = kernel.shape
    return kernel.transpose(0, 2, 1, 3).reshape(height * channels, width * filters)


def _parts(model: Any, split: _Split, rank: int) -> list[Part]:
    layer, left, right = split.layer, split.left[:, :rank], split.right[:rank]
    kind = type(layer).__name__.removeprefix("Q")
    if kind == "Dense":
        factors = (Factor(kind, {"units": rank}, left), Factor(kind, {"units": int(layer.units)}, right))
        return chain(model, layer, factors, split.reads)
    shape, filters = tuple(int(size) for size in layer.kernel.shape), int(layer.filters)
    stride, dilation = tuple(layer.strides), tuple(layer.dilation_rate)
    if kind == "Conv1D":
        first = {"kernel_size": shape[0], "strides": stride, "dilation_rate": dilation, "padding": layer.padding}
        return chain(
            model,
            layer,
            (
                Factor(kind, {**first, "filters": rank}, left.reshape(shape[0], shape[1], rank)),
                Factor(kind, {"kernel_size": 1, "filters": filters}, right.reshape(1, rank, filters)),
            ),
            split.reads,
        )
    height, width, channels, _ = shape
    vertical = {"kernel_size": (height, 1), "strides": (stride[0], 1), "dilation_rate": (dilation[0], 1)}
    horizontal = {"kernel_size": (1, width), "strides": (1, stride[1]), "dilation_rate": (1, dilation[1])}
    padding = {"padding": layer.padding}
    across = right.reshape(rank, width, filters).transpose(1, 0, 2)[np.newaxis]
    return chain(
        model,
        layer,
        (
            Factor(kind, {**vertical, **padding, "filters": rank}, left.reshape(height, 1, channels, rank)),
            Factor(kind, {**horizontal, **padding, "filters": filters}, across),
        ),
        split.reads,
    )


def _channels_last(layer: Any) -> bool:
    return getattr(layer, "data_format", "channels_last") == "channels_last"


def _record(config: LowRank, splits: Sequence[_Split], ranks: Mapping[str, int | None]) -> dict[str, Any]:
    layers = []
    for split in splits:
        rank = ranks[split.layer.name]
        lost = 0.0 if rank is None else float(split.lost[rank - 1])
        layers.append({
            "name": split.layer.name,
            "rank": rank,
            "full_rank": len(split.lost),
            "weights_before": split.whole,
            "weights": split.whole if rank is None else rank * split.price,
            "energy": 1 - lost / split.total if split.total else 1.0,
        })  # fmt: skip
    return {"method": config.method, "asked": config.record(), "layers": layers}
