"""Damaged reports through every reader: a ReportError or the same numbers, never a hang, never another exception.

What a report says once cannot be checked, and a changed digit of it is another report: the operators and ports of a
module, the cycles of an interval, what the XML of Vivado HLS uses in all (the text beside it says so again), dates and
versions. Of a latency the time agrees to three digits. What a report says twice (sums, shares, totals of modules) is
held to itself.
"""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import vivado_reports

from fpgaprune.errors import ReportError
from fpgaprune.read.report import read_report, save_report
from fpgaprune.results import Resources, SynthesisReport

DATA = Path(__file__).parent / "data"
VITIS = DATA / "report_vitis"
TOP_MODULE = """
        <Module>
            <Name>myproject</Name>
            <PerformanceEstimates>
                <SummaryOfTimingAnalysis>
                    <EstimatedClockPeriod>4.100</EstimatedClockPeriod>
                </SummaryOfTimingAnalysis>
                <SummaryOfOverallLatency>
                    <Best-caseLatency>8</Best-caseLatency>
                    <Worst-caseLatency>8</Worst-caseLatency>
                    <Best-caseRealTimeLatency>40.000 ns</Best-caseRealTimeLatency>
                    <Worst-caseRealTimeLatency>40.000 ns</Worst-caseRealTimeLatency>
                    <PipelineInitiationInterval>1</PipelineInitiationInterval>
                    <PipelineDepth>9</PipelineDepth>
                </SummaryOfOverallLatency>
            </PerformanceEstimates>
            <AreaEstimates>
                <Resources>
                    <BRAM_18K>2</BRAM_18K><AVAIL_BRAM>5376</AVAIL_BRAM><UTIL_BRAM>~0</UTIL_BRAM>
                    <DSP>5</DSP><AVAIL_DSP>12288</AVAIL_DSP><UTIL_DSP>~0</UTIL_DSP>
                    <FF>400</FF><AVAIL_FF>3456000</AVAIL_FF><UTIL_FF>~0</UTIL_FF>
                    <LUT>301</LUT><AVAIL_LUT>1728000</AVAIL_LUT><UTIL_LUT>~0</UTIL_LUT>
                    <URAM>0</URAM><AVAIL_URAM>1280</AVAIL_URAM><UTIL_URAM>0</UTIL_URAM>
                </Resources>
            </AreaEstimates>
        </Module>
    </ModuleInformation>"""


def _vitis_xml() -> str:
    """The XML report of the tests with what Vitis HLS says of the top a second time."""
    text = (VITIS / "csynth.xml").read_text()
    times = "<Best-caseRealTimeLatency>40.000 ns</Best-caseRealTimeLatency>"
    times += times.replace("Best", "Worst")
    text = text.replace("<Interval-min>", f"{times}<Interval-min>", 1)
    return text.replace("    </ModuleInformation>", TOP_MODULE.lstrip("\n"))


SOURCES: dict[str, Callable[[], str]] = {
    "csynth.xml": _vitis_xml,
    "myproject_csynth.rpt": (VITIS / "myproject_csynth.rpt").read_text,
    "vivado_csynth.rpt": (DATA / "report_vivado" / "dense_latency_0_0_0_s_csynth.rpt").read_text,
    "utilization.rpt": vivado_reports.utilization,
    "hierarchy.rpt": vivado_reports.hierarchy,
    "timing.rpt": vivado_reports.timing,
    "cosim.rpt": lambda: vivado_reports.COSIM,
    "stat.json": (DATA / "yosys" / "stat.json").read_text,
    "stat.txt": (DATA / "yosys" / "stat.txt").read_text,
}
GUARDED = ("csynth.xml", "myproject_csynth.rpt", "vivado_csynth.rpt")
BOMB = """<?xml version="1.0"?><!DOCTYPE profile [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><profile><UserAssignments><TopModelName>&c;</TopModelName>
</UserAssignments></profile>"""


def _read(folder: Path, name: str, content: bytes) -> SynthesisReport | None:
    """The report, None where it is refused; whatever else is raised fails the test."""
    path = folder / name
    path.write_bytes(content)
    try:
        return read_report(path)
    except ReportError as error:
        said = str(error)
    assert str(folder) in said
    return None


