"""The fast C simulation, by our own types, against hls4ml's own, and what happens where it cannot be had."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from csim_project import example, write_project

from fpgaprune.csim import Headers, build_fast_simulation, build_simulation, build_simulation_with
from fpgaprune.errors import ToolError
from fpgaprune.flow.generate import generate_loaded
from fpgaprune.generate.settings import GenerateSettings
from tests import generate_models

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _no_compiler_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "two")


def _without_clang(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> tuple[str, ...]:
        message = "there is no clang here; install one"
        raise ToolError(message)

    monkeypatch.setattr("fpgaprune.csim.build.find_clang", absent)


@pytest.mark.keras
@pytest.mark.parametrize(
    ("name", "io_type"), [("image", "io_stream"), ("functions", "io_parallel"), ("recurrent", "io_parallel")]
)
def test_it_computes_what_hls4mls_own_computes(tmp_path: Path, name: str, io_type: str) -> None:
    model = generate_models.loaded(generate_models.built(getattr(generate_models, name)))
    generate_loaded(model, tmp_path / name, GenerateSettings(io_type=io_type), run_verify=False)
    fast, theirs = build_fast_simulation(tmp_path / name), build_simulation(tmp_path / name)
    rng = np.random.default_rng(0)
    inputs = [rng.uniform(-4, 4, (300, port.size)) for port in theirs.inputs]
    for found, wanted in zip(fast.run(inputs), theirs.run(inputs), strict=True):
        assert np.ptp(wanted) > 0
        np.testing.assert_array_equal(found, wanted)
    layers, wanted_layers = fast.trace([x[:20] for x in inputs]), theirs.trace([x[:20] for x in inputs])
    assert list(layers) == list(wanted_layers)
    for layer, values in wanted_layers.items():
        np.testing.assert_array_equal(layers[layer], values)


def test_both_lie_beside_each_other_and_say_what_they_are(project: Path) -> None:
    fast, theirs = build_simulation_with(project), build_simulation_with(project, Headers.HLS4ML)
    assert fast.types.startswith("fpgaprune's own types")
    assert theirs.types.startswith("hls4ml's own types")
    inputs, expected = example(16)
    for simulation in (fast, theirs):
        np.testing.assert_array_equal(simulation.run(inputs)[1], expected.outputs[1])
    assert build_simulation_with(project).program == fast.program


def test_without_clang_hls4mls_own_is_used_and_the_reason_told(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    _without_clang(monkeypatch)
    simulation = build_simulation_with(project)
    assert simulation.types.startswith("hls4ml's own types")
    assert simulation.types.endswith("as there is no clang here")
    with pytest.raises(ToolError, match="no clang"):
        build_simulation_with(project, Headers.FPGAPRUNE)


def test_firmware_beyond_our_headers_falls_back(project: Path) -> None:
    source = project / "firmware" / "two.cpp"
    source.write_text("#include <unordered_map>\n" + source.read_text())
    simulation = build_simulation_with(project)
    assert simulation.types.startswith("hls4ml's own types")
    assert "unordered_map" in simulation.types


def test_a_compiler_asked_for_is_heeded(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    used: list[Any] = []
    monkeypatch.setenv("CXX", "g++")
    monkeypatch.setattr("fpgaprune.csim.build.build_simulation", used.append)
    build_simulation_with(project)
    assert used == [project]
