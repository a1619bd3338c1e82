"""Searches: what is chosen among the points of a grid, what is known counts, and nothing is computed twice."""

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from fpgaprune.errors import ConfigError
from fpgaprune.results.sweep import Point, PointResult, Recipe, pareto_front
from fpgaprune.sweep.choice import Method, Search, best_first
from fpgaprune.sweep.run import Opened, Searched, run_sweep
from fpgaprune.sweep.store import open_store
from tests.sweep_process import Nobody, Noted, made_up, opened
from tests.sweep_study import write_study

optuna = pytest.importorskip("optuna")
ROOT = Path(__file__).parents[1]
WIDE = {
    "bits": str(list(range(2, 22))),
    "sparsity": str([round(0.04 * step, 2) for step in range(20)]),
    "more": 'strategy = ["latency", "resource"]\n',
}


def _opened(tmp_path: Path) -> Opened:
    return opened(write_study(tmp_path / "study", **WIDE), f"sqlite:///{tmp_path / 'study.db'}")


def _begun(log: Path) -> Counter[str]:
    return Counter(line.split()[1] for line in log.read_text().splitlines() if line.startswith("began"))


class Judged(Noted):
    """Good at one bend of the grid only: 9 bits and four of ten weights zero."""

    def results(self, next_point):  # type: ignore[no-untyped-def]
        while (point := next_point()) is not None:
            self._note("began", point)
            yield _judged(made_up(point))


def _judged(result: PointResult) -> PointResult:
    recipe = result.recipe
    off = abs(recipe.bits - 9) / 20 + abs(recipe.sparsity - 0.4) + 0.5 * (recipe.strategy != "latency")
    return replace(result, score=1 - off, dsp_low=5, dsp_high=5, lut=50, latency_cycles=9)


@pytest.mark.parametrize("method", list(Method))
def test_a_search_finds_what_a_grid_of_eight_hundred_has(tmp_path: Path, method: Method) -> None:
    sweep = _opened(tmp_path)
    assert len(sweep.points) == 800
    log = Judged(tmp_path / "log.txt")
    found = run_sweep(sweep, Nobody(), search=Searched(method, 160), computation=log)
    assert len(found.complete) == found.total == 160
    assert max(_begun(log.log).values()) == 1
    best = sorted((_judged(made_up(point)).score or 0.0 for point in sweep.points), reverse=True)
    reached = max(point.score or 0.0 for point in found.complete)
    assert reached >= best[8]  # one of the best hundredth, from a fifth of the points


@pytest.mark.parametrize("method", list(Method))
def test_a_search_goes_on_from_what_is_there(tmp_path: Path, method: Method) -> None:
    sweep, log = _opened(tmp_path), Judged(tmp_path / "log.txt")
    run_sweep(sweep, Nobody(), search=Searched(method, 60), computation=log)
    same = run_sweep(sweep, Nobody(), search=Searched(method, 60), computation=log)
    assert len(same.complete) == sum(_begun(log.log).values()) == 60
    more = run_sweep(sweep, Nobody(), search=Searched(method, 90), computation=log)
    assert len(more.complete) == sum(_begun(log.log).values()) == 90
    assert max(_begun(log.log).values()) == 1
    later = [line.split()[1] for line in log.log.read_text().splitlines()][60:]
    scores = {point.digest: point.score or 0.0 for point in more.runs}
    early = [score for digest, score in scores.items() if digest not in later]
    assert sum(scores[digest] for digest in later) / 30 > sum(early) / 60  # it knows where the good ones are


def test_a_search_over_everything_is_the_grid(tmp_path: Path) -> None:
    sweep = _opened(tmp_path)
    sweep = replace(sweep, points=sweep.points[::20])
    found = run_sweep(sweep, Nobody(), search=Searched(Method.NSGA2, 1000), computation=Judged(tmp_path / "log.txt"))
    assert len(found.complete) == found.total == len(sweep.points)
    assert set(_begun(tmp_path / "log.txt").values()) == {1}


def test_failed_points_and_missing_numbers_do_not_stop_a_search(tmp_path: Path) -> None:
    class Poor(Judged):
        def results(self, next_point):  # type: ignore[no-untyped-def]
            for number, result in enumerate(super().results(next_point)):
                yield replace(result, score=None, error="too warm") if number % 3 else replace(result, lut=None)

    found = run_sweep(
        _opened(tmp_path), Nobody(), search=Searched(Method.NSGA2, 30), computation=Poor(tmp_path / "log.txt")
    )
    assert (len(found.complete), len(found.failed)) == (10, 20)


def test_points_that_another_sweep_took_are_left_to_it(tmp_path: Path) -> None:
    sweep = _opened(tmp_path)
    sweep = replace(sweep, points=sweep.points[:40])
    with open_store(sweep.url, sweep.name) as other:
        for point in sweep.points[:10]:
            assert other.claim(point)
        search = Search(Method.NSGA2, sweep.points)
        with open_store(sweep.url, sweep.name) as store:
            taken = []
            for point in search.claims(store, sweep.points, 30):
                assert store.finish(made_up(point))
                search.tell(made_up(point))
                taken.append(point.digest)
    assert len(taken) == 20  # the ten that are taken count
    assert not set(taken) & {point.digest for point in sweep.points[:10]}


def test_the_best_come_first() -> None:
    def point(score: float, dsp: int) -> Point:
        return Point.of(
            [PointResult(Recipe(8, 0.0, "latency", 1), f"{score} {dsp}", score, dsp, dsp, 1, latency_cycles=1)]
        )

    points = [point(score / 10, dsp) for score in range(10) for dsp in range(10)]
    front = best_first(points, 1)
    assert [result.best.digest for result in front] == [p.best.digest for p in pareto_front(points)] == ["0.9 0"]
    assert {result.best.digest for result in best_first(points, 3)} == {"0.9 0", "0.9 1", "0.8 0"}
    assert best_first([Point.of([replace(points[0].best, score=None, error="no")])], 3) == []


def test_trials_without_a_search_are_refused(tmp_path: Path) -> None:
    code = "from fpgaprune.cli import main; main()"
    words = ["sweep", str(write_study(tmp_path / "study")), "--trials", "5"]
    done = subprocess.run([sys.executable, "-c", code, *words], check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2
    assert "--trials is for a search; add --search nsga2 or --search tpe" in done.stderr
    with pytest.raises(ConfigError, match="1 trial or more"):
        run_sweep(_opened(tmp_path), Nobody(), search=Searched(Method.TPE, 0))
