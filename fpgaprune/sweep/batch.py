"""Jobs of a batch system as Dask workers: what is submitted, and who submits it (dask-jobqueue)."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from shutil import which
from threading import current_thread, main_thread
from typing import Any

from fpgaprune.config.cluster import BatchSystem, Jobs
from fpgaprune.errors import DependencyError, ToolError

_SHOWN = 500  # characters of what a command printed
_COMMANDS = {BatchSystem.SLURM: ("sbatch", "scancel"), BatchSystem.HTCONDOR: ("condor_submit", "condor_rm")}


@dataclass
class Submitted:
    """A Dask scheduler in this process whose workers are jobs, and what the system said where it refused one."""

    jobs: Jobs
    cluster: Any
    refusals: list[str]

    def renew(self) -> None:
        """Submit again the jobs that were lost: ended by the system, out of time, or gone with their machine."""
        self.cluster.scale(jobs=self.jobs.count)

    def close(self) -> None:
        """Cancel the jobs and end the scheduler."""
        with suppress(OSError, TimeoutError, RuntimeError):
            self.cluster.close()


def submit(jobs: Jobs) -> Submitted:
    """Start a scheduler and submit its workers as jobs; what the system says to each is known a little later.

    Raises DependencyError without dask-jobqueue, ToolError where the system's commands are missing.
    """
    for command in _COMMANDS[jobs.system]:
        if which(command) is None:
            message = f"--cluster {jobs.system.value} submits jobs by {command}, which is not on PATH of this machine"
            raise ToolError(message)
    found = _started(jobs)
    found.renew()
    return found


@contextmanager
def _keeping_ctrl_c() -> Iterator[None]:
    """dask_jobqueue/runner.py makes Ctrl-C end the process the moment it is imported; it stays as it was."""
    if current_thread() is not main_thread():  # elsewhere nobody may set it
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _started(jobs: Jobs) -> Submitted:
    try:
        with _keeping_ctrl_c():
            import dask_jobqueue  # noqa: PLC0415 - optional, and slow to import
            from dask_jobqueue.htcondor import HTCondorJob  # noqa: PLC0415
            from dask_jobqueue.slurm import SLURMJob  # noqa: PLC0415
            from distributed.core import Status  # noqa: PLC0415
    except ImportError as error:
        message = f"--cluster needs dask-jobqueue ({error}); install it with: pip install 'fpgaprune[cluster]'"
        raise DependencyError(message) from error
    kinds = {
        BatchSystem.SLURM: (dask_jobqueue.SLURMCluster, SLURMJob),
        BatchSystem.HTCONDOR: (dask_jobqueue.HTCondorCluster, HTCondorJob),
    }
    kind, job = kinds[jobs.system]
    refusals: list[str] = []

    class Noticed(job):  # type: ignore[misc, valid-type]  # without it nobody learns that a submission failed
        """A job whose refusal is noted."""

        async def start(self) -> None:
            """Submit."""
            try:
                await super().start()
            except (OSError, ValueError, RuntimeError) as error:
                refusals.append(" ".join(str(error).split())[-_SHOWN:])
                self.status = Status.failed

    try:
        return Submitted(jobs, kind(job_cls=Noticed, **arguments_of(jobs)), refusals)
    except (OSError, ValueError, RuntimeError) as error:
        message = f"the Dask scheduler for jobs of {jobs.system.value} could not be started: {error}"
        raise ToolError(message) from error


def arguments_of(jobs: Jobs) -> dict[str, Any]:
    """What dask-jobqueue is given: one process a job; what is None stays with the site's configuration."""
    of_system: dict[str, Any]
    if jobs.system is BatchSystem.SLURM:
        of_system = {"queue": jobs.queue, "account": jobs.account, "walltime": jobs.walltime}
    else:
        of_system = {"disk": jobs.disk}
    given = {
        "cores": jobs.cores,
        "processes": 1,
        "memory": jobs.memory,
        "python": jobs.python,
        "interface": jobs.interface,
        "local_directory": jobs.local_directory,
        "log_directory": jobs.log_directory,
        "job_script_prologue": list(jobs.prologue) or None,
        "job_extra_directives": _directives(jobs),
        "job_name": "fpgaprune",
        "scheduler_options": {"dashboard_address": ":0"},
        **of_system,
    }
    return {name: value for name, value in given.items() if value is not None}


def job_script(jobs: Jobs) -> str:
    """What is submitted for each job, as a text."""
    found = _started(jobs)
    try:
        return str(found.cluster.job_script())
    finally:
        found.close()


def _directives(jobs: Jobs) -> list[str] | dict[str, str] | None:
    if not jobs.directives:
        return None
    return dict(jobs.directives) if isinstance(jobs.directives, dict) else list(jobs.directives)
