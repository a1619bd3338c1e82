"""What the bits of each layer cost and lose: the measurements that a search for them goes by."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress import TrainingData
from fpgaprune.compress.data import Arrays, as_tuple
from fpgaprune.compress.kernels import find_kernels
from fpgaprune.compress.masks import quantized_sparsity
from fpgaprune.compress.quantization import LayerTypes, PostTraining, Quantizer, QuantizeResult
from fpgaprune.compress.scores import Score
from fpgaprune.flow.compression import Compression, estimate_model, score_on
from fpgaprune.generate.inputs import InputSet
from fpgaprune.results import Estimate
from fpgaprune.results.bits import costs

SAMPLES: Final = 2048  # at most so many validation samples judge
_PLACING: Final = 64  # samples that place types while costs are compared; the outcome is held to all of them
_FEW_BITS: Final[Mapping[str, int]] = {"ternary": 2, "binary": 1}

Costs = NDArray[np.float64]  # in the order of `fpgaprune.results.bits.costs`
Bits = Mapping[str, int]  # by the name of a knob
Seen = Callable[[int, int, str], None]  # done, of how many, what


@dataclass(frozen=True)
class Knob:
    """The bits of one layer's weights, or of the values that a quantizer between layers gives.

    `name` is that of the quantized model's layer, `of` of the layer it came from. `widths` begin with the starting one
    and narrow; a single one is not to be changed. `reads` is the knob of the values that the weights multiply.
    """

    name: str
    of: str
    widths: tuple[int, ...]
    reads: str | None = None

    @property
    def is_weights(self) -> bool:
        """Whether it is about weights."""
        return self.reads is not None


class Trials:
    """Quantizes one model with different bits; says how good it is then and what it costs."""

    def __init__(
        self, model: Any, session: Compression, data: TrainingData, config: PostTraining, narrower: Sequence[int]
    ) -> None:
        self._quantizer = Quantizer(model, session.inputs.arrays)
        self._session, self._config, self._metric = session, config, data.metric
        self._x, self._y = _first(data.validation_x, SAMPLES), _first(data.validation_y, SAMPLES)
        arrays = tuple(array[:_PLACING] for array in session.inputs.arrays)
        self._inputs = InputSet(arrays, session.inputs.description, real=True)
        record = self._quantizer(config).record
        self.knobs = {entry["name"]: self._knob(entry, narrower) for entry in record["layers"]}

    def config(self, bits: Bits) -> PostTraining:
        """The quantization with these bits."""
        types: dict[str, dict[str, int]] = {}
        for name, width in bits.items():
            knob = self.knobs[name]
            if len(knob.widths) > 1:
                types.setdefault(knob.of, {})["weight_bits" if knob.is_weights else "activation_bits"] = width
        return self._config.refined(
            {name: LayerTypes(given.get("weight_bits"), given.get("activation_bits")) for name, given in types.items()}
        )

    def tried(self, bits: Bits) -> Any:
        """A model with these bits to look at; the next one takes its place."""
        return self._quantizer.passing(self.config(bits))

    def quantized(self, bits: Bits) -> QuantizeResult:
        """The model with these bits, starting ones for what is not in them."""
        return self._quantizer(self.config(bits))

    def score(self, model: Any) -> Score:
        """How good it is on the validation samples."""
        return score_on(model, self._x, self._y, self._session.loss, self._metric)

    def estimate(self, model: Any) -> Estimate:
        """What it costs, types that the quantizers leave open placed by a few samples."""
        return estimate_model(model, self._session.settings, self._inputs)

    def place_by_all(self) -> None:
        """From here on all samples place types."""
        self._inputs = self._session.inputs

    def _knob(self, entry: Mapping[str, Any], narrower: Sequence[int]) -> Knob:
        layer, reads = self._quantizer.layer(entry["of"]), entry.get("reads")
        types = self._config.of(layer)
        start, setting = types.activation_bits, "activation_bits"
        if reads is not None:
            start, setting = _FEW_BITS.get(types.weights, types.weight_bits), "weight_bits"
        fixed = self._config.settles(layer, setting) or (reads is not None and types.weights != "fixed")
        widths = () if fixed else tuple(width for width in narrower if width < start)
        return Knob(entry["name"], entry["of"], (start, *widths), reads)


def scored(model: Any, score: Score) -> str:
    """What a model reaches and how much of it is zero, in words."""
    return f"{score.name} {score.metric:.4f}, {100 * quantized_sparsity(find_kernels(model)):.1f} % zeros"


def lost_alone(trials: Trials, floor: float | None, seen: Seen) -> dict[tuple[str, int], Score]:
    """The score with one knob narrowed and all others at the start, by knob and width.

    A knob's widths end where the score falls below `floor`.
    """
    found: dict[tuple[str, int], Score] = {}
    total = sum(len(knob.widths) - 1 for knob in trials.knobs.values())
    done = 0
    for knob in trials.knobs.values():
        for width in knob.widths[1:]:
            model = trials.tried({knob.name: width})
            score = trials.score(model)
            done += 1
            seen(done, total, f"{knob.name} in {width} bits: {scored(model, score)}")
            if not score.finite or (floor is not None and score.metric < floor):
                break
            found[knob.name, width] = score
    return found


class CostTable:
    """What each layer costs by its own bits and those it reads: from whole designs whose layers all have such a pair.

    Exact for the multipliers of a layer; results and sums that depend on further bits are those of the pairs tried.
    """

    def __init__(self, trials: Trials, widths: Mapping[str, Sequence[int]], seen: Seen) -> None:
        self._knobs = trials.knobs
        self._readers: dict[str, list[str]] = {}
        for knob in self._knobs.values():
            if knob.reads is not None:
                self._readers.setdefault(knob.reads, []).append(knob.name)
        self._found: dict[tuple[str, int, int | None], Costs] = {}
        pairs = list(self._pairs(widths))
        for done, bits in enumerate(pairs, start=1):
            model = trials.tried(bits)
            estimate = trials.estimate(model)
            for name, cost in costs_of_layers(estimate, self._knobs).items():
                self._found[self._key(name, bits)] = cost
            seen(done, len(pairs), f"{scored(model, trials.score(model))}, {estimate.dsp.high} DSPs")

    def change(self, bits: Bits, move: Bits) -> Costs:
        """What costs change by when some knobs move."""
        after = {**bits, **move}
        touched = dict.fromkeys(name for knob in move for name in (knob, *self._readers.get(knob, ())))
        total = np.zeros(len(_ORDER))
        for name in touched:
            total += self._cost(name, after) - self._cost(name, bits)
        return total

    def _cost(self, name: str, bits: Bits) -> Costs:
        found = self._found.get(self._key(name, bits))
        return np.zeros(len(_ORDER)) if found is None else found

    def _key(self, name: str, bits: Bits) -> tuple[str, int, int | None]:
        reads = self._knobs[name].reads
        return name, bits[name], None if reads is None else bits.get(reads)

    def _pairs(self, widths: Mapping[str, Sequence[int]]) -> Iterator[dict[str, int]]:
        weights = {name: each for name, each in widths.items() if self._knobs[name].is_weights}
        values = {name: each for name, each in widths.items() if name not in weights}
        for own in range(max(map(len, weights.values()), default=1)):
            for read in range(max(map(len, values.values()), default=1)):
                yield {
                    **{name: each[min(own, len(each) - 1)] for name, each in weights.items()},
                    **{name: each[min(read, len(each) - 1)] for name, each in values.items()},
                }


_ORDER: Final = ("max_dsp", "max_lut", "max_bops", "max_ebops")


def total_costs(estimate: Estimate) -> Costs:
    """Costs of a whole design."""
    found = costs(estimate)
    return np.array([found[name] for name in _ORDER], dtype=np.float64)


def costs_of_layers(estimate: Estimate, names: Mapping[str, Any]) -> dict[str, Costs]:
    """Costs of the layers of these names; a separable layer becomes two in a design."""
    found: dict[str, Costs] = {}
    for layer in estimate.layers:
        name = layer.name
        for ending in ("_depthwise", "_pointwise"):
            if name not in names:
                name = name.removesuffix(ending)
        if name not in names:
            continue
        counted, lut = layer.complexity, layer.fabric.lut
        each = (
            0 if layer.dsp is None else layer.dsp.high,
            0 if lut is None else lut.value,
            0 if counted is None else counted.bops,
            0 if counted is None else counted.ebops,
        )
        found[name] = found.get(name, np.zeros(len(_ORDER))) + np.array(each, dtype=np.float64)
    return found


def _first(arrays: Arrays, count: int) -> Arrays:
    cut = tuple(array[:count] for array in as_tuple(arrays))
    return cut if isinstance(arrays, tuple) else cut[0]
