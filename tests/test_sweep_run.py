"""`fpgaprune sweep` and `export` as commands: workers, files written, a worker that dies, Ctrl-C, a point exported."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fpgaprune.cli import main
from fpgaprune.sweep.run import open_sweep, run_sweep
from fpgaprune.sweep.workers import Workers
from tests.sweep_process import Nobody
from tests.sweep_study import write_study

pytestmark = [pytest.mark.keras, pytest.mark.slow]
parquet = pytest.importorskip("pyarrow.parquet")


def _ended(*words: object) -> int:
    """The exit code of the command with those words, in this process."""
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(ended.value.code or 0)


def test_a_sweep_by_workers_then_the_files_and_a_point_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study, output = write_study(tmp_path / "study"), tmp_path / "out"
    words = ("sweep", study, "-o", output, "--jobs", 2, "--max-dsp", 100, "--format", "json")
    assert _ended(*words) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["complete"], found["failed"], found["total"]) == (6, 0, 6)
    with (output / "points.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    table = parquet.read_table(output / "points.parquet").to_pylist()
    assert [row["point"] for row in rows] == [row["point"] for row in table] == [p["point"] for p in found["points"]]
    assert [row["score"] for row in table] == [point["score"] for point in found["points"]]
    assert json.loads((output / "front.json").read_text())["front"]
    assert (output / "pareto.png").read_bytes().startswith(b"\x89PNG")
    best = found["front"][-1]
    words = ("export", best, "--study", study, "--sweep", output, "-o", tmp_path / "best")
    assert _ended(*words) == 0
    assert "C simulation agrees with the model" in capsys.readouterr().out
    assert (tmp_path / "best" / "project" / "firmware" / "parameters.h").is_file()
    assert _ended("export", "bits7", *words[2:]) == 2


def test_a_worker_that_dies_costs_its_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEP_TEST_SECONDS", "1")

    class Murder(Nobody):
        def __init__(self) -> None:
            self.victim: int | None = None

        def points(self, done: int, total: int) -> None:
            if done == 1 and self.victim is None:
                self.victim = workers._workers[0].process.pid
                assert self.victim is not None
                os.kill(self.victim, signal.SIGKILL)

    opened = open_sweep(write_study(tmp_path / "study"), tmp_path / "out", Nobody())
    workers = Workers(opened.job, 1)
    first = run_sweep(opened, Murder(), computation=workers)
    assert len(first.complete) == 5
    assert [point.error for point in first.failed] == ["the process that computed it was ended by signal 9"]
    monkeypatch.setenv("SWEEP_TEST_SECONDS", "0")
    assert len(run_sweep(opened, Nobody(), retry_failed=True).complete) == 6


def test_ctrl_c_leaves_a_study_to_go_on_with_and_says_how(tmp_path: Path) -> None:
    study, output = write_study(tmp_path / "study"), tmp_path / "out"
    words = ("sweep", study, "-o", output)
    slow = {**os.environ, "SWEEP_TEST_AFTER": "2", "SWEEP_TEST_SECONDS": "600"}
    # A shell that runs the tests in the background hands down an ignored SIGINT.
    heeding = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code = heeding + "from fpgaprune.cli import main; main()"
    command = [sys.executable, "-c", code, *map(str, words)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=slow)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("2 of 6"):
            break
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    said = process.stderr.read()
    assert process.wait(timeout=60) == 130
    assert f"fpgaprune sweep {study} -o {output}" in said
    assert len((output / "points.csv").read_text().splitlines()) == 3
    done = subprocess.run([*command, "--format", "json"], check=False, capture_output=True, text=True)
    assert json.loads(done.stdout)["complete"] == 6
    assert "2 of 6 points" in done.stderr  # where it went on from
