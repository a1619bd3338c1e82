"""Reports of open synthesis: saved ones, and the statistics of Yosys."""

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpgaprune.errors import ReportError
from fpgaprune.read.report import load_report, read_report, save_report
from fpgaprune.results import ModuleReport, MultiplyOperator, Resources, Stage, SynthesisReport

DATA = Path(__file__).parent / "data" / "yosys"
OLD_TEXT = """
3. Printing statistics.

=== lay ===

   Number of wires:                  4
   Number of cells:                  1
     DSP48E2                         1

=== top ===

   Number of wires:                 91
   Number of cells:                 66
     BUFG                            1
     CARRY4                          7
     FDRE                           28
     LUT2                           28
     lay                             2

=== design hierarchy ===

   top                               1
     lay                             2

   Number of wires:                 99
   Number of cells:                 66
     BUFG                            1
     CARRY4                          7
     DSP48E2                         2
     FDRE                           28
     LUT2                           28

"""

REPORT = SynthesisReport(
    stage=Stage.OPEN,
    tool="yosys",
    tool_version="0.70",
    top="myproject",
    part="xcvu13p-flga2577-2-e",
    clock_ns=None,
    used=Resources(dsp=3, lut=None),
    available=Resources(dsp=12288),
    modules=(
        ModuleReport(
            name="dense_config2",
            used=Resources(dsp=3),
            instances=("inner",),
            multipliers=(MultiplyOperator("mul_0", 16, 7, 1, None, -45),),
        ),
    ),
    written=datetime(2026, 3, 5, 10, 11, 12),
    notes=("of the generated C++",),
    clock_estimated_ns=4.5,
    rules="vitis_hls",
)


def test_a_saved_report_is_read_as_the_same_value(tmp_path):
    path = tmp_path / "open.json"
    save_report(REPORT, path)
    found = read_report(path)
    assert found == replace(REPORT, path=path, modules=(replace(REPORT.modules[0], path=path),))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"dsp": 3', '"dsp": 4', "SHA-256"),
        ("version 1", "version 2", "creator"),
        ('"stage": "open"', '"stage": "open', "line 5"),
        ('"top": "myproject",', "", "SHA-256"),
        ('"dsp": 3', '"dsp": NaN', "NaN"),
        ('"dsp": 3', '"dsp": 3, "dsp": 3', "twice"),
        ("", "[" * 100_000, "line 1"),
    ],
)
def test_a_damaged_saved_report_is_refused(tmp_path, old, new, words):
    path = tmp_path / "open.json"
    save_report(REPORT, path)
    text = path.read_text()
    path.write_text(text.replace(old, new) if old else new)
    with pytest.raises(ReportError, match=r"open\.json") as caught:
        read_report(path)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "value", "words"),
    [
        ("stage", "dreamt", "report.stage"),
        ("clock_ns", "five", "report.clock_ns"),
        ("notes", "none", "report.notes"),
        ("ii", True, "report.ii"),
        ("ii", -1, "report.ii"),
        ("written", "yesterday", "report.written"),
        ("used", {"dsp": 3}, "report.used"),
        ("colour", "red", "unknown"),
    ],
)
def test_entries_of_the_wrong_kind_are_named(tmp_path, monkeypatch, entry, value, words):
    path = tmp_path / "open.json"
    save_report(REPORT, path)
    data = json.loads(path.read_text())
    data["report"][entry] = value
    monkeypatch.setattr("fpgaprune.read.report.saved._digest", lambda content: data["sha256"])
    path.write_text(json.dumps(data))
    with pytest.raises(ReportError) as caught:
        load_report(path)
    assert words in str(caught.value)


@pytest.mark.parametrize("source", ["stat.json", "stat.txt", "old"])
def test_yosys_statistics_count_what_is_below(tmp_path, source):
    path = DATA / source
    if source == "old":
        path = tmp_path / "stat.txt"
        path.write_text(OLD_TEXT)
    report = read_report(path)
    assert (report.stage, report.tool, report.top, report.rules) == (Stage.OPEN, "yosys", "top", "yosys")
    assert report.used == Resources(dsp=2, lut=28, ff=28, bram_18k=0, uram=0)
    lay = report.module("lay")
    assert lay is not None
    assert lay.used.dsp == 1
    assert report.module("top").instances == ("lay",)


def test_word_level_cells_leave_luts_unknown(tmp_path):
    path = tmp_path / "stat.json"
    path.write_text((DATA / "stat.json").read_text().replace("CARRY4", "$add"))
    assert read_report(path).used == Resources(dsp=2, lut=None, ff=None, bram_18k=0, uram=0)


@given(st.data())
def test_cut_statistics_never_give_another_number(tmp_path_factory, data):
    source = data.draw(st.sampled_from(["stat.json", "stat.txt"]))
    text = (DATA / source).read_text()
    path = tmp_path_factory.mktemp("stat") / source
    path.write_text(text[: data.draw(st.integers(0, len(text.rstrip()) - 1))])
    whole = read_report(DATA / source)
    try:
        report = read_report(path)
    except ReportError as error:
        said = str(error)
    else:  # the statistics of `lay` are a whole file of their own
        said = str(path)
        assert report.top == "lay" or report.used == whole.used
        assert report.top != "lay" or "only `stat -json` can tell" in report.notes[0]
    assert str(path) in said


@given(st.sampled_from(["stat.json", "stat.txt"]), st.data())
def test_a_changed_digit_is_noticed(tmp_path_factory, source, data):
    text = (DATA / source).read_text()
    whole = read_report(DATA / source)
    at = data.draw(st.sampled_from([i for i, letter in enumerate(text) if letter.isdigit()]))
    digit = data.draw(st.sampled_from("0123456789"))
    path = tmp_path_factory.mktemp("stat") / source
    path.write_text(text[:at] + digit + text[at + 1 :])
    try:
        report = read_report(path)
    except ReportError:
        return
    assert [module.used for module in report.modules] == [module.used for module in whole.modules] or (
        text[at - 1].isalpha()  # the name of a cell is no number: another kind of cell
    )
