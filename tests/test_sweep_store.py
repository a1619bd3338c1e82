"""The store of a sweep: nothing lost, nothing doubled, whatever is killed; and it stays quick with many points."""

import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from fpgaprune.errors import ConfigError, DependencyError, FpgapruneError, ToolError
from fpgaprune.render import sweep_sheet
from fpgaprune.sweep.run import Opened, find_point, read_sweep, run_sweep
from fpgaprune.sweep.store import open_store, record_of
from fpgaprune.sweep.tables import write_points
from tests.sweep_process import Nobody, Noted, made_up, opened, start
from tests.sweep_study import write_study

ROOT = Path(__file__).parents[1]
optuna = pytest.importorskip("optuna")


def _url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'study.db'}"


def _opened(tmp_path: Path, **grid: str) -> Opened:
    return opened(write_study(tmp_path / "study", **grid), _url(tmp_path))


def _notes(path: Path, what: str) -> Counter[str]:
    lines = path.read_text().splitlines() if path.exists() else []
    return Counter(line.split()[1] for line in lines if line.startswith(what))


def _trials(tmp_path: Path) -> Counter[str]:
    study = optuna.load_study(storage=_url(tmp_path), study_name="study")
    return Counter(trial.user_attrs["digest"] for trial in study.trials)


def test_points_are_computed_once_and_an_edited_grid_adds_only_what_is_new(tmp_path: Path) -> None:
    log = Noted(tmp_path / "log.txt")
    first = run_sweep(_opened(tmp_path, bits="[4, 6]"), Nobody(), computation=log)
    assert len(first.complete) == first.total == 4
    again = run_sweep(_opened(tmp_path, bits="[4, 6]"), Nobody(), computation=log)
    assert again.runs == first.runs
    assert set(_notes(log.log, "began").values()) == {1}
    study = _opened(tmp_path, bits="[4, 6]")
    common = [replace(point, digest=point.digest[::-1]) for point in study.points]  # as if the data had changed
    run_sweep(replace(study, points=(*study.points, *common)), Nobody(), computation=log)
    assert len(_notes(log.log, "began")) == 8
    assert set(_notes(log.log, "began").values()) == {1}
    assert _trials(tmp_path) == _notes(log.log, "began")


def test_failed_points_are_kept_with_their_reason_and_retried_when_asked(tmp_path: Path) -> None:
    sweep = _opened(tmp_path, bits="[4]", sparsity="[0.0]")
    (point,) = sweep.points

    class Failing(Noted):
        def results(self, next_point):  # type: ignore[no-untyped-def]
            while (point := next_point()) is not None:
                yield replace(made_up(point), score=None, error="too warm")

    failed = run_sweep(sweep, Nobody(), computation=Failing(tmp_path / "log.txt"))
    assert [one.error for one in failed.failed] == ["too warm"]
    kept = run_sweep(sweep, Nobody(), computation=Noted(tmp_path / "log.txt"))
    assert kept.runs == failed.runs
    retried = run_sweep(sweep, Nobody(), computation=Noted(tmp_path / "log.txt"), retry_failed=True)
    assert retried.runs == (made_up(point),)
    assert _trials(tmp_path) == {point.digest: 2}  # the failed one stays to be seen


def test_a_claim_is_had_once_and_lost_claims_are_dropped(tmp_path: Path) -> None:
    sweep = _opened(tmp_path)
    point = sweep.points[0]
    with open_store(sweep.url, sweep.name) as one, open_store(sweep.url, sweep.name) as two:
        assert one.claim(point)
        assert not two.claim(point)
        assert not two.finish(made_up(point))
        assert one.finish(made_up(point))
        assert not one.finish(made_up(point))
        assert not two.claim(point)


def test_an_interrupt_gives_back_what_was_claimed(tmp_path: Path) -> None:
    class Interrupted(Noted):
        def results(self, next_point):  # type: ignore[no-untyped-def]
            yield made_up(next_point())
            next_point()
            raise KeyboardInterrupt

    sweep = _opened(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run_sweep(sweep, Nobody(), computation=Interrupted(tmp_path / "log.txt"))
    with open_store(sweep.url, sweep.name) as store:
        assert [row.state for row in store.rows().values()] == ["complete"]
    assert len(read_sweep(sweep).complete) == 1
    assert find_point(sweep, sweep.points[0].recipe.name).is_complete
    run_sweep(sweep, Nobody(), computation=Noted(tmp_path / "log.txt"))
    assert len(_notes(tmp_path / "log.txt", "began")) == len(sweep.points) - 1


def test_a_database_that_is_none_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "study.db").write_text("not a database, but long enough to be taken for one" * 30)
    with pytest.raises(ToolError, match="the study store refuses"):
        run_sweep(_opened(tmp_path), Nobody(), computation=Noted(tmp_path / "log.txt"))


@pytest.mark.parametrize(
    ("url", "kind", "words"),
    [
        ("points.db", ConfigError, "'points.db' is no address of a database"),
        ("redis://localhost", ConfigError, "they look like sqlite:///points.db or postgresql://user@host/name"),
        ("oracle://me:secret@host/name", DependencyError, "oracle://me@host/name needs the database driver"),
        ("sqlite:////no/such/folder/points.db", ToolError, "the study store refuses: unable to open database file"),
    ],
)
def test_an_address_that_does_not_work_is_said_without_its_password(
    url: str, kind: type[FpgapruneError], words: str
) -> None:
    with pytest.raises(kind, match=words) as raised:
        open_store(url, "study")
    assert "secret" not in str(raised.value)


def test_a_study_of_other_objectives_is_refused(tmp_path: Path) -> None:
    optuna.create_study(storage=_url(tmp_path), study_name="study", directions=["maximize", "minimize"])
    with pytest.raises(ToolError, match="has a study 'study' of 2 objectives, and a sweep has 4"):
        open_store(_url(tmp_path), "study")


