"""The search for the bits of every layer: limits met by the exact count, more bits where they matter, clear answers."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.pruning import dense_model, ring_data, zoo_data, zoo_model

from fpgaprune.cli import main
from fpgaprune.compress.copying import predict
from fpgaprune.compress.quantization import LayerTypes, PostTraining, Quantizer
from fpgaprune.errors import ConfigError
from fpgaprune.estimate import estimate_design, rules_for
from fpgaprune.flow.bits import BitSearch
from fpgaprune.flow.bits_training import train_within
from fpgaprune.flow.compression import Compression, estimate_model
from fpgaprune.flow.generate import generate
from fpgaprune.flow.quantize import quantize_within
from fpgaprune.frameworks import load_frameworks
from fpgaprune.generate.inputs import InputSet
from fpgaprune.generate.settings import GenerateSettings
from fpgaprune.results import Estimate, Fabric
from fpgaprune.results.bits import BitLimits
from fpgaprune.results.estimate import Complexity, LayerEstimate
from fpgaprune.results.resources import Bound, Expected

WIDTHS = (8, 4)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bits")
    model = dense_model()
    load_frameworks().keras.Model(model.inputs, model.layers[-2].output).save(folder / "m.h5")
    data = ring_data()
    np.savez(folder / "d.npz", x=data.x, y=data.y, x_test=data.validation_x, y_test=data.validation_y)
    return folder


@pytest.mark.keras
def test_the_model_that_is_written_meets_the_limits_and_what_was_fixed_stays(files: Path, tmp_path: Path) -> None:
    config = PostTraining(16, layers={"sec*": LayerTypes(weight_bits=7)})
    limits = BitLimits(max_dsp=20, max_lut=7000)
    steps = []
    found = quantize_within(
        files / "m.h5", tmp_path / "q.h5", config, limits, files / "d.npz", narrower=WIDTHS, epochs=1,
        on_step=steps.append,
    )  # fmt: skip
    assert found.output == tmp_path / "q.h5"
    assert found.costs_before["max_dsp"] > 100
    bits = {layer.name: layer.bits for layer in found.layers}
    assert bits["second"] == 7
    assert [layer.part for layer in found.layers] == ["values", "weights", "values", "weights"]
    assert min(bits.values()) < 16
    assert {step.stage for step in steps} >= {"sensitivity", "costs", "narrowing"}
    project = generate(tmp_path / "q.h5", tmp_path / "project", data=files / "d.npz", run_verify=False)
    estimate = estimate_design(project.design, rules_for("vitis_hls"))
    assert limits.over(estimate) == {}
    assert estimate.dsp.high == found.costs_after["max_dsp"]
    weights = {layer.name: layer.weight.precision.width for layer in project.design if layer.weight is not None}
    assert weights == {"first": bits["first"], "second": 7}
    record = json.loads((tmp_path / "q.pruning.json").read_text())
    assert record["search"]["layers"][0]["bits"] == found.layers[0].bits
    assert record["estimate"]["after"]["dsp"] <= 20


@pytest.mark.keras
def test_what_matters_keeps_more_bits(files: Path, tmp_path: Path) -> None:
    """Two layers of the same size, one of which hardly reaches the output."""
    fw = load_frameworks()
    la = fw.keras.layers
    fw.keras.utils.set_random_seed(0)
    inputs = la.Input((8,), name="values")
    heard, unheard = la.Dense(8, name="heard")(inputs), la.Dense(8, name="unheard")(inputs)
    out = la.Dense(2, name="out")
    model = fw.keras.Model(inputs, out(la.ReLU(name="relu")(la.Concatenate(name="both")([heard, unheard]))))
    kernel, bias = out.get_weights()
    kernel[8:] *= 1e-3
    out.set_weights([kernel, bias])
    model.save(tmp_path / "m.h5")
    data = ring_data()
    labels = np.asarray(model(data.x)).argmax(axis=1)
    np.savez(tmp_path / "d.npz", x=data.x, y=labels)
    session = Compression(tmp_path / "m.h5", tmp_path / "q.h5", tmp_path / "d.npz")
    config = PostTraining(12, layers={"[rv]*": LayerTypes(activation_bits=12), "out": LayerTypes(weight_bits=12)})
    asked = BitLimits(max_ebops=1)
    search = BitSearch(session.model, session, session.training(0), config, asked, (6, 3))
    some = round(0.85 * search.result(asked).costs_before["max_ebops"])
    assert search.within(BitLimits(max_ebops=some))
    bits = {layer.name: layer.bits for layer in search.result(BitLimits(max_ebops=some)).layers}
    assert bits["unheard"] < bits["heard"] == bits["out"] == 12
    less = round(0.7 * some)
    assert search.within(BitLimits(max_ebops=less))  # goes on from there
    assert search.result(BitLimits(max_ebops=less)).costs_after["max_ebops"] <= less


@pytest.mark.keras
def test_a_limit_that_cannot_be_met_is_named_with_what_is_missing(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*words: str) -> int:
        common = ["--data", str(files / "d.npz"), "-o", str(tmp_path / "q.h5"), "--bits", "8"]
        with pytest.raises(SystemExit) as ended:
            main(["quantize", str(files / "m.h5"), *common, *words])
        return int(ended.value.code or 0)

    assert run("--max-ebops", "5", "--widths", "4", "--format", "json") == 1
    told = json.loads(capsys.readouterr().out)
    over = told["costs"]["after"]["ebops"] - 5
    assert f"{over + 5} EBOPs, {over} more than allowed" in told["answer"]
    assert {layer["bits"] for layer in told["layers"]} == {4}
    assert run("--max-ebops", "5", "--min-score", "1.5") == 1
    assert "already, below the least asked" in " ".join(capsys.readouterr().out.split())
    assert not (tmp_path / "q.h5").exists()
    assert run("--min-score", "0.5") == 2
    assert "needs a limit of cost" in capsys.readouterr().err
    for widths in ("4,8", "8,1", "x"):
        assert run("--max-dsp", "5", "--widths", widths) == 2
    assert run("--max-dsp", "5", "--loss", "mse", "--min-score", "1") == 2


@pytest.mark.keras
def test_a_score_floor_ends_the_search_above_it(files: Path, tmp_path: Path) -> None:
    session = Compression(files / "m.h5", tmp_path / "q.h5", files / "d.npz", score="accuracy")
    training = session.training(0)
    free = BitLimits(max_ebops=10)
    search = BitSearch(session.model, session, training, PostTraining(8), free, (3,))
    assert not search.within(free)
    floor = search.result(free).score_before
    held = replace(free, min_score=floor)
    search = BitSearch(session.model, session, training, PostTraining(8), held, (3,))
    assert train_within(search, held, lambda model: model) is None
    found = search.result(held)
    assert found.score_after >= floor
    assert "without the accuracy falling below" in found.answer


def estimate(dsp: int, lut: int | None, ebops: int) -> Estimate:
    fabric = Fabric() if lut is None else Fabric(lut=Expected(lut, lut, lut))
    counted = Complexity(1, 2, ebops)
    layer = LayerEstimate("a", "dense", Bound(dsp, dsp), None, 1, 1, 0, None, complexity=counted)
    return Estimate("d", "0", "vitis_hls", "built in", None, "DSP48E2", None, (layer,), fabric=fabric)


def test_limits_say_what_is_exceeded() -> None:
    limits = BitLimits(max_dsp=3, max_lut=100, max_ebops=50)
    assert limits.over(estimate(3, 100, 50)) == {}
    over = limits.over(estimate(5, 90, 51))
    assert over == {"max_dsp": 2, "max_ebops": 1}
    assert limits.words(over) == "5 DSPs, 2 more than allowed and 51 EBOPs, 1 more than allowed"
    assert BitLimits().of_cost == {}


def test_names_with_wildcards_are_refined_as_they_are() -> None:
    config = PostTraining(8, layers={"a": LayerTypes(bias_bits=9)})
    refined = config.refined({"a": LayerTypes(4), "b[0]*": LayerTypes(5)})

    class Layer:
        def __init__(self, name: str) -> None:
            self.name = name

    def bits(name: str) -> tuple[int, int]:
        types = refined.of(Layer(name))
        return types.weight_bits, types.bias_bits

    assert bits("a") == (4, 9)
    assert bits("b[0]*") == (5, 16)
    assert bits("b0c") == (8, 16)


def test_settings_of_a_search_are_checked(files: Path, tmp_path: Path) -> None:
    session: Any = type("Session", (), {"score": type("Score", (), {"name": "accuracy"})()})()
    with pytest.raises(ConfigError, match="needs a limit of cost"):
        BitSearch(None, session, ring_data(), PostTraining(8), BitLimits(min_score=0.5))


@pytest.mark.keras
def test_a_passing_model_computes_and_costs_what_a_built_one_does() -> None:
    model, x = zoo_model(quantized=False), zoo_data().x
    quantizer = Quantizer(model, [x])
    inputs = InputSet((x[:32],), "images", real=True)
    many = {"conv": LayerTypes(3, 4), "out": LayerTypes(weights="ternary"), "lstm": LayerTypes(7, 9, 10)}
    wanted = (
        PostTraining(12),
        PostTraining(6, layers=many),
        PostTraining(8, per_channel=True, layers={"conv": LayerTypes(weights="po2")}),
        PostTraining(12, exclude=("conv",)),
        PostTraining(12),
    )
    kept = quantizer.passing(PostTraining(7))
    for config in wanted:
        passing, built = quantizer.passing(config), quantizer(config).model
        assert np.array_equal(predict(passing, x)[0], predict(built, x)[0])
        found, expected = (estimate_model(each, GenerateSettings(), inputs) for each in (passing, built))
        assert found.json() == expected.json()
        assert (passing is kept) == (config.exclude == ())
        if config.exclude:
            kept = quantizer.passing(PostTraining(7))
