"""A whole grid of sparsities out of one run: the networks train on, and a point is taken as each target is passed.

Between two targets the removed fraction follows the cubic schedule of Zhu and Gupta, "To prune, or not to prune"
(arXiv:1710.01878), an epoch at a time; with the masks of the target held, the best epoch is the point. Removed weights
stay removed, so a point depends on the targets before it, not on those after.

How far a run is can be kept between epochs; one that goes on from there gives the same weights bit for bit.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress.data import TrainingData
from fpgaprune.compress.post_training import LAYER_LIMIT
from fpgaprune.compress.run import POSITIVE, check_settings, positive, whole
from fpgaprune.compress.scores import Score
from fpgaprune.compress.stack.layers import CannotStackError
from fpgaprune.compress.stack.network import Arrays, Member
from fpgaprune.compress.stack.state import Keeper, State
from fpgaprune.compress.stack.trainer import Alone, Settings, Trained, train_together
from fpgaprune.errors import ConfigError, unknown_choice

_STARTS = ("initial", "trained")
_POWER = 3  # of the schedule, as its authors have it
KEEP_S: Final = 5.0  # at least, between two times that a run is kept


@dataclass(frozen=True, kw_only=True)
class GridTraining:
    """Settings of the run: `epochs` before the first removal, then `epochs_per_target` for every sparsity above 0.

    Of the latter, the first `ramp` is the part in which weights are removed. `start`: from the weights that the model
    is built with, or from those of the trained one. `stack`: how many networks to train together at most.
    """

    loss: str
    epochs: int = 30
    epochs_per_target: int = 15
    ramp: float = 0.4
    learning_rate: float = 1e-3
    batch_size: int = 64
    layer_limit: float = LAYER_LIMIT
    start: str = "initial"
    stack: int = 64

    def __post_init__(self) -> None:
        """Raise ConfigError for settings that make no sense."""
        rules = (
            ("epochs", whole(self.epochs, 0), "a whole number that is not negative"),
            ("epochs_per_target", whole(self.epochs_per_target, 1), "a whole number, at least 1"),
            ("ramp", 0 <= self.ramp < 1, "a fraction from 0, below 1"),
            ("learning_rate", positive(self.learning_rate), POSITIVE),
            ("batch_size", whole(self.batch_size, 1), "a whole number, at least 1"),
            ("layer_limit", 0 < self.layer_limit <= 1, "a fraction above 0, at most 1"),
            ("stack", whole(self.stack, 1), "a whole number, at least 1"),
        )
        check_settings(self, rules)
        if self.start not in _STARTS:
            raise ConfigError(unknown_choice("start", self.start, _STARTS))

    def removals(self, before: float, target: float) -> list[float]:
        """The fraction to remove at the beginning of each of a target's epochs that remove; the last is the target."""
        count = max(1, round(self.ramp * self.epochs_per_target))
        return [target - (target - before) * (1 - number / count) ** _POWER for number in range(1, count + 1)]

    def length(self, targets: Sequence[float]) -> int:
        """Epochs of a whole run."""
        return self.epochs + self.epochs_per_target * sum(1 for target in targets if target > 0)


@dataclass(frozen=True, eq=False)
class Reached:
    """A target that a network has passed: the weights of its best epoch and their score, or why there are none."""

    member: int
    target: float
    weights: Arrays
    score: Score | None
    error: str | None = None


@dataclass(frozen=True)
class Told:
    """An epoch is over: how many of how many, networks in it, and the mean validation metric over them."""

    epoch: int
    epochs: int
    networks: int
    metric: float


Network = Member
OnReached = Callable[[Reached], None]
OnEpoch = Callable[[Told], None]


def train_grid(  # noqa: PLR0913 - what a training run is made of
    members: Sequence[Member],
    targets: Sequence[float],
    config: GridTraining,
    data: TrainingData,
    *,
    on_reached: OnReached,
    on_epoch: OnEpoch,
    together: bool = True,
    keeper: Keeper | None = None,
) -> str | None:
    """Train the members, and hand over each one's weights as it passes each of the ascending targets.

    As many as `config.stack` at once; one after another where the model cannot be stacked, or not `together`: then the
    reason is returned. A run that `keeper` holds goes on from there; targets that it passed before are not handed over
    again. Raises ConfigError or ModelError for a model or data that cannot be trained at all.
    """
    settings = Settings(config.loss, config.learning_rate, config.batch_size, config.layer_limit)
    step = config.stack if together else 1
    run = _Runs(targets, config, on_reached, on_epoch, keeper)
    reason = None if together else "asked for one by one"
    groups = [range(first, min(first + step, len(members))) for first in range(0, len(members), step)]
    for group in groups:
        trained: Trained | None = None
        if reason is None:
            try:
                trained = train_together([members[number] for number in group], data, settings)
            except CannotStackError as error:
                reason = str(error)
        if trained is not None:
            _Run(trained, tuple(group), run).whole()
            continue
        for number in group:
            alone = Alone(members[number], data, settings)
            _Run(alone, (number,), run).whole()
    return reason


