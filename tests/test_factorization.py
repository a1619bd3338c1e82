"""Low rank and depthwise-separable layers: shared contract, exact cases, ranks by energy and by DSPs, the command."""

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpgaprune.cli import main
from fpgaprune.compress import split_validation
from fpgaprune.compress.copying import predict
from fpgaprune.compress.factorization import (
    DepthwiseSeparable,
    Equivariant,
    FactorizeConfig,
    LowRank,
    factorizations,
    factorize,
    factorize_config_type,
)
from fpgaprune.compress.factorization.equivariant import kernel_orbits
from fpgaprune.compress.kernels import find_kernels
from fpgaprune.compress.quantization import fine_tune
from fpgaprune.errors import ConfigError, ModelError
from fpgaprune.estimate import estimate_design, rules_for
from fpgaprune.flow.generate import generate
from fpgaprune.frameworks import load_frameworks
from fpgaprune.read.model import load_model

BITS = "quantized_bits(14,1,alpha=1)"


def images(count: int = 160) -> tuple[np.ndarray, np.ndarray]:
    """Which of three corners is brightest."""
    x = np.random.default_rng(3).uniform(size=(count, 6, 6, 2)).astype(np.float32)
    return x, np.stack([x[:, 0, 0, 0], x[:, 5, 0, 0], x[:, 0, 5, 0]], axis=1).argmax(axis=1)


def network(quantized: bool, seed: int = 0) -> Any:
    """Two convolutions and two dense layers, logits."""
    fw = load_frameworks()
    la, q = fw.keras.layers, fw.qkeras
    fw.keras.utils.set_random_seed(seed)
    kernel = {"kernel_quantizer": BITS, "bias_quantizer": BITS} if quantized else {}
    prefix = q if quantized else la

    def make(kind: str, *sizes: int, **options: Any) -> Any:
        return getattr(prefix, f"Q{kind}" if quantized else kind)(*sizes, **options, **kernel)

    def act(number: int) -> Any:
        return q.QActivation("quantized_relu(12,3)", name=f"act{number}") if quantized else la.ReLU(name=f"act{number}")

    x = inputs = la.Input((6, 6, 2), name="image")
    if quantized:
        x = q.QActivation("quantized_bits(12,1,alpha=1)", name="types")(x)
    x = act(1)(make("Conv2D", 8, 3, padding="same", name="conv1")(x))
    x = act(2)(make("Conv2D", 8, 3, name="conv2")(x))
    x = la.Flatten(name="flat")(x)
    x = act(3)(make("Dense", 16, name="fc1")(x))
    return fw.keras.Model(inputs, make("Dense", 3, name="out")(x))


class FactorizationContract(ABC):
    """The model is left alone, exclusions hold, files load again, and the project needs what was estimated."""

    @abstractmethod
    def config(self, **settings: Any) -> FactorizeConfig:
        """A config that replaces at least one layer, and not conv2 where that is excluded."""

    @pytest.mark.keras
    @pytest.mark.parametrize(("quantized", "suffix"), [(False, ".h5"), (True, ".keras")])
    def test_the_file_loads_again_and_the_project_needs_what_is_estimated(
        self, quantized: bool, suffix: str, tmp_path: Path
    ) -> None:
        model, (x, y) = network(quantized), images()
        before = [array.copy() for array in model.get_weights()]
        first, second = (factorize(model, self.config(), [x]) for _ in range(2))
        assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
        weights = first.model.get_weights()
        assert all(np.array_equal(a, b) for a, b in zip(weights, second.model.get_weights(), strict=True))
        assert sum(array.size for array in weights) < sum(array.size for array in before)
        assert json.loads(json.dumps(first.record, allow_nan=False))["layers"]
        first.model.save(tmp_path / f"m{suffix}")
        again = load_model(tmp_path / f"m{suffix}").model
        assert np.array_equal(predict(again, x)[0], predict(first.model, x)[0])
        np.savez(tmp_path / "d.npz", x=x, y=y)
        project = generate(tmp_path / f"m{suffix}", tmp_path / "p", data=tmp_path / "d.npz", run_verify=False)
        kinds = {layer.name for layer in project.design if layer.weight is not None}
        assert {layer.name for layer in again.layers if layer.weights} <= kinds
        assert estimate_design(project.design, rules_for("vitis_hls")).dsp.high > 0

    @pytest.mark.keras
    def test_excluded_layers_stay(self) -> None:
        model, (x, _) = network(quantized=True), images()
        found = factorize(model, self.config(exclude=("conv2",)), [x])
        assert "conv2" not in {layer["name"] for layer in found.record["layers"]}
        kept = found.model.get_layer("conv2").get_weights()
        assert all(np.array_equal(a, b) for a, b in zip(kept, model.get_layer("conv2").get_weights(), strict=True))
        with pytest.raises(ConfigError, match="unknown layer to exclude"):
            factorize(model, self.config(exclude=("conv3",)), [x])
        with pytest.raises(ModelError, match="has no"):
            factorize(model, self.config(exclude=("*",)), [x])


