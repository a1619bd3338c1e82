"""What every pruning method promises. Subclass `PruningContract` in a test module and give it `config`."""

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpgaprune.compress import Progress, PruneConfig, PruningDivergedError, TrainingData, prune
from fpgaprune.compress.kernels import find_kernels
from fpgaprune.compress.quantization import PostTraining, quantize
from fpgaprune.errors import ConfigError, ModelError
from fpgaprune.flow.compression import estimate_model
from fpgaprune.flow.designs import design_of
from fpgaprune.flow.estimation import estimate_for
from fpgaprune.flow.generate import generate
from fpgaprune.frameworks import load_frameworks
from fpgaprune.generate.inputs import InputSet
from fpgaprune.generate.settings import GenerateSettings


def ring_data(seed: int = 0, count: int = 240) -> TrainingData:
    """Two classes, inside and outside a ring, in eight dimensions."""
    x = np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32)
    y = (np.square(x).sum(axis=1) > 7.5).astype(np.int64)
    cut = count * 3 // 4
    return TrainingData(x[:cut], y[:cut], x[cut:], y[cut:])


def dense_model(quantizer: str | None = None) -> Any:
    """8-16-2, plain Keras or with the given kernel quantizer."""
    fw = load_frameworks()
    layers, quantized = fw.keras.layers, fw.qkeras
    fw.keras.utils.set_random_seed(1)

    def dense(units: int, name: str) -> Any:
        if quantizer is None:
            return layers.Dense(units, name=name)
        return quantized.QDense(units, name=name, kernel_quantizer=quantizer, bias_quantizer="quantized_bits(12,3)")

    model = fw.keras.Sequential(
        [
            layers.Input((8,)),
            dense(16, "first"),
            layers.ReLU(),
            dense(2, "second"),
            layers.Softmax(),
        ]
    )
    model.compile(loss="sparse_categorical_crossentropy")
    return model


def zoo_model(quantized: bool) -> Any:
    """One of each kernel kind: convolutions, depthwise, separable, recurrent, in wrappers, dense."""
    fw = load_frameworks()
    la, q = fw.keras.layers, fw.qkeras
    bits = "quantized_bits(6,1,alpha=1)"
    fw.keras.utils.set_random_seed(2)
    x = inputs = la.Input((6, 6, 2))
    if quantized:
        x = q.QConv2D(4, 3, padding="same", kernel_quantizer=bits, bias_quantizer=bits, name="conv")(x)
        x = q.QActivation("quantized_relu(6,2)", name="act")(x)
        x = q.QDepthwiseConv2D(3, depthwise_quantizer=bits, bias_quantizer=bits, name="depth")(x)
        x = q.QSeparableConv2D(
            4, 2, depthwise_quantizer=bits, pointwise_quantizer=bits, bias_quantizer=bits, name="sep"
        )(x)
        x = la.Reshape((3, 12))(x)
        x = q.QLSTM(
            5, kernel_quantizer=bits, recurrent_quantizer=bits, bias_quantizer=bits, state_quantizer=bits,
            return_sequences=True, name="lstm",
        )(x)  # fmt: skip
    else:
        x = la.Conv2D(4, 3, padding="same", activation="relu", name="conv")(x)
        x = la.DepthwiseConv2D(3, name="depth")(x)
        x = la.BatchNormalization(name="norm")(x)
        x = la.SeparableConv2D(4, 2, name="sep")(x)
        x = la.Reshape((3, 12))(x)
        x = la.Conv1D(6, 2, padding="same", name="conv1")(x)
        x = la.TimeDistributed(la.Dense(6), name="each")(x)
        x = la.Bidirectional(la.GRU(4, return_sequences=True), name="both")(x)
        x = la.LSTM(5, return_sequences=True, name="lstm")(x)
    x = la.Flatten()(x)
    x = (
        q.QDense(3, kernel_quantizer=bits, bias_quantizer=bits, name="out")(x)
        if quantized
        else la.Dense(3, name="out")(x)
    )
    return fw.keras.Model(inputs, la.Softmax()(x))


def zoo_data() -> TrainingData:
    """Which of three corners is brightest."""
    x = np.random.default_rng(3).uniform(size=(96, 6, 6, 2)).astype(np.float32)
    y = np.stack([x[:, 0, 0, 0], x[:, 5, 0, 0], x[:, 0, 5, 0]], axis=1).argmax(axis=1)
    return TrainingData(x[:72], y[:72], x[72:], y[72:])