@pytest.mark.parametrize("name", SOURCES)
def test_whatever_happens_to_its_bytes_a_report_is_read_or_refused(tmp_path: Path, name: str) -> None:
    content = SOURCES[name]().encode()
    chance = random.Random(name)
    assert _read(tmp_path, name, content) is not None
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(chance.choice((1, 1, 1, 4, 20))):
            at = chance.randrange(len(damaged))
            kind = chance.randrange(4)
            if kind == 0:
                damaged[at] ^= 1 << chance.randrange(8)
            elif kind == 1:
                del damaged[at : at + chance.randrange(1, 200)]
            elif kind == 2:
                damaged[at:at] = damaged[chance.randrange(len(damaged)) :][: chance.randrange(1, 200)]
            else:
                damaged[at : at + 1] = chance.choice((b"\0", b"\xff\xfe", b"|", b"-", b"9" * 40, b"1e999", b"<", b"\r"))
            if not damaged:
                damaged += b" "
        report = _read(tmp_path, name, bytes(damaged))
        if report is not None:
            for module in (report.used, report.available, *(module.used for module in report.modules)):
                assert all(v is None or 0 <= v < 10**12 for v in (module.dsp, module.lut, module.ff, module.bram_18k))


def _near(one: int | None, other: int | None) -> bool:
    return one == other or (one is not None and other is not None and abs(one - other) <= 0.01 * other)


@pytest.mark.parametrize("name", GUARDED)
def test_a_changed_digit_of_what_a_report_uses_is_noticed(tmp_path: Path, name: str) -> None:
    """Every digit of a report in turn: totals stay what they were, latencies within the digits of their time."""
    text = SOURCES[name]()
    whole = _read(tmp_path, name, text.encode())
    assert whole is not None
    noticed = 0
    for at in [at for at, letter in enumerate(text) if letter.isdigit()]:
        digit = str((int(text[at]) + 1 + at % 9) % 10)
        report = _read(tmp_path, name, (text[:at] + digit + text[at + 1 :]).encode())
        if report is None:
            noticed += 1
            continue
        said = text[text.rfind("\n", 0, at) + 1 : text.find("\n", at)]
        assert report.used == whole.used, said
        assert _near(report.latency_cycles, whole.latency_cycles), said
    assert noticed > 20


@pytest.mark.parametrize("name", ["bomb.xml", "csynth.xml", "some_csynth.rpt", "utilization.rpt", "stat.json", "s.txt"])
def test_what_is_no_report_for_its_size_or_entities_is_refused_at_once(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.startswith("bomb"):
        path.write_text(BOMB)
    else:
        with path.open("wb") as stream:  # a gigabyte, none of it on disk
            stream.truncate(2**30)
    with pytest.raises(ReportError):
        read_report(path)


def test_a_deep_file_is_refused_and_not_followed(tmp_path: Path) -> None:
    for name, content in (("deep.xml", "<profile>" + "<a>" * 200_000), ("deep.json", "[" * 200_000)):
        assert _read(tmp_path, name, content.encode()) is None


@pytest.mark.parametrize("name", [name for name in SOURCES if not name.endswith(".json")])
def test_windows_line_ends_change_nothing(tmp_path: Path, name: str) -> None:
    text = SOURCES[name]()
    unix = _read(tmp_path, name, text.encode())
    windows = _read(tmp_path, name, text.replace("\n", "\r\n").encode())
    assert unix is not None
    assert windows == unix


def test_a_saved_report_survives_its_own_damage(tmp_path: Path) -> None:
    report = read_report(VITIS / "csynth.xml")
    assert isinstance(report.used, Resources)
    save_report(report, tmp_path / "saved.json")
    content = (tmp_path / "saved.json").read_bytes()
    chance = random.Random(0)
    for _ in range(200):
        damaged = bytearray(content)
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        _read(tmp_path, "saved.json", bytes(damaged))
        _read(tmp_path, "saved.json", content[: chance.randrange(len(content))])
