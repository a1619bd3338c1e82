"""Sweeps on Dask workers: real ones of this machine, which die, refuse or are not there."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fpgaprune.errors import ToolError
from fpgaprune.sweep.on_dask import DaskWorkers, Errand, compute
from fpgaprune.sweep.run import Opened, run_sweep
from fpgaprune.sweep.store import open_store
from tests.sweep_process import Nobody, compute_made_up, made_up, opened
from tests.sweep_study import write_study

distributed = pytest.importorskip("distributed")
dask = pytest.importorskip("dask")
pytest.importorskip("optuna")
pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two worker processes and their nannies, which replace a worker that dies."""
    patience = {"distributed.deploy.lost-worker-timeout": "10 minutes"}  # a busy machine replaces a worker slowly
    with (
        dask.config.set(patience),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        ) as found,
    ):
        yield found


def _opened(tmp_path: Path, bits: range = range(2, 12)) -> Opened:
    study = write_study(tmp_path / "study", bits=str(list(bits)), sparsity="[0.0, 0.5]")
    return opened(study, f"sqlite:///{tmp_path / 'study.db'}")


def _workers(sweep: Opened, cluster: Any, function: Any = compute_made_up) -> DaskWorkers:
    errand = Errand(sweep.job, "", ())
    return DaskWorkers(errand, lambda what: None, address=cluster.scheduler_address, compute=function)


def _begun(sweep: Opened) -> Counter[str]:
    names = (path.name for path in (sweep.study.folder / "began").iterdir())
    return Counter(name.partition("-")[0] for name in names)


def test_points_are_shared_among_workers_and_computed_once(tmp_path: Path, cluster: Any) -> None:
    sweep = _opened(tmp_path)
    found = run_sweep(sweep, Nobody(), computation=_workers(sweep, cluster))
    assert found.runs == tuple(made_up(point) for point in sweep.points)
    assert set(_begun(sweep).values()) == {1}
    assert len({path.name.partition("-")[2] for path in (sweep.study.folder / "began").iterdir()}) == 2


def test_a_worker_that_is_killed_costs_at_most_its_point(tmp_path: Path, cluster: Any) -> None:
    class Murder(Nobody):
        def __init__(self) -> None:
            self.victims: list[int] = []

        def points(self, done: int, total: int) -> None:
            if done == 3 + 6 * len(self.victims) and len(self.victims) < 2:
                with distributed.Client(cluster, set_as_default=False) as client:
                    pids = [pid for pid in client.run(os.getpid).values() if pid not in self.victims]
                self.victims.append(pids[0])
                os.kill(pids[0], signal.SIGKILL)

    sweep, murder = _opened(tmp_path), Murder()
    found = run_sweep(sweep, murder, computation=_workers(sweep, cluster))
    assert len(murder.victims) == 2
    assert found.runs == tuple(made_up(point) for point in sweep.points)  # Dask gave them to the others
    assert sum(_begun(sweep).values()) <= len(sweep.points) + 2


def test_a_point_that_kills_its_workers_fails_and_the_others_go_on(tmp_path: Path, cluster: Any) -> None:
    sweep = _opened(tmp_path, range(3, 7))
    (sweep.study.folder / "deadly").touch()
    found = run_sweep(sweep, Nobody(), computation=_workers(sweep, cluster))
    assert {point.recipe.bits for point in found.failed} == {4}
    assert len(found.complete) == 6
    assert all("workers that computed it were lost" in str(point.error) for point in found.failed)
    (sweep.study.folder / "deadly").unlink()
    assert len(run_sweep(sweep, Nobody(), computation=_workers(sweep, cluster), retry_failed=True).complete) == 8


def test_workers_that_cannot_compute_stop_the_sweep_and_cost_no_point(tmp_path: Path, cluster: Any) -> None:
    sweep = _opened(tmp_path)
    (sweep.study.folder / "refusing").write_text("it has numpy 1.0, and the sweep 2.0")
    with pytest.raises(ToolError, match=r"a worker cannot compute the points of this sweep: it has numpy 1\.0"):
        run_sweep(sweep, Nobody(), computation=_workers(sweep, cluster))
    with open_store(sweep.url, sweep.name) as store:
        assert not store.rows()


@pytest.mark.keras
def test_a_worker_checks_that_it_would_get_the_same_numbers(tmp_path: Path) -> None:
    sweep = _opened(tmp_path)
    there = Errand.of(sweep.job, "0" * 64)
    older = Errand(there.job, there.data, tuple((name, "0.1") for name, _ in there.versions))
    point = sweep.points[0]
    assert "and the sweep 0.1" in str(compute(older, point))
    assert "is no" in str(compute(there, point)) or "cannot" in str(compute(there, point))  # the model is no model
    sweep.starts[0].model.unlink()
    assert "must be in folders that all machines share" in str(compute(there, point))


def test_a_scheduler_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fpgaprune.sweep.on_dask._CONNECT_S", 1.0)
    sweep = _opened(tmp_path)
    work = DaskWorkers(Errand(sweep.job, "", ()), lambda what: None, address="tcp://127.0.0.1:9")
    with pytest.raises(ToolError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        run_sweep(sweep, Nobody(), computation=work)


def test_a_scheduler_without_workers_is_waited_for_and_one_that_ends_stops_the_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fpgaprune.sweep.on_dask._CONNECT_S", 5.0)
    said, where, processes = [], tmp_path / "scheduler.json", []

    def start(program: str, *words: str) -> None:
        command = [sys.executable, "-m", f"distributed.cli.{program}", "--no-dashboard", *words]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with (tmp_path / f"{program}.log").open("wb") as log:
            processes.append(subprocess.Popen(command, env=environment, stderr=log, stdout=log, cwd=tmp_path))

    def say(what: str) -> None:
        said.append(what)
        start("dask_worker", "--scheduler-file", str(where), "--no-nanny", "--nthreads", "1", "--death-timeout", "20")

    class Ends(Nobody):
        def points(self, done: int, total: int) -> None:
            if done == 3:
                processes[0].kill()

    sweep = _opened(tmp_path)
    try:
        start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(where))
        deadline = time.monotonic() + 60
        while not where.is_file() or not where.read_text().strip():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        address = json.loads(where.read_text())["address"]
        work = DaskWorkers(Errand(sweep.job, "", ()), say, address=address, compute=compute_made_up)
        with pytest.raises(ToolError, match="is gone; finished points are safe"):
            run_sweep(sweep, Ends(), computation=work)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert said == [f"waiting for a worker of {address}"]
    with open_store(sweep.url, sweep.name) as store:
        assert 3 <= len(store.rows()) < len(sweep.points)
