import csv
import os
import shutil
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpgaprune.errors import FpgapruneError, ReportError
from fpgaprune.read.report import find_report, find_reports, read_report, save_report
from fpgaprune.results import Resources

DATA = Path(__file__).parent / "data"
VITIS = DATA / "report_vitis"
VIVADO = DATA / "report_vivado"
DENSE = "dense_latency_ap_fixed_16_6_5_3_0_ap_fixed_16_6_5_3_0_config2_s"


@pytest.fixture
def vitis(tmp_path):
    """A private copy of the Vitis HLS report folder."""
    return Path(shutil.copytree(VITIS, tmp_path / "report"))


def test_a_vitis_report_says_what_it_says():
    report = read_report(VITIS / "csynth.xml")
    assert (report.tool, report.tool_version, report.part) == ("vitis_hls", "2023.2", "xcvu13p-flga2577-2-e")
    assert report.used == Resources(dsp=5, lut=301, ff=400, bram_18k=2, uram=0)
    assert report.available.dsp == 12288
    assert (report.latency_cycles, report.ii, report.clock_ns) == (8, 1, 5.0)
    assert report.written == datetime(2024, 3, 5, 10, 11, 12)


def test_modules_carry_their_multipliers_and_ports():
    dense = read_report(VITIS).module(DENSE)
    assert dense is not None
    assert (dense.used.dsp, dense.latency_cycles, dense.ii) == (3, 3, 1)
    assert [(m.width_a, m.width_b, m.dsp) for m in dense.multipliers] == [
        (16, 9, 1),
        (16, 7, 1),
        (16, 4, 0),
        (16, 8, 1),
    ]
    assert (dense.input_bits, dense.output_bits, dense.output_ports) == (48, 32, 2)


def test_instances_come_in_program_order():
    top = read_report(VITIS).module("myproject")
    assert top is not None
    assert [name.split("_")[0] for name in top.instances] == ["dense", "relu", "dense"]


def test_xml_alone_still_has_modules_operators_and_instances(vitis):
    for path in vitis.glob("*.rpt"):
        path.unlink()
    report = read_report(vitis)
    assert {module.name.split("_")[0]: module.used.dsp for module in report.modules} == {
        "dense": 2,
        "relu": 0,
        "myproject": 5,
    }
    config5 = next(module for module in report.modules if "config5" in module.name)
    assert [(m.width_a, m.width_b, m.dsp) for m in config5.multipliers] == [(12, 8, 1), (12, 11, 1)]
    assert len(report.module("myproject").instances) == 3
    assert report.written is None


def test_a_vivado_text_report_with_unknown_latency_and_expression_products():
    report = read_report(VIVADO)
    assert (report.tool, report.tool_version, report.top) == ("vivado_hls", "2019.2", "myproject")
    assert (report.latency_cycles, report.ii) == (None, None)
    assert (report.used.dsp, report.clock_ns) == (3, 10.0)
    first = report.module("dense_latency_0_0_0_s")
    assert [(m.width_a, m.width_b, m.dsp) for m in first.multipliers] == [(8, 16, 1), (6, 16, 1), (4, 16, 0)]
    assert (first.input_bits, first.output_bits) == (48, 32)


@pytest.mark.parametrize(("apart", "beside"), [(6, True), (60, True), (6, False)])
def test_a_top_module_may_have_a_few_luts_more_than_a_design_that_the_text_confirms(vitis, apart, beside):
    """12388 and 12394 in a public project's csynth.xml of Vitis HLS 2023.1, 12388 in the text report beside it."""
    xml = vitis / "csynth.xml"
    report = read_report(xml)
    used = report.used
    counts = {"BRAM_18K": used.bram_18k, "DSP": used.dsp, "FF": used.ff, "LUT": used.lut + apart, "URAM": used.uram}
    area = "".join(f"<{name}>{count}</{name}>" for name, count in counts.items())
    top = f"<Module><Name>{report.top}</Name><AreaEstimates><Resources>{area}</Resources></AreaEstimates></Module>"
    xml.write_text(xml.read_text().replace("</ModuleInformation>", f"{top}</ModuleInformation>"))
    if not beside:
        (vitis / f"{report.top}_csynth.rpt").unlink()
    if apart == 6 and beside:
        assert read_report(xml).used == read_report(xml).module(report.top).used == report.used
    else:
        with pytest.raises(ReportError, match="as a module"):
            read_report(xml)


