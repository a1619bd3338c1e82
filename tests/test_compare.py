"""The comparison with reports: stages, staleness, and in words where differences come from."""

import json
import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vivado_reports
from estimate_designs import VITIS, dense, design, source

from fpgaprune.cli import main
from fpgaprune.compare import compare
from fpgaprune.compare.trust import own_functions
from fpgaprune.design import Design, LayerKind, LayerSpec, save_design
from fpgaprune.errors import ProjectError, ReportError
from fpgaprune.estimate import estimate_design
from fpgaprune.flow.estimation import compare_project
from fpgaprune.read.report import read_stages, save_report
from fpgaprune.render import comparison_sheet
from fpgaprune.render.sheet import to_csv, to_markdown
from fpgaprune.results import (
    Bound,
    Comparison,
    ModuleReport,
    MultiplyOperator,
    Resources,
    Stage,
    SynthesisReport,
    Verdict,
)

CODES = np.array([[45, 0, -77], [0, 91, 101], [13, 7, 0]])  # six products of three digits and more but for the 7
PART = "xcu250-figd2104-2L-e"
MODULE = "dense_latency_ap_fixed_16_16_5_3_0_ap_fixed_16_16_5_3_0_config2_s"
MODULES = ((16, 7), (16, 8), (16, 8), (16, 8), (16, 5))


def _network(**facts: Any) -> Design:
    layer = dense("fc", "in", CODES, config="config2", **facts)
    return design(source(3), layer)


def _report(**changes: Any) -> SynthesisReport:
    multipliers = tuple(MultiplyOperator(f"mul_{i}", a, b, 1) for i, (a, b) in enumerate(MODULES))
    dense_module = ModuleReport(MODULE, Resources(5, 200, 100, 0, 0), 2, 1, multipliers=multipliers)
    report = SynthesisReport(
        stage=Stage.CSYNTH,
        tool="vitis_hls",
        tool_version="2023.2",
        top="net",
        part=PART,
        clock_ns=5.0,
        used=Resources(5, 210, 130, 0, 0),
        available=Resources(12288, 1728000, 3456000, 5376, 1280),
        latency_cycles=3,
        ii=1,
        modules=(ModuleReport("net", Resources(5, 210, 130, 0, 0), instances=(MODULE,)), dense_module),
        written=datetime(2024, 3, 5, 10),
    )
    return replace(report, **changes)


def _vsynth(**changes: Any) -> SynthesisReport:
    return replace(_report(stage=Stage.VSYNTH, tool="vivado", modules=(), written=datetime(2024, 3, 5, 11)), **changes)


def _compare(report: SynthesisReport, *others: SynthesisReport, network: Design | None = None) -> Comparison:
    network = network or _network()
    return compare(network, estimate_design(network, VITIS), report, others=others)


def test_the_report_of_the_same_weights_agrees() -> None:
    comparison = _compare(_report())
    assert comparison.verdict is Verdict.AGREES
    assert (comparison.stale, comparison.basis, comparison.explanations) == (False, Stage.CSYNTH, ())
    row = comparison.rows[-1]
    assert (row.reported, row.module, row.evidence) == (5, MODULE, "configuration name")
    assert row.reported_by("lut", Stage.CSYNTH) == 200
    assert row.reported_by("latency_cycles", Stage.CSYNTH) == 2
    assert comparison.total.reported_by("ii", Stage.CSYNTH) == 1


def _foreign_module(name: str, **changes: Any) -> SynthesisReport:
    report = _report()
    top, module = report.modules
    return replace(
        report,
        modules=(replace(top, instances=(name,)), replace(module, name=name, **changes)),
        used=replace(report.used, dsp=9),
    )


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (_foreign_module(MODULE.replace("config2", "config9")), "modules for config9"),
        (_foreign_module("dense_array_array_ap_fixed_3u_config2_s"), "works on streams"),
        (_foreign_module("relu_ap_fixed_16_16_5_3_0_config2_s"), "bears the number of fc, which is dense"),
        (_foreign_module(MODULE.replace("16_16", "12_4")), "ap_fixed<12,4>"),
        (_foreign_module("pointwise_conv_1d_latency_cl_0_0_0_0_0"), "no function of any kind of layer"),
        (_foreign_module("gru_stack_0_0_s"), "no function of any kind of layer"),
        (
            _foreign_module(MODULE, multipliers=tuple(MultiplyOperator(f"m{i}", 16, 12, 1) for i in range(5))),
            "5 of the 5 constants",
        ),
    ],
)
def test_a_stale_report_is_called_stale_and_no_error_of_the_model(report: SynthesisReport, words: str) -> None:
    comparison = _compare(report)
    assert comparison.stale
    assert comparison.verdict is Verdict.UNKNOWN
    assert any(words in reason for reason in comparison.reasons)
    assert not any("do not hold" in said for said in comparison.explanations)
    assert "the report is stale" in comparison_sheet(comparison).summary[0]


