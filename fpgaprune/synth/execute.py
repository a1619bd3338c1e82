"""Runs a plan: as many steps at once as there are processors, none twice, and nothing finished is ever lost."""

import json
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from threading import Event
from typing import Any

from fpgaprune.errors import FpgapruneError, ToolError
from fpgaprune.process import STOP, run_program
from fpgaprune.synth.plan import Plan, Step

RECORD = "step.json"
LOG = "log.txt"
COMMAND = "command.txt"
_POLL_SECONDS = 0.25


class State(StrEnum):
    """How a step ended."""

    DONE = "done"
    KEPT = "kept"  # unchanged since its last success: not run again
    FAILED = "failed"
    LEFT = "left"  # not run, because a step it needs failed


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one step went; `error` is a sentence for failed and left steps."""

    step: Step
    state: State
    seconds: float
    error: str | None = None


Watcher = Callable[[Step, Outcome | None], None]  # called when a step begins (None) and when it ended


def execute(plan: Plan, *, jobs: int | None = None, watch: Watcher | None = None) -> tuple[Outcome, ...]:
    """Run what is not done yet, at most `jobs` steps at once (default: one per processor); outcomes in plan order.

    Every step leaves its command, log and outputs in its folder, and a record written last, so that an interrupted
    step is never taken for a finished one. A failed step stops those after it, not the others. An interrupt ends the
    process groups of all running steps and is raised again; what is finished stays. Raises ToolError when the plan's
    folder cannot be made.
    """
    try:
        plan.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"the synthesis cannot be run in {plan.folder}: {error.strerror}"
        raise ToolError(message) from error
    run = _Run(plan, watch or _unwatched)
    with ThreadPoolExecutor(max(1, jobs or processors()), thread_name_prefix="synth") as pool:
        try:
            run.all(pool)
        except BaseException:
            run.stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return tuple(run.outcomes[step.name] for step in plan)


def processors() -> int:
    """How many processes may run at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def failures(outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """Those that failed themselves, in order."""
    return tuple(outcome for outcome in outcomes if outcome.state is State.FAILED)


def _unwatched(step: Step, outcome: Outcome | None) -> None:
    """Nobody watches."""


class _Run:
    def __init__(self, plan: Plan, watch: Watcher) -> None:
        self.plan = plan
        self.watch = watch
        self.stop = Event()
        self.outcomes: dict[str, Outcome] = {}

    def all(self, pool: ThreadPoolExecutor) -> None:
        """Start every step as soon as those before it are through."""
        waiting = list(self.plan)
        running: dict[Future[Outcome], Step] = {}
        while waiting or running:
            waiting = [step for step in waiting if not self._started(step, pool, running)]
            # With a time limit, so that an interrupt reaches the main thread while it waits.
            finished, _ = wait(running, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
            for future in finished:
                self._ended(running.pop(future), future.result())

    def _started(self, step: Step, pool: ThreadPoolExecutor, running: dict[Future[Outcome], Step]) -> bool:
        before = [self.outcomes.get(name) for name in step.after]
        for outcome in before:
            if outcome is not None and outcome.error is not None:
                self._ended(step, Outcome(step, State.LEFT, 0.0, f"not run: {outcome.error}"))
                return True
        if any(outcome is None for outcome in before):
            return False
        running[pool.submit(self._run, step)] = step
        return True

    def _ended(self, step: Step, outcome: Outcome) -> None:
        self.outcomes[step.name] = outcome
        self.watch(step, outcome)

    def _run(self, step: Step) -> Outcome:
        begin = time.monotonic()
        folder = self.plan.folder / step.folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            digest = _digest(step, folder)
            if _is_done(step, folder, digest):
                return Outcome(step, State.KEPT, 0.0)
            self.watch(step, None)
            _prepare(step, folder)
            self._do(step, folder)
            seconds = time.monotonic() - begin
            _keep(step, folder, digest, seconds)
        except FpgapruneError as error:
            log = str(folder / LOG)
            told = step.command is None or not Path(log).is_file() or log in str(error)
            reason = str(error) if told else f"{error} (log: {log})"
            return Outcome(step, State.FAILED, time.monotonic() - begin, reason)
        except OSError as error:
            reason = f"{step.what}: {error.strerror or error} ({error.filename or folder})"
            return Outcome(step, State.FAILED, time.monotonic() - begin, reason)
        return Outcome(step, State.DONE, seconds)

    def _do(self, step: Step, folder: Path) -> None:
        if step.command is not None:
            environment = {**os.environ, **step.environment} if step.environment else None
            run_program(
                step.command,
                step.what,
                folder,
                step.timeout_seconds,
                log=LOG,
                stop=self.stop,
                environment=environment,
            )
        elif step.action is not None:
            # Each step runs in a thread of the pool, whose context lasts: set anew for every step.
            STOP.set(self.stop)
            step.action(folder)


def _prepare(step: Step, folder: Path) -> None:
    """An empty place for the outputs: what an earlier run left must not be taken for this one's."""
    (folder / RECORD).unlink(missing_ok=True)
    for name in step.outputs:
        (folder / name).unlink(missing_ok=True)
    for name, text in step.texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / COMMAND).write_text(f"{step.shown_command}\n", encoding="utf-8")


def _keep(step: Step, folder: Path, digest: str, seconds: float) -> None:
    missing = [name for name in step.outputs if not (folder / name).is_file()]
    if missing:
        message = f"{step.what} ended without writing {', '.join(missing)}: see {folder / LOG}"
        raise ToolError(message)
    record = {
        "name": step.name,
        "digest": digest,
        "seconds": round(seconds, 3),
        "outputs": {name: _file_digest(folder / name) for name in step.outputs},
    }
    beside = folder / f"{RECORD}.new"
    beside.write_text(json.dumps(record, indent=2), encoding="utf-8")
    beside.replace(folder / RECORD)


def _is_done(step: Step, folder: Path, digest: str) -> bool:
    record = read_record(folder)
    if record.get("digest") != digest:
        return False
    written = record.get("outputs")
    if not isinstance(written, dict) or set(written) != set(step.outputs):
        return False
    # An output that was edited or cut short is made again.
    return all((folder / name).is_file() and _file_digest(folder / name) == written[name] for name in step.outputs)


def read_record(folder: Path) -> dict[str, Any]:
    """What a finished step left about itself: name, digest, seconds, outputs; empty where there is nothing to read."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _digest(step: Step, folder: Path) -> str:
    total = sha256()

    def add(text: str) -> None:
        part = text.encode()
        total.update(len(part).to_bytes(8, "little") + part)

    add(step.shown_command)
    add(step.facts)
    for name, text in sorted(step.texts.items()):
        add(name)
        add(text)
    for path in step.inputs:
        add(path.as_posix())
        add(_file_digest(folder / path))
    return total.hexdigest()


def _file_digest(path: Path) -> str:
    if not path.is_file():
        message = f"{path} is missing"
        raise ToolError(message)
    with path.open("rb") as stream:
        total = sha256()
        while block := stream.read(1 << 20):
            total.update(block)
    return total.hexdigest()
