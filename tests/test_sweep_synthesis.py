"""Points of a sweep synthesized as well: which ones, what is kept, and a tool that fails."""

from dataclasses import replace
from pathlib import Path

import pytest

from fpgaprune.config.study import load_study
from fpgaprune.errors import ConfigError, ToolError
from fpgaprune.results.sweep import PointResult, Recipe, SweepResult
from fpgaprune.sweep.grid import sweep_of
from fpgaprune.sweep.run import evaluation_of, open_sweep, run_sweep
from fpgaprune.sweep.synthesis import PointSynthesis, Synthesizer, chosen_points, synthesize_points
from tests.sweep_process import Nobody
from tests.sweep_study import write_study


def _result() -> SweepResult:
    points = tuple(
        PointResult(Recipe(bits, 0.0, "latency", 1), str(bits), score, dsp, dsp, 10 * dsp)
        for bits, score, dsp in ((4, 0.5, 0), (6, 0.9, 10), (8, 0.92, 100), (10, 0.8, 200))
    )
    failed = PointResult(Recipe(2, 0.0, "latency", 1), "2", error="too few bits")
    return SweepResult("t", "q", "d", 1000, 10_000, (failed, *points), 5)


def test_points_are_chosen_by_group_or_name() -> None:
    result = _result()
    names = {which: [point.recipe.bits for point in chosen_points(result, which)] for which in ("front", "knee", "all")}
    assert names == {"front": [4, 6, 8], "knee": [6], "all": [4, 6, 8, 10]}
    assert chosen_points(result, "bits10_sparsity0_latency_reuse1")[0].recipe.bits == 10
    with pytest.raises(ConfigError, match="unknown point to synthesize 'knees': did you mean knee"):
        chosen_points(result, "knees")


@pytest.mark.parametrize(
    ("more", "which"),
    [("synth = true\n", "front"), ('synth = "knee"\n', "knee"), ("synth = false\n", None), ("", None)],
)
def test_the_study_may_ask_for_it(tmp_path: Path, more: str, which: str | None) -> None:
    assert sweep_of(load_study(write_study(tmp_path, more=more))).synth == which


def test_sentences_say_what_is_known() -> None:
    one = PointSynthesis("p", "d", "open", 3, 3, dsp=3, agrees=True)
    assert one.sentence() == "p: 3 DSPs by open synthesis, as expected"
    other = replace(one, dsp_high=5, dsp=7, agrees=False)
    assert other.sentence() == "p: 7 DSPs by open synthesis, 3 to 5 expected"
    part = replace(one, dsp=None, agrees=None, note="2 in all layers but conv_1")
    assert (
        part.sentence() == "p: an unknown number of DSPs by open synthesis, of 3 expected (2 in all layers but conv_1)"
    )
    assert replace(one, error="no tool").sentence() == "p: not synthesized: no tool"


def test_a_point_that_fails_is_a_record_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def refuses(point: PointResult, *rest: object) -> None:
        tried.append(point.digest)
        message = "there is no room"
        raise ToolError(message)

    monkeypatch.setattr("fpgaprune.sweep.synthesis.export_point", refuses)
    points, nothing = chosen_points(_result(), "front"), object()
    for _ in range(2):
        found = synthesize_points(points, nothing, tmp_path, Synthesizer.OPEN, lambda what: None)  # type: ignore[arg-type]
        assert [one.error for one in found] == ["there is no room"] * 3
    assert tried == ["4", "6", "8"] * 2


@pytest.mark.keras
@pytest.mark.slow
def test_a_point_is_synthesized_once(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    pytest.importorskip("pyosys")
    study, output = write_study(tmp_path / "study", bits="[12]", sparsity="[0.0]"), tmp_path / "out"
    sweep = open_sweep(study, output, Nobody())
    points = chosen_points(run_sweep(sweep, Nobody()), "all")
    (counted,) = points
    first = synthesize_points(points, evaluation_of(sweep), output, Synthesizer.OPEN, lambda what: None)
    assert [one.error for one in first] == [None]
    assert first[0].agrees
    assert (counted.dsp_low or 0) <= (first[0].dsp or 0) <= (counted.dsp_high or 0)
    made = output / "synth" / counted.recipe.name / "synthesis.json"
    written = made.stat().st_mtime_ns
    again = synthesize_points(points, evaluation_of(sweep), output, Synthesizer.OPEN, lambda what: None)
    assert (again, made.stat().st_mtime_ns) == (first, written)