def test_a_kernel_that_takes_a_cycle_for_every_weight_is_not_by_the_rules() -> None:
    """262 200 weights took 1 062 314 cycles in a public project whose pragmas had been removed."""
    network = design(source(20), dense("fc", "in", np.full((20, 1), 91), config="config2"))
    report = _report()
    top, module = report.modules
    looped = replace(module, ii=120, multipliers=module.multipliers[:1], used=replace(module.used, dsp=1))
    report = replace(report, modules=(top, looped), used=replace(report.used, dsp=1))
    comparison = _compare(report, network=network)
    assert comparison.verdict is Verdict.UNKNOWN
    once = replace(report, modules=(top, replace(looped, ii=1)))
    assert "starts once in 120 cycles, where fc has the reuse factor 1" in (own_functions(network, report) or "")
    assert own_functions(network, once) is None


def test_another_number_of_multiplications_is_of_other_weights() -> None:
    report = _report()
    top, module = report.modules
    multipliers = (*module.multipliers, *(MultiplyOperator(f"more_{i}", 16, 8, 1) for i in range(3)))
    more = replace(report, modules=(top, replace(module, multipliers=multipliers, used=replace(module.used, dsp=8))))
    comparison = _compare(replace(more, used=replace(report.used, dsp=8)))
    assert (comparison.stale, comparison.verdict) == (True, Verdict.UNKNOWN)
    fewer = replace(module, multipliers=module.multipliers[:2], used=replace(module.used, dsp=2))
    comparison = _compare(_report(modules=(top, fewer), used=replace(report.used, dsp=2)))
    assert any("multiplies 2 times, and the weights of fc ask for 5" in reason for reason in comparison.reasons)


def test_functions_that_are_not_of_hls4ml_leave_the_verdict_open() -> None:
    network = _network(attributes={"own_function": "dense_mine"})
    comparison = _compare(_report(used=Resources(50, 210, 130, 0, 0)), network=network)
    assert (comparison.verdict, comparison.stale) == (Verdict.UNKNOWN, False)
    assert "functions of its own, dense_mine: what they cost" in comparison.reasons[0]
    assert _compare(_report(), network=network).verdict is Verdict.AGREES
    product = ModuleReport("product_dense_ap_fixed_ap_fixed_ap_fixed_s", Resources(1, 0, 0, 0, 0))
    report = _report(used=Resources(50, 210, 130, 0, 0))
    comparison = _compare(replace(report, modules=(*report.modules, product)))
    assert (comparison.verdict, "a single product, product_dense" in comparison.reasons[0]) == (Verdict.UNKNOWN, True)


def test_a_total_without_a_layer_that_is_not_estimated_is_no_disagreement() -> None:
    odd = LayerSpec("odd", LayerKind.OTHER, ("fc",), (1,), (1,), None, operation="nnet::layernormalize")
    network = design(*_network().layers, odd)
    more, less = (_compare(_report(used=Resources(dsp, 210, 130, 0, 0)), network=network) for dsp in (50, 1))
    assert (more.verdict, more.total.verdict) == (Verdict.UNKNOWN, Verdict.UNKNOWN)
    assert "not in the total: odd" in more.reasons[0]
    assert less.verdict is less.total.verdict is Verdict.DISAGREES


