"""Points of post-training grids: what they are counted from is what a generated project is."""

from pathlib import Path

import numpy as np
import pytest

from fpgaprune.config.study import load_study
from fpgaprune.csim import build_simulation
from fpgaprune.errors import ConfigError
from fpgaprune.flow.generate import generate
from fpgaprune.flow.study_model import save_model, trained_model
from fpgaprune.flow.study_task import load_task
from fpgaprune.read.project import read_project
from fpgaprune.results.sweep import Point, PointResult, Recipe, SweepResult, pareto_front
from fpgaprune.sweep.evaluate import Evaluation, Job
from fpgaprune.sweep.grid import planned, recipes, starts_of, sweep_of
from tests.sweep_study import write_study


def _evaluation(folder: Path, output: Path) -> Evaluation:
    study = load_study(folder)
    sweep, task = sweep_of(study), load_task(folder)
    data = task.load_data(sweep.task)
    model = trained_model(
        folder, task, sweep.task, output, data=lambda: data, begin=lambda: None, on_epoch=lambda *now: None
    )
    return Evaluation.of(Job(folder, starts_of(study, sweep, [model], data), sweep), data)


@pytest.mark.keras
@pytest.mark.parametrize("quantized", [True, False])
def test_a_point_is_what_generate_writes_from_its_model(tmp_path: Path, quantized: bool) -> None:
    folder = write_study(tmp_path / "study", quantized=quantized)
    evaluation = _evaluation(folder, tmp_path)
    inputs = tmp_path / "inputs.npy"
    np.save(inputs, evaluation.inputs.arrays[0])
    points = planned(evaluation.job.sweep, evaluation.job.starts)
    for index in (5, 0, 4):
        point = points[index]
        found = evaluation.point(point)
        assert found.error is None
        save_model(evaluation.model(point.recipe), tmp_path / f"{index}.h5")
        project = tmp_path / f"project_{index}"
        generate(tmp_path / f"{index}.h5", project, evaluation.settings(point.recipe), data=inputs, run_verify=False)
        written = read_project(project)
        assert written.digest == evaluation.design(point.recipe).digest == found.design
        if index == 4:
            simulated = build_simulation(project).run(np.asarray(evaluation.data.test_x, dtype=np.float64))[0]
            assert found.score == evaluation.task.score(simulated, evaluation.data.test_y)


@pytest.mark.keras
def test_bits_and_sparsity_arrive_in_the_design(tmp_path: Path) -> None:
    evaluation = _evaluation(write_study(tmp_path / "study", bits="[5, 9]"), tmp_path)
    for bits in (9, 5):
        whole, pruned = (evaluation.design(Recipe(bits, sparsity, "latency", 1)) for sparsity in (0.0, 0.5))
        assert {layer.weight.precision.width for layer in pruned.weight_layers if layer.weight is not None} == {bits}
        assert sum(layer.zero_count for layer in pruned) >= 20 > sum(layer.zero_count for layer in whole)
    assert evaluation.bases[None].get_layer("hidden").kernel.numpy().all()  # the model itself is not touched


@pytest.mark.keras
def test_bits_that_leave_none_right_of_the_point_fail_as_a_record(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", bits="[2]")
    evaluation = _evaluation(folder, tmp_path)
    points = planned(evaluation.job.sweep, evaluation.job.starts)
    found = evaluation.point(points[0])
    assert not found.is_complete
    assert found.error == "2 bits are too few for layer 'relu': its quantizer quantized_relu needs 2 left of the point"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("bit = [4]", "unknown key 'bit': did you mean bits?"),
        ('strategy = ["latensy"]', "did you mean latency?"),
        ("layer_limit = 2.0", "sweep.layer_limit: input should be less than or equal to 1"),
        ("hardware = { prat = 1 }", "unknown key 'prat': did you mean part"),
    ],
)
def test_a_misspelt_sweep_names_the_choices(tmp_path: Path, line: str, words: str) -> None:
    folder = write_study(tmp_path, more=line)
    with pytest.raises(ConfigError, match=words.replace("?", r"\?")):
        load_study(folder)


def test_a_study_without_a_sweep_says_what_one_looks_like(tmp_path: Path) -> None:
    folder = write_study(tmp_path)
    text = (folder / "project.toml").read_text()
    (folder / "project.toml").write_text(text.split("[sweep]")[0] + '[[variant]]\nname = "one"\nprune = false\n')
    with pytest.raises(ConfigError, match=r"has no \[sweep\]; add one with its axes"):
        sweep_of(load_study(folder))


def test_a_folder_may_hold_several_studies(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "signs")
    other = folder / "wide.toml"
    other.write_text((folder / "project.toml").read_text().replace("[4, 6, 8]", "[12]"))
    usual, wide = load_study(folder), load_study(other)
    assert (usual.name, wide.name) == ("signs", "signs_wide")
    assert usual.folder == wide.folder == folder
    assert sweep_of(wide).bits == (12,)
    with pytest.raises(ConfigError, match="is not a study"):
        load_study(folder / "narrow.toml")


def test_the_grid_is_every_combination_once(tmp_path: Path) -> None:
    folder = write_study(tmp_path, bits="[8, 4, 8]", more='strategy = ["latency", "resource"]\nreuse_factor = [1, 2]')
    found = recipes(sweep_of(load_study(folder)))
    assert len(found) == len(set(found)) == 2 * 2 * 2 * 2
    assert len({recipe.name for recipe in found}) == 16


def _point(score: float, dsp: int, lut: int, bits: int = 8) -> Point:
    sparsity = score + dsp / 1000  # another point
    return Point.of([PointResult(Recipe(bits, sparsity, "latency", 1), f"{score}{dsp}{lut}", score, dsp, dsp, lut)])


def test_front_knee_and_best_within_limits() -> None:
    cheap, bend, good = _point(0.5, 0, 100), _point(0.9, 10, 200), _point(0.92, 100, 2000)
    beaten, twin = _point(0.8, 20, 300), _point(0.9, 10, 200)
    assert pareto_front((good, beaten, bend, twin, cheap)) == (cheap, bend, good)
    result = SweepResult("t", "q", "d", 1000, 10_000, tuple(p.best for p in (good, beaten, bend, cheap)), 6)
    assert result.knee == bend
    assert result.best() == good
    assert result.best(max_dsp=50) == bend
    assert result.best(max_dsp=50, max_lut=150) == cheap
    assert result.best(max_lut=50) is None
    back = PointResult.from_facts(good.recipe, good.best.facts())
    assert back == good.best
