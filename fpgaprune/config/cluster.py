"""A study's `[cluster]`: what a job of a batch system asks for, the same table for every system."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


class BatchSystem(StrEnum):
    """What takes the jobs."""

    SLURM = "slurm"
    HTCONDOR = "htcondor"


@dataclass(frozen=True)
class Jobs:
    """Jobs of one kind: one worker process each. None leaves a value to the site's own configuration of Dask.

    `memory` and `disk` are sizes with a unit, `walltime` is hours:minutes:seconds. `prologue` are lines of shell before
    the worker, such as the activation of an environment. `directives` are handed to the system as they are: whole
    options for SLURM (`--constraint=avx512`), keys and values for HTCondor.
    """

    system: BatchSystem
    count: int = 10
    cores: int = 1
    memory: str = "4 GB"
    disk: str = "2 GB"  # HTCondor's alone
    walltime: str | None = None  # SLURM's alone, as are queue and account
    queue: str | None = None
    account: str | None = None
    python: str | None = None
    interface: str | None = None  # of the network, such as ib0
    local_directory: str | None = None
    log_directory: str | None = None
    prologue: tuple[str, ...] = ()
    directives: tuple[str, ...] | Mapping[str, str] = field(default=())


class _Common(BaseModel):
    """Misspelt keys and wrong types are errors, not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    jobs: Annotated[int, Field(ge=1)] | None = None
    cores: Annotated[int, Field(ge=1)] | None = None
    memory: Annotated[str, Field(pattern=r"^\d+(\.\d+)? ?[kMGT]i?B$")] | None = None
    python: str | None = None
    interface: str | None = None
    local_directory: str | None = None
    log_directory: str | None = None
    prologue: list[str] | None = None


class SlurmFile(_Common):
    """`[cluster.slurm]`."""

    queue: str | None = None
    account: str | None = None
    walltime: Annotated[str, Field(pattern=r"^(\d+-)?\d+:\d\d(:\d\d)?$")] | None = None
    directives: list[str] | None = None


class HTCondorFile(_Common):
    """`[cluster.htcondor]`."""

    disk: Annotated[str, Field(pattern=r"^\d+(\.\d+)? ?[kMGT]i?B$")] | None = None
    directives: dict[str, str] | None = None


class ClusterFile(_Common):
    """`[cluster]`: what all systems share, and a table for each that has the last word."""

    slurm: SlurmFile = SlurmFile()
    htcondor: HTCondorFile = HTCondorFile()


def jobs_for(system: BatchSystem, table: ClusterFile | None, count: int | None = None) -> Jobs:
    """What the table says for one system; `count` jobs, where that is given."""
    found: dict[str, Any] = {}
    for part in () if table is None else (table, getattr(table, system.value)):
        names = part.model_fields_set - {"slurm", "htcondor"}
        found.update({name: getattr(part, name) for name in names if getattr(part, name) is not None})
    if "jobs" in found:
        found["count"] = found.pop("jobs")
    if count is not None:
        found["count"] = count
    lists = {name: tuple(value) for name, value in found.items() if isinstance(value, list)}
    return Jobs(system, **{**found, **lists})
