"""What goes wrong with tools and disks is one clear sentence, and nothing that is finished is lost."""

import importlib.util
import json
import shutil
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from fpgaprune.csim import build_simulation
from fpgaprune.design import Design
from fpgaprune.errors import DeviceError, FpgapruneError, ProjectError, ReportError, ToolError
from fpgaprune.flow.open_job import OpenSettings
from fpgaprune.flow.open_synthesis import synthesize_open
from fpgaprune.synth import Outcome, State, Step
from fpgaprune.synth.open.front_ends import find_front_end
from fpgaprune.synth.open.storage import Network
from fpgaprune.synth.open.yosys import find_yosys
from tests.open_front import from_design
from tests.open_project import Mlp, write_mlp

SETTINGS = OpenSettings("vitis_hls", jobs=1)
# A Yosys that counts no cell at all, but for the layer that it is told to fail on.
_FAKE = """#!{python}
import json, os, pathlib, signal, sys
pathlib.Path("asked").write_text(" ".join(sys.argv[1:]))
if "{layer}" in pathlib.Path("layer.v").read_text().split("module ")[1].split()[0]:
    {failure}
module = dict(num_cells=0, num_submodules=0, num_cells_by_type=dict())
told = dict(creator="Yosys 9.9 (fake)", modules=dict(top=module), design=module)
pathlib.Path("dsp.json").write_text(json.dumps(told))
"""
KILLED = "os.kill(os.getpid(), signal.SIGKILL)"
FULL = 'print("ERROR: Can\'t open output file: No space left on device"); sys.exit(1)'
TRUNCATED = 'pathlib.Path("dsp.json").write_text(\'{"creator": "Yosys 9.9", "modules": {\'); sys.exit(0)'
SILENT = "sys.exit(0)"


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with its C simulation."""
    folder = tmp_path_factory.mktemp("failures") / "net"
    write_mlp(folder, Mlp((np.array([[4, 2], [1, 0]]), np.array([[1], [8]])), bits=8))
    build_simulation(folder)
    return folder


@pytest.fixture
def project(simulated: Path, tmp_path: Path) -> Path:
    """A copy of it, to break."""
    return shutil.copytree(simulated, tmp_path / "net")


def fake_yosys(folder: Path, monkeypatch: pytest.MonkeyPatch, failure: str, layer: str = "d1") -> None:
    program = folder / "yosys-fake"
    program.write_text(_FAKE.format(python=sys.executable, layer=f"_{layer}_", failure=failure))
    program.chmod(0o755)
    monkeypatch.setenv("FPGAPRUNE_YOSYS", str(program))


def states(project: Path) -> dict[str, State]:
    found: dict[str, State] = {}

    def watch(step: Step, outcome: Outcome | None) -> None:
        if outcome is not None:
            found[step.name] = outcome.state

    with suppress(ToolError):
        synthesize_open(project, SETTINGS, from_design, watch=watch)
    return found


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (
            KILLED,
            r"Yosys on the layer d1 was ended by SIGKILL \(by hand, or .* memory .*\) \(log: .*layer_d1/log.txt\);",
        ),
        (FULL, r"Yosys on the layer d1 failed with exit code 1: ERROR.*No space left on device"),
        (SILENT, r"Yosys on the layer d1 ended without writing dsp.json: see .*log.txt"),
    ],
)
def test_a_failing_yosys_is_named_and_costs_only_its_layer(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: str, words: str
) -> None:
    fake_yosys(tmp_path, monkeypatch, failure)
    with pytest.raises(ToolError, match=words) as caught:
        synthesize_open(project, SETTINGS, from_design)
    assert "what is finished is kept, and running again goes on from there" in str(caught.value)
    fake_yosys(tmp_path, monkeypatch, "pass")
    found = states(project)
    assert found.pop("d1/yosys") is State.DONE
    assert set(found.values()) == {State.KEPT}


def test_truncated_counts_are_refused_with_their_place(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_yosys(tmp_path, monkeypatch, TRUNCATED)
    with pytest.raises(ReportError, match=r"layer_d1/dsp\.json, line 1"):
        synthesize_open(project, SETTINGS, from_design)


def test_no_yosys_says_where_it_was_sought(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("FPGAPRUNE_YOSYS", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ToolError, match=r"no Python package pyosys and no program yosys on the path.*FPGAPRUNE_YOSYS"):
        find_yosys()
    monkeypatch.setenv("FPGAPRUNE_YOSYS", "no-such-yosys --flag")
    with pytest.raises(ToolError, match="FPGAPRUNE_YOSYS asks for 'no-such-yosys --flag', which is not a program"):
        find_yosys()


def test_no_compiler_fails_the_check_and_keeps_what_yosys_did(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_yosys(tmp_path, monkeypatch, "pass")
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ToolError, match="CXX asks for 'no-such-compiler'"):
        synthesize_open(project, SETTINGS, from_design)
    monkeypatch.delenv("CXX")
    found = states(project)
    assert found.pop("simulation") is State.DONE
    assert set(found.values()) == {State.KEPT}


def test_a_full_disk_is_told_by_its_step(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(project: Path, design: Design, folder: Path) -> Network:
        raise OSError(28, "No space left on device", str(folder / "netlists.json.gz"))

    fake_yosys(tmp_path, monkeypatch, "pass")
    with pytest.raises(ToolError, match=r"compiling net to netlists: No space left on device \(.*netlists"):
        synthesize_open(project, SETTINGS, full)
    assert states(project)["netlists"] is State.DONE


# A clang that does this where it is to compile.
_CLANG = """#!{python}
import os, signal, sys
if "--version" in sys.argv:
    sys.exit(0)
{does}
"""
_FULL_CLANG = "error(compilation): unable to copy 'layers.ll': NoSpaceLeft"


@pytest.mark.parametrize(
    ("does", "words"),
    [
        (f"print({_FULL_CLANG!r}, file=sys.stderr)", "compiling layers.cpp went wrong:.*NoSpaceLeft"),
        ("sys.exit('fatal error: No space left on device')", "compiling layers.cpp failed.*No space left on device"),
        (KILLED, "compiling layers.cpp was ended by SIGKILL"),
        ("sys.exit(0)", r"compiling layers.cpp went wrong:.*it wrote no .*layers\.ll"),
    ],
)
def test_a_clang_that_fails_for_no_fault_of_the_code_costs_no_layer(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str, words: str
) -> None:
    program = tmp_path / "clang-fake"
    program.write_text(_CLANG.format(python=sys.executable, does=does))
    program.chmod(0o755)
    monkeypatch.setenv("FPGAPRUNE_CLANG", str(program))
    fake_yosys(tmp_path, monkeypatch, "pass")
    stale = project / "fpgaprune" / "synth" / "open" / "netlists" / "layers.ll"
    stale.parent.mkdir(parents=True)
    stale.write_text("of an earlier run")
    with pytest.raises(ToolError, match=words):
        synthesize_open(project, SETTINGS, find_front_end())
    assert not (stale.parent / "step.json").exists()


def test_a_clang_that_is_not_there_is_named_with_its_variable(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FPGAPRUNE_CLANG", "no-such-clang -O9")
    with pytest.raises(ToolError, match="FPGAPRUNE_CLANG asks for 'no-such-clang -O9', which is not a program"):
        synthesize_open(project, SETTINGS, find_front_end())


def test_damaged_netlists_are_made_again(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_yosys(tmp_path, monkeypatch, "pass")
    synthesize_open(project, SETTINGS, from_design)
    kept = project / "fpgaprune" / "synth" / "open" / "netlists" / "netlists.json.gz"
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2])
    assert states(project)["netlists"] is State.DONE
    assert kept.read_bytes() == whole


@pytest.mark.parametrize(
    ("edit", "error", "words"),
    [
        ("no folder", ProjectError, "there is no project folder"),
        ("no firmware", ProjectError, "firmware"),
        ("unknown part", DeviceError, "nosuch"),
    ],
)
def test_folders_edited_by_hand_are_refused(project: Path, edit: str, error: type[FpgapruneError], words: str) -> None:
    settings = SETTINGS
    match edit:
        case "no folder":
            project = project / "elsewhere"
        case "no firmware":
            for path in (project / "firmware").glob("*.*"):
                path.unlink()
        case _:
            settings = OpenSettings(part="nosuch")
    with pytest.raises(error, match=words):
        synthesize_open(project, settings, from_design)


@pytest.mark.slow
def test_edited_sources_are_compiled_again_or_refused_with_the_compilers_words(project: Path) -> None:
    for name in ("ziglang", "pyosys"):
        pytest.importorskip(name)
    first = synthesize_open(project, SETTINGS, find_front_end())
    weights = project / "firmware" / "weights" / "w2.h"
    text = weights.read_text()
    weights.write_text(text.replace("0.0625", "1.328125"))  # 4 becomes 85, of four signed digits
    with pytest.raises(ToolError, match=r"the layer d0 \(netlist\) differs .* in \d+ of 1000 samples;.*edited by hand"):
        synthesize_open(project, SETTINGS, find_front_end())
    weights.with_suffix(".txt").write_text(weights.with_suffix(".txt").read_text().replace("0.0625", "1.328125"))
    again = synthesize_open(project, SETTINGS, find_front_end())
    assert [layer.multipliers for layer in first.layers if layer.name == "d0"] == [0]
    assert [layer.multipliers for layer in again.layers if layer.name == "d0"] == [1]
    source = project / "firmware" / "net.cpp"
    source.write_text(source.read_text().replace("nnet::dense<", "nnet::densest<", 1))
    with pytest.raises(FpgapruneError, match="densest"):
        synthesize_open(project, SETTINGS, find_front_end())
    assert json.loads((project / "fpgaprune/synth/open/vitis_hls-xcvu13p-dsp/report.json").read_text())
