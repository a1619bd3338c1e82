"""Reports of Vivado and of co-simulation."""

from datetime import datetime
from pathlib import Path

import pytest
import vivado_reports as texts
from hypothesis import given
from hypothesis import strategies as st

from fpgaprune.errors import ReportError
from fpgaprune.read.report import read_report
from fpgaprune.results import Resources, Stage, SynthesisReport

NAMES = {
    "vivado_synth.rpt": texts.utilization(),
    "hierarchy.rpt": texts.hierarchy(),
    "timing.rpt": texts.timing(),
    "myproject_cosim.rpt": texts.COSIM,
}


def _read(folder: Path, name: str, text: str | None = None) -> SynthesisReport:
    path = folder / name
    path.write_text(NAMES[name] if text is None else text)
    return read_report(path)


def _facts(report: SynthesisReport) -> object:
    return (
        report.used,
        report.available,
        report.latency_cycles,
        report.latency_min_cycles,
        report.ii,
        report.wns_ns,
        report.clock_ns,
        [(module.name, module.used) for module in report.modules],
    )


def test_utilization_after_synthesis(tmp_path):
    report = _read(tmp_path, "vivado_synth.rpt")
    assert (report.stage, report.tool, report.tool_version, report.top) == (
        Stage.VSYNTH,
        "vivado",
        "2020.1",
        "myproject",
    )
    assert report.used == Resources(dsp=220, lut=1234, ff=2500, bram_18k=7)
    assert report.available == Resources(dsp=220, lut=53200, ff=106400, bram_18k=280)
    assert (report.part, report.written) == ("xc7z020clg400-1", datetime(2024, 3, 5, 10, 20))


@pytest.mark.parametrize(
    ("state", "stage"),
    [
        ("Synthesized", Stage.VSYNTH),
        ("Fully Placed", Stage.IMPL),
        ("Routed", Stage.IMPL),
        ("Physopt postRoute", Stage.IMPL),
    ],
)
def test_the_design_state_tells_the_stage(tmp_path, state, stage):
    assert _read(tmp_path, "vivado_synth.rpt", texts.utilization(state)).stage is stage


def test_a_hierarchy_gives_modules_with_what_is_below_them(tmp_path):
    report = _read(tmp_path, "hierarchy.rpt")
    assert (report.stage, report.top) == (Stage.IMPL, "myproject")
    assert report.used == Resources(dsp=5, lut=500, ff=700, bram_18k=5, uram=0)
    assert report.module("myproject").instances == ("myproject_dense_config2_s", "myproject_dense_config5_s")
    assert report.module("myproject_dense_config2_s").used == Resources(4, 300, 350, 3, 0)


def test_shares_in_the_cells_of_a_hierarchy_are_not_counts(tmp_path):
    text = texts.hierarchy().replace("        500 |        500 ", " 500(0.94%) |  500(0.94%) ")
    assert _read(tmp_path, "hierarchy.rpt", text).used.lut == 500


def test_a_timing_summary_says_slack_and_the_period_reached(tmp_path):
    report = _read(tmp_path, "timing.rpt")
    assert (report.stage, report.wns_ns, report.clock_ns, report.clock_estimated_ns) == (Stage.IMPL, -0.25, 5.0, 5.25)
    assert report.part == "xc7z020-clg400"
    assert report.used == Resources()
    assert any("timing is not met" in note for note in report.notes)


def test_cosimulation_says_cycles_and_whether_it_passed(tmp_path):
    report = _read(tmp_path, "myproject_cosim.rpt")
    assert (report.stage, report.top, report.passed) == (Stage.COSIM, "myproject", True)
    assert (report.latency_min_cycles, report.latency_cycles, report.ii) == (40, 42, 1)
    assert report.written == datetime(2024, 3, 5, 10, 15)


def test_cosimulation_of_vitis_has_a_column_more_and_may_not_know_the_interval(tmp_path):
    text = "\n".join(
        line + "             50|" if line.startswith("|") else line for line in texts.COSIM.splitlines()
    ).replace("              1|              1|              1|", "             NA|             NA|             NA|")
    report = _read(tmp_path, "myproject_cosim.rpt", text.replace("Pass", "Fail") + "\n")
    assert (report.passed, report.latency_cycles, report.ii) == (False, 42, None)


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("vivado_synth.rpt", "  1234 |", "  1235 |", "line"),
        ("vivado_synth.rpt", "  3.5 |", "  4.5 |", "per cent"),
        ("vivado_synth.rpt", "DSP48E1  |  220", "DSP48E1  |  219", "primitives"),
        ("vivado_synth.rpt", "Design State : Optimized", "Design State : Dreamt", "Dreamt"),
        ("vivado_synth.rpt", "| Design       : myproject\n", "", "Design"),
        ("vivado_synth.rpt", "Table of Contents", "Contents", "table of contents"),
        ("vivado_synth.rpt", "Utilization Design Information", "Power Report", "not of utilization"),
        ("hierarchy.rpt", "|            4 |", "|            6 |", "sum of its parts"),
        (
            "timing.rpt",
            "     -0.250       -3.500                     14",
            "      0.250       -3.500   14",
            "contradict",
        ),
        ("timing.rpt", "slow                4.000", "slow               -4.000", "less slack"),
        ("timing.rpt", "| Intra Clock Table", "| Nothing", "truncated"),
        ("myproject_cosim.rpt", "             42|", "             39|", "contradict"),
        ("myproject_cosim.rpt", "Pass", "Maybe", "Pass or Fail"),
    ],
)
def test_damaged_and_foreign_reports_are_refused(tmp_path, name, old, new, words):
    assert old in NAMES[name]
    with pytest.raises(ReportError, match=name.replace(".", r"\.")) as caught:
        _read(tmp_path, name, NAMES[name].replace(old, new))
    assert words in str(caught.value)


@given(st.sampled_from(sorted(NAMES)), st.data())
def test_cut_reports_never_give_another_number(tmp_path_factory, name, data):
    folder = tmp_path_factory.mktemp("cut")
    whole = _read(folder, name)
    text = NAMES[name].rstrip()
    cut = text[: data.draw(st.integers(0, len(text) - 1))]
    try:
        report = _read(folder, name, cut)
    except ReportError as error:
        said = str(error)
    else:
        said = str(folder)
        assert _facts(report) == _facts(whole)
    assert str(folder) in said


@pytest.mark.shared
def test_every_vivado_report_of_the_corpus_is_read(shared_corpus, corpus_index):
    wrong, found = {}, 0
    for row in corpus_index:
        path = shared_corpus / row["project"] / "vsynth" / "vivado_synth.rpt"
        if not path.is_file():
            continue
        found += 1
        report = read_report(path)
        said = (report.stage, report.used.dsp, report.used.lut, report.used.ff)
        expected = (Stage.VSYNTH, *(int(float(row[f"vsynth_{name}"])) for name in ("DSP", "LUT", "FF")))
        if said != expected:
            wrong[row["project"]] = (said, expected)
    assert wrong == {}
    assert found == 35
    others = [path for path in shared_corpus.glob("*/vsynth/*utilization_*.rpt") if "clock" not in path.name]
    assert len(others) == 97
    for path in others:
        assert read_report(path).used.lut is not None
