"""Runs a program that may crash, hang or be interrupted, and always cleans up after it."""

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from fpgaprune.errors import ToolError

_TAIL = 2000
_KEPT_BYTES = 1_000_000


def run_program(
    command: Sequence[str], what: str, folder: Path, timeout_seconds: float, environment: dict[str, str] | None = None
) -> str:
    """Run `command` in `folder`; the text it printed, both streams together, at most the last megabyte of it.

    Raises ToolError (starting with `what`) when it cannot be started, fails, crashes or takes longer than
    `timeout_seconds`. The whole process group is ended on time-out and on an interrupt.
    """
    log = folder / "output.txt"
    with log.open("wb") as stream:
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )
        except OSError as error:
            message = f"{what} could not be started: {error}"
            raise ToolError(message) from error
        try:
            code = process.wait(timeout_seconds)
        except subprocess.TimeoutExpired as error:
            message = f"{what} took longer than {timeout_seconds:g} s and was stopped"
            raise ToolError(message) from error
        finally:
            _end(process)
    printed = _read_end(log)
    if code != 0:
        reason = f"was ended by {_signal_name(-code)}" if code < 0 else f"failed with exit code {code}"
        tail = printed.strip()[-_TAIL:]
        message = f"{what} {reason}" + (f": {tail}" if tail else "")
        raise ToolError(message)
    return printed


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _read_end(path: Path) -> str:
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - _KEPT_BYTES))
        return stream.read().decode("utf-8", "replace")
