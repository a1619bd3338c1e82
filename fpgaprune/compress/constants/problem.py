"""The choice of constants for one layer: what each may become, what that loses, and which are worth a multiplier."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress.constants.method import Array, Codes
from fpgaprune.compress.constants.prices import LayerPrices, nearest_of
from fpgaprune.csd import nearest_with_digits


@dataclass(frozen=True, eq=False)
class LayerProblem:
    """Constants of one layer, (inputs, outputs), on one grid: all become multiples of 2**step of their type's codes.

    `codes` are what they should be, and all codes here, in units of 2**step; `loss` is per square of their change.
    `allowed` are the codes without a DSP, in order; None: all codes are, so that only LUTs count. Codes lie within
    -2**bits .. 2**bits - 1.
    """

    name: str
    codes: Array
    loss: Array
    prices: LayerPrices
    allowed: Codes | None
    bits: int
    step: int = 0

    def cheapest(self, lut_weight: float) -> tuple[Codes, Array]:
        """The best code without a DSP for every constant, and its loss plus `lut_weight` times its LUTs."""
        if lut_weight == 0:
            found = self._candidates[0]
            return found, self._loss_of(found)
        chosen, cost = self._choose(self._full_lut, lut_weight)
        for _ in range(2):  # the second constant of an input costs only its place in the sum
            chosen, cost = self._choose(self._shared_lut(chosen), lut_weight)
        return chosen, cost

    @cached_property
    def _candidates(self) -> tuple[Codes, ...]:
        """The nearest code without a DSP, then those of two digits, of one, and none."""
        whole = self.whole
        nearest = whole if self.allowed is None else nearest_of(self.codes, self.allowed)
        few = tuple(nearest_with_digits(whole, digits, self.bits) for digits in (2, 1))
        return nearest, *few, np.zeros_like(whole)

    @cached_property
    def whole(self) -> Codes:
        """The nearest codes there are, in units of 2**step."""
        return np.clip(np.rint(self.codes), -(1 << self.bits), (1 << self.bits) - 1).astype(np.int64)

    @cached_property
    def _losses(self) -> tuple[Array, ...]:
        return tuple(self._loss_of(codes) for codes in self._candidates)

    @cached_property
    def _trees(self) -> tuple[Array, ...]:
        return tuple(self.prices.tree_lut(codes) for codes in self._candidates)

    @cached_property
    def _makings(self) -> tuple[Array, ...]:
        return tuple(self.prices.product_lut(codes) for codes in self._candidates)

    @property
    def _full_lut(self) -> list[Array]:
        return [tree + making for tree, making in zip(self._trees, self._makings, strict=True)]

    def _shared_lut(self, chosen: Codes) -> list[Array]:
        """LUTs of each candidate when what `chosen` has on an input is shared among those that have it."""
        span = np.int64(2) << self.bits
        rows = np.arange(self.codes.shape[0], dtype=np.int64)[:, np.newaxis] * 2 * span + span
        used, counts = np.unique(rows + chosen, return_counts=True)
        result = []
        for codes, tree, making in zip(self._candidates, self._trees, self._makings, strict=True):
            keys = rows + codes
            place = np.minimum(np.searchsorted(used, keys), used.size - 1)
            others = np.where(used[place] == keys, counts[place], 0) - (codes == chosen)
            result.append(tree + making / (1 + others))
        return result

    def _choose(self, luts: Sequence[Array], lut_weight: float) -> tuple[Codes, Array]:
        costs = np.stack([loss + lut_weight * lut for loss, lut in zip(self._losses, luts, strict=True)])
        best = costs.argmin(axis=0)
        codes = np.take_along_axis(np.stack(self._candidates), best[np.newaxis], axis=0)[0]
        return codes, np.take_along_axis(costs, best[np.newaxis], axis=0)[0]

    def _loss_of(self, codes: Codes) -> Array:
        return self.loss * np.square(codes - self.codes)

    def worth_keeping(self, row: int) -> tuple[Codes, NDArray[np.int64]]:
        """The distinct codes of one input that take DSPs, and how many each."""
        return self._worth[row]

    @cached_property
    def _worth(self) -> list[tuple[Codes, NDArray[np.int64]]]:
        prices = self.prices.dsp_of(self.whole)
        found = []
        for codes, price in zip(self.whole, prices, strict=True):
            distinct, places = np.unique(codes[price > 0], return_index=True)
            found.append((distinct, price[price > 0][places]))
        return found

    def kept_costs(self, row: int, kept: Codes, lut_weight: float) -> Array:
        """Loss plus weighted LUTs of every constant of one input if it were each of the `kept` codes: (outputs, kept).

        The LUTs beside a multiplier in DSPs are not charged to the constants that share it.
        """
        distance = self.codes[row][:, np.newaxis] - kept
        costs = self.loss[row][:, np.newaxis] * np.square(distance)
        return np.asarray(costs + lut_weight * self.prices.tree_lut(kept))


@dataclass(frozen=True, order=True)
class Pick:
    """A code worth a multiplier: of one input of one layer, at `price` DSPs."""

    layer: int
    row: int
    code: int
    price: int


def pick_multipliers(
    problems: Sequence[LayerProblem], costs: Sequence[Array], lut_weight: float, dsp: int
) -> tuple[Pick, ...]:
    """The codes to spend `dsp` DSPs on, the most useful first; `costs` are those of the best codes without one.

    Greedy: always the code that lowers the cost the most per DSP, over all constants of its input, which move to it
    where it is nearer than what they have. Per input that is facility location, which is submodular: the greedy
    choice is within 1 - 1/e of the best (Nemhauser, Wolsey and Fisher 1978, doi:10.1007/BF01588971), and where
    codes lie further apart than their free neighbours, as nearly always, it is the best.
    """
    if dsp <= 0:
        return ()
    left = [cost.copy() for cost in costs]
    heap: list[tuple[float, int, int, int, int]] = []

    def offer(layer: int, row: int) -> None:
        problem = problems[layer]
        kept, price = problem.worth_keeping(row)
        if not kept.size:
            return
        saved = np.maximum(0.0, left[layer][row][:, np.newaxis] - problem.kept_costs(row, kept, lut_weight)).sum(axis=0)
        best = int((saved / price).argmax())
        if saved[best] > 0:
            heapq.heappush(heap, (-float(saved[best] / price[best]), layer, row, int(kept[best]), int(price[best])))

    for layer, problem in enumerate(problems):
        for row in range(problem.codes.shape[0]):
            offer(layer, row)
    picks: list[Pick] = []
    while heap and dsp > 0:
        _, layer, row, code, price = heapq.heappop(heap)
        if price > dsp:
            continue
        dsp -= price
        picks.append(Pick(layer, row, code, price))
        moved = problems[layer].kept_costs(row, np.array([code]), lut_weight)[:, 0]
        left[layer][row] = np.minimum(left[layer][row], moved)
        offer(layer, row)
    return tuple(picks)


def assign(
    problems: Sequence[LayerProblem],
    free: Sequence[tuple[Codes, Array]],
    picks: Sequence[Pick],
    lut_weight: float,
) -> dict[str, Codes]:
    """Every constant at the cheapest of its best code without a DSP and the picked codes of its input.

    These are codes of the layers' types, whatever the grids.
    """
    result = [codes.copy() for codes, _ in free]
    by_row: dict[tuple[int, int], list[int]] = {}
    for pick in picks:
        by_row.setdefault((pick.layer, pick.row), []).append(pick.code)
    for (layer, row), codes in by_row.items():
        kept = np.array(codes)
        costs = problems[layer].kept_costs(row, kept, lut_weight)
        best = costs.argmin(axis=1)
        better = costs[np.arange(best.size), best] < free[layer][1][row]
        result[layer][row] = np.where(better, kept[best], result[layer][row])
    return {problem.name: codes << problem.step for problem, codes in zip(problems, result, strict=True)}
