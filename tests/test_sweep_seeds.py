"""Points under several seeds: each computed once, joined to a mean with its spread, whichever way they come."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev

import pytest
from rich.console import Console

from fpgaprune.cli.sweep_progress import front_table
from fpgaprune.config.study import load_study
from fpgaprune.errors import ConfigError
from fpgaprune.render import sweep_sheet
from fpgaprune.render.sheet import to_csv
from fpgaprune.results.sweep import Point, PointResult, Recipe, SweepResult, points_of
from fpgaprune.sweep.choice import Method
from fpgaprune.sweep.picture import draw_front
from fpgaprune.sweep.run import Opened, Searched, evaluation_of, find_point, open_sweep, run_sweep
from fpgaprune.sweep.tables import write_points
from tests.sweep_process import Nobody, Noted, opened
from tests.sweep_study import write_study

optuna = pytest.importorskip("optuna")
parquet = pytest.importorskip("pyarrow.parquet")
SEEDED = {"bits": "[4, 6, 8]", "sparsity": "[0.0, 0.5]", "task": "seed = 0"}


def _opened(tmp_path: Path, more: str, **grid: str) -> Opened:
    study = write_study(tmp_path / "study", **{**SEEDED, **grid}, more=more)
    return opened(study, f"sqlite:///{tmp_path / 'study.db'}")


def _run(seed: int | None, score: float | None, dsp: int = 0, lut: int | None = 1, bits: int = 8) -> PointResult:
    return PointResult(
        Recipe(bits, 0.5, "latency", 1, seed), f"{bits} {seed} {score}", score, dsp, dsp, lut, zeros=10 - dsp
    )


def _begun(log: Path) -> int:
    return sum(line.startswith("began") for line in log.read_text().splitlines())


def test_a_point_is_the_mean_with_its_sample_deviation_at_the_cost_of_its_worst_seed() -> None:
    runs = [_run(0, 0.75, 3, 50), _run(1, 0.5, 4, 40), _run(2, 1.0, 1, 60)]
    point = Point.of(runs)
    assert (point.score, point.score_std) == (0.75, 0.25)
    assert (point.dsp_high, point.lut, point.zeros) == (4, 60, 6)
    assert point.best == runs[2]
    facts = point.json()
    assert (facts["seeds"], facts["scores"]) == ([0, 1, 2], [0.75, 0.5, 1.0])
    assert (facts["dsp_of_seeds"], facts["lut_of_seeds"]) == ([3, 4, 1], [50, 40, 60])
    assert Point.of(runs[:1]).score_std is None
    assert Point.of([runs[0], replace(runs[1], lut=None)]).lut is None


def test_a_seed_that_failed_is_named_and_leaves_no_mean_of_the_others() -> None:
    point = Point.of([_run(0, 0.75), replace(_run(1, None), error="too warm")])
    assert point.error == "seed 1: too warm"
    assert point.score is None
    assert not point.is_complete


def test_the_same_sweep_with_more_seeds_computes_only_those(tmp_path: Path) -> None:
    log = Noted(tmp_path / "log.txt")
    one = run_sweep(_opened(tmp_path, ""), Nobody(), computation=log)
    assert (one.seeds, one.total, len(one.runs), _begun(log.log)) == (1, 6, 6, 6)
    assert one.points[0].score_std is None
    three = run_sweep(_opened(tmp_path, "seeds = 3"), Nobody(), computation=log)
    assert (three.seeds, three.total, len(three.runs), _begun(log.log)) == (3, 6, 18, 18)
    assert three.runs[:6] == one.runs  # the study's own seed is 0
    for point in three.points:
        scores = [run.score for run in point.runs if run.score is not None]
        assert [run.recipe.seed for run in point.runs] == [0, 1, 2]
        assert (point.score, point.score_std) == (fmean(scores), stdev(scores))
    trials = optuna.load_study(storage=f"sqlite:///{tmp_path / 'study.db'}", study_name="study").trials
    assert sorted(trial.params["seed"] for trial in trials) == [0] * 6 + [1] * 6 + [2] * 6


def test_a_search_computes_all_seeds_of_a_point_and_completes_what_lacks_some(tmp_path: Path) -> None:
    log, grid = Noted(tmp_path / "log.txt"), {"bits": str(list(range(2, 18))), "sparsity": "[0.0, 0.3, 0.6, 0.9]"}
    first = run_sweep(_opened(tmp_path, "", **grid), Nobody(), search=Searched(Method.TPE, 5), computation=log)
    assert len(first.points) == _begun(log.log) == 5
    found = run_sweep(
        _opened(tmp_path, "seeds = 3", **grid), Nobody(), search=Searched(Method.NSGA2, 12), computation=log
    )
    assert (found.total, len(found.points), len(found.runs), _begun(log.log)) == (12, 12, 36, 36)
    assert all(len(point.runs) == 3 for point in found.points)
    assert {point.name for point in first.points} <= {point.name for point in found.points}


def _result() -> SweepResult:
    runs = [
        replace(_run(seed, bits / 10 + seed / 50, 10 * bits, 100 * bits, bits=bits), latency_cycles=5)
        for seed in (0, 1, 2)
        for bits in (4, 6, 8, 9)
    ]
    return SweepResult("Signs", "How few?", "part", 1000, 10_000, tuple(runs[:-1]), 4, 3)


def test_the_spread_shows_in_tables_files_and_picture(tmp_path: Path) -> None:
    result = _result()
    csv_path, parquet_path = write_points(result.points, tmp_path)
    with csv_path.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    table = parquet.read_table(parquet_path).to_pylist()
    assert [row["scores"] for row in table] == [point.json()["scores"] for point in result.points]
    assert [row["seeds"] for row in rows] == ["0 1 2"] * 3 + ["0 1"]
    assert [row["dsp_of_seeds"] for row in rows] == ["40 40 40", "60 60 60", "80 80 80", "90 90"]
    assert [float(row["score_std"]) for row in rows] == [row["score_std"] for row in table]
    sheet = sweep_sheet(result)
    shown = list(csv.DictReader(to_csv(sheet).splitlines()))
    assert [row["score_std"] for row in shown] == ["0.0200", "0.0200", "0.0200", "0.0141"]
    assert "Each point has 3 seeds; 1 of 12 runs are not computed yet." in sheet.summary
    assert any("sample standard deviation" in line for line in sheet.legend)
    single = replace(result, runs=result.runs[:4], seeds=1)
    assert "score_std" not in to_csv(sweep_sheet(single))
    console = Console(width=120)
    with console.capture() as capture:
        console.print(front_table(result.front))
    live = capture.get().splitlines()
    assert live[0].split()[3:6] == ["score", "±", "seeds"]
    assert live[-1].split()[1:4] == ["0.9100", "0.0141", "2"]
    with_bars = draw_front(result, tmp_path).read_bytes()
    assert draw_front(single, tmp_path).read_bytes() != with_bars
    assert json.loads(json.dumps(result.json()))["missing_runs"] == 1


def test_points_stay_in_the_order_of_their_first_runs() -> None:
    runs = [_run(seed, 0.5, bits=bits) for seed in (0, 1) for bits in (8, 4, 6)]
    assert [point.recipe.bits for point in points_of(runs)] == [8, 4, 6]


@pytest.mark.parametrize(
    ("grid", "more", "words"),
    [
        ({"task": ""}, "seeds = 2", r"replace `seed` of \[task\], and there is none; add seed = 0"),
        ({}, 'seeds = 2\nmodel = "m.h5"', "seeds change nothing where the model is a file"),
        ({}, "seeds = 0", "sweep.seeds: list should have at least 1 item"),
        ({}, "seeds = 2000000000", "at most 1000 items"),
        ({}, "seeds = [-1]", "greater than or equal to 0"),
        ({}, "seeds = true", "sweep.seeds: input should be a valid list"),
    ],
)
def test_seeds_that_make_no_sense_are_refused(tmp_path: Path, grid: dict[str, str], more: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_study(write_study(tmp_path, **{**SEEDED, **grid}, more=more))


@pytest.mark.keras
def test_each_seed_has_a_model_of_its_own_on_the_same_data(tmp_path: Path) -> None:
    study = write_study(tmp_path / "study", bits="[6]", sparsity="[0.5]", task="seed = 1", more="seeds = [0, 1]")
    sweep = open_sweep(study, tmp_path / "out", Nobody())
    result = run_sweep(sweep, Nobody())
    (point,) = result.points
    assert point.is_complete
    first, second = point.runs
    assert first.design != second.design
    for run in (first, second):
        assert evaluation_of(sweep).design(run.recipe).digest == run.design
    assert find_point(sweep, point.name) == max(point.runs, key=lambda run: run.score or 0.0)
    assert find_point(sweep, point.name, seed=0) == first
    assert find_point(sweep, second.digest[:12]) == second
    with pytest.raises(ConfigError, match="was not computed under seed 7; finished are the seeds 0, 1"):
        find_point(sweep, point.name, seed=7)
    own = write_study(tmp_path / "study", bits="[6]", sparsity="[0.5]", task="seed = 1")
    again = open_sweep(own, tmp_path / "out", Nobody())
    assert again.points[0].digest == second.digest


@pytest.mark.keras
def test_seeds_of_a_trained_grid_are_trained_in_one_stack(tmp_path: Path) -> None:
    training = '\n[sweep.training]\nloss = "mse"\nepochs = 1\nepochs_per_target = 1\nlearning_rate = 0.02\n'

    class Heard(Nobody):
        def __init__(self) -> None:
            self.stages: list[str] = []

        def begin(self, what: str) -> None:
            self.stages.append(what)

    def sweep(seeds: str) -> tuple[Heard, SweepResult]:
        heard, grid = Heard(), {"bits": "[6, 8]", "sparsity": "[0.0, 0.5]", "task": "seed = 0"}
        study = write_study(tmp_path / "study", **grid, more=f"seeds = {seeds}{training}")
        return heard, run_sweep(open_sweep(study, tmp_path / "out", heard), heard)

    heard, result = sweep("2")
    assert heard.stages == ["train 4 networks through 2 sparsities"]
    assert len(result.complete) == 4
    assert all(point.runs[0].design != point.runs[1].design for point in result.points)
    heard, more = sweep("3")
    assert heard.stages == ["train 2 networks through 2 sparsities"]  # those of the new seed
    assert set(result.runs) < set(more.runs)
