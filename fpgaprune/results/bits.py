"""What a search for the bits of every layer was asked for, and found."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from fpgaprune.results.estimate import Estimate

COST_NAMES: Final[Mapping[str, str]] = {"max_dsp": "DSPs", "max_lut": "LUTs", "max_bops": "BOPs", "max_ebops": "EBOPs"}


@dataclass(frozen=True)
class BitLimits:
    """What the whole design may cost at most, and how good it must be at least; None does not count.

    BOPs and EBOPs are those of `Complexity`.
    """

    max_dsp: int | None = None
    max_lut: int | None = None
    max_bops: int | None = None
    max_ebops: int | None = None
    min_score: float | None = None

    @property
    def of_cost(self) -> dict[str, int]:
        """The limits of cost that count, by name."""
        return {name: value for name in COST_NAMES if (value := getattr(self, name)) is not None}

    def over(self, estimate: Estimate) -> dict[str, int]:
        """By how much each limit is exceeded; those that hold are not in it. An unknown LUT count counts as 0."""
        used = costs(estimate)
        return {name: used[name] - limit for name, limit in self.of_cost.items() if used[name] > limit}

    def words(self, over: Mapping[str, int]) -> str:
        """What is exceeded, in words."""
        told = [
            f"{getattr(self, name) + much} {COST_NAMES[name]}, {much} more than allowed" for name, much in over.items()
        ]
        return " and ".join(told)

    def json(self) -> dict[str, float | None]:
        """The limits as JSON-ready data."""
        return asdict(self)


def costs(estimate: Estimate) -> dict[str, int]:
    """What limits can be set for, by the name of the limit."""
    lut = estimate.fabric.lut
    counted = estimate.complexity
    return {
        "max_dsp": estimate.dsp.high,
        "max_lut": 0 if lut is None else lut.value,
        "max_bops": counted.bops,
        "max_ebops": counted.ebops,
    }


@dataclass(frozen=True)
class LayerBits:
    """The bits of one layer's weights, or of the values of one quantizer between layers.

    `score_lost` and `loss_gained` are what narrowing these alone to `bits` changes, everything else at its starting
    bits; None where nothing was narrowed. `dsp` and `lut` are those of this layer in the final design.
    """

    name: str
    part: str
    start: int
    bits: int
    score_lost: float | None
    loss_gained: float | None
    dsp: int | None
    lut: int | None


@dataclass(frozen=True, eq=False)
class BitsResult:
    """The bits of every layer, and whether they meet the limits; `output` is None where they do not.

    Scores are on the validation samples. `record` is that of the model that was written.
    """

    limits: BitLimits
    layers: tuple[LayerBits, ...]
    score_name: str
    score_before: float
    score_after: float
    costs_before: Mapping[str, int]
    costs_after: Mapping[str, int]
    moves: int
    answer: str
    output: Path | None = None
    record: Mapping[str, Any] | None = None

    def search(self) -> dict[str, Any]:
        """What the search was asked for and found, as JSON-ready data."""
        return {
            "limits": self.limits.json(),
            "answer": self.answer,
            "score_name": self.score_name,
            "score": {"before": self.score_before, "after": self.score_after},
            "costs": {"before": _plain(self.costs_before), "after": _plain(self.costs_after)},
            "moves": self.moves,
            "layers": [asdict(layer) for layer in self.layers],
        }

    def json(self) -> dict[str, Any]:
        """The result as JSON-ready data."""
        return {
            **self.search(),
            "output": None if self.output is None else str(self.output),
            "record": self.record,
        }


def _plain(found: Mapping[str, int]) -> dict[str, int]:
    return {name.removeprefix("max_"): value for name, value in found.items()}
