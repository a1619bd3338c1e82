"""The grid of a layer's constants: where all are multiples of a power of two, every sum loses that many low bits."""

from dataclasses import dataclass, field

from fpgaprune.compress.constants.method import Array, Codes
from fpgaprune.compress.constants.prices import LayerPrices, allowed_codes
from fpgaprune.compress.constants.problem import LayerProblem

_COARSEST = 2  # bits that the largest code keeps


@dataclass(eq=False)
class GriddedLayer:
    """The choice of constants for one layer on every grid; see `LayerProblem`.

    `loss` is per square of a change of the codes, which are those of the layer's type; `few_dsps` tells that only
    codes without a DSP may be chosen freely.
    """

    name: str
    codes: Array
    loss: Array
    prices: LayerPrices
    bits: int
    few_dsps: bool
    _problems: dict[int, LayerProblem] = field(default_factory=dict)
    _last: int = 0

    def on(self, step: int) -> LayerProblem:
        """The problem where all constants are multiples of 2**step."""
        if step not in self._problems:
            prices, bits = self.prices.on_grid(step), self.bits - step
            allowed = allowed_codes(prices, -(1 << bits), (1 << bits) - 1) if self.few_dsps else None
            self._problems[step] = LayerProblem(
                self.name, self.codes / 2.0**step, self.loss * 4.0**step, prices, allowed, bits, step
            )
        return self._problems[step]

    def cheapest(self, lut_weight: float) -> tuple[LayerProblem, Codes, Array]:
        """The best problem of all grids, its codes without a DSP, and their loss plus `lut_weight` times their LUTs.

        Coarser grids save the same for every step and lose ever more, so the best one is looked for from the last.
        """
        coarsest = max(0, min(self.bits - _COARSEST, self.prices.spare)) if lut_weight > 0 else 0
        step = min(self._last, coarsest)
        best = self._at(step, lut_weight)
        for way in (1, -1):
            while 0 <= step + way <= coarsest:
                found = self._at(step + way, lut_weight)
                if found[2].sum() >= best[2].sum():
                    break
                step, best = step + way, found
        self._last = step
        return best

    def _at(self, step: int, lut_weight: float) -> tuple[LayerProblem, Codes, Array]:
        problem = self.on(step)
        return problem, *problem.cheapest(lut_weight)
