"""The emulator against C simulation, bit for bit: recurrent layers, several filters a channel, and trained models."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpgaprune.csim import build_simulation_with
from fpgaprune.emulate import trace
from fpgaprune.fixed_point import FixedPoint, Overflow, Rounding
from fpgaprune.flow.generate import generate_loaded
from fpgaprune.generate.settings import GenerateSettings, LayerSettings
from fpgaprune.read.model import LoadedModel, load_model
from fpgaprune.read.project import read_project
from tests import generate_models

pytestmark = [pytest.mark.keras, pytest.mark.slow]


def _check_equal(model: LoadedModel, folder: Path, settings: GenerateSettings, least: int) -> None:
    """Every layer's output, on random samples, is that of C simulation."""
    generate_loaded(model, folder, settings, run_verify=False)
    simulation = build_simulation_with(folder)
    rng = np.random.default_rng(3)
    inputs = [rng.uniform(-3, 3, (40, port.size)) for port in simulation.inputs]
    simulated, emulated = simulation.trace(inputs), trace(read_project(folder), inputs)
    compared = [name for name in emulated if name in simulated]
    assert len(compared) >= least
    assert any(np.ptp(simulated[name], axis=0).any() for name in compared)
    for name in compared:
        np.testing.assert_array_equal(emulated[name], simulated[name], err_msg=name)


def _recurrent(keras: Any, _: Any) -> Any:
    """Side by side: a state at the end or one a step, in one direction or both."""
    layers = keras.layers
    start = keras.Input((5, 3), name="x")
    both_last = layers.Bidirectional(layers.LSTM(3, name="of_last"), name="both_last")
    both_steps = layers.Bidirectional(layers.GRU(3, return_sequences=True, name="of_steps"), name="both_steps")
    steps, last = layers.LSTM(4, return_sequences=True, name="steps"), layers.GRU(4, name="last")
    return keras.Model(start, [layer(start) for layer in (steps, last, both_steps, both_last)])


def _streamed(keras: Any, _: Any) -> Any:
    layers = keras.layers
    x = start = keras.Input((5, 3), name="x")
    x = layers.GRU(4, return_sequences=True, name="first")(x)
    return keras.Model(start, layers.LSTM(3, name="second")(x))


def _deep(keras: Any, _: Any) -> Any:
    """Two and three filters a channel; an image without its borders."""
    layers = keras.layers
    start = keras.Input((5, 4, 2), name="x")
    two = layers.DepthwiseConv2D((2, 3), depth_multiplier=2, name="two")(start)
    three = layers.SeparableConv2D(3, 2, depth_multiplier=3, padding="same", name="three")(start)
    return keras.Model(start, [layers.Cropping2D(((1, 0), (0, 1)), name="cropped")(two), three])


@pytest.mark.parametrize(
    ("build", "io_type", "least"),
    [(_recurrent, "io_parallel", 4), (_streamed, "io_stream", 2), (_deep, "io_parallel", 4)],
)
def test_every_layer_equals_c_simulation(
    build: Callable[[Any, Any], Any], io_type: str, least: int, tmp_path: Path
) -> None:
    model = generate_models.loaded(generate_models.built(build))
    _check_equal(model, tmp_path / "p", GenerateSettings(io_type=io_type), least)


def _random_layers(rng: np.random.Generator) -> Callable[[Any, Any], Any]:
    """Layers of random size side by side; a convolution, a pooling and a dense layer also in a row."""

    def build(keras: Any, _: Any) -> Any:
        layers = keras.layers
        size, channels, units = (int(rng.integers(low, low + 3)) for low in (4, 1, 2))
        start = keras.Input((size, channels), name="x")
        kernel, stride = int(rng.integers(1, 4)), int(rng.integers(1, 3))
        padding = str(rng.choice(["same", "valid"]))
        conv = layers.Conv1D(units, kernel, stride, padding, activation="relu", name="conv")(start)
        pooled = layers.AveragePooling1D(2, name="mean")(layers.Conv1D(2, kernel, name="before")(start))
        ends = [
            layers.Dense(units, activation="tanh", name="dense")(layers.Flatten(name="flat")(conv)),
            layers.BatchNormalization(name="scale")(pooled),
            layers.LSTM(units, name="lstm")(start),
            layers.GRU(units, return_sequences=True, name="gru")(start),
            layers.DepthwiseConv1D(kernel, padding=padding, name="depth")(start),
        ]
        return keras.Model(start, ends)

    return build


def _random_type(rng: np.random.Generator) -> FixedPoint:
    width = int(rng.integers(6, 15))
    modes = [list(Rounding), [mode for mode in Overflow if mode is not Overflow.WRAP_SM]]
    rounding, overflow = (choices[rng.integers(len(choices))] for choices in modes)
    return FixedPoint(width, int(rng.integers(2, 6)), True, rounding, overflow)


def test_random_layers_with_random_types_equal_c_simulation(tmp_path: Path) -> None:
    seed = 2
    rng = np.random.default_rng(seed)
    model = generate_models.built(_random_layers(rng), seed)
    layers = {layer.name: LayerSettings(_random_type(rng)) for layer in model.layers}
    _check_equal(generate_models.loaded(model), tmp_path / "p", GenerateSettings(layers=layers), 8)


# Small ones that differ in kind: a convolution in two dimensions; dense layers of QKeras, pruned, in six bits.
TRAINED = ("ex_jetTagger_Conv2D_Small_NoBatchNorm", "tut_hector_m3_q6_pruned75")


@pytest.mark.shared
@pytest.mark.parametrize("name", TRAINED)
def test_trained_models_equal_c_simulation(name: str, shared_models: Path, tmp_path: Path) -> None:
    with (shared_models / "CASES.csv").open(encoding="utf-8", newline="") as stream:
        files = {case["name"]: Path(case["file"].split(" ")[0]).name for case in csv.DictReader(stream)}
    _check_equal(load_model(shared_models / files[name]), tmp_path / "p", GenerateSettings(), 4)
