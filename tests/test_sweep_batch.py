"""Jobs of SLURM and HTCondor: what is submitted, and the whole way with stand-ins for their commands.

There is no batch system here: the scripts are compared with what is expected of dask-jobqueue, and the stand-ins record
what they are called with and run the script of a job as a process of this machine.
"""

import os
import re
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from fpgaprune.config.cluster import BatchSystem, Jobs, jobs_for
from fpgaprune.config.study import load_study
from fpgaprune.errors import ConfigError, ToolError
from fpgaprune.sweep.batch import job_script
from fpgaprune.sweep.on_dask import DaskWorkers, Errand
from fpgaprune.sweep.run import run_sweep
from tests.sweep_process import Nobody, compute_made_up, made_up, opened
from tests.sweep_study import write_study

if find_spec("dask_jobqueue") is None or find_spec("optuna") is None:
    pytest.skip("needs the extras cluster and sweep", allow_module_level=True)
ROOT = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden" / "sweep_jobs"
CLUSTER = """
[cluster]
jobs = 20
cores = 2
memory = "4 GB"
python = "python3"
log_directory = "logs"
prologue = ["source activate fpgaprune"]

[cluster.slurm]
queue = "short"
account = "physics"
walltime = "02:00:00"
directives = ["--constraint=avx2"]

[cluster.htcondor]
memory = "6 GB"
disk = "3 GB"
directives = { "+JobFlavour" = '"workday"' }
"""
SBATCH = """#!/bin/sh
echo "$@" >> {folder}/called.txt
cp "$1" {folder}/job.sh
cd {folder}
setsid sh {folder}/job.sh > {folder}/job.log 2>&1 &
echo $! >> {folder}/jobs.txt
echo "Submitted batch job $(wc -l < {folder}/jobs.txt)"
"""
SCANCEL = """#!/bin/sh
echo "$@" >> {folder}/cancelled.txt
for job in "$@"; do kill -9 -- -$(sed -n "${{job}}p" {folder}/jobs.txt); done
"""


def _jobs(tmp_path: Path, system: BatchSystem, table: str = CLUSTER, count: int | None = None) -> Jobs:
    return jobs_for(system, load_study(write_study(tmp_path / "study", more=table)).cluster, count)


def test_ctrl_c_stays_what_it_was(tmp_path: Path) -> None:
    """dask-jobqueue takes it when it is first imported."""
    code = (
        "import signal, sys; from pathlib import Path; from tests import test_sweep_batch as here; "
        "before = signal.getsignal(signal.SIGINT); "
        f"here.job_script(here._jobs(Path({str(tmp_path)!r}), here.BatchSystem.SLURM)); "
        "sys.exit(signal.getsignal(signal.SIGINT) is not before or 'dask_jobqueue' not in sys.modules)"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PYTHONPATH": "tests"}, timeout=120, check=False
        ).returncode
        == 0
    )


@pytest.mark.parametrize("system", list(BatchSystem))
def test_the_script_of_a_job_is_what_the_table_asks_for(tmp_path: Path, system: BatchSystem) -> None:
    text = job_script(_jobs(tmp_path, system))
    text = re.sub(r"(tcp|tls)://[0-9.:a-f\[\]]+", "ADDRESS", text)
    text = re.sub(r"--name \S+", "--name NAME", text)
    golden = GOLDEN / f"{system.value}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def test_a_table_of_a_system_has_the_last_word_and_the_command_line_the_very_last(tmp_path: Path) -> None:
    slurm, condor = (_jobs(tmp_path, system) for system in (BatchSystem.SLURM, BatchSystem.HTCONDOR))
    assert (slurm.count, slurm.memory, condor.memory, condor.disk) == (20, "4 GB", "6 GB", "3 GB")
    assert slurm.prologue == condor.prologue == ("source activate fpgaprune",)
    assert _jobs(tmp_path, BatchSystem.SLURM, count=3).count == 3
    assert _jobs(tmp_path, BatchSystem.SLURM, table="") == Jobs(BatchSystem.SLURM)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("[cluster]\nmemori = '4 GB'", "unknown key 'memori': did you mean memory?"),
        ("[cluster.slurm]\npartition = 'short'", "unknown key 'partition'"),
        ("[cluster]\nmemory = '4 potatoes'", "cluster.memory: string should match pattern"),
        ("[cluster]\njobs = 0", "cluster.jobs: input should be greater than or equal to 1"),
    ],
)
def test_a_misspelt_table_names_the_choices(tmp_path: Path, table: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words.replace("?", r"\?")):
        load_study(write_study(tmp_path, more=f"\n{table}\n"))


def test_missing_and_refusing_commands_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = opened(write_study(tmp_path / "study"), f"sqlite:///{tmp_path / 'study.db'}")
    work = DaskWorkers(Errand(sweep.job, "", ()), lambda what: None, jobs=Jobs(BatchSystem.SLURM, count=1))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="submits jobs by sbatch, which is not on PATH"):
        run_sweep(sweep, Nobody(), computation=work)
    for name in ("sbatch", "scancel"):
        (tmp_path / name).write_text("#!/bin/sh\necho no such partition >&2\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    with pytest.raises(ToolError, match=r"slurm refuses the jobs: .*no such partition"):
        run_sweep(sweep, Nobody(), computation=work)


@pytest.mark.slow
def test_a_sweep_in_jobs_that_are_lost_and_submitted_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (tmp_path / name).write_text(text.format(folder=tmp_path))
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr("fpgaprune.sweep.on_dask._RENEW_S", 1.0)
    dask = pytest.importorskip("dask")
    study = write_study(tmp_path / "study", bits=str(list(range(2, 12))))
    sweep = opened(study, f"sqlite:///{tmp_path / 'study.db'}")

    class Preempted(Nobody):
        def points(self, done: int, total: int) -> None:
            jobs = (tmp_path / "jobs.txt").read_text().split() if done else []
            if done == 5 and len(jobs) == 1:
                os.killpg(int(jobs[0]), signal.SIGKILL)

    jobs = Jobs(BatchSystem.SLURM, count=1, interface="lo")
    work = DaskWorkers(Errand(sweep.job, "", ()), lambda what: None, jobs=jobs, compute=compute_made_up)
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "1s"}):
        found = run_sweep(sweep, Preempted(), computation=work)
    assert found.runs == tuple(made_up(point) for point in sweep.points)
    assert len((tmp_path / "jobs.txt").read_text().split()) == 2
    assert (tmp_path / "cancelled.txt").read_text().split()[-1] == "2"
    assert "#SBATCH --mem=4G" in (tmp_path / "job.sh").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--scheduler", "tcp://a:1", "--cluster", "slurm"], "are two places to compute; give one of them"),
        (["--scheduler", "tcp://a:1", "--jobs", "3"], "a scheduler has the workers that it has"),
        (["--dry-run"], "add --cluster slurm or --cluster htcondor"),
    ],
)
def test_options_that_contradict_each_other_are_refused(tmp_path: Path, words: list[str], said: str) -> None:
    done = _command("sweep", str(write_study(tmp_path / "study")), *words)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_dry_run_shows_the_script_and_computes_nothing(tmp_path: Path) -> None:
    study = write_study(tmp_path / "study", more=CLUSTER)
    done = _command("sweep", str(study), "-o", str(tmp_path / "out"), "--cluster", "slurm", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "#SBATCH -p short" in done.stdout
    assert not (tmp_path / "out").exists()


def _command(*words: str) -> subprocess.CompletedProcess[str]:
    code = "from fpgaprune.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *words], check=False, capture_output=True, text=True, cwd=ROOT, timeout=120
    )