def test_a_top_that_wraps_the_network_is_not_held_against_its_estimate() -> None:
    inner = _report()
    wrapper = ModuleReport("net_axi", Resources(7, 900, 800, 4, 0), 60, 60, instances=("net",))
    report = _report(top="net_axi", used=wrapper.used, latency_cycles=60, ii=60, modules=(wrapper, *inner.modules))
    network = replace(_network(), name="net")
    comparison = _compare(report, network=network)
    assert comparison.verdict is Verdict.AGREES
    assert (comparison.total.reported, comparison.total.module) == (5, "net")
    assert comparison.total.reported_by("lut", Stage.CSYNTH) == 210
    # The module of the network says nothing of its cycles here, and the wrapper's are not its own.
    assert comparison.total.reported_by("latency_cycles", Stage.CSYNTH) is None
    assert any("adds 2 DSPs, 690 LUTs" in reason for reason in comparison.reasons)
    other = _compare(report, network=replace(network, name="another"))
    assert other.total.reported == 7


def test_a_disagreement_names_the_layer_and_its_rule() -> None:
    report = _foreign_module(MODULE, used=Resources(9, 200, 100, 0, 0))
    comparison = _compare(report)
    assert comparison.verdict is Verdict.DISAGREES
    assert not comparison.stale
    assert any(said.startswith("fc: -4 DSPs") for said in comparison.explanations)


@pytest.mark.parametrize(
    ("before", "after", "wide", "words"),
    [
        (Resources(dsp=300), _vsynth(used=Resources(dsp=220), available=Resources(dsp=220)), 1, "over capacity"),
        (Resources(dsp=300), _vsynth(used=Resources(dsp=100)), 100, "prefers in LUTs"),
        (Resources(dsp=300), _vsynth(used=Resources(dsp=299)), 1, "within the usual"),
        (Resources(dsp=300), _vsynth(used=Resources(dsp=200)), 1, "no known reason"),
        (Resources(dsp=300), _vsynth(used=Resources(dsp=900)), 1, "of another run"),
        (
            Resources(dsp=300),
            _vsynth(used=Resources(dsp=300), written=datetime(2024, 3, 1)),
            1,
            "it is of an earlier run",
        ),
        (Resources(dsp=300), _vsynth(part="xc7z020clg400-1"), 1, "for the part xc7z020clg400-1"),
    ],
)
def test_what_logic_synthesis_changed_is_said_in_words(
    before: Resources, after: SynthesisReport, wide: int, words: str
) -> None:
    multipliers = (MultiplyOperator("w", 32, 25, wide * 2),)
    modules = (ModuleReport("net", before, multipliers=multipliers if wide > 1 else ()),)
    comparison = _compare(_report(used=before, available=Resources(dsp=250), modules=modules), after)
    assert any(words in said for said in comparison.explanations)
    assert comparison.total.reported_by("dsp", Stage.VSYNTH) == after.used.dsp


def test_a_part_spelled_by_vivado_is_the_same_part() -> None:
    assert _compare(_report(), _vsynth(part="xcu250figd2104-2L")).explanations == ()


def test_stages_have_columns_errors_and_sources() -> None:
    rules = _vsynth(stage=Stage.OPEN, tool="yosys", rules="vitis_hls", used=Resources(dsp=5))
    cosim = _vsynth(stage=Stage.COSIM, tool="cosim", used=Resources(), passed=False, latency_cycles=3)
    comparison = _compare(_report(), _vsynth(used=Resources(dsp=5, lut=90)), rules, cosim)
    sheet = comparison_sheet(comparison)
    rows = [line.split(",") for line in to_csv(sheet).splitlines()]
    total = dict(zip(rows[0], rows[-1], strict=True))
    assert (total["dsp_csynth"], total["dsp_vsynth"], total["dsp_open"], total["relative_error"]) == (
        "5",
        "5",
        "5",
        "0 %",
    )
    text = to_markdown(sheet)
    for words in ("open: yosys 2023.2, rules vitis\\_hls".replace("\\_", "_"), "vsynth 90", "co-simulation failed"):
        assert words in text
    data = json.loads(json.dumps(comparison.json()))
    assert list(data["stages"]) == ["csynth", "cosim", "vsynth", "open"]
    figures = data["total"]["figures"]
    assert figures["lut"]["reported"] == {"csynth": 210, "vsynth": 90}
    assert figures["lut"]["error"]["vsynth"] is None  # the estimate of LUTs is one of C synthesis
    assert figures["lut_after_synthesis"]["error"]["vsynth"] is not None
    assert {"design", "verdict", "tolerance", "rules", "report", "reasons", "total", "layers"} <= set(data)


