"""Points computed by the workers of a Dask scheduler, on this machine or others.

A worker that is lost costs no more than the point it was at: Dask gives the point to another one, and only a point that
several workers died of is recorded as failed. Workers read the study's folder, so that folder and output must be seen
from all machines under the same path.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from types import TracebackType
from typing import Any, Final, Self
from uuid import uuid4

from fpgaprune.config.cluster import Jobs
from fpgaprune.errors import DependencyError, FpgapruneError, ToolError
from fpgaprune.results.sweep import PointResult
from fpgaprune.sweep.batch import Submitted, submit
from fpgaprune.sweep.evaluate import Evaluation, Job
from fpgaprune.sweep.grid import Planned, digest_of_data, versions
from fpgaprune.sweep.run import Opened
from fpgaprune.sweep.workers import Next

_LOOK_S: Final = 0.5  # between two looks for workers that came or went
_RENEW_S: Final = 20.0  # between two times that lost jobs are submitted again
_CONNECT_S: Final = 30.0
_LOCK = Lock()
_LOADED: list[tuple["Errand", Evaluation]] = []  # the last one


@dataclass(frozen=True, slots=True)
class Errand:
    """What a worker is sent with a point: the job, and what the worker must have to get the same numbers."""

    job: Job
    data: str  # digest
    versions: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, job: Job, data: str) -> "Errand":
        """With the versions that are installed here."""
        return cls(job, data, tuple(versions().items()))


Compute = Callable[[Errand, Planned], PointResult | str]


def compute(errand: Errand, point: Planned) -> PointResult | str:
    """On a worker: the numbers of a point, or a sentence why this worker cannot compute any; one at a time."""
    with _LOCK:
        try:
            evaluation = _evaluation(errand)
        except FpgapruneError as error:
            return str(error)
        return evaluation.point(point)


def _evaluation(errand: Errand) -> Evaluation:
    if _LOADED and _LOADED[0][0] == errand:
        return _LOADED[0][1]
    _check_versions(dict(errand.versions), versions())
    unseen = next((start.model for start in errand.job.starts if not start.model.is_file()), None)
    if unseen is not None:
        message = f"it does not see {unseen}: study and output must be in folders that all machines share"
        raise ToolError(message)
    evaluation = Evaluation.of(errand.job)
    if digest_of_data(evaluation.data) != errand.data:
        message = "it loads other data than the sweep: load_data of the study's task.py must give the same everywhere"
        raise ToolError(message)
    _LOADED[:] = [(errand, evaluation)]
    return evaluation


def _check_versions(wanted: Mapping[str, str], found: Mapping[str, str]) -> None:
    for name in sorted({*wanted, *found}):
        if wanted.get(name) != found.get(name):
            message = f"it has {name} {found.get(name, 'not')}, and the sweep {wanted.get(name, 'not')}"
            raise ToolError(message)


@dataclass
class DaskWorkers:
    """Workers of the scheduler at `address`, or jobs of a batch system with a scheduler in this process.

    `say` is told what there is to wait for.
    """

    errand: Errand
    say: Callable[[str], None]
    address: str | None = None
    jobs: Jobs | None = None
    compute: Compute = compute
    _client: Any = field(default=None, init=False)
    _submitted: Submitted | None = field(default=None, init=False)
    _renewed: float = field(default=0.0, init=False)
    _waits: bool = field(default=False, init=False)
    _heard_of: bool = field(default=False, init=False)  # whether any point has come back

    def __enter__(self) -> Self:
        """Connect, and submit the jobs; raises DependencyError or ToolError."""
        try:
            from distributed import Client  # noqa: PLC0415 - optional, and slow to import
        except ImportError as error:
            message = f"workers elsewhere need Dask ({error}); install it with: pip install 'fpgaprune[cluster]'"
            raise DependencyError(message) from error
        if self.jobs is not None:
            self._submitted = submit(self.jobs)
            self._renewed = time.monotonic()
        try:
            where = self.address if self._submitted is None else self._submitted.cluster
            self._client = Client(where, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            self._close()
            message = (
                f"no Dask scheduler answers at {self.address} ({error}); one is started by "
                "`dask scheduler`, its workers by `dask worker ADDRESS`"
            )
            raise ToolError(message) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Forget what is in flight, disconnect, and cancel the jobs."""
        self._close()

    def results(self, next_point: Next) -> Iterator[PointResult]:
        """Every claimed point once: as many in flight as there are workers."""
        from distributed import wait  # noqa: PLC0415

        running: dict[Any, Planned] = {}
        more = True
        while more or running:
            workers = self._workers()
            while more and len(running) < workers:
                point = next_point()
                if point is None:
                    more = False
                else:
                    running[self._sent(point)] = point
            if not running:
                time.sleep(_LOOK_S if more else 0)
                continue
            with suppress(TimeoutError), self._client.as_current():
                wait(list(running), timeout=_LOOK_S, return_when="FIRST_COMPLETED")
            for future in [future for future in running if future.status != "pending"]:
                yield self._heard(future, running.pop(future))

    def _sent(self, point: Planned) -> Any:
        key = f"point-{point.digest[:16]}-{uuid4().hex[:8]}"
        return self._client.submit(self.compute, self.errand, point, key=key, pure=False)

    def _workers(self) -> int:
        if self._submitted is not None and time.monotonic() - self._renewed > _RENEW_S:
            self._submitted.renew()
            self._renewed = time.monotonic()
        try:
            count = len(self._client.nthreads())
        except (OSError, TimeoutError) as error:
            raise ToolError(self._gone()) from error
        if not count and self._submitted is not None and self._submitted.refusals:
            message = f"{self._submitted.jobs.system.value} refuses the jobs: {self._submitted.refusals[-1]}"
            raise ToolError(message)
        if not count and not self._waits:
            where = self.address if self.jobs is None else f"{self.jobs.count} jobs of {self.jobs.system.value}"
            self.say(f"waiting for a worker of {where}")
        self._waits = not count
        return count

    def _gone(self) -> str:
        return (
            f"the Dask scheduler at {self.address or 'this machine'} is gone; finished points are safe, the same "
            "command goes on from them"
        )

    def _heard(self, future: Any, point: Planned) -> PointResult:
        if future.status in {"cancelled", "lost"}:
            raise ToolError(self._gone())
        if future.status == "error":
            return self._failed(future.exception(), point)
        said: PointResult | str = future.result()
        if isinstance(said, str):
            message = f"a worker cannot compute the points of this sweep: {said}"
            raise ToolError(message)
        self._heard_of = True
        return said

    def _failed(self, error: BaseException, point: Planned) -> PointResult:
        from distributed import KilledWorker  # noqa: PLC0415

        if isinstance(error, KilledWorker):
            cause = f"the workers that computed it were lost, {error.allowed_failures + 1} one after another"
        elif not self._heard_of or isinstance(error, ImportError):  # not the point's fault
            message = f"the workers cannot run this sweep: {type(error).__name__}: {error}"
            raise ToolError(message) from error
        else:
            cause = f"{type(error).__name__}: {error}"
        return PointResult(point.recipe, point.digest, error=cause)

    def _close(self) -> None:
        with suppress(OSError, TimeoutError, RuntimeError):
            if self._client is not None:
                self._client.close()
        if self._submitted is not None:
            self._submitted.close()
        self._client = self._submitted = None


def dask_workers(opened: Opened, place: str | Jobs, say: Callable[[str], None]) -> DaskWorkers:
    """What computes a sweep on the workers of a scheduler, given by its address, or in jobs that are submitted."""
    errand = Errand.of(opened.job, digest_of_data(opened.data))
    if isinstance(place, Jobs):
        return DaskWorkers(errand, say, jobs=place)
    return DaskWorkers(errand, say, address=place)
