"""What a design is expected to cost, layer by layer."""

from dataclasses import dataclass, field
from typing import Any

from fpgaprune.results.resources import Bound, Expected, Resources


@dataclass(frozen=True, slots=True)
class Complexity:
    """Operations that do not depend on a tool.

    `macs`: multiplications of data by constants or data, zeros included, each with its addition. `bops` after Baskin
    et al. (UNIQ, arXiv 1804.10969), as in Hawks et al. (arXiv 2102.11289): sum over outputs of
    n (b_a b_w + b_a + b_w + log2 n), for n inputs, b_a and b_w bits of data and weights; zeros do not count, n is the
    number of nonzero weights of each output. `ebops` after Sun et al. (HGQ, arXiv 2405.00645): sum over nonzero
    weights of the bits of the data times the bits the constant really spans.
    """

    macs: int = 0
    bops: int = 0
    ebops: int = 0

    def __add__(self, other: "Complexity") -> "Complexity":
        return Complexity(self.macs + other.macs, self.bops + other.bops, self.ebops + other.ebops)

    def json(self) -> dict[str, int]:
        """Field by field."""
        return {"macs": self.macs, "bops": self.bops, "ebops": self.ebops}


@dataclass(frozen=True, slots=True)
class Fabric:
    """What C synthesis is expected to report beside DSPs; None where it is not estimated, never 0.

    `latency_cycles` of a layer is its own, from its first input to its last output; `ii` the cycles until it can take
    the next. `doubt` says in words where the numbers are extrapolated.
    """

    lut: Expected | None = None
    ff: Expected | None = None
    bram_18k: Expected | None = None
    uram: Expected | None = None
    latency_cycles: Expected | None = None
    ii: Expected | None = None
    lut_after_synthesis: Expected | None = None  # of a whole design: what logic synthesis makes of `lut`
    doubt: str | None = None

    def json(self) -> dict[str, Any]:
        """The counts as JSON-ready data, None where they are not estimated."""
        return {name: None if (value := getattr(self, name)) is None else value.json() for name in FABRIC_FIELDS}


FABRIC_FIELDS = ("lut", "ff", "bram_18k", "uram", "latency_cycles", "ii", "lut_after_synthesis")
_BETWEEN = ("lut", "ff", "bram_18k")
NOT_ESTIMATED = Fabric()


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
    fabric: Fabric = NOT_ESTIMATED
    complexity: Complexity | None = None


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
    fabric: Fabric = NOT_ESTIMATED
    between: Fabric = NOT_ESTIMATED  # the part of `fabric` in no layer: FIFOs, registers of inputs and results
    available: Resources = field(default_factory=Resources)

    @property
    def dsp(self) -> Bound:
        """Sum over the layers that are estimated."""
        return sum((layer.dsp for layer in self.layers if layer.dsp is not None), Bound(0, 0))

    @property
    def first_order_dsp(self) -> int:
        """Upper bound people know: multipliers / reuse factor x slices per multiplication."""
        return sum(layer.first_order_dsp or 0 for layer in self.layers)

    @property
    def complexity(self) -> Complexity:
        """Sum over the layers it is known of."""
        return sum((layer.complexity for layer in self.layers if layer.complexity is not None), Complexity())

    def share(self, resource: str) -> float | None:
        """Expected lut, ff, bram_18k or uram as a fraction of the part's; None where either is unknown."""
        used, available = getattr(self.fabric, resource), getattr(self.available, resource)
        return used.value / available if used is not None and available else None

    @property
    def not_estimated(self) -> tuple[str, ...]:
        """Names of the layers without a number."""
        return tuple(layer.name for layer in self.layers if layer.dsp is None)

    def json(self) -> dict[str, Any]:
        """The estimate as JSON-ready data; the keys are a stable interface."""
        return {
            "design": self.design,
            "digest": self.digest,
            "total": {"dsp": self.dsp.json(), **self.fabric.json(), **self.complexity.json()},
            "first_order": {"dsp": self.first_order_dsp},
            "rules": self.rules,
            "rules_source": self.rules_source,
            "device": self.device,
            "dsp_block": self.dsp_block,
            "available": {**self.available.json(), "dsp": self.available_dsp},
            "share": {name: _rounded(self.share(name)) for name in ("lut", "ff", "bram_18k", "uram")},
            "between_layers": {name: value for name, value in self.between.json().items() if name in _BETWEEN},
            "not_estimated": list(self.not_estimated),
            "notes": list(self.notes),
            "layers": [_layer_json(layer) for layer in self.layers],
        }


def _layer_fabric_json(fabric: Fabric) -> dict[str, Any]:
    found = fabric.json()
    del found["lut_after_synthesis"]  # known of whole designs only
    return found


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


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
        **_layer_fabric_json(layer.fabric),
        "complexity": None if layer.complexity is None else layer.complexity.json(),
        "strategy": layer.strategy,
        "reuse_factor": layer.reuse_factor,
        "extrapolated": layer.extrapolated,
        "notes": list(layer.notes),
    }