def test_dsp48e_in_xml_means_vivado_hls(vitis):
    xml = vitis / "csynth.xml"
    for path in vitis.glob("*.rpt"):
        path.unlink()
    xml.write_text(xml.read_text().replace("DSP>", "DSP48E>").replace("2023.2", "2019.1"))
    report = read_report(xml)
    assert (report.tool, report.tool_version, report.used.dsp) == ("vivado_hls", "2019.1", 5)


def test_what_is_not_said_is_none_and_never_zero(vitis):
    for path in vitis.glob("*.rpt"):
        path.unlink()
    xml = vitis / "csynth.xml"
    text = xml.read_text()
    xml.write_text(text.replace("<DSP>5</DSP>", "").replace("<Worst-caseLatency>8<", "<Worst-caseLatency>undef<"))
    report = read_report(xml)
    assert report.used.dsp is None
    assert report.latency_cycles is None
    assert report.used.lut == 301


@pytest.mark.parametrize(("clock", "ns"), [("5.00", 5.0), ("0.005 us", 5.0), ("5000 ps", 5.0)])
def test_clocks_are_in_ns(vitis, clock, ns):
    xml = vitis / "csynth.xml"
    xml.write_text(xml.read_text().replace("<TargetClockPeriod>5.00<", f"<TargetClockPeriod>{clock}<"))
    assert read_report(xml).clock_ns == pytest.approx(ns)


def test_text_reports_of_another_run_are_left_out_with_a_note(vitis):
    xml = vitis / "csynth.xml"
    xml.write_text(xml.read_text().replace("<DSP>5</DSP>", "<DSP>7</DSP>"))
    report = read_report(xml)
    assert report.used.dsp == 7
    assert any("another run" in note for note in report.notes)


def test_a_stale_child_is_left_out_with_a_note(tmp_path):
    folder = Path(shutil.copytree(VIVADO, tmp_path / "report"))
    child = folder / "dense_latency_0_0_0_1_csynth.rpt"
    child.write_text(_with_total(child.read_text(), 9))
    report = read_report(folder)
    assert report.module("dense_latency_0_0_0_1") is None
    assert any("dense_latency_0_0_0_1" in note for note in report.notes)


