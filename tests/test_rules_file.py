"""Rule files: read, written, refused, and in force."""

from pathlib import Path

import numpy as np
import pytest
from estimate_designs import dense, design, dsp, one, source
from hypothesis import given
from hypothesis import strategies as st

from fpgaprune.config.rules_file import Evidence, RuleFile, Thresholds, read_rules, render_rules, write_rules
from fpgaprune.errors import ConfigError
from fpgaprune.estimate import Residual, rules_for
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.flow.estimation import choose_rules, estimate_for

MINE = """
tool = "vitis_hls"
source = "3 reports of our own, Vitis HLS 2024.2"
first_version = "2024.2"
last_version = "2025.2"

[thresholds]
min_wide = 10

[combinational_ns]
"ultrascale+-2" = 2.5

[[residual]]
case = "latency, reuse factor 1"
layers = 3
exact = 3
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(MINE, encoding="utf-8")
    return path


def test_a_file_changes_what_it_names_and_keeps_the_rest(file: Path) -> None:
    rules = read_rules(file).rules("2025.2")
    plain = rules_for("vitis_hls", "2024.2")
    assert (rules.min_wide, plain.min_wide) == (10, 11)
    assert (rules.min_narrow, rules.free_digits) == (plain.min_narrow, plain.free_digits)
    assert rules.combinational_ns["ultrascale+", 2] == 2.5
    assert rules.residuals == (Residual("latency, reuse factor 1", 3, 3),)
    assert not rules.extrapolated  # 2025.2 is outside the package's range, but the file answers for it
    assert "adjusted" in rules.label


def test_a_version_outside_the_file_is_extrapolated(file: Path) -> None:
    rules = read_rules(file).rules("2023.1")
    assert rules.extrapolated
    assert any("2023.1 lies outside" in note for note in rules.notes)


def test_the_changed_threshold_decides(file: Path) -> None:
    codes = np.array([[45, 0], [0, 77]])
    narrow = FixedPoint(10, 10)
    assert dsp(one(codes, rules_for("vitis_hls"), data=narrow)) == 0
    assert dsp(one(codes, choose_rules(None, file, "vitis_hls"), data=narrow)) == 2


def test_a_file_of_another_tool_than_asked_is_refused(file: Path) -> None:
    with pytest.raises(ConfigError, match="changes the rules of vitis_hls, but vivado_hls was asked for"):
        choose_rules("vivado_hls:2019.2", file, "vitis_hls")
    assert choose_rules(None, file, "vivado_hls").tool == "vitis_hls"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('tool = "vitis_hls"', "source: field required"),
        (MINE.replace("min_wide", "min_width"), "thresholds.min_width"),
        (MINE.replace("= 10", '= "10"'), "thresholds.min_wide"),
        (MINE.replace("vitis_hls", "quartus", 1), "unknown synthesis tool 'quartus'"),
        (MINE.replace("2025.2", "new"), "'new' is not a tool version"),
        (MINE.replace("ultrascale+-2", "ultrascale"), "is not ARCHITECTURE-SPEEDGRADE"),
        ("tool = [", "not a file of rules that can be read"),
    ],
)
def test_wrong_files_are_refused_by_name(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_rules(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


@given(
    st.text(min_size=1).filter(str.isprintable),
    st.integers(0, 64) | st.none(),
    st.booleans() | st.none(),
    st.lists(st.builds(Evidence, threshold=st.just("min_wide"), text=st.text()), max_size=2),
)
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    source: str,
    wide: int | None,
    fuses: bool | None,
    evidence: list[Evidence],
) -> None:
    rules = RuleFile(
        tool="vivado_hls",
        source=source,
        label="ours",
        first_version="2019.1",
        thresholds=Thresholds(min_wide=wide, fuses_lanes=fuses, uncertainty=0.125),
        combinational_ns={"7series-1": 5.25},
        residuals=(Residual("resource", 4, 3),),
        evidence=tuple(evidence),
    )
    path = tmp_path_factory.mktemp("rules") / "rules.toml"
    write_rules(rules, path)
    assert read_rules(path) == rules
    assert render_rules(read_rules(path)) == render_rules(rules)


def test_an_estimate_by_a_file_says_so(file: Path) -> None:
    net = design(source(2), dense("fc", "in", [[45, 0], [0, 77]], data=FixedPoint(10, 10)))
    estimate = estimate_for(net, rules=file)
    assert estimate.dsp.json() == 2
    assert "adjusted" in estimate.rules
    assert estimate.rules_source == "3 reports of our own, Vitis HLS 2024.2"