@dataclass(frozen=True)
class _Runs:
    """What all runs have in common."""

    targets: Sequence[float]
    config: GridTraining
    on_reached: OnReached
    on_epoch: OnEpoch
    keeper: Keeper | None


@dataclass(frozen=True)
class _Epoch:
    """An epoch of the plan: what is removed before it, and whether its weights may be a target's.

    `fresh`: from here on the masks are those of the next target, and its best epoch is looked for.
    """

    removal: float | None = None
    fresh: bool = False
    held: bool = True


def _plan(config: GridTraining, targets: Sequence[float]) -> tuple[list[_Epoch], dict[int, list[float]]]:
    """All epochs, and after how many of them a target is passed."""
    epochs, passed, before = [_Epoch()] * config.epochs, dict[int, list[float]](), 0.0
    for target in sorted(set(targets)):
        if target > 0:
            removals = config.removals(before, target)
            last = len(removals) - 1
            epochs += [_Epoch(removal, number == last, number == last) for number, removal in enumerate(removals)]
            epochs += [_Epoch()] * (config.epochs_per_target - len(removals))
        passed.setdefault(len(epochs), []).append(target)
        before = target
    return epochs, passed


class _Run:
    """The schedule on one stack, or one network."""

    def __init__(self, trained: Trained, numbers: tuple[int, ...], runs: _Runs) -> None:
        self._trained, self._numbers, self._runs = trained, numbers, runs
        self._plan, self._passed = _plan(runs.config, runs.targets)
        self._done = 0
        self._best: list[tuple[Score, Arrays] | None] = []
        self._dead: dict[int, str] = {}
        self._kept = time.monotonic()

    def whole(self) -> None:
        """All targets in their order."""
        held = None if self._runs.keeper is None else self._runs.keeper.load(self._numbers)
        if held is None:
            self._forget()
            self._look(self._trained.scores())
        else:
            self._restore(held)
        while True:
            for target in self._passed.get(self._done, ()):
                self._hand_over(target)
            if self._done == len(self._plan):
                break
            self._epoch(self._plan[self._done])
            self._keep()
        if self._runs.keeper is not None:
            self._runs.keeper.drop(self._numbers)

    def _epoch(self, planned: _Epoch) -> None:
        if planned.removal is not None:
            self._trained.prune(planned.removal)
        if planned.fresh:
            self._forget()
            self._look(self._trained.scores())
        losses = self._trained.epoch()
        scores = self._trained.scores()
        self._done += 1
        for place, loss in enumerate(losses):
            if not (isfinite(loss) and scores[place].finite) and place not in self._dead:
                self._dead[place] = (
                    f"the loss became NaN or infinite in epoch {self._done} of {len(self._plan)}; a smaller "
                    f"learning_rate than {self._runs.config.learning_rate:g} usually helps"
                )
        if planned.held:
            self._look(scores)
        metrics = [score.metric for place, score in enumerate(scores) if place not in self._dead]
        mean = float(np.mean(metrics)) if metrics else float("nan")
        self._runs.on_epoch(Told(self._done, len(self._plan), len(self._numbers), mean))

    def _keep(self) -> None:
        if self._runs.keeper is None or time.monotonic() - self._kept < KEEP_S:
            return
        dead = {str(place): why for place, why in self._dead.items()}
        scores = [None if best is None else asdict(best[0]) for best in self._best]
        state: State = {**self._trained.state(), "run": np.array(json.dumps([self._done, dead, scores]))}
        for place, best in enumerate(self._best):
            for number, array in enumerate(() if best is None else best[1]):
                state[f"best{place:05}_{number:05}"] = array
        self._runs.keeper.save(self._numbers, state)
        self._kept = time.monotonic()

    def _restore(self, held: Mapping[str, NDArray[Any]]) -> None:
        self._trained.restore(held)
        self._done, dead, scores = json.loads(str(held["run"]))
        self._dead = {int(place): why for place, why in dead.items()}
        self._best = [
            None if score is None else (Score(**score), [held[n] for n in sorted(held) if n.startswith(f"best{p:05}_")])
            for p, score in enumerate(scores)
        ]

    def _forget(self) -> None:
        self._best = [None] * len(self._numbers)

    def _look(self, scores: Sequence[Score]) -> None:
        """Keep the weights of those that are better than ever since the masks are held."""
        better = [
            place
            for place, score in enumerate(scores)
            if place not in self._dead and score.finite and self._improves(place, score)
        ]
        if better:
            weights = self._trained.weights()
            for place in better:
                self._best[place] = scores[place], weights[place]

    def _improves(self, place: int, score: Score) -> bool:
        best = self._best[place]
        return best is None or score.better_than(best[0])

    def _hand_over(self, target: float) -> None:
        for place, number in enumerate(self._numbers):
            best = self._best[place]
            if place in self._dead or best is None:
                reason = self._dead.get(place, "the loss of the network is not a number to begin with")
                self._runs.on_reached(Reached(number, target, [], None, reason))
            else:
                self._runs.on_reached(Reached(number, target, best[1], best[0]))