def _with_total(text: str, dsp: int) -> str:
    """The report of a module of 220 DSPs with another number of them, its total, its parts and its share alike."""
    lines = text.splitlines(keepends=True)
    for name, cell in (("Expression", dsp), ("Total", dsp), ("Utilization (%)", 100 * dsp // 220 or "~0")):
        at = next(i for i, line in enumerate(lines) if line.startswith(f"|{name}"))
        cells = lines[at].split("|")
        cells[3] = f" {cell}"
        lines[at] = "|".join(cells)
    return "".join(lines)


BOMB = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<profile><ReportVersion><Version>&b;</Version></ReportVersion></profile>"""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "empty"),
        ("   \n", "line"),
        ("<profile><AreaEstimates>", "line 1"),
        ("<html><body/></html>", "<profile>"),
        ("<profile/>", "TopModelName"),
        ("<profile><UserAssignments><TopModelName>t</TopModelName></UserAssignments></profile>", "AreaEstimates"),
        (BOMB, "refused"),
        ("not xml at all", "line 1"),
        ('<?xml version="1.0" encoding="no-such"?><profile/>', "encoding"),
    ],
)
def test_a_damaged_or_foreign_xml_is_one_sentence(tmp_path, content, words):
    path = tmp_path / "csynth.xml"
    path.write_text(content)
    with pytest.raises(ReportError, match=r"csynth\.xml") as caught:
        read_report(path)
    assert words in str(caught.value)


@pytest.mark.parametrize("number", ["-5", "5.5", "five", "9" * 40, "1e9"])
def test_a_number_that_is_none_is_refused_with_its_place(vitis, number):
    xml = vitis / "csynth.xml"
    xml.write_text(xml.read_text().replace("<DSP>5</DSP>", f"<DSP>{number}</DSP>"))
    with pytest.raises(ReportError, match="element DSP"):
        read_report(xml)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_truncated_report_never_gives_another_number(data):
    """Wherever a report is cut, the reader either refuses it or reads the same totals."""
    path = data.draw(st.sampled_from([VITIS / "csynth.xml", VIVADO / "myproject_csynth.rpt"]))
    whole = read_report(path)
    text = path.read_text().rstrip()
    cut = data.draw(st.integers(0, len(text) - 1))
    with TemporaryDirectory() as folder:
        part = Path(folder) / path.name
        part.write_text(text[:cut])
        try:
            report = read_report(part)
        except ReportError as error:
            said = str(error)
        else:
            said = str(part)
            assert (report.used, report.available, report.ii) == (whole.used, whole.available, whole.ii)
        assert str(part) in said


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("== Vivado HLS Report for 'myproject'", "Some other report", "not a C-synthesis report"),
        ("|Total ", "|Sum   ", "no row 'Total'"),
        ("|Expression", "|Expression|", None),
    ],
)
def test_a_malformed_text_report_is_refused(tmp_path, old, new, words):
    path = tmp_path / "dense_csynth.rpt"
    path.write_text(
        (VIVADO / "dense_latency_0_0_0_s_csynth.rpt")
        .read_text()
        .replace("dense_latency_0_0_0_s", "myproject")
        .replace(old, new)
    )
    with pytest.raises(ReportError, match=r"dense_csynth\.rpt") as caught:
        read_report(path)
    assert "line" in str(caught.value)
    if words:
        assert words in str(caught.value)


def test_missing_reports_are_refused(tmp_path):
    for path in (tmp_path, tmp_path / "csynth.xml", tmp_path / "report.pdf"):
        with pytest.raises(FpgapruneError, match=path.name):
            read_report(path)


def test_find_report_knows_where_tools_leave_it(tmp_path):
    assert find_report(tmp_path) is None
    for place in ("report", "myproject_prj/solution1/syn/report", "net_prj/other/syn/report", "comp/hls/syn/report"):
        project = tmp_path / place.replace("/", "_")
        shutil.copytree(VITIS, project / place)
        assert find_report(project) == project / place / "csynth.xml"
    with pytest.raises(ReportError, match="not a folder"):
        find_report(tmp_path / "nowhere")


def test_the_newest_of_several_solutions_is_read_and_said(tmp_path, caplog):
    old = Path(shutil.copytree(VITIS, tmp_path / "p_prj/solution1/syn/report"))
    new = Path(shutil.copytree(VITIS, tmp_path / "p_prj/solution2/syn/report"))
    for path in old.glob("*.rpt"):
        path.write_text(path.read_text().replace("Mar  5", "Mar  1"))
    os.utime(old / "csynth.xml")  # the younger file is the older report
    assert find_report(tmp_path) == new / "csynth.xml"
    assert find_reports(tmp_path) == (new / "csynth.xml", old / "csynth.xml")
    assert "2 synthesis reports" in caplog.text


def test_a_module_name_never_leaves_the_folder(vitis, tmp_path):
    (tmp_path / "secret_csynth.rpt").write_text("not for you")
    xml = vitis / "csynth.xml"
    xml.write_text(xml.read_text().replace("<TopModelName>myproject<", "<TopModelName>../secret<"))
    assert read_report(xml).top == "../secret"  # a name, never a path


def test_the_summary_of_a_run_leads_to_its_reports(vitis):
    (vitis / "csynth.rpt").write_text("== Synthesis Summary Report of 'myproject'\n")
    assert read_report(vitis / "csynth.rpt").path == vitis / "csynth.xml"


@pytest.mark.shared
@pytest.mark.slow
def test_every_report_of_the_corpus_says_what_its_index_says(shared_corpus):
    index = Path(__file__).resolve().parents[2] / "shared" / "corpus" / "INDEX.csv"
    wrong = {}
    with index.open() as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        report = read_report(find_report(shared_corpus / row["project"]))
        said = (
            report.used.dsp,
            report.used.lut,
            report.used.ff,
            report.used.bram_18k,
            report.latency_cycles,
            report.ii,
        )
        names = ("csynth_DSP", "csynth_LUT", "csynth_FF", "csynth_BRAM", "latency", "ii")
        expected = tuple(int(float(row[name])) for name in names)
        facts = (report.tool, report.tool_version, report.part, report.clock_ns, report.top)
        if (said, facts) != (
            expected,
            (row["tool"], row["version"], row["part"], float(row["clock_ns"]), row["top"]),
        ):
            wrong[row["project"]] = (said, expected, facts)
    assert wrong == {}
    assert len(rows) >= 112


def test_settings_of_operators_are_read_and_kept(vitis, tmp_path):
    xml = vitis / "csynth.xml"
    commands = (
        '<UserConfigCommands><config_op><ENTRY impl="fabric" op="mul"/></config_op></UserConfigCommands></profile>'
    )
    xml.write_text(xml.read_text().replace("</profile>", commands))
    report = read_report(xml)
    assert report.directives == ("config_op mul -impl fabric",)
    save_report(report, tmp_path / "saved.json")
    assert read_report(tmp_path / "saved.json").directives == report.directives
    xml.write_text(xml.read_text().replace('"fabric"', '"fabric; exec rm"'))
    assert read_report(xml).directives == ()
