"""Where points are computed: in this process, or in several that may die without taking the sweep along."""

import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import connection, get_context
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Any, Protocol, Self

from fpgaprune.errors import FpgapruneError, ToolError
from fpgaprune.flow.study_task import StudyData
from fpgaprune.results.sweep import PointResult
from fpgaprune.sweep.evaluate import Evaluation, Job
from fpgaprune.sweep.grid import Planned

Next = Callable[[], Planned | None]
_LOOK_S = 0.5  # between two looks for new points of an idle worker


class Computation(Protocol):
    """Computes points as long as `next_point` gives some; results come in any order."""

    def results(self, next_point: Next) -> Iterator[PointResult]:
        """Every claimed point once, as complete or failed."""

    def __enter__(self) -> Self:
        """Start what there is to start."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it, whatever happened."""


@dataclass
class Inline:
    """This process, one point after another."""

    job: Job
    data: StudyData
    _evaluation: Evaluation | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        """Nothing to start: models are loaded for the first point."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to stop."""

    def results(self, next_point: Next) -> Iterator[PointResult]:
        """Every claimed point once."""
        while (point := next_point()) is not None:
            if self._evaluation is None:
                self._evaluation = Evaluation.of(self.job, self.data)
            yield self._evaluation.point(point)


@dataclass
class _Worker:
    process: SpawnProcess
    pipe: Any
    is_ready: bool = False
    point: Planned | None = None


@dataclass
class Workers:
    """Processes of this machine. One that dies costs its point, which is recorded as failed, and is replaced."""

    job: Job
    count: int
    _workers: list[_Worker] = field(default_factory=list, init=False)

    def __enter__(self) -> Self:
        """Start the processes; they load the frameworks at the same time."""
        self._workers = [self._started() for _ in range(self.count)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.pipe.close()
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join()

    def results(self, next_point: Next) -> Iterator[PointResult]:
        """Every claimed point once."""
        more = True
        while more or any(worker.point is not None for worker in self._workers):
            for worker in self._workers:
                if more and worker.is_ready and worker.point is None:
                    more = self._given(worker, next_point())
            waiting = [worker for worker in self._workers if worker.point is not None or not worker.is_ready]
            if not waiting:
                continue
            heard = connection.wait([worker.pipe for worker in waiting], timeout=_LOOK_S)
            for worker in [worker for worker in waiting if worker.pipe in heard]:
                result = self._heard(worker)
                if result is not None:
                    yield result

    def _given(self, worker: _Worker, point: Planned | None) -> bool:
        if point is None:
            return False
        worker.point = point
        with suppress(OSError):  # died while idle: found out when its pipe is read
            worker.pipe.send(point)
        return True

    def _heard(self, worker: _Worker) -> PointResult | None:
        try:
            said = worker.pipe.recv()
        except (EOFError, OSError):
            return self._replaced(worker)
        if isinstance(said, PointResult):
            worker.point = None
            return said
        if isinstance(said, str):
            raise ToolError(said)
        worker.is_ready = True
        return None

    def _replaced(self, worker: _Worker) -> PointResult | None:
        worker.process.join()
        code, point = worker.process.exitcode, worker.point
        if not worker.is_ready:
            message = f"a worker process ended with exit code {code} before it could compute anything"
            raise ToolError(message)
        self._workers[self._workers.index(worker)] = self._started()
        if point is None:
            return None
        cause = f"was ended by signal {-code}" if code is not None and code < 0 else f"ended with exit code {code}"
        return PointResult(point.recipe, point.digest, error=f"the process that computed it {cause}")

    def _started(self) -> _Worker:
        context = get_context("spawn")  # TensorFlow does not survive a fork
        here, there = context.Pipe()
        process = context.Process(target=serve, args=(there, self.job), daemon=True)
        process.start()
        there.close()
        return _Worker(process, here)


def serve(pipe: Any, job: Job) -> None:
    """A worker's life: points in, results out, until the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the sweep decides
    try:
        evaluation = Evaluation.of(job)
        pipe.send(True)
        while True:
            pipe.send(evaluation.point(pipe.recv()))
    except FpgapruneError as error:
        pipe.send(str(error))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