def test_optuna_finds_every_objective_and_the_axes_of_a_point(tmp_path: Path) -> None:
    sweep = _opened(tmp_path, bits="[4]", sparsity="[0.5]")
    run_sweep(sweep, Nobody(), computation=Noted(tmp_path / "log.txt"))
    (trial,) = optuna.load_study(storage=_url(tmp_path), study_name="study").trials
    made = made_up(sweep.points[0])
    assert trial.values == [made.score, made.dsp_high, made.lut, made.latency_cycles]
    assert trial.params == {"bits": 4, "sparsity": 0.5, "strategy": "latency", "reuse_factor": 1}


@pytest.mark.slow
def test_twenty_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    bits = str(list(range(2, 32)))
    sweep = _opened(tmp_path, bits=bits, sparsity=str([round(0.1 * step, 1) for step in range(10)]))
    log = tmp_path / "log.txt"
    moments = random.Random(0)
    for _ in range(20):
        before = sum(_notes(log, "began").values())
        process = start(tmp_path / "study", _url(tmp_path), log)
        deadline = time.monotonic() + 60
        while sum(_notes(log, "began").values()) == before and process.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(moments.uniform(0.0, 0.4))
        process.kill()
        process.join()
        kept = {point.digest for point in read_sweep(sweep).runs if point.is_complete}
        assert set(_notes(log, "finished")) <= kept
    result = run_sweep(sweep, Nobody(), computation=Noted(log))
    assert result.runs == tuple(made_up(point) for point in sweep.points)
    assert set(_notes(log, "finished").values()) == {1}
    begun = _notes(log, "began")
    assert sum(begun.values()) - len(begun) <= 20  # at most the one in flight each time
    assert _trials(tmp_path) == {point.digest: 1 for point in sweep.points}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are POSIX")
def test_a_full_disk_stops_the_sweep_and_costs_no_finished_point(tmp_path: Path) -> None:
    sweep = _opened(tmp_path, bits=str(list(range(2, 17))), sparsity="[0.0, 0.2, 0.4, 0.6]")
    first = replace(sweep, points=sweep.points[:1])
    run_sweep(first, Nobody(), computation=Noted(tmp_path / "log.txt"))
    size = (tmp_path / "study.db").stat().st_size
    code = (
        "import resource, sys\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size + 40_000}, resource.RLIM_INFINITY))\n"
        "from pathlib import Path\n"
        "from fpgaprune.errors import FpgapruneError\n"
        "from fpgaprune.sweep.run import run_sweep\n"
        "from tests.sweep_process import Nobody, Noted, opened\n"
        f"sweep = opened(Path({str(tmp_path / 'study')!r}), {_url(tmp_path)!r})\n"
        "try:\n"
        f"    run_sweep(sweep, Nobody(), computation=Noted(Path({str(tmp_path / 'log.txt')!r})))\n"
        "except FpgapruneError as error:\n"
        "    sys.exit(str(error))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "the study store refuses: " in done.stderr
    assert "finished points are safe, the same command goes on from them" in done.stderr
    assert "Traceback" not in done.stderr
    kept = {point.digest for point in read_sweep(sweep).runs if point.is_complete}
    finished = set(_notes(tmp_path / "log.txt", "finished"))
    assert 1 < len(finished) < len(sweep.points)
    assert finished <= kept
    result = run_sweep(sweep, Nobody(), computation=Noted(tmp_path / "log.txt"))
    assert result.runs == tuple(made_up(point) for point in sweep.points)
    assert _trials(tmp_path) == {point.digest: 1 for point in sweep.points}


@pytest.mark.slow
def test_two_sweeps_on_one_study_share_its_points(tmp_path: Path) -> None:
    sweep = _opened(tmp_path, bits=str(list(range(2, 22))), sparsity="[0.0, 0.2, 0.4, 0.6, 0.8]")
    logs = [tmp_path / f"log{number}.txt" for number in range(2)]
    processes = [start(tmp_path / "study", _url(tmp_path), log) for log in logs]
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    begun = [_notes(log, "began") for log in logs]
    assert begun[0] + begun[1] == {point.digest: 1 for point in sweep.points}
    assert _trials(tmp_path) == {point.digest: 1 for point in sweep.points}
    assert len(read_sweep(sweep).complete) == 100


@pytest.mark.slow
def test_ten_thousand_points_open_and_report_in_seconds(tmp_path: Path) -> None:
    sparsity = str([round(step / 400, 4) for step in range(400)])
    sweep = _opened(tmp_path, bits=str(list(range(2, 27))), sparsity=sparsity)
    assert len(sweep.points) == 10_000
    with open_store(sweep.url, sweep.name) as store:
        assert store.claim(sweep.points[0])
        assert store.finish(made_up(sweep.points[0]))
        (row,) = store.rows().values()
    rows = [
        (sweep.name, point.digest, row.state, row.owner, record_of(made_up(point)), 1) for point in sweep.points[1:]
    ]
    with closing(sqlite3.connect(tmp_path / "study.db")) as link, link:
        link.executemany(
            "INSERT INTO fpgaprune_points (study, digest, state, owner, record, published) VALUES (?, ?, ?, ?, ?, ?)",
            rows,
        )
    started = time.process_time()
    result = run_sweep(_opened(tmp_path, bits=str(list(range(2, 27))), sparsity=sparsity), Nobody())
    write_points(result.points, tmp_path)
    sheet = sweep_sheet(result, max_dsp=500)
    seconds = time.process_time() - started
    assert len(result.complete) == 10_000
    assert sheet.rows
    assert seconds < 5, seconds  # of this process: others may share the machine
