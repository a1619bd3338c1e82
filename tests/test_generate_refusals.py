"""Whatever is wrong with the model, the settings or the folder: one sentence, exit code 2, nothing left behind."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpgaprune.cli import main
from fpgaprune.frameworks import load_frameworks

pytestmark = pytest.mark.keras


def saved(folder: Path, *more: Any, scale: float = 1.0, name: str = "fc") -> Path:
    layers = load_frameworks().keras.layers
    model = load_frameworks().keras.Sequential([layers.Input((6,), name="x"), layers.Dense(5, name=name), *more])
    model.set_weights([weight * scale for weight in model.get_weights()])
    model.save(folder / "m.h5")
    return folder / "m.h5"


def refused(capsys: pytest.CaptureFixture[str], folder: Path, *args: str) -> str:
    """The one sentence said; checks the exit code and that nothing new is in the folder."""
    before = sorted(folder.iterdir())
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main(["generate", *args, "--no-verify"])
    said = capsys.readouterr()
    assert stopped.value.code == 2, said.err
    lines = [line for line in said.err.splitlines() if line.startswith("fpgaprune: ")]
    assert len(lines) == 1, said.err
    assert said.out == ""
    assert sorted(folder.iterdir()) == before
    return lines[0]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--part", "xc7nonsense"], ["unknown part", "xc7nonsense"]),
        (["--precision", "fixed 16"], ["fixed 16"]),
        (["--precision", "ap_fixed<0,6>"], ["ap_fixed<0,6>"]),
        (["--strategy", "fastest"], ["fastest", "latency", "resource"]),
        (["--io-type", "io_serial"], ["io_serial", "io_parallel"]),
        (["--backend", "Quartus"], ["Quartus", "Vitis"]),
        (["--backend", "Xilinx"], ["Xilinx", "Vitis"]),
        (["--reuse-factor", "0"], ["reuse factor", "0"]),
        (["--strategy", "resource", "--reuse-factor", "7"], ["fc", "reuse factor 7", "6"]),
        (["--clock-ns", "-1"], ["clock"]),
        (["--width", "99"], ["width", "99"]),
        (["--layer", "fc9:reuse_factor=2"], ["fc9", "fc"]),
        (["--layer", "fc"], ["NAME:KEY=VALUE"]),
        (["--layer", "fc:speed=2"], ["fc.speed"]),
        (["--layer", "fc:reuse_factor=two"], ["reuse_factor"]),
        (["--config", "absent.toml"], ["absent.toml"]),
        (["--data", "absent.npy"], ["absent.npy"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) and value[0].startswith("--") else None,
)
def test_settings(flags: list[str], words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = saved(tmp_path)
    sentence = refused(capsys, tmp_path, str(model), "-o", str(tmp_path / "out"), *flags)
    for word in words:
        assert word in sentence


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("reuse_factr = 2", ["reuse_factr"]),
        ("reuse_factor = 'two'", ["reuse_factor"]),
        ("reuse_factor = ", ["not a recipe"]),
        ("[layers.fc]\nstrategy = 'best'", ["best", "latency"]),
        ("[layers.other]\nreuse_factor = 2", ["other", "fc"]),
        ("project_name = '../up'", ["project_name"]),
        ("backend = 'oneAPI'", ["oneAPI"]),
    ],
)
def test_recipes(content: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, recipe = saved(tmp_path), tmp_path / "recipe.toml"
    recipe.write_text(content)
    sentence = refused(capsys, tmp_path, str(model), "-o", str(tmp_path / "out"), "-c", str(recipe))
    for word in words:
        assert word in sentence


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((4, 7)), ["(4, 7)", "(6,)"]),
        (np.zeros((0, 6)), ["(0, 6)"]),
        (np.full((4, 6), np.nan), ["NaN"]),
        (np.array([["a"] * 6]), ["(1, 6)"]),
        (np.array([{}], dtype=object), ["x.npy"]),
    ],
    ids=["shape", "empty", "nan", "text", "pickled"],
)
def test_data(array: Any, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = saved(tmp_path)
    np.save(tmp_path / "x.npy", array, allow_pickle=True)
    sentence = refused(capsys, tmp_path, str(model), "-o", str(tmp_path / "out"), "--data", str(tmp_path / "x.npy"))
    for word in words:
        assert word in sentence


def nan_weights(folder: Path) -> Path:
    return saved(folder, scale=float("nan"))


def infinite_weights(folder: Path) -> Path:
    return saved(folder, scale=float("inf"))


def lambda_layer(folder: Path) -> Path:
    return saved(folder, load_frameworks().keras.layers.Lambda(lambda x: x * 2, name="twice"))


def unknown_layer(folder: Path) -> Path:
    return saved(folder, load_frameworks().keras.layers.UnitNormalization(name="unit"))


def climbing_name(folder: Path) -> Path:
    path = saved(folder, name="climbing")
    content = path.read_bytes()
    assert b"climbing" in content
    path.write_bytes(content.replace(b"climbing", b"../../ab"))
    return path


def truncated(folder: Path) -> Path:
    path = saved(folder)
    path.write_bytes(path.read_bytes()[:2000])
    return path


def missing(folder: Path) -> Path:
    return folder / "absent.h5"


def unknown_quantizer(folder: Path) -> Path:
    frameworks = load_frameworks()
    layer = frameworks.qkeras.QDense(3, kernel_quantizer="quantized_bits(4,0)", name="q")
    path = saved(folder, layer)
    content = path.read_bytes()
    assert b"quantized_bits" in content
    path.write_bytes(content.replace(b"quantized_bits", b"quantized_bots"))
    return path


def recurrent_option(folder: Path) -> Path:
    layers = load_frameworks().keras.layers
    return saved(folder, layers.Reshape((5, 1)), layers.GRU(3, reset_after=False, name="gru"))


def kept_axes(folder: Path) -> Path:
    layers = load_frameworks().keras.layers
    pooled = layers.GlobalAveragePooling1D(keepdims=True, name="squeeze")
    return saved(folder, layers.Reshape((5, 1)), pooled, layers.Conv1D(2, 1))


def too_many_dimensions(folder: Path) -> Path:
    layers = load_frameworks().keras.layers
    return saved(folder, layers.Reshape((5, 1, 1, 1)), layers.Conv3D(2, 1, name="cubes"))


def torch_file(folder: Path) -> Path:
    path = folder / "m.pt"
    path.write_bytes(b"\x80\x02\x8a\nl\xfc")
    return path


def onnx_file(folder: Path) -> Path:
    path = folder / "m.onnx"
    path.write_bytes(b"\x08\x07")
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (missing, ["absent.h5"]),
        (truncated, ["m.h5"]),
        (nan_weights, ["fc", "NaN"]),
        (infinite_weights, ["fc"]),
        (lambda_layer, ["twice", "Lambda"]),
        (unknown_layer, ["unit", "UnitNormalization"]),
        (unknown_quantizer, ["quantized_bots"]),
        (climbing_name, ["../../ab"]),
        (recurrent_option, ["gru", "reset_after"]),
        (kept_axes, ["squeeze", "keepdims", "Reshape"]),
        (too_many_dimensions, ["cubes", "Conv3D"]),
        (torch_file, ["PyTorch"]),
        (onnx_file, ["ONNX"]),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_models(
    make: Callable[[Path], Path], words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = make(tmp_path)
    sentence = refused(capsys, tmp_path, str(model), "-o", str(tmp_path / "out"))
    for word in words:
        assert word in sentence


def test_an_output_that_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = saved(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("mine")
    assert "not an empty folder" in refused(capsys, tmp_path, str(model), "-o", str(tmp_path / "full"))
    assert (tmp_path / "full" / "thesis.tex").read_text() == "mine"
    assert "not an empty folder" in refused(capsys, tmp_path, str(model), "-o", str(model))
    inside_a_file = refused(capsys, tmp_path, str(model), "-o", str(model / "out"))
    assert "m.h5" in inside_a_file


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_nothing_half_written_is_left(
    failure: BaseException, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = saved(tmp_path)
    before = sorted(tmp_path.iterdir())

    def fail(*_: Any, **__: Any) -> None:
        raise failure

    monkeypatch.setattr("fpgaprune.generate.project.save_design", fail)
    with pytest.raises(SystemExit) as stopped:
        main(["generate", str(model), "-o", str(tmp_path / "out"), "--no-verify"])
    said = capsys.readouterr().err
    assert stopped.value.code == (130 if isinstance(failure, KeyboardInterrupt) else 2)
    assert "no space left" in said or "interrupted" in said
    assert sorted(tmp_path.iterdir()) == before


def test_names_that_are_no_identifiers_are_changed_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = saved(tmp_path, load_frameworks().keras.layers.Dense(2, name="2nd-layer"), name="int")
    with pytest.raises(SystemExit) as stopped:
        main(["generate", str(model), "-o", str(tmp_path / "out")])
    said = capsys.readouterr()
    assert stopped.value.code == 0, said.err
    assert "2nd-layer" in said.err
    assert "agrees with its model" in said.out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.h5", "out"]