@pytest.mark.keras
class CompressionContract(ABC):
    """What holds for a method that changes weights, whatever it is after."""

    @abstractmethod
    def config(self, target_sparsity: float, **settings: Any) -> PruneConfig:
        """A quick config of the method; `loss`, `exclude` and `learning_rate` must be accepted."""

    def test_excluded_layers_and_the_model_itself_stay(self) -> None:
        model = dense_model()
        before = model.get_weights()
        result = prune(model, self.config(0.6, exclude=("sec*",)), ring_data())
        assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
        first, second = result.record["found"]["layers"]
        assert (second["name"], second["pruned"], second["zeros"]) == ("second", False, 0)
        kept = zip(model.get_layer("second").get_weights(), result.model.get_layer("second").get_weights(), strict=True)
        assert all(np.array_equal(one, other) for one, other in kept)
        assert first["pruned"]

    def test_biases_stay(self) -> None:
        result = prune(dense_model(), self.config(0.85), ring_data())
        biases = [w.numpy() for w in result.model.weights if "bias" in w.name]
        assert sum(np.count_nonzero(b) for b in biases) == sum(b.size for b in biases) > 0

    def test_zeros_of_the_model_it_is_given_stay(self) -> None:
        model = dense_model()
        kernel, bias = model.get_layer("first").get_weights()
        zeros = np.add.outer(np.arange(kernel.shape[0]), np.arange(kernel.shape[1])) % 5 == 0  # no whole group of any
        model.get_layer("first").set_weights([np.where(zeros, 0, kernel), bias])
        result = prune(model, self.config(0.3), ring_data())
        assert not result.model.get_layer("first").get_weights()[0][zeros].any()

    @pytest.mark.parametrize("exclude", [("thrid",), ("second", "nothing*")])
    def test_an_exclusion_that_matches_nothing_is_an_error(self, exclude: tuple[str, ...]) -> None:
        with pytest.raises(ConfigError, match=exclude[-1].replace("*", ".")):
            prune(dense_model(), self.config(0.5, exclude=exclude), ring_data())

    def test_excluding_everything_is_an_error(self) -> None:
        with pytest.raises(ConfigError, match="nothing is left"):
            prune(dense_model(), self.config(0.5, exclude=("*",)), ring_data())

    @pytest.mark.parametrize(
        "quantizer", ["quantized_po2(4)", "binary(alpha=1)", "quantized_bits(1,0,alpha=1)", "stochastic_binary()"]
    )
    def test_a_quantizer_without_zero_is_refused(self, quantizer: str) -> None:
        with pytest.raises(ModelError, match=r"first.*no zero"):
            prune(dense_model(quantizer), self.config(0.5), ring_data())

    def test_nan_weights_are_refused_by_layer(self) -> None:
        model = dense_model()
        kernel, bias = model.get_layer("second").get_weights()
        kernel[0, 0] = np.nan
        model.get_layer("second").set_weights([kernel, bias])
        with pytest.raises(ModelError, match="second"):
            prune(model, self.config(0.5), ring_data())

    @pytest.mark.parametrize("suffix", [".h5", ".keras"])
    def test_saves_and_loads_as_an_ordinary_model(self, suffix: str, tmp_path: Path) -> None:
        model = dense_model("quantized_bits(6,1,alpha=1)")
        pruned = prune(model, self.config(0.6), ring_data()).model
        assert [type(layer) for layer in pruned.layers] == [type(layer) for layer in model.layers]
        assert [layer.get_config() for layer in pruned.layers] == [layer.get_config() for layer in model.layers]
        path = tmp_path / f"pruned{suffix}"
        pruned.save(path)
        fw = load_frameworks()
        again = fw.qkeras.utils.load_qmodel(str(path), compile=False)
        x = ring_data().validation_x
        assert np.array_equal(again(x), pruned(x))
        assert all(np.array_equal(a, b) for a, b in zip(again.get_weights(), pruned.get_weights(), strict=True))

    def test_zeros_survive_few_bits_files_and_the_project_costs_what_was_estimated(self, tmp_path: Path) -> None:
        model, x = dense_model(), ring_data().x
        kernel, bias = model.get_layer("first").get_weights()
        model.get_layer("first").set_weights([np.where(np.abs(kernel) < 0.2, 0, kernel), bias])
        pruned = prune(model, self.config(0.6), ring_data()).model
        zeros = {kernel.layer: kernel.values() == 0 for kernel in find_kernels(pruned)}
        assert zeros["first"].any()
        small = quantize(pruned, PostTraining(7), [x]).model
        small.save(tmp_path / "q.h5")
        np.save(tmp_path / "x.npy", x)
        generate(tmp_path / "q.h5", tmp_path / "project", data=tmp_path / "x.npy", run_verify=False)
        design = design_of(tmp_path / "project")
        for name, zero in zeros.items():
            weight = design[name].weight
            assert weight is not None
            assert not weight.codes.reshape(zero.shape)[zero].any()
        expected = estimate_model(small, GenerateSettings(), InputSet((x,), "ring", real=True))
        found = estimate_for(design)
        assert (found.dsp, found.first_order_dsp) == (expected.dsp, expected.first_order_dsp)
        assert [layer.multipliers for layer in found.layers] == [layer.multipliers for layer in expected.layers]

    def test_a_loss_that_explodes_stops_with_the_last_good_weights(self) -> None:
        model = dense_model()
        before = model.get_weights()
        with pytest.raises(PruningDivergedError, match=r"NaN or infinite.*learning_rate") as caught:
            prune(model, self.config(0.5, learning_rate=1e30), ring_data())
        assert all(np.isfinite(array).all() for array in caught.value.result.model.get_weights())
        assert "NaN" in caught.value.result.record["stopped"]
        assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))

    @pytest.mark.parametrize("noisy", [False, True])
    def test_same_seed_same_weights(self, noisy: bool) -> None:
        found = []
        for state in (3, 4):  # what else was drawn in the process does not matter
            model = self._model(noisy)
            load_frameworks().tensorflow.random.set_seed(state)
            found.append(prune(model, self.config(0.5), ring_data()).model)
        first, second = found
        assert all(np.allclose(a, b, atol=1e-5) for a, b in zip(first.get_weights(), second.get_weights(), strict=True))

    def _model(self, noisy: bool) -> Any:
        """The dense model, with layers that draw random numbers while it trains."""
        model = dense_model()
        if not noisy:
            return model
        layers = load_frameworks().keras.layers
        first, *others = model.layers
        drawing = [layers.GaussianNoise(0.5), first, layers.Dropout(0.5), *others]
        model = load_frameworks().keras.Sequential([layers.Input((8,)), *drawing])
        model.compile(loss="sparse_categorical_crossentropy")
        return model


