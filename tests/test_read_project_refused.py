"""Projects that are broken, incomplete or of something else are refused in words."""

import os
import re
from pathlib import Path

import pytest

from fpgaprune.errors import ProjectError
from fpgaprune.read.project import read_project
from tests.written_project import DEFINES, PARAMETERS, TCL, TOP, WEIGHTS, files, header, read, write

BROKEN = [
    ("parameters", PARAMETERS.replace("STRATEGY", "latency")[:300], "truncated|closed"),
    ("parameters", "", r"config.*does not define"),
    ("parameters", PARAMETERS.replace("n_out = 2", "n_out = OTHER").replace("STRATEGY", "latency"), "'OTHER'"),
    ("parameters", PARAMETERS.replace("n_in = N_IN", "n_in = n_in").replace("STRATEGY", "latency"), "refers to itself"),
    ("parameters", PARAMETERS.replace("n_out = 2", "n_out = 4").replace("STRATEGY", "latency"), "6 values where 12"),
    ("parameters", PARAMETERS.replace("n_out = 2;", "").replace("STRATEGY", "latency"), "n_out"),
    ("parameters", PARAMETERS.replace("= 4", "= 0").replace("STRATEGY", "latency"), "divides by zero"),
    ("parameters", PARAMETERS.replace("= 4", "= " + "(" * 500).replace("STRATEGY", "latency"), "expression"),
    ("defines", DEFINES.replace("ap_fixed<8,3> weight2_t", "ap_fixed<8,3"), "weight2_t"),
    ("defines", DEFINES.replace("ap_fixed<8,3> weight2_t", "ac_fixed<8,3,true> weight2_t"), "not one of AMD's"),
    ("defines", DEFINES.replace("ap_fixed<8,3> weight2_t", "float weight2_t"), "floating point"),
    ("top", TOP[: TOP.index("nnet::dense") + 20], "truncated|closed"),
    ("top", "int main() { return 0; }", "no source file"),
    ("top", TOP.replace("(x, layer2_out", "(unwritten, layer2_out"), "calls layers|writes an output"),
    ("top", TOP.replace("layer2_out[2]", "layer2_out[0]"), "impossible size"),
    ("weights", header("w2", "weight2_t", WEIGHTS[:-1], 6), "5 values where 6"),
    ("weights", header("w2", "weight2_t", "0.5, nan, 0, 0, 0, 0", 6), "NaN or infinity"),
    ("weights", header("w2", "weight2_t", "0.5, inf, 0, 0, 0, 0", 6), "NaN or infinity"),
    ("weights", header("w2", "weight2_t", "0.5, system(1), 0, 0, 0, 0", 6), "where numbers are expected"),
    ("weights", header("w2", "weight2_t", "0.5, 1e999, 0, 0, 0, 0", 6), "too large"),
    ("weights", header("w2", "weight2_t", "0.5, --1, 0, 0, 0, 0", 6), "not a number"),
    ("weights", header("w2", "weight2_t", "{1, 2}, {1, 2}, {1}, {2, 1, 1}", 6), "values where|know"),
    ("weights", header("w2", "weight2_t", WEIGHTS)[:-60], "truncated|without its values"),
    ("weights", "", "without its values|w2"),
    ("tcl", TCL.replace("vitis", "quartus"), "backend quartus"),
]


@pytest.mark.parametrize(("part", "text", "message"), BROKEN)
def test_broken_projects_are_refused_in_words(tmp_path: Path, part: str, text: str, message: str) -> None:
    with pytest.raises(ProjectError, match=message):
        read(tmp_path, **{part: text})


@pytest.mark.parametrize(
    "missing", ["firmware/parameters.h", "firmware/defines.h", "firmware/net.cpp", "firmware/weights/w2.h", "firmware"]
)
def test_missing_files_are_named(tmp_path: Path, missing: str) -> None:
    written = {name: text for name, text in files().items() if not name.startswith(missing)}
    with pytest.raises(ProjectError) as caught:
        read_project(write(tmp_path / "project", {"README": "", **written}))
    assert str(tmp_path) in str(caught.value)


def test_a_file_is_no_project(tmp_path: Path) -> None:
    (tmp_path / "model.h5").write_bytes(b"\x89HDF")
    for path in (tmp_path / "model.h5", tmp_path / "nowhere", tmp_path):
        with pytest.raises(ProjectError, match="firmware"):
            read_project(path)


def test_binary_garbage_is_refused(tmp_path: Path) -> None:
    write(tmp_path, files())
    (tmp_path / "firmware/parameters.h").write_bytes(os.urandom(100) + b"\0")
    with pytest.raises(ProjectError, match="not text"):
        read_project(tmp_path)


def test_links_out_of_the_project_are_refused(tmp_path: Path) -> None:
    outside = tmp_path / "outside.h"
    outside.write_text(header("w2", "weight2_t", WEIGHTS))
    project = write(tmp_path / "project", files())
    (project / "firmware/weights/w2.h").unlink()
    (project / "firmware/weights/w2.h").symlink_to(outside)
    with pytest.raises(ProjectError):
        read_project(project)
    (project / "firmware/parameters.h").unlink()
    (project / "firmware/parameters.h").symlink_to(outside)
    with pytest.raises(ProjectError, match="leads out"):
        read_project(project)


@pytest.mark.parametrize("text", ["a: [", "\t- x", "{{{{"])
def test_settings_that_are_no_yaml(tmp_path: Path, text: str) -> None:
    with pytest.raises(ProjectError, match=r"hls4ml_config\.yml is not YAML"):
        read_project(write(tmp_path, {**files(), "hls4ml_config.yml": text}))


@pytest.mark.parametrize("backend", ["Quartus", "oneAPI", "Catapult", "Libero"])
def test_other_backends_are_refused(tmp_path: Path, backend: str) -> None:
    written = {**files(tcl=""), "hls4ml_config.yml": f"Backend: {backend}"}
    with pytest.raises(ProjectError, match=f"backend {backend}; fpgaprune reads those of Vivado, Vitis"):
        read_project(write(tmp_path, written))


def test_a_folder_beside_the_project_is_refused_with_the_one_to_name(tmp_path: Path) -> None:
    project = write(tmp_path / "work" / "net", files())
    for wrong in (project / "firmware", project.parent, tmp_path):
        with pytest.raises(ProjectError, match=f"{re.escape(str(project))} has one: name that"):
            read_project(wrong)


def test_weights_that_have_no_file_are_named(tmp_path: Path) -> None:
    project = write(tmp_path, files())
    for name in ("w2", "b2"):
        (project / f"firmware/weights/{name}.h").unlink()
    with pytest.raises(ProjectError, match=r"w2, b2.*has a file NAME.h or NAME.txt in firmware/weights"):
        read_project(project)


def test_arrays_of_streams_are_refused_in_words(tmp_path: Path) -> None:
    top = TOP.replace("input_t x[N_IN]", "hls::stream<input_t> x[N_IN]")
    with pytest.raises(ProjectError, match="'x' of net is an array of streams: hls4ml writes none"):
        read(tmp_path, top=top)
