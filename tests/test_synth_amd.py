"""AMD's tools as mocks that read the scripts they are given and replay recorded reports."""

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from fpgaprune.cli import main
from fpgaprune.errors import ProjectError, ToolError
from fpgaprune.flow.amd_synthesis import AmdSettings, amd_plan, synthesize_amd
from fpgaprune.results import Stage
from fpgaprune.synth import Outcome, State, Step
from fpgaprune.synth.amd import TOOLS, AmdStage, find_tool
from tests.open_project import Mlp, write_mlp
from tests.vivado_reports import COSIM, timing, utilization

DATA = Path(__file__).parent / "data"
GOLDEN = Path(__file__).parent / "golden" / "synth_amd"

# The mock does what the tool's script says as far as files go, and refuses what the tool would refuse.
_MOCK = """#!{python}
import pathlib, re, shutil, sys
words, replay = sys.argv[1:], pathlib.Path({replay!r})
flag = next((word for word in ("-f", "-source", "--tcl") if word in words), None)
if flag is None: sys.exit("error: no script given")
text = pathlib.Path(words[words.index(flag) + 1]).read_text()
if {fails!r} and {fails!r} in text:
    print("INFO: starting")
    print("ERROR: [HLS 200-70] Compilation errors found")
    sys.exit(1)
moved = re.search(r"^cd {{(.*)}}$", text, re.M)
here = pathlib.Path(moved[1]) if moved else pathlib.Path()
top = re.search(r"open_project (\\w+)_prj", text)
if "csynth_design" in text:
    if not (here / "firmware" / (top[1] + ".cpp")).is_file(): sys.exit("error: no source")
    shutil.copytree(replay / "syn", here / (top[1] + "_prj") / "solution1" / "syn" / "report", dirs_exist_ok=True)
if "cosim_design" in text:
    report = here / (top[1] + "_prj") / "solution1" / "sim" / "report"
    report.mkdir(parents=True, exist_ok=True)
    shutil.copy(replay / "cosim.rpt", report / (top[1] + "_cosim.rpt"))
stage = "Routed" if "route_design" in text else "Synthesized"
if "open_checkpoint" in text and not pathlib.Path(re.search("open_checkpoint {{(.*)}}", text)[1]).is_file():
    sys.exit("error: no checkpoint")
for name in re.findall(r"report_utilization -file (\\S+)", text): shutil.copy(replay / (stage + ".rpt"), name)
for name in re.findall(r"report_timing_summary -file (\\S+)", text): shutil.copy(replay / "timing.rpt", name)
for name in re.findall(r"write_checkpoint -force (\\S+)", text): pathlib.Path(name).write_text("checkpoint")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose top is that of the recorded reports."""
    return write_mlp(tmp_path / "project", Mlp((np.array([[45, 3], [0, -77]]),), bits=16, top="myproject"))


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of the PATH, with no tool in it yet."""
    folder = tmp_path / "2023.2" / "bin"
    folder.mkdir(parents=True)
    monkeypatch.setenv("PATH", str(folder))
    for wanted in TOOLS.values():
        for variable in (wanted.variable, *wanted.homes):
            monkeypatch.delenv(variable, raising=False)
    return folder


def install(tools: Path, name: str, recorded: str = "report_vitis", fails: str = "") -> Path:
    """Put a mock called `name` into the folder."""
    replay = tools.parent / "replay"
    if not replay.exists():
        shutil.copytree(DATA / recorded, replay / "syn")
        (replay / "cosim.rpt").write_text(COSIM)
        for state in ("Synthesized", "Routed"):
            (replay / f"{state}.rpt").write_text(utilization(state))
        (replay / "timing.rpt").write_text(timing())
    program = tools / name
    program.write_text(_MOCK.format(python=sys.executable, replay=str(replay), fails=fails))
    program.chmod(0o755)
    return program


def test_c_synthesis_is_run_read_and_compared(project: Path, tools: Path) -> None:
    install(tools, "vitis_hls")
    result = synthesize_amd(project, AmdSettings())
    (report,) = result.reports
    assert report.stage is Stage.CSYNTH
    assert report.top == "myproject"
    assert report.used.dsp is not None
    assert result.comparison.basis is Stage.CSYNTH
    folder = project / "fpgaprune" / "synth" / "amd" / "csynth"
    assert (folder / "command.txt").read_text() == f"{tools / 'vitis_hls'} -f csynth.tcl\n"
    assert {path.name for path in folder.iterdir()} == {"command.txt", "csynth.tcl", "log.txt", "step.json"}


def test_all_stages_down_to_implementation(project: Path, tools: Path) -> None:
    install(tools, "vitis_hls")
    install(tools, "vivado")
    result = synthesize_amd(project, AmdSettings(AmdStage.IMPL, cosim=True))
    stages = {report.stage: report for report in result.reports}
    assert list(stages) == [Stage.CSYNTH, Stage.COSIM, Stage.VSYNTH, Stage.IMPL]
    assert stages[Stage.COSIM].passed
    assert stages[Stage.IMPL].used.dsp == 220
    assert stages[Stage.IMPL].wns_ns == -0.25
    assert {facts.stage for facts in result.comparison.stages} == set(stages)
    told = json.loads(json.dumps(result.json()))
    assert [stage["stage"] for stage in told["stages"]] == ["csynth", "cosim", "vsynth", "impl"]


def test_finished_steps_are_not_run_again_and_changed_sources_are(project: Path, tools: Path) -> None:
    install(tools, "vitis_hls")
    install(tools, "vivado")
    states: dict[str, State] = {}

    def watch(step: Step, outcome: Outcome | None) -> None:
        if outcome is not None:
            states[step.name] = outcome.state

    synthesize_amd(project, AmdSettings(AmdStage.VSYNTH))
    synthesize_amd(project, AmdSettings(AmdStage.IMPL), watch=watch)
    assert states == {"csynth": State.KEPT, "vsynth": State.KEPT, "impl": State.DONE}
    source = project / "firmware" / "myproject.cpp"
    source.write_text(f"// edited by hand\n{source.read_text()}")
    synthesize_amd(project, AmdSettings(AmdStage.IMPL), watch=watch)
    assert set(states.values()) == {State.DONE}


def test_vitis_run_takes_the_place_of_vitis_hls(project: Path, tools: Path) -> None:
    program = install(tools, "vitis-run")
    assert find_tool("vitis_hls").command("x.tcl") == (str(program), "--mode", "hls", "--tcl", "x.tcl")
    assert synthesize_amd(project, AmdSettings()).reports[0].top == "myproject"


def test_a_variable_or_a_sourced_settings_script_names_the_tool(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = install(tools, "vivado").rename(tools / "vivado-of-ours")
    monkeypatch.setenv("FPGAPRUNE_VIVADO", str(program))
    found = find_tool("vivado")
    assert (found.path, found.version) == (str(program), "2023.2")
    monkeypatch.setenv("FPGAPRUNE_VIVADO", "no-such-program")
    with pytest.raises(ToolError, match="FPGAPRUNE_VIVADO asks for 'no-such-program'"):
        find_tool("vivado")
    monkeypatch.delenv("FPGAPRUNE_VIVADO")
    home = tmp_path / "Vivado"
    (home / "bin").mkdir(parents=True)
    program.rename(home / "bin" / "vivado")
    monkeypatch.setenv("XILINX_VIVADO", str(home))
    assert find_tool("vivado").path == str(home / "bin" / "vivado")


@pytest.mark.parametrize("name", list(TOOLS))
def test_a_missing_tool_says_where_it_was_sought_and_what_overrides_it(tools: Path, name: str) -> None:
    with pytest.raises(ToolError, match="on the PATH and in") as caught:
        find_tool(name)
    assert TOOLS[name].variable in str(caught.value)
    assert f"${TOOLS[name].homes[0]}/bin" in str(caught.value)


def test_a_failing_tool_is_told_with_its_words_and_what_is_finished_is_kept(project: Path, tools: Path) -> None:
    install(tools, "vitis_hls")
    install(tools, "vivado", fails="place_design")
    with pytest.raises(
        ToolError, match=r"implementation of myproject by vivado failed .*HLS 200-70.*finished"
    ) as caught:
        synthesize_amd(project, AmdSettings(AmdStage.IMPL))
    assert "amd/impl" in str(caught.value)
    folder = project / "fpgaprune" / "synth" / "amd"
    assert (folder / "vsynth" / "step.json").is_file()
    assert not (folder / "impl" / "step.json").exists()


def test_scripts_are_as_they_were(project: Path, tools: Path) -> None:
    install(tools, "vitis_hls")
    install(tools, "vivado")
    plan = amd_plan(project, AmdSettings(AmdStage.IMPL, cosim=True))
    texts = {name: text for step in plan for name, text in step.texts.items()}
    if os.environ.get("FPGAPRUNE_WRITE_GOLDEN"):
        GOLDEN.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (GOLDEN / name).write_text(text)
    assert texts == {path.name: path.read_text() for path in GOLDEN.iterdir()}
    commands = [step.command for step in plan]
    assert commands[2] == (
        str(tools / "vivado"), "-mode", "batch", "-nojournal", "-log", "vivado.log", "-source", "vsynth.tcl"
    )  # fmt: skip


def test_what_would_be_code_in_a_script_is_refused(project: Path, tools: Path) -> None:
    install(tools, "vitis_hls")
    with pytest.raises(ProjectError, match="is no part"):
        amd_plan(project, AmdSettings(part="xc7z020; exec rm"))


def test_the_command_picks_vitis_where_it_is_and_shows_its_plan(
    project: Path, tools: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(tools, "vitis_hls")
    with pytest.raises(SystemExit) as stopped:
        main(["synth", str(project), "--dry-run", "--cosim"])
    assert not stopped.value.code
    text = capsys.readouterr().out
    assert "C synthesis of myproject by vitis_hls" in text
    assert "co-simulation of myproject" in text
    assert not (project / "fpgaprune").exists()
    with pytest.raises(SystemExit) as stopped:
        main(["synth", str(project), "--format", "json"])
    told = json.loads(capsys.readouterr().out)
    assert told["stages"][0]["tool"] == "vitis_hls"
    assert stopped.value.code in {0, 1, None}
    assert told["comparison"]["layers"]
