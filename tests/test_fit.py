"""`fit`: the best model within limits, what was tried kept through Ctrl-C, and a clear answer where nothing fits."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.pruning import dense_model, ring_data

from fpgaprune.cli import main
from fpgaprune.compress import TrainingData
from fpgaprune.compress.copying import predict
from fpgaprune.compress.kernels import find_kernels
from fpgaprune.compress.quantization import fine_tune
from fpgaprune.errors import ConfigError
from fpgaprune.estimate import estimate_design, rules_for
from fpgaprune.flow.bits import Step
from fpgaprune.flow.compression import Epoch
from fpgaprune.flow.fit import FitConfig, choose, fit_file, nearest, with_floor
from fpgaprune.flow.fit_kept import Kept
from fpgaprune.flow.fit_steps import combinations
from fpgaprune.flow.generate import generate
from fpgaprune.frameworks import load_frameworks
from fpgaprune.read.model import load_model
from fpgaprune.render.fit import fit_sheet
from fpgaprune.results.fit import Attempt, FitLimits

LIMITS = FitLimits(max_dsp=5, max_lut=6000)
QUICK = FitConfig(epochs=1, tries=4)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fit")
    model = dense_model()
    load_frameworks().keras.Model(model.inputs, model.layers[-2].output).save(folder / "m.h5")
    data = ring_data()
    np.savez(folder / "d.npz", x=data.x, y=data.y, x_test=data.validation_x, y_test=data.validation_y)
    return folder


class Impatient:
    """Presses Ctrl-C in the third combination."""

    def __init__(self, patience: int) -> None:
        self.begun: list[str] = []
        self.epochs: list[Epoch] = []
        self.steps: list[Step] = []
        self._patience = patience

    def begin(self, what: str) -> None:
        self.begun.append(what)
        if len(self.begun) > self._patience:
            raise KeyboardInterrupt

    def seen(self, epoch: Epoch) -> None:
        self.epochs.append(epoch)

    def searched(self, step: Step) -> None:
        self.steps.append(step)

    def finished(self, attempt: Attempt) -> None:
        assert attempt.name == self.begun[-1]


@pytest.mark.keras
def test_an_interrupted_search_goes_on_and_ends_as_one_that_was_not(files: Path, tmp_path: Path) -> None:
    first = Impatient(3)
    with pytest.raises(KeyboardInterrupt) as stopped:
        fit_file(files / "m.h5", tmp_path / "o.h5", LIMITS, files / "d.npz", config=QUICK, watcher=first)
    assert re.search(rf"best so far is {tmp_path}/o.fit/00\d.h5 \(.*\); 3 combinations are kept", str(stopped.value))
    kept = json.loads((tmp_path / "o.fit" / "tried.json").read_text())
    assert [each["name"] for each in kept["attempts"]] == first.begun[:3]
    assert not (tmp_path / "o.h5").exists()
    second = Impatient(99)
    found = fit_file(files / "m.h5", tmp_path / "o.h5", LIMITS, files / "d.npz", config=QUICK, watcher=second)
    assert second.begun[0] == first.begun[3]
    assert [each.name for each in found.attempts] == [*first.begun[:3], *second.begun]
    assert any(epoch.dsp is not None for epoch in (*first.epochs, *second.epochs))
    assert found.best is not None
    assert found.record is not None
    assert found.record["estimate"]["after"]["dsp"] == found.best.dsp
    within = [each for each in found.attempts if each.file is not None]
    assert found.best.score == max(each.score or 0.0 for each in within)
    assert all(each.score is None for each in found.attempts if each.skipped)
    project = generate(tmp_path / "o.h5", tmp_path / "project", data=files / "d.npz", run_verify=False)
    estimate = estimate_design(project.design, rules_for("vitis_hls"))
    assert estimate.dsp.high == found.best.dsp
    assert estimate.dsp.high <= 5
    assert estimate.fabric.lut is not None
    assert estimate.fabric.lut.value <= 6000
    other = Impatient(0)
    with pytest.raises(KeyboardInterrupt, match="nothing within the limits yet"):  # other limits are another search
        fit_file(files / "m.h5", tmp_path / "o.h5", FitLimits(4), files / "d.npz", config=QUICK, watcher=other)
    assert other.begun == [found.attempts[0].name]


@pytest.mark.keras
def test_the_command_says_how_near_it_came(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: Any = ((), (("quantize", 8),))  # a budget would do it by leaving nothing
    monkeypatch.setattr("fpgaprune.flow.fit.combinations", lambda model: tried)

    def run(*words: str) -> int:
        common = ["--data", str(files / "d.npz"), "-o", str(tmp_path / "o.keras"), "--epochs", "0", "--tries", "2"]
        with pytest.raises(SystemExit) as ended:
            main(["fit", str(files / "m.h5"), *common, *words])
        return int(ended.value.code or 0)

    assert run("--max-lut", "9") == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "Nothing meets the limits; the nearest is as it is: " in said
    assert re.search(r"[0-9]+ LUTs more than allowed\.", said)
    tried = ((("budget", None),), ())
    assert run("--max-lut", "9") == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "With the budget alone: max_lut=9 cannot be met: with all weights that may change at zero, " in said
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("max_dsp = 3\n")
    assert run("--config", str(recipe), "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["limits"]["max_dsp"] == 3
    (tmp_path / "o.keras").unlink()
    tried = ((("budget", None),), (("quantize", 6), ("budget", None)))
    assert run("--max-dsp", "3", "--min-score", "1.5") == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "Nothing reaches the score 1.5 within the limits; the best there is" in said
    assert "within the limits, not good enough" in said
    assert not (tmp_path / "o.keras").exists()
    assert run("--max-dsp", "3", "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["best"]["dsp"] <= 3
    assert (tmp_path / "o.keras").is_file()
    assert run() == 2
    assert "fit needs a limit of cost" in capsys.readouterr().err
    assert run("--max-dsp", "3", "--loss", "mse", "--min-score", "1") == 2


@pytest.mark.parametrize(
    ("rows", "limits", "name"),
    [
        ([("a", 0.9, 5, 100), ("b", 0.8, 0, 90)], FitLimits(5), "a"),
        ([("a", 0.9, 6, 100), ("b", 0.8, 0, 90)], FitLimits(5), "b"),
        ([("a", 0.9, 5, 100), ("b", 0.9, 4, 900)], FitLimits(5), "b"),
        ([("a", 0.9, 0, 100), ("b", 0.8, 0, 90)], FitLimits(0, 95), "b"),
        ([("a", 0.9, 1, 100)], FitLimits(0), None),
        ([("a", 0.9, 1, 100)], FitLimits(1, min_score=0.95), None),
        ([("a", 0.9, 1, None)], FitLimits(1, 100), None),
        ([("a", None, 1, 100)], FitLimits(1), None),
    ],
)
def test_the_best_within_the_limits(rows: list[tuple[Any, ...]], limits: FitLimits, name: str | None) -> None:
    attempts = tuple(Attempt(n, "accuracy", score, 0.1, dsp=dsp, lut=lut) for n, score, dsp, lut in rows)
    found = choose(attempts, limits)
    assert (None if found is None else found.name) == name


def test_of_equal_scores_the_least_loss_is_best() -> None:
    """Few samples: many models are right about all of them, the cheapest with the least margin."""
    attempts = (
        Attempt("cheap", "accuracy", 1.0, 0.03, dsp=0, lut=80),
        Attempt("sure", "accuracy", 1.0, 0.01, dsp=1, lut=90),
        Attempt("wrong", "accuracy", 0.9, 0.005, dsp=0, lut=70),
    )
    found = choose(attempts, FitLimits(5))
    assert found is not None
    assert found.name == "sure"


def test_no_model_of_another_search_is_written_over(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "o.fit")
    assert kept.free_name() == "000.h5"
    first = {name: Attempt(name, "accuracy", 0.9, 0.1, dsp=1, file=f"00{n}.h5") for n, name in enumerate("abc")}
    kept.keep("one", first)
    for each in first.values():
        (kept.folder / str(each.file)).write_text(each.name)
    assert kept.of("one") == first
    assert kept.of("two") == {}
    assert kept.free_name() == "003.h5"
    second = {"a": Attempt("a", "accuracy", 0.8, 0.2, dsp=0, file="003.h5")}
    kept.keep("two", second)
    (kept.folder / "003.h5").write_text("a")
    assert (kept.of("one"), kept.of("two")) == (first, second)
    (kept.folder / "001.h5").unlink()  # one that is lost is tried again, and takes no other's place
    assert list(kept.of("one")) == ["a", "c"]
    assert kept.free_name() == "004.h5"
    (kept.folder / "tried.json").write_text('{"digest": "one"')  # not ours
    assert kept.of("one") == {}


@pytest.mark.parametrize(
    ("dsp", "lut", "said"),
    [
        (5, 100, ()),
        (7, 100, ("2 DSPs more than allowed",)),
        (7, 103, ("2 DSPs more than allowed", "3 LUTs more than allowed")),
        (5, None, ("LUTs that are not known",)),
    ],
)
def test_what_is_exceeded_is_said(dsp: int, lut: int | None, said: tuple[str, ...]) -> None:
    assert FitLimits(5, 100).over(dsp, lut) == said
    assert FitLimits().over(dsp, lut) == ()


@pytest.mark.parametrize(
    ("rows", "name"),
    [
        ([("a", 12, 100), ("b", 10, 90)], "b"),
        ([("a", 10, 300), ("b", 10, 90)], "b"),  # over one limit, not over both
        ([("a", 10, 100), ("b", 10, 90)], "b"),
        ([("a", 10, None), ("b", 20, 90)], "b"),
    ],
)
def test_the_nearest_of_those_over_the_limits(rows: list[tuple[Any, ...]], name: str) -> None:
    attempts = [Attempt(n, skipped="costs too much", dsp=dsp, lut=lut) for n, dsp, lut in rows]
    assert nearest(attempts, FitLimits(5, 200)).name == name


def test_of_losses_the_least_is_best() -> None:
    attempts = (Attempt("a", "loss", 0.5, 0.5, dsp=1), Attempt("b", "loss", 0.2, 0.2, dsp=2))
    found = choose(attempts, FitLimits(5))
    assert found is not None
    assert found.name == "b"


@pytest.mark.keras
def test_every_sort_of_step_is_tried_and_learns(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = {name for combination in combinations(load_model(files / "m.h5").model) for name, _ in combination}
    assert named == {"quantize", "bits", "polynomial", "l0", "low_rank", "clusters", "taught", "budget"}
    tried: Any = (
        (("bits", None),),
        (("l0", 0.5), ("quantize", 8), ("taught", None)),
        (("quantize", 8), ("clusters", 2)),
    )
    monkeypatch.setattr("fpgaprune.flow.fit.combinations", lambda model: tried)
    monkeypatch.setattr("fpgaprune.flow.fit_steps._SEARCHED", (6,))
    watcher = Impatient(99)
    limits = FitLimits(max_dsp=20, max_lut=20000, min_score=0.0)
    config = FitConfig(epochs=2, tries=3)
    found = fit_file(files / "m.h5", tmp_path / "o.h5", limits, files / "d.npz", config=config, watcher=watcher)
    bits, removed, shared = found.attempts
    assert [each.error for each in found.attempts] == [None, None, None]
    assert bits.file is not None
    assert bits.dsp is not None
    assert bits.dsp <= 20
    assert {epoch.phase for epoch in watcher.epochs} >= {"fine-tune", "gates", "share"}
    assert [step.stage for step in watcher.steps[:1]] == ["sensitivity"]
    for stage, told in {"sensitivity": "zeros", "costs": "zeros, [0-9]+ DSPs"}.items():
        said = [step.state for step in watcher.steps if step.stage == stage]
        assert said
        assert all(re.search(rf"accuracy [01]\.[0-9]+, .* % {told}", each) for each in said)
    assert removed.sparsity is not None
    assert removed.sparsity >= 0.5
    assert shared.file is not None
    kernels = find_kernels(load_model(tmp_path / "o.fit" / shared.file).model)
    rows = [row for kernel in kernels for row in kernel.quantized()]
    assert max(len(set(row[row != 0])) for row in rows) <= 2


@pytest.mark.keras
def test_a_constant_answer_is_not_good_enough_unless_asked_for() -> None:
    model, data = dense_model(), ring_data()
    given = FitLimits(max_dsp=3)
    for loss in ("sparse_categorical_crossentropy", "mse"):
        y = data.y if loss != "mse" else np.eye(2)[data.y]
        validation = data.validation_y if loss != "mse" else np.eye(2)[data.validation_y]
        training = TrainingData(data.x, y, data.validation_x, validation)
        fine_tune(model, training, loss=loss, epochs=30, learning_rate=1e-2)
        found = with_floor(given, model, training, loss)
        assert found.is_default
        outputs = predict(model, data.validation_x)[0]
        if loss == "mse":
            error, constant = (np.square(o - validation).mean() for o in (outputs, outputs.mean(axis=0)))
            assert found.max_loss == pytest.approx(error + 0.1 * (constant - error), rel=1e-4)
            assert not found.is_good(constant, constant)
            assert found.is_good(error, error)
        else:
            right = np.mean(outputs.argmax(axis=1) == validation)
            most = np.mean(validation == outputs.mean(axis=0).argmax())
            assert found.min_score == pytest.approx(right - 0.1 * (right - most))
            assert found.least is not None
    assert with_floor(FitLimits(3, min_score=0.0), model, data, "mse") == FitLimits(3, min_score=0.0)
    nothing_learnt = TrainingData(data.x, data.y, data.validation_x, 1 - predict(model, data.validation_x)[0].argmax(1))
    assert with_floor(given, model, nothing_learnt, "sparse_categorical_crossentropy") == given


@pytest.mark.parametrize("wrong", [{"epochs": -1}, {"tries": 0}, {"seed": -1}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="fit takes"):
        FitConfig(**wrong)


@pytest.mark.keras
def test_what_combinations_begin_with_is_done_once(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: Any = ((("quantize", 6),), (("quantize", 6), ("budget", None)))
    monkeypatch.setattr("fpgaprune.flow.fit.combinations", lambda model: tried)
    runs = []
    for folder, count in (("both", 2), ("first", 1), ("first", 2)):  # the last goes on where the one before it ended
        watcher, output = Impatient(99), tmp_path / folder / "o.h5"
        config = FitConfig(epochs=1, tries=count)
        runs.append(
            (fit_file(files / "m.h5", output, LIMITS, files / "d.npz", config=config, watcher=watcher), watcher)
        )
    (both, once), _, (resumed, again) = runs
    assert [epoch.phase for epoch in once.epochs] == ["fine-tune", "budget"]
    assert [epoch.phase for epoch in again.epochs] == ["fine-tune", "budget"]
    assert [replace(each, seconds=0) for each in both.attempts] == [replace(e, seconds=0) for e in resumed.attempts]
    first, second = (load_model(tmp_path / name / "o.h5").model.get_weights() for name in ("both", "first"))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.keras
def test_what_failed_as_a_beginning_is_not_tried_again(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: Any = ((("low_rank", 0.9),), (("low_rank", 0.9), ("quantize", 8)), (("quantize", 8),))
    monkeypatch.setattr("fpgaprune.flow.fit.combinations", lambda model: tried)
    calls = []

    def refuse(*given: Any) -> Any:
        calls.append(given)
        message = "no layer of this network has a low rank"
        raise ConfigError(message)

    monkeypatch.setattr("fpgaprune.flow.fit_steps.factorize", refuse)
    config = FitConfig(epochs=0, tries=3)
    found = fit_file(files / "m.h5", tmp_path / "o.h5", FitLimits(5), files / "d.npz", config=config)
    assert [each.error for each in found.attempts] == ["no layer of this network has a low rank"] * 2 + [None]
    assert len(calls) == 1
    told = [row.cells[-1] for row in fit_sheet(found).rows]
    assert told == [f"failed: {found.attempts[0].error}", "failed as low_rank 0.9 did", "best within the limits"]