class TestLowRank(FactorizationContract):
    def config(self, **settings: Any) -> FactorizeConfig:
        return LowRank(energy=0.8, **settings)


class TestDepthwiseSeparable(FactorizationContract):
    def config(self, **settings: Any) -> FactorizeConfig:
        return DepthwiseSeparable(**settings)


def make_low_rank(layer: Any, rank: int, seed: int = 0) -> None:
    """A kernel of that rank in the sense of its kind."""
    rng = np.random.default_rng(seed)
    kernel, bias = layer.get_weights()
    if kernel.ndim == 4:
        height, width, channels, filters = kernel.shape
        product = rng.normal(size=(height * channels, rank)) @ rng.normal(size=(rank, width * filters))
        kernel = product.reshape(height, channels, width, filters).transpose(0, 2, 1, 3)
    else:
        kernel = (rng.normal(size=(kernel[..., 0].size, rank)) @ rng.normal(size=(rank, kernel.shape[-1]))).reshape(
            kernel.shape
        )
    layer.set_weights([kernel / 10, rng.normal(size=bias.shape)])


def acted(maps: np.ndarray, element: int, order: int, fields: bool) -> np.ndarray:
    """Images under a mirror image, if element >= 4, and element % 4 rotations; orientations move along, if any."""
    turned = np.rot90(maps[:, :, ::-1] if element >= 4 else maps, element % 4, axes=(1, 2))
    if not fields:
        return turned
    moved = np.empty_like(turned)
    for g in range(order):
        mirror, turn = divmod(g, 4)
        to = 4 * ((mirror + element // 4) % 2) + (element + (-turn if element >= 4 else turn)) % 4
        moved[..., to::order] = turned[..., g::order]
    return moved


@pytest.mark.keras
@pytest.mark.parametrize(("group", "order"), [("p4", 4), ("p4m", 8)])
@pytest.mark.parametrize("quantized", [False, True])
def test_turned_images_give_turned_maps_after_training_too(group: str, order: int, quantized: bool) -> None:
    fw, (x, y) = load_frameworks(), images(96)
    la = fw.keras.layers
    source = network(quantized)
    normed = la.BatchNormalization(name="norm")(source.get_layer("act2").output)
    flat = la.Dense(3, name="end")(la.Flatten()(normed))
    model = fw.keras.Model(source.inputs, flat)
    found = factorize(model, Equivariant(group), [x])
    assert [layer["free_weights"] for layer in found.record["layers"]] == ([36, 144] if group == "p4" else [18, 72])
    data = split_validation(x, y, 0.25, seed=0)
    before = found.model.get_weights()
    fine_tune(
        found.model, data, loss="sparse_categorical_crossentropy", epochs=3, learning_rate=1e-2,
        project=found.project, ties=found.ties,
    )  # fmt: skip
    assert any((a != b).any() for a, b in zip(before, found.model.get_weights(), strict=True))
    maps = fw.keras.Model(found.model.inputs, found.model.get_layer("norm").output)
    plain = predict(maps, x)[0]
    for element in range(order):
        turned = predict(maps, np.ascontiguousarray(acted(x, element, order, fields=False)))[0]
        assert np.allclose(turned, acted(plain, element, order, fields=True), atol=1e-3)


@pytest.mark.keras
def test_tied_filters_go_through_files_few_bits_and_the_project(tmp_path: Path) -> None:
    x, y = images(96)
    np.savez(tmp_path / "d.npz", x=x, y=y)
    network(quantized=False).save(tmp_path / "m.h5")

    def run(verb: str, source: str, target: str, *words: str) -> None:
        common = [str(tmp_path / source), "--data", str(tmp_path / "d.npz"), "-o", str(tmp_path / target)]
        with pytest.raises(SystemExit) as ended:
            main([verb, *common, *words])
        assert not ended.value.code

    run("factorize", "m.h5", "tied.keras", "--method", "equivariant", "--set", "group=p4m", "--epochs", "1")
    run("quantize", "tied.keras", "q.h5", "--bits", "6")
    run("prune", "q.h5", "b.h5", "--method", "budget", "--max-dsp", "0")
    record = json.loads((tmp_path / "b.pruning.json").read_text())
    project = generate(tmp_path / "b.h5", tmp_path / "p", data=tmp_path / "d.npz", run_verify=False)
    assert estimate_design(project.design, rules_for("vitis_hls")).dsp.high == record["estimate"]["after"]["dsp"] == 0
    quantized = generate(tmp_path / "q.h5", tmp_path / "p6", data=tmp_path / "d.npz", run_verify=False)
    again = {kernel.layer: kernel for kernel in find_kernels(load_model(tmp_path / "q.h5").model)}
    for name, turning in (("conv1", False), ("conv2", True)):
        weight = quantized.design[name].weight
        assert weight is not None
        assert weight.precision.width == 6
        kernel = again[name].quantized()
        assert np.array_equal(weight.values.reshape(kernel.shape), kernel)
        orbits = kernel_orbits(kernel.shape, 8, turning=turning)
        assert (kernel.ravel()[orbits] == kernel.ravel()).all()  # still tied after rounding


@pytest.mark.keras
def test_a_model_without_fitting_convolutions_is_not_equivariant() -> None:
    with pytest.raises(ModelError, match="no Conv2D for p4 "):
        factorize(network(quantized=False), Equivariant(exclude=("conv?",)), [images()[0]])
    with pytest.raises(ConfigError, match="unknown group 'p6'"):
        Equivariant("p6")


@pytest.mark.keras
def test_what_has_a_low_rank_stays_what_it_is() -> None:
    """Strides, dilation, padding, biases and activations included; a layer called twice and a full rank stay whole."""
    la, keras = load_frameworks().keras.layers, load_frameworks().keras
    x = inputs = la.Input((9, 9, 3))
    x = la.Conv2D(10, (3, 5), strides=(2, 1), padding="same", activation="relu", name="strided")(x)
    x = la.Conv2D(10, 3, dilation_rate=2, padding="same", activation="tanh", name="dilated")(x)
    x = la.Conv2D(9, 1, name="mix")(x)
    x = la.Reshape((45, 9))(x)
    x = la.Conv1D(12, 3, strides=2, padding="same", activation="relu", name="line")(x)
    x = la.Dense(12, activation="relu", name="every")(x)
    twice = la.Dense(12, name="twice")
    x = la.Add()([twice(x), twice(twice(x))])
    x = la.Flatten()(x)
    model = keras.Model(inputs, [la.Dense(8, name="out")(x), x])
    for name in ("strided", "dilated", "mix", "line", "every", "out"):
        make_low_rank(model.get_layer(name), 2)
    samples = np.random.default_rng(0).normal(size=(40, 9, 9, 3)).astype(np.float32)
    result = factorize(model, LowRank(energy=0.999999), [samples])
    assert {layer["name"]: layer["rank"] for layer in result.record["layers"]} == dict.fromkeys(
        ("strided", "dilated", "mix", "line", "every", "out"), 2
    )
    assert len(result.model.layers) == len(model.layers) + 6
    for one, other in zip(predict(model, samples), predict(result.model, samples), strict=True):
        assert np.allclose(one, other, atol=1e-3 * np.abs(one).max())


@pytest.mark.keras
def test_filters_that_are_separable_stay_what_they_are() -> None:
    model, (x, _) = network(quantized=False), images()
    rng = np.random.default_rng(0)
    for name in ("conv1", "conv2"):
        layer = model.get_layer(name)
        height, width, channels, filters = layer.kernel.shape
        kernel = rng.normal(size=(height, width, channels, 1)) * rng.normal(size=(channels, filters))
        layer.set_weights([kernel, rng.normal(size=filters)])
    result = factorize(model, DepthwiseSeparable(), [x])
    assert [round(layer["energy"], 6) for layer in result.record["layers"]] == [1, 1]
    assert np.allclose(predict(model, x)[0], predict(result.model, x)[0], atol=1e-3)


@pytest.mark.keras
def test_the_rank_keeps_the_energy_and_one_less_would_not() -> None:
    model, (x, _) = network(quantized=False), images()
    for energy in (0.5, 0.8, 0.95):
        for layer in factorize(model, LowRank(energy=energy), [x]).record["layers"]:
            assert layer["energy"] >= energy
            assert layer["weights"] <= layer["weights_before"]
    assert len({tuple(la["rank"] for la in factorize(model, LowRank(energy=e), [x]).record["layers"])
                for e in (0.3, 0.6, 0.9)}) == 3  # fmt: skip


@pytest.mark.keras
def test_dsps_decide_the_ranks() -> None:
    model, (x, _) = network(quantized=True), images()

    def products(found: Any) -> int:
        return sum(int(np.prod(layer.kernel.shape)) for layer in found.layers if hasattr(layer, "kernel"))

    whole = products(model)
    for asked in (whole, whole // 2):
        result = factorize(model, LowRank(max_dsp=asked), [x], products)
        assert products(result.model) <= asked
        assert products(result.model) > 0.7 * asked
    with pytest.raises(ConfigError, match=r"max_dsp=10 cannot be met.*still expected"):
        factorize(model, LowRank(max_dsp=10), [x], products)


@pytest.mark.parametrize(
    "wrong", [{}, {"energy": 1.0}, {"energy": 0.5, "max_dsp": 3}, {"max_dsp": -1}, {"max_dsp": 1.5}]
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"energy|max_dsp"):
        LowRank(**wrong)


def test_methods_are_found_by_name() -> None:
    assert factorizations() == ("depthwise_separable", "equivariant", "low_rank")
    assert factorize_config_type("low_rank") is LowRank


@pytest.mark.keras
def test_the_command_line_factorizes_within_the_dsps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x, y = images(240)
    np.savez(tmp_path / "d.npz", x=x[:160], y=y[:160], x_test=x[160:], y_test=y[160:])
    network(quantized=True).save(tmp_path / "m.h5")

    def run(*words: str) -> int:
        files = [str(tmp_path / "m.h5"), "--data", str(tmp_path / "d.npz"), "-o", str(tmp_path / "out.keras")]
        with pytest.raises(SystemExit) as ended:
            main(["factorize", *files, *words])
        return int(ended.value.code or 0)

    assert run("--max-dsp", "1000", "--epochs", "2") == 0
    assert "DSPs expected" in capsys.readouterr().out
    record = json.loads((tmp_path / "out.pruning.json").read_text())
    assert record["estimate"]["after"]["dsp"] <= 1000 < record["estimate"]["before"]["dsp"]
    assert record["training"]["epochs"] == 2
    project = generate(tmp_path / "out.keras", tmp_path / "p", data=tmp_path / "d.npz", run_verify=False)
    assert estimate_design(project.design, rules_for("vitis_hls")).dsp.high == record["estimate"]["after"]["dsp"]
    assert run("--method", "depthwise_separable", "--epochs", "0", "--teacher", str(tmp_path / "m.h5")) == 2
    assert "epochs" in capsys.readouterr().err
    assert run("--method", "depthwise") == 2
    assert "did you mean depthwise_separable" in capsys.readouterr().err
    assert run("--method", "low_rank") == 2
    assert "energy" in capsys.readouterr().err
