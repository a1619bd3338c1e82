"""A sweep from its TOML to its result: what is missing is computed, what is there is read."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from fpgaprune.config.study import Study, Sweep, load_study
from fpgaprune.device import find_device
from fpgaprune.errors import ConfigError, unknown_choice
from fpgaprune.flow.study_model import called, initial_model, trained_model
from fpgaprune.flow.study_task import StudyData, Task, load_task
from fpgaprune.results.sweep import PointResult, SweepResult
from fpgaprune.sweep.choice import Choice, InOrder, Method, Search
from fpgaprune.sweep.evaluate import Evaluation, Job
from fpgaprune.sweep.grid import Planned, Start, planned, starts_of, sweep_of
from fpgaprune.sweep.store import Store, open_store
from fpgaprune.sweep.training import train_networks
from fpgaprune.sweep.workers import Computation, Inline, Workers

STORE = "study.db"
_LOOK_S = 1.0  # between two looks at what another sweep has finished
_SHOW_S = 20.0  # between two times that Optuna is shown what is finished


class Watcher(Protocol):
    """Whoever shows how a sweep goes on."""

    def begin(self, what: str) -> None:
        """A stage that takes a while begins."""

    def epoch(self, done: int, total: int, state: str) -> None:
        """An epoch of training is over."""

    def points(self, done: int, total: int) -> None:
        """So many points are finished."""

    def point(self, result: PointResult) -> None:
        """This point is, or was already."""


@dataclass(frozen=True, eq=False)
class Opened:
    """A sweep ready to go: its settings, data, trained models and points, a point under another seed being another."""

    study: Study
    sweep: Sweep
    data: StudyData
    starts: tuple[Start, ...]
    points: tuple[Planned, ...]
    url: str
    trained: Path | None = None  # the folder of trained networks

    @property
    def job(self) -> Job:
        """What all points share."""
        starts = tuple(replace(start, model=start.model.resolve()) for start in self.starts)
        trained = None if self.sweep.training is None or self.trained is None else self.trained.resolve()
        return Job(self.study.folder.resolve(), starts, self.sweep, trained)

    @property
    def name(self) -> str:
        """The study's name in the store."""
        return self.study.name

    @property
    def seeds(self) -> int:
        """How many runs a point has."""
        return len({point.recipe.seed for point in self.points})

    def result(self, found: Sequence[PointResult], wanted: int | None = None) -> SweepResult:
        """The finished runs as the sweep's result, of `wanted` that there are to be (the whole grid)."""
        device = find_device(self.sweep.hardware.part)
        return SweepResult(
            title=self.study.title,
            question=self.study.question,
            device=device.part,
            available_dsp=device.available.dsp,
            available_lut=device.available.lut,
            runs=tuple(found),
            total=-(-(len(self.points) if wanted is None else wanted) // self.seeds),
            seeds=self.seeds,
        )


def open_sweep(place: Path, output: Path, watcher: Watcher, storage: str | None = None) -> Opened:
    """Read the study, load its data, and train its model, one per seed, unless that is done.

    `place` is its folder or a TOML file in it. Raises ConfigError or ModelError.
    """
    study = load_study(place)
    sweep = sweep_of(study)
    find_device(sweep.hardware.part)
    task = load_task(study.folder)
    data: StudyData = called(task.load_data, sweep.task)
    output.mkdir(parents=True, exist_ok=True)
    if sweep.model is not None and not sweep.model.is_file():
        message = f"the trained model {sweep.model} that [sweep] names is not there; without `model` it is trained"
        raise ConfigError(message)
    models = [_model(study, sweep, task, data, output, watcher, seed) for seed in sweep.seeds]
    starts = starts_of(study, sweep, models, data)
    url = storage or f"sqlite:///{(output / STORE).resolve()}"
    return Opened(study, sweep, data, starts, planned(sweep, starts), url, output / "trained")


def _model(
    study: Study, sweep: Sweep, task: Task, data: StudyData, output: Path, watcher: Watcher, seed: int | None
) -> Path:
    """The file of the model that the points of a seed start from."""
    if sweep.model is not None:
        return sweep.model
    if sweep.training is not None and sweep.training.start == "initial":
        return initial_model(study.folder, task, sweep.task, output, seed)
    which = f", seed {seed}" if len(sweep.seeds) > 1 else ""
    return trained_model(
        study.folder,
        task,
        sweep.task,
        output,
        data=lambda: data,
        begin=lambda: watcher.begin(f"train{which}"),
        on_epoch=lambda done, total, metric: watcher.epoch(done, total, f"validation {metric:.3f}"),
        seed=seed,
    )


@dataclass(frozen=True, slots=True)
class Searched:
    """A search instead of the whole grid: how, and how many points of the grid there are to be in the end.

    Each is computed under all seeds.
    """

    method: Method
    trials: int = 100


def run_sweep(
    opened: Opened,
    watcher: Watcher,
    *,
    jobs: int = 1,
    retry_failed: bool = False,
    search: Searched | None = None,
    computation: Computation | None = None,
) -> SweepResult:
    """Compute the points that are missing, `jobs` at a time or by `computation`; the result holds all.

    With `search` a sampler chooses among the points of the grid, until so many are there. A point that fails is a
    record with its reason. Points that another sweep of the same study is computing are waited for, and taken over if
    it dies. Raises ToolError where the store or the workers fail; what was finished stays.
    """
    if jobs < 1:
        message = f"a sweep needs 1 worker process or more, not {jobs}"
        raise ConfigError(message)
    if search is not None and search.trials < 1:
        message = f"a search needs 1 trial or more, not {search.trials}"
        raise ConfigError(message)
    choice: Choice = InOrder() if search is None else Search(search.method, opened.points)
    wanted = len(opened.points) if search is None else min(search.trials * opened.seeds, len(opened.points))
    with open_store(opened.url, opened.name) as store:
        store.release_dead()
        if retry_failed:
            store.reopen_failed(opened.points)
        found = store.results(opened.points)
        for result in found:
            watcher.point(result)
        watcher.points(len(found), max(wanted, len(found)))
        missing = wanted - len(found)
        if missing > 0:
            done = {point.digest for point in found}
            if search is None:
                _train(opened, [point for point in opened.points if point.digest not in done], watcher)
            with computation or _local(opened, min(jobs, missing)) as work:
                trains = search is not None and opened.sweep.training is not None
                _compute(_Running(opened, store, work, watcher, choice, wanted, trains))
            found = store.results(opened.points)
    return opened.result(found, max(wanted, len(found)))


def _train(opened: Opened, points: Sequence[Planned], watcher: Watcher) -> None:
    """The networks of these points of a trained grid, as far as they are not there."""
    job = opened.job
    if job.trained is not None:
        train_networks(job.trained, job.starts, job.sweep, opened.data, points, watcher)


def _trained_first(now: "_Running", claims: Iterator[Planned]) -> Iterator[Planned]:
    """Claimed points of a search; networks of new bits are trained when the first of their points comes.

    All their sparsities and seeds come out of one run, whichever of them the search will ask for.
    """
    trained: set[int] = set()
    for point in claims:
        bits = point.recipe.bits
        if bits not in trained:
            _train(now.opened, [other for other in now.opened.points if other.recipe.bits == bits], now.watcher)
            trained.add(bits)
        yield point


def read_sweep(opened: Opened) -> SweepResult:
    """The finished points as they are in the store, computing nothing."""
    with open_store(opened.url, opened.name) as store:
        return opened.result(store.results(opened.points))


def find_point(opened: Opened, name: str, seed: int | None = None) -> PointResult:
    """The finished point of that name under `seed`, or its best one; or that of a digest, or a beginning of it.

    Raises ConfigError with the choices.
    """
    result = read_sweep(opened)
    by_digest = [run for run in result.runs if len(name) >= 6 and run.digest.startswith(name)]
    if by_digest and seed in (None, by_digest[0].recipe.seed):
        return by_digest[0]
    point = next((point for point in result.points if point.name == name), None)
    if point is None:
        raise ConfigError(unknown_choice("point", name, [point.name for point in result.points]))
    if seed is None:
        return point.best
    found = [run for run in point.runs if run.recipe.seed == seed]
    if not found:
        seeds = ", ".join(str(run.recipe.seed) for run in point.runs)
        message = f"the point {name} was not computed under seed {seed}; finished are the seeds {seeds}"
        raise ConfigError(message)
    return found[0]


def evaluation_of(opened: Opened) -> Evaluation:
    """What computes the sweep's points, loaded."""
    return Evaluation.of(opened.job, opened.data)


def _local(opened: Opened, jobs: int) -> Computation:
    return Inline(opened.job, opened.data) if jobs == 1 else Workers(opened.job, jobs)


@dataclass(frozen=True, slots=True)
class _Running:
    opened: Opened
    store: Store
    work: Computation
    watcher: Watcher
    choice: Choice
    wanted: int
    trains: bool  # networks as their points come


def _compute(now: _Running) -> None:
    store, points, shown = now.store, now.opened.points, time.monotonic()
    while True:
        rows = store.rows()
        done = sum(1 for point in points if point.digest in rows and rows[point.digest].state != "claimed")
        now.watcher.points(done, now.wanted)
        if done >= now.wanted:
            return
        claimed = False
        claims = now.choice.claims(store, points, now.wanted)
        if now.trains:
            claims = _trained_first(now, claims)
        for result in now.work.results(partial(next, claims, None)):
            claimed = True
            done += store.finish(result)
            now.choice.tell(result)
            now.watcher.point(result)
            now.watcher.points(min(done, now.wanted), now.wanted)
            if time.monotonic() - shown > _SHOW_S:
                store.publish()
                shown = time.monotonic()
        if not claimed and not store.release_dead():
            time.sleep(_LOOK_S)
