"""Jobs of a batch system as Dask workers: what is submitted, and who submits it (dask-jobqueue)."""

from contextlib import suppress
from shutil import which
from typing import Any

from fpgaprune.config.cluster import BatchSystem, Jobs
from fpgaprune.errors import DependencyError, ToolError

_SHOWN = 500  # characters of what a command printed
_COMMANDS = {BatchSystem.SLURM: ("sbatch", "scancel"), BatchSystem.HTCONDOR: ("condor_submit", "condor_rm")}


def open_cluster(jobs: Jobs) -> Any:
    """A Dask scheduler in this process, and its workers submitted as jobs.

    Raises DependencyError without dask-jobqueue, ToolError where the system's commands are missing or refuse.
    """
    for command in _COMMANDS[jobs.system]:
        if which(command) is None:
            message = f"--cluster {jobs.system.value} submits jobs by {command}, which is not on PATH of this machine"
            raise ToolError(message)
    return _cluster(jobs, jobs.count)


def _cluster(jobs: Jobs, count: int) -> Any:
    try:
        import dask_jobqueue  # noqa: PLC0415 - optional, and slow to import
    except ImportError as error:
        message = f"--cluster needs dask-jobqueue ({error}); install it with: pip install 'fpgaprune[cluster]'"
        raise DependencyError(message) from error
    kinds = {BatchSystem.SLURM: dask_jobqueue.SLURMCluster, BatchSystem.HTCONDOR: dask_jobqueue.HTCondorCluster}
    try:
        return kinds[jobs.system](n_workers=count, **arguments_of(jobs))
    except (OSError, ValueError, RuntimeError) as error:
        said = " ".join(str(error).split())[-_SHOWN:]
        message = f"workers could not be had from {jobs.system.value}: {said}"
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
    cluster = _cluster(jobs, 0)
    try:
        return str(cluster.job_script())
    finally:
        cluster.close()


def renew(cluster: Any, jobs: Jobs) -> None:
    """Submit again the jobs that were lost: ended by the system, at the end of their time, or with their machine."""
    cluster.scale(jobs=jobs.count)


def close_cluster(cluster: Any) -> None:
    """Cancel the jobs and end the scheduler."""
    with suppress(OSError, TimeoutError, RuntimeError):
        cluster.close()


def _directives(jobs: Jobs) -> list[str] | dict[str, str] | None:
    if not jobs.directives:
        return None
    return dict(jobs.directives) if isinstance(jobs.directives, dict) else list(jobs.directives)
