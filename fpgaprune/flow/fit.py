"""The best model within limits: combinations of methods are tried, kept as they are finished, and compared."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from fpgaprune import __version__
from fpgaprune.compress import TrainingData
from fpgaprune.compress.copying import predict
from fpgaprune.compress.data import as_tuple
from fpgaprune.compress.kernels import find_kernels
from fpgaprune.compress.masks import quantized_sparsity
from fpgaprune.compress.scores import Score, fitting_targets, resolve_loss
from fpgaprune.errors import ConfigError, FpgapruneError
from fpgaprune.flow.bits import Step
from fpgaprune.flow.compression import VALIDATION, Compression, Epoch, Watch, save_model, score_on
from fpgaprune.flow.fit_kept import Kept
from fpgaprune.flow.fit_steps import Bench, Combination, combinations, name_of, run_steps
from fpgaprune.generate.settings import GenerateSettings
from fpgaprune.read.model import load_model
from fpgaprune.results.fit import Attempt, FitLimits, FitResult

_HOPELESS: Final = 1.3  # times a limit before training: training does not win that back
_LOST: Final = 0.1  # of what the given model is better than a constant answer, if nobody says
_ALONE: Final = name_of((("budget", None),))


@dataclass(frozen=True)
class FitConfig:
    """How much is tried: epochs of training per step, at most so many trained combinations, and the seed."""

    epochs: int = 20
    tries: int = 12
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise ConfigError for settings that make no sense."""
        if self.epochs < 0 or self.tries < 1 or self.seed < 0:
            message = f"fit takes epochs and a seed from 0 and at least one try, not {self}"
            raise ConfigError(message)


class FitWatcher(Protocol):
    """Whoever shows how the search goes on."""

    def begin(self, what: str) -> None:
        """A combination begins."""

    def seen(self, epoch: Epoch) -> None:
        """An epoch of its training is over."""

    def searched(self, step: Step) -> None:
        """A step of its search for bits is over."""

    def finished(self, attempt: Attempt) -> None:
        """A combination is through."""


def fit_file(  # noqa: PLR0913 - one argument per file and choice
    path: Path,
    output: Path,
    limits: FitLimits,
    data: Path,
    settings: GenerateSettings | None = None,
    config: FitConfig | None = None,
    *,
    weights: Path | None = None,
    loss: str | None = None,
    score: str | None = None,
    watcher: FitWatcher | None = None,
) -> FitResult:
    """Try combinations of methods on the model in `path` and write the best one within the limits to `output`.

    Every combination is costed without training first; what lies far outside the limits is not trained. The others
    are, in the order of `combinations`, and judged on the validation samples; the test samples only judge the best.
    What is finished is kept in the folder `<name>.fit` beside the output: an interrupted run goes on there when it is
    started again with the same files and settings; the KeyboardInterrupt says what the best so far is and where.
    Without a least score, `with_floor` sets one. Raises ConfigError for limits and data that do not fit the model.
    """
    config = config or FitConfig()
    session = Compression(path, output, data, settings, weights=weights, loss=loss, score=score)
    if limits.max_dsp is None and limits.max_lut is None:
        message = "fit needs a limit of cost: max_dsp, max_lut or both"
        raise ConfigError(message)
    if limits.min_score is not None and session.score.name == "loss":
        message = "the score of this model is its loss, for which less is better; name another one, such as r2"
        raise ConfigError(message)
    digest = _digest(path, data, weights, limits, config, session)
    limits = with_floor(limits, session.model, session.training(config.seed), session.loss)
    search = _Search(session, path, weights, limits, config, watcher, Kept(output.with_name(f"{output.stem}.fit")))
    started = time.perf_counter()
    try:
        attempts = search.run(digest)
    except KeyboardInterrupt as stopped:
        raise KeyboardInterrupt(search.so_far(digest)) from stopped
    best = choose(attempts, limits)
    if best is None or best.file is None:
        return FitResult(limits, attempts, None, None, None, _nearest(attempts, limits))
    model = load_model(search.kept.folder / best.file).model
    record = {"method": f"fit: {best.name}", "limits": asdict(limits), "tried": [each.json() for each in attempts]}
    written = session.write(model, record, time.perf_counter() - started)
    answer = f"The best within the limits is {best.name}: {_costs(best)}, {_scored(best)} on the validation samples."
    return FitResult(limits, attempts, best, output, written.record, answer)


