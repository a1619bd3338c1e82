"""The bits of every layer within limits: greedily the narrowing that saves most for what it loses.

What is lost is measured layer by layer on validation samples, what is saved follows from the estimate of the weights.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from fpgaprune.compress import TrainingData
from fpgaprune.compress.quantization import PostTraining, QuantizeResult
from fpgaprune.compress.scores import Score
from fpgaprune.errors import ConfigError
from fpgaprune.flow.bits_trials import Bits, Costs, CostTable, Trials, costs_of_layers, lost_alone, scored, total_costs
from fpgaprune.flow.compression import Compression
from fpgaprune.results import Estimate
from fpgaprune.results.bits import COST_NAMES, BitLimits, BitsResult, LayerBits, costs

NARROWER: Final = (12, 10, 8, 7, 6, 5, 4, 3, 2)
_FEWEST: Final = 2
_ALWAYS: Final = ("max_dsp", "max_lut")
_NOTHING: Final = 1e-3  # of the loss: less is noise, and not told apart


@dataclass(frozen=True)
class Step:
    """How far a search is: `total` is None where nobody knows."""

    stage: str
    done: int
    total: int | None
    state: str


OnStep = Callable[[Step], None]


@dataclass(frozen=True, eq=False)
class _State:
    """The bits now, and what they were measured to cost and to lose; `reached` says so in words."""

    bits: Bits
    score: Score
    estimate: Estimate
    reached: str


class BitSearch:
    """Chooses the bits of every layer of one float model; `within` may be called again with tighter limits.

    `config` has the starting bits, and what is not to be changed: excluded layers, and widths and forms of weights
    that its `layers` give. Raises what `quantize` raises.
    """

    def __init__(
        self,
        model: Any,
        session: Compression,
        data: TrainingData,
        config: PostTraining,
        limits: BitLimits,
        narrower: tuple[int, ...] = NARROWER,
        on_step: OnStep | None = None,
    ) -> None:
        """Measure; raises ConfigError without a limit of cost, and for a limit of what is not known."""
        _check(limits, narrower, session)
        self._session, self._limits, self._on_step = session, limits, on_step
        self._trials = Trials(model, session, data, config, narrower)
        self._start = self._now = self._measured({name: knob.widths[0] for name, knob in self._trials.knobs.items()})
        if limits.max_lut is not None and self._start.estimate.fabric.lut is None:
            message = "the LUTs of this model are not estimated: leave max_lut out"
            raise ConfigError(message)
        self._scale = np.maximum(total_costs(self._start.estimate), 1)
        self._rejected: list[Bits] = []
        self._moves = 0
        self._alone: dict[tuple[str, int], Score] = {}
        self._table: CostTable | None = None

    def within(self, limits: BitLimits) -> bool:
        """Narrow until the limits hold; False where they cannot: then the nearest that was met stays chosen."""
        self._limits = limits
        nearest = self._now
        while not self._is_within():
            move = self._best_move()
            if move is None:
                self._now = nearest
                return False
            found = self._measured({**self._now.bits, **move})
            if self._falls_below(found.score):
                self._rejected.append(move)
                continue
            self._now, self._moves = found, self._moves + 1
            if self._gap(total_costs(found.estimate)) < self._gap(total_costs(nearest.estimate)):
                nearest = found
            self._tell("narrowing", self._moves, None, f"{_words(move)}: {found.reached}, {self._told(found)}")
        self._widen()
        return True

    def quantized(self) -> QuantizeResult:
        """The model with the bits that were chosen."""
        return self._trials.quantized(self._now.bits)

    def over(self, limits: BitLimits, model: Any) -> dict[str, int]:
        """By how much a model exceeds the limits."""
        return limits.over(self._session.estimate(model))

    def result(self, limits: BitLimits, model: Any = None) -> BitsResult:
        """What was chosen, as held to `limits`; `model` is what training has made of it."""
        if model is not None:
            self._now = self._looked_at(self._now.bits, model)
        final = costs_of_layers(self._now.estimate, self._trials.knobs)
        known = self._now.estimate.fabric.lut is not None
        layers = []
        for name, knob in self._trials.knobs.items():
            bits, cost = self._now.bits[name], final.get(name)
            alone = self._alone.get((name, bits))
            layers.append(
                LayerBits(
                    name,
                    "weights" if knob.is_weights else "values",
                    knob.widths[0],
                    bits,
                    None if alone is None else _worse(self._start.score, alone),
                    None if alone is None else alone.loss - self._start.score.loss,
                    None if cost is None else int(cost[0]),
                    None if cost is None or not known else int(cost[1]),
                )
            )
        start, now = self._start, self._now
        return BitsResult(
            limits,
            tuple(layers),
            start.score.name,
            start.score.metric,
            now.score.metric,
            costs(start.estimate),
            costs(now.estimate),
            self._moves,
            self._answer(limits),
        )

    def _answer(self, limits: BitLimits) -> str:
        over, now, name = limits.over(self._now.estimate), self._now, self._start.score.name
        scored = (
            f"{name} {now.score.metric:.4g} on the validation samples ({self._start.score.metric:.4g} at the start)"
        )
        if not over:
            return f"The limits hold: {self._told(now)}; {scored}."
        why = "with the fewest bits that were tried"
        if limits.min_score is not None and self._falls_below(self._start.score):
            why = (
                f"and at the starting bits the {name} is {self._start.score.metric:.4g} already, below the least asked"
            )
        elif limits.min_score is not None:
            why = f"without the {name} falling below {limits.min_score:g}"
        return f"The limits cannot be met {why}: the nearest is {limits.words(over)}, at {scored}."

    def _is_within(self) -> bool:
        """Whether the limits hold; before that is said, all samples place the types."""
        if self._limits.over(self._now.estimate):
            return False
        self._trials.place_by_all()
        self._now = self._measured(self._now.bits)
        return not self._limits.over(self._now.estimate)

    def _best_move(self) -> Bits | None:
        if self._falls_below(self._start.score):
            return None
        table = self._measure()
        least = _NOTHING * abs(self._start.score.loss) + 1e-12
        now = total_costs(self._now.estimate)
        best: tuple[float, float, Bits] | None = None
        for move in self._possible():
            after = now + table.change(self._now.bits, move)
            lost = max(sum(self._loss(k, w) - self._loss(k, self._now.bits[k]) for k, w in move.items()), 0.0) + least
            saved = self._gap(now) - self._gap(after)
            # Where no single move brings a limit nearer, the one that takes away most operations may open the way.
            fallback = (now[3] - after[3]) / self._scale[3] / lost if len(move) == 1 else 0.0
            rated = (saved / lost if saved > 0 else 0.0, fallback, move)
            if max(rated[:2]) > 0 and (best is None or rated[:2] > best[:2]):
                best = rated
        return None if best is None else best[2]

    def _possible(self) -> Iterator[Bits]:
        """One knob narrower, or the weights of a layer and what they multiply together."""
        now = self._now.bits
        narrower = {name: [w for w in self._widths(name) if w < now[name]] for name in self._trials.knobs}
        for name, widths in narrower.items():
            reads = self._trials.knobs[name].reads
            others = narrower.get(reads, []) if reads is not None else []
            for width in widths:
                yield from self._allowed({name: width})
                for other in others:
                    yield from self._allowed({name: width, str(reads): other})

    def _allowed(self, move: Bits) -> Iterator[Bits]:
        after = {**self._now.bits, **move}
        if not any(all(after[name] <= width for name, width in each.items()) for each in self._rejected):
            yield move

    def _measure(self) -> CostTable:
        """Sensitivities and costs, once they are needed."""
        if self._table is None:
            floor = self._limits.min_score
            self._alone = lost_alone(
                self._trials, floor, lambda done, total, what: self._tell("sensitivity", done, total, what)
            )
            widths = {name: self._widths(name) for name in self._trials.knobs}
            self._table = CostTable(
                self._trials, widths, lambda done, total, what: self._tell("costs", done, total, what)
            )
        return self._table

    def _widths(self, name: str) -> tuple[int, ...]:
        first, *others = self._trials.knobs[name].widths
        return (first, *(width for width in others if (name, width) in self._alone))

    def _loss(self, name: str, width: int) -> float:
        """What the knob at this width, or any wider one, loses."""
        start = self._start.score.loss
        found = [self._alone[name, w].loss - start for w in self._widths(name)[1:] if w >= width]
        return max([0.0, *found])

    def _gap(self, found: Costs) -> float:
        """How far the limits are, as fractions of what the start costs; 0 where they hold."""
        limits = (self._limits.max_dsp, self._limits.max_lut, self._limits.max_bops, self._limits.max_ebops)
        each = zip(found, limits, self._scale, strict=True)
        return float(sum(max(0.0, cost - limit) / scale for cost, limit, scale in each if limit is not None))

    def _widen(self) -> None:
        """Give bits back where the limits hold all the same and the score gains: a move may have gone too far."""
        if self._table is None:
            return
        order = sorted(self._now.bits, key=lambda name: -self._loss(name, self._now.bits[name]))
        for name in order:
            now, spent = self._now.bits, total_costs(self._now.estimate)
            wider = [width for width in self._widths(name) if width > now[name]]
            fits = [each for each in wider if self._gap(spent + self._table.change(now, {name: each})) == 0]
            if not fits:
                continue
            found = self._measured({**now, name: fits[0]})
            if not self._limits.over(found.estimate) and found.score.better_than(self._now.score):
                self._now, self._moves = found, self._moves + 1
                told = f"{name} to {fits[0]} bits: {found.reached}, {self._told(found)}"
                self._tell("widening", self._moves, None, told)

    def _measured(self, bits: Bits) -> _State:
        return self._looked_at(bits, self._trials.tried(bits))

    def _looked_at(self, bits: Bits, model: Any) -> _State:
        score = self._trials.score(model)
        return _State(bits, score, self._trials.estimate(model), scored(model, score))

    def _falls_below(self, score: Score) -> bool:
        least = self._limits.min_score
        return not score.finite or (least is not None and score.metric < least)

    def _told(self, state: _State) -> str:
        """What a state costs, in words: DSPs, LUTs and whatever else is limited."""
        spent = costs(state.estimate)
        named = {name: word for name, word in COST_NAMES.items() if name in _ALWAYS or name in self._limits.of_cost}
        if state.estimate.fabric.lut is None:
            named.pop("max_lut", None)
        return ", ".join(f"{spent[name]} {word}" for name, word in named.items())

    def _tell(self, stage: str, done: int, total: int | None, state: str) -> None:
        if self._on_step is not None:
            self._on_step(Step(stage, done, total, state))


def _check(limits: BitLimits, narrower: tuple[int, ...], session: Compression) -> None:
    if not narrower or any(wide <= narrow for wide, narrow in pairwise(narrower)) or narrower[-1] < _FEWEST:
        message = f"the widths to try must be whole numbers from {_FEWEST}, the widest first, not {narrower}"
        raise ConfigError(message)
    if not limits.of_cost:
        message = "a search for bits needs a limit of cost: max_dsp, max_lut, max_bops or max_ebops"
        raise ConfigError(message)
    if limits.min_score is not None and session.score.name == "loss":
        message = "the score of this model is its loss, for which less is better; name another one, such as r2"
        raise ConfigError(message)


def _worse(start: Score, score: Score) -> float:
    """How much of the score is lost; of a loss, how much is gained."""
    return score.metric - start.metric if start.name == "loss" else start.metric - score.metric


def _words(move: Bits) -> str:
    return " and ".join(f"{name} to {width} bits" for name, width in move.items())
