"""Yosys: where it is, the scripts it is given, and what its cell counts say."""

import importlib.util
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from string import Template
from typing import Final

from fpgaprune.device import Device
from fpgaprune.errors import DeviceError, ToolError
from fpgaprune.estimate.pricing import Pricing
from fpgaprune.read.report.yosys import read_stat_json
from fpgaprune.results import Resources
from fpgaprune.templates import read_template

VARIABLE: Final = "FPGAPRUNE_YOSYS"
SCRIPT: Final = "synth.ys"
DSP_STAT: Final = "dsp.json"
FULL_STAT: Final = "full.json"
_DSP_CELLS: Final = "dsp_cells.v"
# Yosys' errors end the process it runs in, so the wheel's library gets a process of its own.
_RUN_IN_WHEEL: Final = (
    "import sys; from pyosys import libyosys as yosys; "
    "yosys.run_pass('script ' + sys.argv[1], yosys.Design()); sys.stdout.flush()"
)
_SERIES7: Final = frozenset({"spartan7", "artix7", "kintex7", "virtex7", "zynq"})
_ULTRASCALE: Final = frozenset({"kintexu", "virtexu"})


class Depth(StrEnum):
    """How far the synthesis goes."""

    DSP = "dsp"
    FULL = "full"


# Fabric is mapped to cells of all kinds; DSPs are counted with no more than the cells of the DSP blocks.
_CELLS: Final = {
    Depth.DSP: f"read_verilog -lib {_DSP_CELLS}",
    Depth.FULL: "read_verilog -lib -specify +/xilinx/cells_sim.v\nread_verilog -lib +/xilinx/cells_xtra.v",
}


@dataclass(frozen=True)
class Yosys:
    """Yosys as the start of an argument list that ends with the name of a script."""

    command: tuple[str, ...]
    version: str


@dataclass(frozen=True)
class Target:
    """What Yosys calls a device: its family, and the map for its DSP block."""

    family: str
    dsp_map: str
    dsp_name: str
    long_bits: int
    short_bits: int


def find_yosys() -> Yosys:
    """Yosys as $FPGAPRUNE_YOSYS names it, else from the pyosys wheel, else the program on the path.

    Raises ToolError saying where it was looked for.
    """
    asked = os.environ.get(VARIABLE, "").strip()
    if asked:
        words = shlex.split(asked)
        found = shutil.which(words[0]) if words else None
        if found is None:
            message = f"the environment variable {VARIABLE} asks for {asked!r}, which is not a program"
            raise ToolError(message)
        return Yosys((found, *words[1:], "-s"), f"as {VARIABLE} says")
    if importlib.util.find_spec("pyosys") is not None:
        return Yosys((sys.executable, "-c", _RUN_IN_WHEEL), metadata.version("pyosys"))
    found = shutil.which("yosys")
    if found is not None:
        return Yosys((found, "-s"), "of the path")
    message = (
        "open synthesis needs Yosys: no Python package pyosys and no program yosys on the path; "
        f"install it with: pip install 'fpgaprune[synth]', or name a program in {VARIABLE}"
    )
    raise ToolError(message)


def target_of(device: Device) -> Target:
    """How Yosys knows `device`; raises DeviceError for a family it has no DSP map for."""
    block = device.dsp_block
    if device.family in _SERIES7:
        return Target("xc7", "xc7_dsp_map.v", "$__MUL25X18", 25, 18)
    if block.name != "DSP48E2":
        message = f"{device.part}: Yosys has no map for {block}; open synthesis knows 7-series, UltraScale, UltraScale+"
        raise DeviceError(message)
    family = "xcu" if device.family in _ULTRASCALE else "xcup"
    return Target(family, "xcu_dsp_map.v", "$__MUL27X18", 27, 18)


def script_texts(source: str, top: str, pricing: Pricing, target: Target, depth: Depth) -> Mapping[str, str]:
    """The script for the module `top` in the Verilog file `source`, with the files it reads besides; by file name."""
    rules = pricing.rules
    # A project may ask for all multiplications in DSPs, or none of them.
    thresholds = {"dsp": (0, 0), "fabric": (1 << 16, 1 << 16)}
    min_wide, min_narrow = thresholds.get(pricing.implementation or "", (rules.min_wide, rules.min_narrow))
    names = {
        "source": source,
        "top": top,
        "family": target.family,
        "dsp_map": target.dsp_map,
        "dsp_name": target.dsp_name,
        "long": target.long_bits,
        "short": target.short_bits,
        "min_wide": min_wide,
        "min_narrow": min_narrow,
        "cells": _CELLS[depth],
    }
    raw = rules.tool == "yosys"
    parts = ["begin_yosys.ys" if raw else "begin_hls.ys", *(["full.ys"] if depth is Depth.FULL else [])]
    script = "".join(Template(read_template(f"synth/open/{part}")).substitute(names) for part in parts)
    texts = {SCRIPT: script}
    if not raw:
        cells = (_DSP_CELLS,) if depth is Depth.DSP else ()
        texts |= {name: read_template(f"synth/open/{name}") for name in ("multiply.v", "multiply_map.v", *cells)}
    return texts


def read_resources(folder: Path, depth: Depth) -> tuple[Resources, str | None]:
    """What the script counted in `folder`, and Yosys' version; raises ReportError for a damaged file.

    At DSP depth everything but the DSPs is None: nothing else was mapped.
    """
    report = read_stat_json(folder / DSP_STAT)
    if depth is Depth.DSP:
        return Resources(dsp=report.used.dsp), report.tool_version
    return read_stat_json(folder / FULL_STAT).used, report.tool_version
