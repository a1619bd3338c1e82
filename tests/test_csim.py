"""C simulation of a project written by hand; no framework is loaded here."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from csim_project import A, B, example, write_project, write_weights

from fpgaprune.csim import Compiler, Simulation, build_fast_simulation, build_simulation, find_compiler
from fpgaprune.errors import ConfigError, FpgapruneError, ProjectError, ToolError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["io_parallel", "io_stream"])
def simulation(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    return build_simulation(write_project(tmp_path_factory.mktemp("csim") / "two", request.param))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "two")


@pytest.fixture(scope="module")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_project(tmp_path_factory.mktemp("csim") / "two")
    build_simulation(folder)
    return folder


@pytest.fixture
def built(built_once: Path, tmp_path: Path) -> Path:
    """The project with its simulation, to be changed."""
    return shutil.copytree(built_once, tmp_path / "two")


def _edit(project: Path, old: str, new: str) -> None:
    source = project / "firmware" / "two.cpp"
    text = source.read_text()
    assert old in text
    source.write_text(text.replace(old, new))


def test_outputs_are_exact(simulation: Simulation) -> None:
    inputs, expected = example(64)
    outputs = simulation.run(inputs)
    for found, wanted in zip(outputs, expected.outputs, strict=True):
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, wanted)


def test_trace_holds_what_every_layer_wrote_in_order(simulation: Simulation) -> None:
    inputs, expected = example(5, seed=1)
    layers = simulation.trace(inputs)
    assert [name for name in layers if not name.startswith("clone")] == ["first", "second", "act", "sum"]
    np.testing.assert_array_equal(layers["first"], expected.first)
    np.testing.assert_array_equal(layers["second"], expected.second)
    np.testing.assert_array_equal(layers["sum"], expected.outputs[1])
    for copy in (name for name in layers if name.startswith("clone")):
        np.testing.assert_array_equal(layers[copy], expected.first)


def test_one_sample_of_any_shape_and_integer_type_is_enough(simulation: Simulation) -> None:
    outputs = simulation.run([np.ones((1, 1, 3), dtype=np.int8), [[1, 2]]])
    np.testing.assert_array_equal(outputs[0], np.maximum(np.ones((1, 3)) @ A, 0))


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        (np.zeros((2, 3)), "has 2 inputs .a, b., but 1 arrays"),
        ([np.zeros((2, 3)), np.zeros((2, 4))], "b takes 2 values per sample, but 4"),
        ([np.zeros((2, 3)), np.zeros((3, 2))], "different numbers of samples"),
        ([np.zeros((0, 3)), np.zeros((0, 2))], "at least one sample"),
        ([np.full((1, 3), np.nan), np.zeros((1, 2))], "NaN or infinite"),
        ([[["x", "y", "z"]], np.zeros((1, 2))], "not an array of numbers"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(simulation: Simulation, inputs: object, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        simulation.run(inputs)  # type: ignore[arg-type]


def test_unchanged_project_is_not_built_again_and_can_be_moved(built: Path) -> None:
    first = build_simulation(built)
    moved = built.rename(built.with_name("moved"))
    broken = Compiler(find_compiler().command, "no compiler is needed")
    again = build_simulation(moved, compiler=broken, timeout_seconds=0.0)
    assert again.program.name == first.program.name
    inputs, expected = example(3)
    np.testing.assert_array_equal(again.run(inputs)[1], expected.outputs[1])


def test_changed_weights_change_the_result(built: Path) -> None:
    write_weights(built, A * 2, B)
    inputs, expected = example(3)
    np.testing.assert_array_equal(build_simulation(built).run(inputs)[0], 2 * expected.outputs[0])


def test_changed_source_is_built_again_beside_untouched_firmware(built: Path) -> None:
    _edit(
        built, "nnet::relu<value_t, value_t, relu_config>(fa_out, relu_out);", "for (int i : {0, 1}) relu_out[i] = 7;"
    )
    before = {path: path.read_bytes() for path in (built / "firmware").rglob("*.*")}
    assert (build_simulation(built).run(example(2)[0])[0] == 7).all()
    assert {path: path.read_bytes() for path in (built / "firmware").rglob("*.*")} == before
    assert len(list((built / "fpgaprune" / "csim").iterdir())) == 1


def test_weights_without_text_files_come_from_the_headers(project: Path) -> None:
    _edit(project, "#ifndef __SYNTHESIS__", "#if 0")
    for header in (project / "firmware" / "weights").glob("*.h"):
        header.write_text(header.read_text().replace("#ifndef __SYNTHESIS__", "#if 0"))
    for text in (project / "firmware" / "weights").glob("*.txt"):
        text.unlink()
    inputs, expected = example(4)
    np.testing.assert_array_equal(build_simulation(project).run(inputs)[0], expected.outputs[0])


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("std::abort();", "was ended by SIGABRT"),
        ("*(volatile int *)0 = 1;", "was ended by SIGSEGV"),
        ("for (volatile int i = 0;; i = 0) {}", "took longer than 2 s"),
        ("std::exit(0);", "wrote 0 values"),
        ('nnet::load_weights_from_txt<value_t, 6>(wa, "gone.txt");', "gone.txt does not exist"),
    ],
)
def test_misbehaving_generated_code_is_an_error_and_not_the_end(project: Path, code: str, sentence: str) -> None:
    _edit(project, "    // second", f"    {code}")
    simulation = build_fast_simulation(project, run_timeout_seconds=2.0)
    with pytest.raises(ToolError, match=sentence):
        simulation.run(example(2)[0])


def test_layers_larger_than_the_usual_stack_run(project: Path) -> None:
    _edit(
        project,
        "    // second",
        "    volatile char big[64 << 20]; for (long i = 0; i < (64 << 20); i += 4096) big[i] = 1;",
    )
    inputs, expected = example(2)
    np.testing.assert_array_equal(build_fast_simulation(project).run(inputs)[0], expected.outputs[0])


@pytest.mark.parametrize("build", [build_simulation, build_fast_simulation])
def test_stream_read_while_empty_is_told(tmp_path: Path, build: Callable[[Path], Simulation]) -> None:
    project = write_project(tmp_path / "two", "io_stream")
    _edit(project, "    nnet::dense<wide_t", "    b.read();\n    nnet::dense<wide_t")
    result = build(project).simulate(example(2)[0])
    assert len(result.warnings) == 1
    assert "read while empty" in result.warnings[0]


def test_code_the_compiler_refuses_is_told_by_its_first_error(project: Path) -> None:
    _edit(project, "    // second", "    undeclared_thing = 1;")
    with pytest.raises(ToolError, match="undeclared_thing"):
        build_simulation(project)
    assert list((project / "fpgaprune" / "csim").iterdir()) == []


def test_build_that_takes_too_long_is_stopped(project: Path) -> None:
    with pytest.raises(ToolError, match="took longer than"):
        build_simulation(project, timeout_seconds=0.05)
    assert list((project / "fpgaprune" / "csim").iterdir()) == []


@pytest.mark.parametrize("name", ["firmware", "firmware/two.cpp", "firmware/ap_types", "two_bridge.cpp"])
def test_incomplete_project_is_refused(project: Path, name: str) -> None:
    target = project / name
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    with pytest.raises(ProjectError):
        build_simulation(project)


def test_truncated_files_are_refused(project: Path) -> None:
    for name in ("two_bridge.cpp", "firmware/two.cpp"):
        path = project / name
        text = path.read_text()
        for length in range(0, len(text) - 40, 97):
            path.write_text(text[:length])
            with pytest.raises(FpgapruneError):
                build_fast_simulation(project)
        path.write_text(text)


def test_compiler_of_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = tmp_path / "my c++"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setenv("CXX", f"'{own}' -pipe")
    assert find_compiler().command == (str(own), "-pipe")
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ToolError, match="no-such-compiler"):
        find_compiler()


def test_compiler_from_the_wheel_is_found_last_and_none_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert find_compiler().is_zig
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ToolError, match=r"g\+\+.*fpgaprune\[compiler\]"):
        find_compiler()


def test_the_compiler_from_the_wheel_computes_the_same(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    pytest.importorskip("ziglang", reason="needs the compiler from a wheel")
    empty = project.parent / "empty"
    empty.mkdir()
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(empty))
    assert find_compiler().is_zig
    inputs, expected = example(16)
    np.testing.assert_array_equal(build_simulation(project).run(inputs)[1], expected.outputs[1])
