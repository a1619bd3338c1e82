"""Runs a program that may crash, hang or be interrupted, and always cleans up after it."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from threading import Event

from fpgaprune.errors import ProgramError, ToolError

_SHOWN_LINES = 3
_SHOWN_CHARACTERS = 1000
_KEPT_BYTES = 1_000_000
_MOST_BYTES = 200_000_000
_POLL_SECONDS = 0.25
# For functions that run programs but are not told of it: what ends those programs early.
STOP: ContextVar[Event | None] = ContextVar("stop", default=None)


def run_program(
    command: Sequence[str],
    what: str,
    folder: Path,
    timeout_seconds: float,
    *,
    log: str = "output.txt",
    stop: Event | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run `command` in `folder`; the text it printed, both streams together, at most the last megabyte of it.

    All it prints is kept in the file `log` of that folder. `environment` replaces this process's own. Raises
    ProgramError (starting with `what`) for an exit code other than 0, and ToolError when it cannot be started, crashes,
    takes longer than `timeout_seconds`, prints without end, or when `stop` (by default the context's `STOP`) is set by
    another thread. Its whole process group is ended then, and on an interrupt; whatever it left running is ended too.
    """
    printed_to = folder / log
    with printed_to.open("wb") as stream:
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=None if environment is None else dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            message = f"{what} could not be started: {error}"
            raise ToolError(message) from error
        try:
            code = _wait(process, what, printed_to, timeout_seconds, stop or STOP.get())
        finally:
            _end(process)
    printed = _read_end(printed_to)
    if code != 0:
        message = f"{what} was ended by {_signal_name(-code)}" if code < 0 else f"{what} failed with exit code {code}"
        message += f": {said}" if (said := _essence(printed, killed=code == -signal.SIGKILL)) else ""
        raise ToolError(message) if code < 0 else ProgramError(message)
    return printed


def _wait(process: subprocess.Popen[bytes], what: str, log: Path, timeout_seconds: float, stop: Event | None) -> int:
    deadline = time.monotonic() + timeout_seconds
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            message = f"{what} took longer than {timeout_seconds:g} s and was stopped"
            raise ToolError(message)
        if stop is not None and stop.is_set():
            message = f"{what} was interrupted"
            raise ToolError(message)
        try:
            return process.wait(min(left, _POLL_SECONDS))
        except subprocess.TimeoutExpired:
            if log.stat().st_size > _MOST_BYTES:
                message = f"{what} printed more than {_MOST_BYTES // 1_000_000} MB and was stopped"
                raise ToolError(message) from None


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the group, also when its leader is gone already: a killed Yosys leaves its ABC behind."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _essence(printed: str, *, killed: bool) -> str:
    """The first lines that speak of an error, as compilers follow them with pages of context, else the last lines.

    The last lines before a program was `killed` from outside are no reason of that.
    """
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"\berror\b", line, re.IGNORECASE)]
    return "; ".join(errors[:_SHOWN_LINES] or ([] if killed else lines[-_SHOWN_LINES:]))[:_SHOWN_CHARACTERS]


def _signal_name(number: int) -> str:
    if number == signal.SIGKILL:
        return "SIGKILL (by hand, or by the system when memory runs out)"
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _read_end(path: Path) -> str:
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - _KEPT_BYTES))
        return stream.read().decode("utf-8", "replace")
