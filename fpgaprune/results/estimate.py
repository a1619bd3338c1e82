"""What a design is expected to cost, layer by layer."""

from dataclasses import dataclass, field
from typing import Any

from fpgaprune.results.resources import Bound


@dataclass(frozen=True, slots=True)
class LayerEstimate:
    """The expected cost of one layer; `dsp` is None where it is not estimated, and `notes` say why.

    `weights` and `zeros` count constants; `products` are the multiplications by nonzero constants before sharing
    and reuse; `multipliers` are the `mul` operations left after constants that need none, sharing, dead neurons
    and reuse, whether they end in DSPs or in LUTs.
    """

    name: str
    kind: str
    dsp: Bound | None
    multipliers: Bound | None
    products: int | None
    weights: int
    zeros: int
    first_order_dsp: int | None
    reuse_factor: int | None = None
    strategy: str | None = None
    notes: tuple[str, ...] = ()
    extrapolated: bool = False  # a combination no recorded report has confirmed


@dataclass(frozen=True, slots=True)
class Estimate:
    """The expected cost of a design under one rule set, and where the numbers come from."""

    design: str
    digest: str
    rules: str
    rules_source: str
    device: str | None
    dsp_block: str
    available_dsp: int | None
    layers: tuple[LayerEstimate, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def dsp(self) -> Bound:
        """Sum over the layers that are estimated."""
        return sum((layer.dsp for layer in self.layers if layer.dsp is not None), Bound(0, 0))

    @property
    def first_order_dsp(self) -> int:
        """Upper bound people know: multipliers / reuse factor x slices per multiplication."""
        return sum(layer.first_order_dsp or 0 for layer in self.layers)

    @property
    def not_estimated(self) -> tuple[str, ...]:
        """Names of the layers without a number."""
        return tuple(layer.name for layer in self.layers if layer.dsp is None)

    def json(self) -> dict[str, Any]:
        """The estimate as JSON-ready data; the keys are a stable interface."""
        return {
            "design": self.design,
            "digest": self.digest,
            "total": {"dsp": self.dsp.json()},
            "first_order": {"dsp": self.first_order_dsp},
            "rules": self.rules,
            "rules_source": self.rules_source,
            "device": self.device,
            "dsp_block": self.dsp_block,
            "available": {"dsp": self.available_dsp},
            "not_estimated": list(self.not_estimated),
            "notes": list(self.notes),
            "layers": [_layer_json(layer) for layer in self.layers],
        }


def _layer_json(layer: LayerEstimate) -> dict[str, Any]:
    return {
        "name": layer.name,
        "kind": layer.kind,
        "dsp": None if layer.dsp is None else layer.dsp.json(),
        "multipliers": None if layer.multipliers is None else layer.multipliers.json(),
        "products": layer.products,
        "weights": layer.weights,
        "zeros": layer.zeros,
        "first_order_dsp": layer.first_order_dsp,
        "strategy": layer.strategy,
        "reuse_factor": layer.reuse_factor,
        "extrapolated": layer.extrapolated,
        "notes": list(layer.notes),
    }