def test_claimed_zeros_and_capacity_are_remarks() -> None:
    network = _network(claimed_zeros=0)
    report = _report(available=Resources(dsp=4, lut=100))
    reasons = " ".join(_compare(report, network=network).reasons)
    assert "fc (0, not 3)" in reasons
    assert "needs 5 DSPs and" in reasons
    assert "needs 210 LUTs and" in reasons


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with Vivado's reports, a co-simulation and a saved report, where the tools leave them."""
    places: dict[str, str] = {
        "vivado_synth.rpt": vivado_reports.utilization(design="net"),
        "net_prj/solution1/sim/report/net_cosim.rpt": vivado_reports.COSIM,
        "net_prj/solution1/impl/verilog/timing.rpt": vivado_reports.timing().replace("myproject", "net"),
        "net_prj/solution1/impl/verilog/util.rpt": vivado_reports.utilization("Routed", "net"),
        "net_vivado_accelerator/project_1.runs/synth_1/x.rpt": vivado_reports.utilization("Synthesized", "other"),
        "net_vivado_accelerator/project_1.runs/impl_1/broken.rpt": vivado_reports.utilization("Routed", "net")[:2500],
    }
    for name, text in places.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "open").mkdir()
    save_report(replace(_report(), stage=Stage.OPEN, rules="vitis_hls"), tmp_path / "open" / "report.json")
    return tmp_path


def test_the_stages_of_a_project_are_found_where_tools_leave_them(project: Path) -> None:
    found = read_stages(project, "net")
    stages = {report.stage: report for report in found.reports}
    assert set(stages) == {Stage.COSIM, Stage.VSYNTH, Stage.IMPL, Stage.OPEN}
    assert (stages[Stage.IMPL].used.dsp, stages[Stage.IMPL].wns_ns) == (220, -0.25)  # area and timing in one
    assert any("broken.rpt" in note for note in found.notes)
    assert stages[Stage.OPEN].modules == tuple(
        replace(module, path=stages[Stage.OPEN].path) for module in _report().modules
    )


def test_reports_can_be_named_one_per_stage(tmp_path: Path) -> None:
    save_design(_network(), tmp_path / "net.npz")
    for name, report in (("c.json", _report()), ("v.json", _vsynth()), ("again.json", _report())):
        save_report(report, tmp_path / name)
    comparison = compare_project(tmp_path / "net.npz", tmp_path / "v.json", tmp_path / "c.json")
    assert [facts.stage for facts in comparison.stages] == [Stage.CSYNTH, Stage.VSYNTH]
    assert (comparison.verdict, comparison.basis) == (Verdict.AGREES, Stage.CSYNTH)
    with pytest.raises(ReportError, match="one per stage"):
        compare_project(tmp_path / "net.npz", tmp_path / "c.json", tmp_path / "again.json")
    with pytest.raises(ReportError, match="has to be named"):
        compare_project(tmp_path / "net.npz")


@pytest.mark.parametrize(("own", "reported", "expected"), [(None, 5.0, 1), (None, 10.0, 0), (5.0, 10.0, 0)])
def test_a_comparison_is_at_the_clock_of_the_report(
    tmp_path: Path, own: float | None, reported: float, expected: int
) -> None:
    """Vivado HLS multiplies by 11 in LUTs where that fits the clock period, and in a pipelined DSP where not."""
    part = "xc7z020clg400-1"
    network = design(source(1), dense("fc", "in", [[11]], config="config2"), part=part, clock_ns=own)
    save_design(network, tmp_path / "net.npz")
    report = _report(tool="vivado_hls", tool_version="2019.2", part=part, clock_ns=reported)
    save_report(report, tmp_path / "c.json")
    found = compare_project(tmp_path / "net.npz", tmp_path / "c.json")
    assert found.rows[-1].estimated == Bound.exactly(expected)
    assert any("a clock of 10 ns, the project asks for 5 ns" in said for said in found.reasons) == (own is not None)