class PruningContract(CompressionContract):
    """A method reaches its target on quantized weights, keeps biases, leaves the input alone and nothing behind."""

    @pytest.mark.parametrize("quantizer", [None, "quantized_bits(6,1,alpha=1)", "quantized_bits(4,0,alpha='auto')"])
    @pytest.mark.parametrize("target", [0.5, 0.85])
    def test_reaches_the_target_on_quantized_weights(self, quantizer: str | None, target: float) -> None:
        model = dense_model(quantizer)
        before = model.get_weights()
        result = prune(model, self.config(target), ring_data())
        kernels = [k for layer in result.model.layers for k in quantized_kernels(layer)]
        zeros = sum(k.size - np.count_nonzero(k) for k in kernels) / sum(k.size for k in kernels)
        assert zeros >= target
        assert zeros == pytest.approx(result.sparsity)
        assert all(np.isfinite(k).all() and np.count_nonzero(k) for k in kernels)
        assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))

    @pytest.mark.parametrize("quantized", [False, True])
    def test_prunes_every_kind_of_kernel(self, quantized: bool) -> None:
        model = zoo_model(quantized)
        result = prune(model, self.config(0.6, loss="sparse_categorical_crossentropy"), zoo_data())
        layers = result.record["found"]["layers"]
        kernels = [w for w in model.weights if "kernel" in w.name]
        assert len(layers) == len(kernels)
        assert sum(layer["weights"] for layer in layers) == sum(int(np.prod(w.shape)) for w in kernels)
        assert result.sparsity >= 0.6
        assert all(layer["zeros"] < layer["weights"] for layer in layers)

    def test_excluded_layers_are_not_pruned(self) -> None:
        result = prune(dense_model(), self.config(0.6, exclude=("sec*",)), ring_data())
        first, second = result.record["found"]["layers"]
        assert (second["name"], second["pruned"], second["zeros"]) == ("second", False, 0)
        assert first["pruned"]
        assert first["zeros"] / first["weights"] >= 0.6
        assert result.record["found"]["model_sparsity"] < result.sparsity

    def test_ternary_has_a_zero(self) -> None:
        assert prune(dense_model("ternary(alpha=1)"), self.config(0.5), ring_data()).sparsity >= 0.5

    def test_progress_and_record_tell_the_story(self) -> None:
        seen: list[Progress] = []
        result = prune(dense_model(), self.config(0.5), ring_data(), on_progress=seen.append)
        assert seen
        assert [p.epoch for p in seen] == list(range(1, seen[0].epochs + 1))
        assert seen[-1].sparsity >= 0.5
        record = json.loads(json.dumps(result.record, allow_nan=False))
        assert record["asked"]["target_sparsity"] == 0.5
        assert len(record["history"]) == len(seen)
        assert record["stopped"] is None


def quantized_kernels(layer: Any) -> list[np.ndarray]:
    """The kernel of a dense layer as its own quantizer sees it; nothing for a layer without one."""
    if not hasattr(layer, "kernel"):
        return []
    quantizer = getattr(layer, "kernel_quantizer_internal", None)
    return [np.asarray(layer.kernel if quantizer is None else quantizer(layer.kernel))]