def choose(attempts: tuple[Attempt, ...], limits: FitLimits) -> Attempt | None:
    """The best score within the limits, of equal ones the least loss, then fewer DSPs and LUTs; None where none is."""
    fine = [each for each in attempts if _is_within(each, limits) and limits.is_good(each.score, each.loss)]
    return max(fine, key=lambda each: (each.rank, -(each.dsp or 0), -(each.lut or 0)), default=None)


def nearest(attempts: Sequence[Attempt], limits: FitLimits) -> Attempt:
    """Of attempts with costs the one that exceeds the limits least, of equal ones the one over fewer of them."""

    def distance(each: Attempt) -> tuple[float, int, int, int]:
        dsp, lut = each.dsp or 0, each.lut
        return limits.excess(dsp, lut), len(limits.over(dsp, lut)), dsp, lut or 0

    return min(attempts, key=distance)


def with_floor(limits: FitLimits, model: Any, data: TrainingData, loss: str) -> FitLimits:
    """Limits with a least score: nine tenths of what the model's is above that of a constant answer, by default.

    Without one, a network that was emptied to fit the limits would do. The constant is the model's mean answer to the
    validation samples. Nothing is added where a least score is given, or the model is no better than the constant.
    """
    if limits.min_score is not None:
        return limits
    outputs = predict(model, data.validation_x)
    judge, targets = resolve_loss(loss, outputs, data.metric), fitting_targets(outputs, data.validation_y)
    constant = tuple(np.broadcast_to(each.mean(axis=0, keepdims=True), each.shape) for each in outputs)
    found, empty = judge.judge(outputs, targets), judge.judge(constant, targets)
    kept = found.metric - _LOST * (found.metric - empty.metric)
    if found.name == "loss":
        return replace(limits, max_loss=kept, is_default=True) if found.metric < empty.metric else limits
    return replace(limits, min_score=kept, is_default=True) if found.metric > empty.metric else limits


@dataclass(frozen=True, eq=False)
class _Search:
    session: Compression
    path: Path
    weights: Path | None
    limits: FitLimits
    config: FitConfig
    watcher: FitWatcher | None
    kept: Kept
    memory: dict[Any, Any] = field(default_factory=dict)

    def run(self, digest: str) -> tuple[Attempt, ...]:
        done = self.kept.of(digest)
        trained = sum(each.score is not None for each in done.values())
        for combination in combinations(self.session.model):
            name = name_of(combination)
            if name in done:
                continue
            if trained >= self.config.tries:
                break
            if self.watcher is not None:
                self.watcher.begin(name)
            done[name] = found = self._attempt(combination)
            trained += found.score is not None
            self.kept.keep(digest, done)
            if self.watcher is not None:
                self.watcher.finished(found)
        return tuple(done.values())

    def so_far(self, digest: str) -> str:
        """What an interrupted search has found, in one sentence."""
        done = tuple(self.kept.of(digest).values())
        best = choose(done, self.limits)
        kept = f"{len(done)} combinations are kept in {self.kept.folder}, the same command goes on from there"
        if best is None or best.file is None:
            return f"interrupted, with nothing within the limits yet; {kept}"
        told = f"{best.name}: {_costs(best)}, {_scored(best)} on the validation samples"
        return f"interrupted; the best so far is {self.kept.folder / best.file} ({told}); {kept}"

    def _attempt(self, combination: Combination) -> Attempt:
        started, name = time.perf_counter(), name_of(combination)
        try:
            found = self._tried(combination)
        except FpgapruneError as error:
            found = Attempt(name, error=str(error))
        return replace(found, seconds=round(time.perf_counter() - started, 2))

    def _tried(self, combination: Combination) -> Attempt:
        name = name_of(combination)
        first = self._judged(name, run_steps(self._fresh(), combination, self._bench(0)))
        over = self.limits.excess(first.dsp or 0, first.lut)
        if over > _HOPELESS:
            return replace(first, score=None, score_name=None, skipped="costs too much, not trained")
        if self.config.epochs and combination:
            model = run_steps(self._fresh(), combination, self._bench(self.config.epochs))
        else:
            model = run_steps(self._fresh(), combination, self._bench(0))
        found = self._judged(name, model)
        if not _is_within(found, self.limits):
            return found
        file = self.kept.free_name()
        save_model(model, self.kept.folder / file)
        return replace(found, file=file)

    def _fresh(self) -> Any:
        return load_model(self.path, self.weights).model

    def _bench(self, epochs: int) -> Bench:
        training = self.session.dataset.training(VALIDATION, self.config.seed)
        watcher = self.watcher
        seen = Watch(self.session, None if watcher is None else watcher.seen).seen
        searched = None if watcher is None else watcher.searched
        return Bench(self.session, training, self.limits, epochs, self.config.seed, seen, searched, self.memory)

    def _judged(self, name: str, model: Any) -> Attempt:
        estimate = self.session.estimate(model)
        score = self._score(model)
        lut = estimate.fabric.lut
        return Attempt(
            name,
            score_name=score.name,
            score=score.metric if np.isfinite(score.metric) else None,
            loss=score.loss if score.finite else None,
            sparsity=quantized_sparsity(find_kernels(model)),
            dsp=estimate.dsp.high,
            lut=None if lut is None else lut.value,
        )

    def _score(self, model: Any) -> Score:
        data = self.session.dataset.training(VALIDATION, self.config.seed)
        return score_on(model, data.validation_x, data.validation_y, self.session.loss, data.metric)


