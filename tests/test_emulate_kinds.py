"""The emulator against C simulation, bit for bit: recurrent layers, several filters a channel, and trained models."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpgaprune.csim import build_simulation_with
from fpgaprune.emulate import trace
from fpgaprune.flow.generate import generate_loaded
from fpgaprune.generate.settings import GenerateSettings
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
    """Two and three filters a channel."""
    layers = keras.layers
    start = keras.Input((5, 4, 2), name="x")
    two = layers.DepthwiseConv2D((2, 3), depth_multiplier=2, name="two")(start)
    three = layers.SeparableConv2D(3, 2, depth_multiplier=3, padding="same", name="three")(start)
    return keras.Model(start, [two, three])


@pytest.mark.parametrize(
    ("build", "io_type", "least"),
    [(_recurrent, "io_parallel", 4), (_streamed, "io_stream", 2), (_deep, "io_parallel", 3)],
)
def test_every_layer_equals_c_simulation(
    build: Callable[[Any, Any], Any], io_type: str, least: int, tmp_path: Path
) -> None:
    model = generate_models.loaded(generate_models.built(build))
    _check_equal(model, tmp_path / "p", GenerateSettings(io_type=io_type), least)


# Small ones that differ in kind: convolutions in one and two dimensions; dense layers of QKeras, pruned, in six bits.
TRAINED = ("ex_KERAS_conv1d_small", "ex_jetTagger_Conv2D_Small_NoBatchNorm", "tut_hector_m3_q6_pruned75")


@pytest.mark.shared
@pytest.mark.parametrize("name", TRAINED)
def test_trained_models_equal_c_simulation(name: str, shared_models: Path, tmp_path: Path) -> None:
    with (shared_models / "CASES.csv").open(encoding="utf-8", newline="") as stream:
        files = {case["name"]: Path(case["file"].split(" ")[0]).name for case in csv.DictReader(stream)}
    _check_equal(load_model(shared_models / files[name]), tmp_path / "p", GenerateSettings(), 4)
