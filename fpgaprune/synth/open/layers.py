"""The Verilog modules of a network, one per layer, and the steps that synthesize them."""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fpgaprune.errors import UnsupportedError
from fpgaprune.estimate.pricing import Pricing
from fpgaprune.synth.open.evaluate import evaluate
from fpgaprune.synth.open.lanes import MultiplexedLayer
from fpgaprune.synth.open.lanes_verilog import lanes_verilog
from fpgaprune.synth.open.netlist import Netlist, multipliers
from fpgaprune.synth.open.positions import OnePosition
from fpgaprune.synth.open.verilator import Module, Port
from fpgaprune.synth.open.verilog import input_pins, netlist_verilog, output_pins
from fpgaprune.synth.open.yosys import DSP_STAT, FULL_STAT, SCRIPT, Depth, Target, Yosys, script_texts
from fpgaprune.synth.plan import Step
from fpgaprune.templates import read_template

SOURCE = "layer.v"


@dataclass(frozen=True)
class LayerModule:
    """One layer as Verilog: what it is made of, the module's name, and the multipliers of all `copies` of it."""

    name: str
    top: str
    text: str
    multipliers: int
    module: Module
    netlist: Netlist | None = None
    multiplexed: MultiplexedLayer | None = None
    turns: OnePosition | None = None
    windows: NDArray[np.int64] | None = None  # (positions, inputs): what each position's are; -1 for 0
    copies: int = 1
    note: str | None = None  # how the module relates to the layer, where it is not all of it

    @property
    def elements(self) -> tuple[int, ...]:
        """Which of the layer's inputs, counted through, the module's data ports are."""
        if self.netlist is not None:
            return tuple(pin.element for pin in input_pins(self.netlist))
        return tuple(range(len(self.module.inputs)))

    def evaluate(self, data: NDArray[np.int64]) -> NDArray[np.int64]:
        """Codes (samples, outputs) of the whole layer for codes (samples, inputs); raises UnsupportedError for none."""
        if self.windows is not None:
            padded = np.concatenate([data, np.zeros((len(data), 1), dtype=np.int64)], axis=1)
            return np.concatenate([self._once(padded[:, window]) for window in self.windows], axis=1)
        return self._once(data) if self.turns is None else self.turns.evaluate(data)

    def _once(self, data: NDArray[np.int64]) -> NDArray[np.int64]:
        if self.multiplexed is not None:
            return self.multiplexed.evaluate(data)
        if self.netlist is None:
            message = f"the layer {self.name} has nothing to compute it with"
            raise UnsupportedError(message)
        return evaluate(self.netlist, data)

    @property
    def files(self) -> dict[str, str]:
        """The Verilog files a simulation needs, by name."""
        return {f"{self.top}.v": self.text, "multiply.v": read_template("synth/open/multiply.v")}


def module_name(layer: str, config: str | None) -> str:
    """A Verilog identifier that carries the layer's name and, as reports of HLS tools do, its configuration."""
    words = re.sub(r"\W", "_", layer, flags=re.ASCII)
    return f"layer_{words}" + (f"_{re.sub(r'[^A-Za-z0-9_]', '_', config)}" if config else "")


def module_of_netlist(netlist: Netlist, top: str, pricing: Pricing, unread: Collection[int]) -> LayerModule:
    """The layer whose C++ became `netlist`, under the rules of `pricing`."""
    ports = Module(
        top,
        tuple(Port(pin.name, pin.bits, pin.signed) for pin in input_pins(netlist)),
        tuple(Port(pin.name, pin.bits, pin.signed) for pin in output_pins(netlist, unread)),
    )
    text = netlist_verilog(netlist, top, pricing, unread)
    return LayerModule(netlist.name, top, text, count_multipliers(netlist, pricing), ports, netlist)


def module_of_position(turns: OnePosition, top: str, pricing: Pricing) -> LayerModule:
    """A layer whose positions take turns on `turns.copies` of the module."""
    module = module_of_netlist(turns.netlist, top, pricing, turns.unread)
    note = f"one position's hardware; each of the {turns.positions} waits its turn"
    if turns.copies > 1:
        note = f"{turns.copies} copies of one position's hardware, for {turns.positions} positions in turns"
    multipliers = module.multipliers * turns.copies
    return replace(module, multipliers=multipliers, turns=turns, copies=turns.copies, note=note)


def module_of_window(
    netlist: Netlist, top: str, pricing: Pricing, windows: NDArray[np.int64], copies: int
) -> LayerModule:
    """A layer of whose positions `netlist` is one, on `copies` of it."""
    module = module_of_netlist(netlist, top, pricing, frozenset())
    note = f"{'one' if copies == 1 else copies} of {len(windows)} positions at a time"
    multipliers = module.multipliers * copies
    return replace(module, multipliers=multipliers, windows=windows, copies=copies, note=note)


def module_of_lanes(
    layer: MultiplexedLayer, top: str, source: str, *, windows: NDArray[np.int64] | None = None, copies: int = 1
) -> LayerModule:
    """A layer on shared multipliers, built from `source`; one with `windows` is `copies` of what computes one."""
    inputs = tuple(Port(f"x{i}", layer.data.width, layer.data.signed) for i in range(layer.inputs))
    outputs = tuple(Port(f"y{j}", layer.result.width, layer.result.signed) for j in layer.outputs)
    ports = Module(top, inputs, outputs, timed=True)
    note = f"{layer.cycles} cycles on shared multipliers, built from {source}"
    if windows is not None:
        note += f", for {'one' if copies == 1 else copies} of {len(windows)} positions at a time"
    module = LayerModule(layer.name, top, lanes_verilog(layer, top), layer.multipliers * copies, ports)
    return replace(module, multiplexed=layer, windows=windows, copies=copies, note=note)


def count_multipliers(netlist: Netlist, pricing: Pricing) -> int:
    """The products of a netlist that need a multiplier under the rules; equal ones on one value count once.

    Yosys multiplies by the odd part of a constant: there c and 2c on one value are one.
    """
    rules = pricing.rules
    found = multipliers(netlist, min_digits=rules.free_digits + 1)
    if not rules.strips_zeros:
        return len(found)
    variable = sum(1 for one in found if one.code is None)
    return variable + len({(one.operand, one.code // (one.code & -one.code)) for one in found if one.code is not None})


def yosys_step(
    name: str, folder: Path, texts: dict[str, str], yosys: Yosys, depth: Depth, *, timeout_seconds: float
) -> Step:
    """The step that runs Yosys on one layer in `folder`."""
    return Step(
        name=f"{name}/yosys",
        what=f"Yosys on the layer {name}",
        folder=folder,
        command=(*yosys.command, SCRIPT),
        texts=texts,
        facts=yosys.version,
        outputs=(DSP_STAT, FULL_STAT) if depth is Depth.FULL else (DSP_STAT,),
        timeout_seconds=timeout_seconds,
    )


def texts_of(module: LayerModule, pricing: Pricing, target: Target, depth: Depth) -> dict[str, str]:
    """What Yosys reads for one layer, by file name."""
    return {SOURCE: module.text, **script_texts(SOURCE, module.top, pricing, target, depth)}
