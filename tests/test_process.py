"""Programs that crash, hang or are interrupted."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from fpgaprune.errors import ToolError
from fpgaprune.process import run_program

_PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open("child", "w").write(str(child.pid))
time.sleep(60)
"""


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] == "Z")


def _wait_gone(pid: int) -> bool:
    for _ in range(100):
        if not _is_running(pid):
            return True
        time.sleep(0.05)
    return False


def test_what_is_printed_comes_back(tmp_path: Path) -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr)"
    assert sorted(run_program([sys.executable, "-c", code], "it", tmp_path, 30).split()) == ["err", "out"]


def test_time_out_ends_the_children_too(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="it took longer than 2 s"):
        run_program([sys.executable, "-c", _PARENT], "it", tmp_path, 2)
    assert _wait_gone(int((tmp_path / "child").read_text()))


def test_interrupt_ends_the_children_too(tmp_path: Path) -> None:
    def interrupt() -> None:
        while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        run_program([sys.executable, "-c", _PARENT], "it", tmp_path, 60)
    assert _wait_gone(int((tmp_path / "child").read_text()))


def test_endless_printing_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fpgaprune.process._MOST_BYTES", 1_000_000)
    with pytest.raises(ToolError, match="it printed more than 1 MB"):
        run_program([sys.executable, "-c", "while True: print('x' * 1000)"], "it", tmp_path, 60)


def test_failure_says_the_first_errors_or_the_last_lines(tmp_path: Path) -> None:
    code = "print('fine'); print('a.h:1: error: first'); print('context\\n' * 50); raise SystemExit(3)"
    with pytest.raises(ToolError, match=r"it failed with exit code 3: a.h:1: error: first$"):
        run_program([sys.executable, "-c", code], "it", tmp_path, 30)
    with pytest.raises(ToolError, match=r"exit code 1: last$"):
        run_program([sys.executable, "-c", "print('last'); raise SystemExit(1)"], "it", tmp_path, 30)


def test_program_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="it could not be started"):
        run_program([str(tmp_path / "none")], "it", tmp_path, 30)


def test_stop_from_another_thread_ends_the_children_too(tmp_path: Path) -> None:
    stop = threading.Event()

    def set_it() -> None:
        while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text():
            time.sleep(0.02)
        stop.set()

    threading.Thread(target=set_it, daemon=True).start()
    with pytest.raises(ToolError, match="it was interrupted"):
        run_program([sys.executable, "-c", _PARENT], "it", tmp_path, 60, stop=stop)
    assert _wait_gone(int((tmp_path / "child").read_text()))


def test_what_a_killed_program_leaves_running_is_ended(tmp_path: Path) -> None:
    code = _PARENT.replace("time.sleep(60)\n", "import os; os.kill(os.getpid(), 9)\n")
    with pytest.raises(ToolError, match="it was ended by SIGKILL"):
        run_program([sys.executable, "-c", code], "it", tmp_path, 60, log="it.log")
    assert _wait_gone(int((tmp_path / "child").read_text()))
    assert (tmp_path / "it.log").exists()
