"""Parts in every spelling, and the counts that reports confirm."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpgaprune.device import Resources, find_device, load_catalogue
from fpgaprune.errors import DeviceError


@pytest.mark.parametrize(
    ("part", "name", "family", "block", "dsp"),
    [
        ("xc7z020clg400-1", "xc7z020", "zynq", "DSP48E1", 220),
        ("xc7z020-clg400-1", "xc7z020", "zynq", "DSP48E1", 220),
        ("XC7Z020-1CLG400C", "xc7z020", "zynq", "DSP48E1", 220),
        ("7z020clg484-3", "xc7z020", "zynq", "DSP48E1", 220),
        ("xa7z020clg484-1i", "xc7z020", "zynq", "DSP48E1", 220),
        (" xc7z007s-clg225-2 ", "xc7z007s", "zynq", "DSP48E1", 66),
        ("xc7vx690tffg1927-2", "xc7vx690t", "virtex7", "DSP48E1", 3600),
        ("xc7a35ticsg324-1L", "xc7a35t", "artix7", "DSP48E1", 90),
        ("xc7k410tfbg676-2", "xc7k410t", "kintex7", "DSP48E1", 1540),
        ("xcku115-flvb2104-2-i", "xcku115", "kintexu", "DSP48E2", 5520),
        ("xcku15p-ffve1517-2-e", "xcku15p", "kintexuplus", "DSP48E2", 1968),
        ("xczu7ev-ffvc1156-2-e", "xczu7ev", "zynquplus", "DSP48E2", 1728),
        ("xck26-sfvc784-2LV-c", "xck26", "kria", "DSP48E2", 1248),
        ("xcu250-figd2104-2L-e", "xcu250", "alveo", "DSP48E2", 12288),
        ("xcvu9p-flgb2104-2-i", "xcvu9p", "virtexuplus", "DSP48E2", 6840),
        ("xcvu13p-flga2577-2-e", "xcvu13p", "virtexuplus", "DSP48E2", 12288),
        ("xcvu13p_CIV-fhga2104-2-i", "xcvu13p", "virtexuplus", "DSP48E2", 12288),
        ("xcvc1902-vsva2197-2MP-e-S", "xcvc1902", "versal", "DSP58", 1968),
        ("xczu9eg", "xczu9eg", "zynquplus", "DSP48E2", 2520),
    ],
)
def test_a_part_is_found_in_any_spelling(part: str, name: str, family: str, block: str, dsp: int) -> None:
    device = find_device(part)
    assert (device.name, device.family, device.dsp_block.name) == (name, family, block)
    assert device.available.dsp == dsp
    assert device.part == part.strip()


def test_a_part_outside_the_file_has_its_family_and_no_counts() -> None:
    device = find_device("xczu63dr-ffvg1517-2-e")
    assert (device.name, device.family, device.dsp_block.name) == (None, "zynquplus", "DSP48E2")
    assert device.available == Resources()


def test_one_slr_is_the_share_that_hls_reports_state() -> None:
    """The rows "Available SLR" of recorded reports."""
    stated = {
        "xcu250-figd2104-2L-e": Resources(dsp=3072, lut=432000, ff=864000, bram_18k=1344, uram=320),
        "xcu280-fsvh2892-2L-e": Resources(dsp=3008, lut=434560, ff=869120, bram_18k=1344, uram=320),
        "xcu50-fsvh2104-2-e": Resources(dsp=2976, lut=435840, ff=871680, bram_18k=1344, uram=320),
        "xcvu9p-flga2104-2L-e": Resources(dsp=2280, lut=394080, ff=788160, bram_18k=1440, uram=320),
        "xcku115-flva1517-2-e": Resources(dsp=2760, lut=331680, ff=663360, bram_18k=2160, uram=0),
    }
    for part, one in stated.items():
        assert find_device(part).available_in_slr == one
    small = find_device("xc7z020clg400-1")
    assert small.available_in_slr == small.available
    assert find_device("xcvu440-flga2892-2-e").available_in_slr is None


def test_longer_device_names_win() -> None:
    assert find_device("xcvu37p-fsvh2892-2L-e").available.dsp == 9024
    assert find_device("xcvu3p-ffvc1517-2-e").available.dsp == 2280
    assert find_device("xcku3p-ffva676-1-e").family == "kintexuplus"


@pytest.mark.parametrize(
    "part", ["", "xc", "banana", "xc7z02", "xc7z999clg400-1", "xc7z020foo", "5CSEMA5F31C6", "10AX115", "x" * 4000]
)
def test_nonsense_is_refused(part: str) -> None:
    with pytest.raises(DeviceError, match="unknown part"):
        find_device(part)


def test_a_refusal_names_the_nearest_device() -> None:
    with pytest.raises(DeviceError, match=r"did you mean .*xczu7e"):
        find_device("xczu7e-ffvc1156-2-e")


def test_a_board_is_answered_with_its_part() -> None:
    with pytest.raises(DeviceError, match="its part is xc7z020clg400-1"):
        find_device("PYNQ Z2")


def test_versal_is_marked_unconfirmed() -> None:
    assert "unconfirmed" in str(find_device("xcvc1902-vsva2197-2MP-e-S").dsp_block)
    assert "unconfirmed" not in str(find_device("xczu9eg").dsp_block)


@pytest.mark.parametrize(
    ("part", "grade"),
    [
        ("xc7z020clg400-1", 1),
        ("xcu250-figd2104-2L-e", 2),
        ("xcvc1902-vsva2197-2MP-e-S", 2),
        ("XC7Z020-1CLG400C", 1),
        ("xc7a35ticsg324-1L", 1),
        ("xczu9eg", None),
    ],
)
def test_speed_grade(part: str, grade: int | None) -> None:
    assert find_device(part).speed_grade == grade


def test_every_board_and_device_of_the_file_is_found() -> None:
    catalogue = load_catalogue()
    for part in catalogue.boards.values():
        assert find_device(part).name is not None
    for name, entry in catalogue.entries.items():
        device = find_device(name)
        assert device.name == name
        assert entry.family.pattern.fullmatch(name), name
        assert re.fullmatch(r"AMD (DS|XMP)\d+", entry.source)


@given(st.text(max_size=40))
def test_any_text_is_found_or_refused(text: str) -> None:
    try:
        device = find_device(text)
    except DeviceError:
        return
    assert device.part == text.strip()


_COUNT = {"dsp": r"<DSP(?:48E)?>(\d+)<", "lut": r"<LUT>(\d+)<", "ff": r"<FF>(\d+)<", "bram_18k": r"<BRAM_18K>(\d+)<"}


@pytest.mark.shared
def test_counts_agree_with_what_reports_call_available(shared_corpus: Path) -> None:
    checked: set[str] = set()
    for path in sorted(shared_corpus.glob("*/report/*csynth.xml")):
        text = path.read_text(errors="replace")
        part = re.search(r"<Part>(.*?)</Part>", text)
        available = re.search(r"<AvailableResources>(.*?)</AvailableResources>", text, re.DOTALL)
        if part is None or available is None:
            continue
        device = find_device(part[1])
        for field, pattern in {**_COUNT, "uram": r"<URAM>(\d+)<"}.items():
            stated = re.search(pattern, available[1])
            if stated is not None:
                assert getattr(device.available, field) == int(stated[1]), (part[1], field)
        checked.add(str(device.name))
    assert len(checked) >= 9