def _digest(
    path: Path, data: Path, weights: Path | None, limits: FitLimits, config: FitConfig, session: Compression
) -> str:
    """What attempts hang on; not how many are allowed, nor the least score: more may be asked for later."""
    files: list[Path] = [each for each in (path, weights, data) if each is not None and each.is_file()]
    named = [sha256(file.read_bytes()).hexdigest() for file in files]
    dataset = session.dataset
    given = (*as_tuple(dataset.x), *as_tuple(dataset.y))
    arrays = [sha256(np.ascontiguousarray(array).tobytes()).hexdigest() for array in given]
    asked = [limits.max_dsp, limits.max_lut, config.epochs, config.seed, session.loss, str(session.settings)]
    metric = None if dataset.metric is None else dataset.metric.name
    return sha256(json.dumps([__version__, named, arrays, asked, metric]).encode()).hexdigest()


def _is_within(attempt: Attempt, limits: FitLimits) -> bool:
    if attempt.score is None or attempt.dsp is None:
        return False
    return limits.excess(attempt.dsp, attempt.lut) <= 1


def _nearest(attempts: tuple[Attempt, ...], limits: FitLimits) -> str:
    """Why nothing was written, and how near the best came."""
    within = [each for each in attempts if _is_within(each, limits)]
    if within:
        best = max(within, key=lambda each: each.rank)
        return (
            f"Nothing reaches {limits.least} within the limits; the best there is {best.name}: "
            f"{_scored(best)}, {_costs(best)}."
        )
    costed = [each for each in attempts if each.dsp is not None]
    if not costed:
        return "Nothing could be tried: every combination failed; the table says why."
    best = nearest(costed, limits)
    over = limits.over(best.dsp or 0, best.lut)
    why = next((each.error for each in attempts if each.name == _ALONE and each.error), None)
    return (
        f"Nothing meets the limits; the nearest is {best.name}: {_costs(best)}, {' and '.join(over) or 'not scored'}."
        + ("" if why is None else f" With the budget alone: {why}.")
    )


def _costs(attempt: Attempt) -> str:
    return f"{attempt.dsp} DSPs" + ("" if attempt.lut is None else f" and {attempt.lut} LUTs")


def _scored(attempt: Attempt) -> str:
    return f"{attempt.score_name} {attempt.score:.4g}" if attempt.score is not None else "not scored"