def test_what_a_report_keeps_back_of_the_clock_counts(tmp_path: Path) -> None:
    """Vivado HLS pipelines 11 x 16 bits (4.1 ns) at 5 ns where it keeps 27 % back, and not where it keeps 12.5 %."""
    part = "xc7z020clg400-2"
    network = design(source(1), dense("fc", "in", [[11]], config="config2"), part=part, clock_ns=5.0)
    save_design(network, tmp_path / "net.npz")
    found = []
    for kept in (0.625, 1.35):
        report = _report(tool="vivado_hls", tool_version="2019.2", part=part, clock_ns=5.0, clock_uncertainty_ns=kept)
        save_report(report, tmp_path / "c.json")
        found.append(compare_project(tmp_path / "net.npz", tmp_path / "c.json").rows[-1].estimated)
    assert found == [Bound.exactly(0), Bound.exactly(1)]


def test_open_synthesis_alone_decides_by_its_own_rules(tmp_path: Path) -> None:
    save_design(_network(), tmp_path / "net.npz")
    save_report(_report(stage=Stage.OPEN, tool="yosys", rules="vitis_hls"), tmp_path / "open.json")
    comparison = compare_project(tmp_path / "net.npz", tmp_path / "open.json")
    assert (comparison.basis, comparison.verdict) == (Stage.OPEN, Verdict.AGREES)
    assert "vitis_hls" in comparison.rules


@pytest.mark.parametrize("form", ["text", "json", "csv", "md"])
def test_the_verb_writes_every_format_and_takes_a_rule_file(
    tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    save_design(_network(), tmp_path / "net.npz")
    save_report(_report(used=Resources(dsp=0), modules=()), tmp_path / "c.json")
    rules = tmp_path / "rules.toml"
    rules.write_text('tool = "vitis_hls"\nsource = "ours"\n[thresholds]\nmin_wide = 40\n')
    arguments = [str(tmp_path / "net.npz"), str(tmp_path / "c.json"), "--format", form]
    for more, code in (([], 1), (["--rules", str(rules)], 0)):
        with pytest.raises(SystemExit) as stopped:
            main(["compare", *arguments, *more])
        assert int(stopped.value.code or 0) == code
    assert "agrees" in capsys.readouterr().out


@pytest.mark.parametrize(("filed", "stale"), [(datetime(2024, 3, 5, 12), True), (datetime(2025, 1, 1), False)])
def test_files_tell_age_only_where_their_times_are_their_own(
    tmp_path: Path, filed: datetime, stale: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkout gives every file the same late time; there, sources written later tell nothing."""
    (tmp_path / "firmware").mkdir()
    source_file = tmp_path / "firmware" / "parameters.h"
    source_file.write_text("")
    monkeypatch.setattr("fpgaprune.flow.estimation.design_of", lambda _: _network())
    path = tmp_path / "c.json"
    save_report(_report(used=Resources(dsp=50)), path)
    os.utime(path, (filed.timestamp(),) * 2)
    os.utime(source_file, (filed.timestamp() + 3600,) * 2)
    comparison = compare_project(tmp_path, path)
    assert comparison.stale is stale
    assert comparison.verdict is (Verdict.UNKNOWN if stale else Verdict.DISAGREES)


# What the corpus' own STATUS.json calls fine though the report has other layers than the project.
UNLISTED = {"Lrozzy__hls4ml-tutorial__quantized_pruned_cnn"}
# What it calls stale, but multiplies as its quantizers say, whose generated code the corpus leaves out.
NOT_STALE = {"Lrozzy__hls4ml-tutorial__model_3.1-hls4ml_prj"}


@pytest.mark.shared
@pytest.mark.slow
def test_stale_reports_of_the_corpus_are_caught_and_no_others(
    shared_corpus: Path, corpus_index: list[dict[str, str]]
) -> None:
    stale = {row["project"] for row in corpus_index if row["status"] in {"stale", "vsynth_mismatch"}}
    caught, refused, later = set(), set(), set()
    for row in corpus_index:
        try:
            comparison = compare_project(shared_corpus / row["project"])
        except ProjectError:  # the firmware contradicts itself: nothing is said of its report
            refused.add(row["project"])
            continue
        if comparison.stale:
            caught.add(row["project"])
        if any("stale" in said for said in comparison.explanations):
            later.add(row["project"])
    assert refused <= stale
    assert caught == (stale - refused - NOT_STALE) | UNLISTED
    assert later == {row["project"] for row in corpus_index if row["status"] == "vsynth_mismatch"}
