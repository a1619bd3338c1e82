"""Builds the C simulation of an hls4ml project beside it, once for each state of its sources.

There are two. hls4ml's own takes AMD's simulation headers, which every project carries. The fast one takes the types of
`hls_templates/open` on clang's integers of any width, and as little of the C++ library as firmware needs, so that clang
has a fraction to read and to compile. Both compute the same.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from shutil import rmtree
from string import Template
from tempfile import mkdtemp

from fpgaprune.clang import find_clang
from fpgaprune.csim.buffers import tabulate_buffers
from fpgaprune.csim.compiler import Compiler, find_compiler
from fpgaprune.csim.simulation import Simulation
from fpgaprune.csim.source import Top, insert_recordings, read_top
from fpgaprune.errors import ProjectError, ToolError
from fpgaprune.process import run_program
from fpgaprune.templates import read_template, template_folder, template_names

BUILD_TIMEOUT_SECONDS = 1800.0
RUN_TIMEOUT_SECONDS = 1800.0
_PROGRAM = "simulate"
_GENERATED_HEADER = "nnet_code_gen.h"
_REASON_CHARACTERS = 300
_FAST_FLAGS = (
    "-std=c++17", "-O2", "-g0", "-w", "-ffp-contract=off", "-pthread", "-fno-exceptions", "-fno-rtti",
    "-fno-threadsafe-statics", "-fbracket-depth=65536", "-nostdinc++", "-nostdlib++", "-include", "simulation.h",
)  # fmt: skip


def build_simulation(
    project: Path,
    *,
    compiler: Compiler | None = None,
    timeout_seconds: float = BUILD_TIMEOUT_SECONDS,
    run_timeout_seconds: float = RUN_TIMEOUT_SECONDS,
) -> Simulation:
    """Compile the hls4ml project (backend Vivado or Vitis) in the folder `project` for the machine it is on.

    The program goes to `project/fpgaprune/csim`, the project's own files are left alone, and an unchanged project is
    not compiled again. Raises ProjectError when the project is incomplete, ToolError when there is no compiler, the
    compiler refuses the code, or `timeout_seconds` pass.
    """
    project = project.resolve()
    compiler = compiler or find_compiler()
    top = read_top(project)
    firmware = project / "firmware"
    places = [firmware, firmware / "ap_types", firmware / "nnet_utils", project]
    return _built(
        project,
        top,
        _Recipe("csim", (*compiler.command, *_flags(project, compiler)), places, ""),
        f"hls4ml's own types, compiled by {compiler.name}",
        timeout_seconds,
        run_timeout_seconds,
    )


def build_fast_simulation(
    project: Path,
    *,
    timeout_seconds: float = BUILD_TIMEOUT_SECONDS,
    run_timeout_seconds: float = RUN_TIMEOUT_SECONDS,
) -> Simulation:
    """Like `build_simulation`, by clang with our own types and C++ library, in `project/fpgaprune/fast_csim`.

    Raises ToolError also when there is no clang, or when the firmware uses what our headers do not have.
    """
    project = project.resolve()
    top = read_top(project)
    firmware, ours = project / "firmware", template_folder()
    places = [ours / "native", ours / "native" / "std", ours / "open", firmware, firmware / "nnet_utils", project]
    return _built(
        project,
        top,
        _Recipe("fast_csim", (*find_clang(), *_FAST_FLAGS), places, _own_headers()),
        "fpgaprune's own types, compiled by clang",
        timeout_seconds,
        run_timeout_seconds,
    )


class Headers(StrEnum):
    """Whose C++ types a simulation is compiled with: ours for speed, hls4ml's, or whichever can be had, ours first."""

    AUTO = "auto"
    FPGAPRUNE = "fpgaprune"
    HLS4ML = "hls4ml"


def build_simulation_with(project: Path, headers: Headers = Headers.AUTO) -> Simulation:
    """The simulation with the types asked for; where AUTO falls back to hls4ml's, `Simulation.types` says why.

    A compiler asked for by $CXX is heeded under AUTO: it compiles hls4ml's. Raises like `build_simulation`.
    """
    if headers is Headers.FPGAPRUNE:
        return build_fast_simulation(project)
    if headers is Headers.HLS4ML or os.environ.get("CXX", "").strip():
        return build_simulation(project)
    try:
        return build_fast_simulation(project)
    except ToolError as error:
        reason = str(error)
    simulation = build_simulation(project)
    return replace(simulation, types=f"{simulation.types}, as {_first_sentence(reason)}")


def _first_sentence(text: str) -> str:
    return text.split("; ", maxsplit=1)[0][:_REASON_CHARACTERS]


@dataclass(frozen=True)
class _Recipe:
    """How to compile: where the result goes beside the project, the command, where headers lie, what they are."""

    folder: str
    command: Sequence[str]
    places: Sequence[Path]
    headers: str  # a digest of those that are not the project's own


def _own_headers() -> str:
    """A digest of our headers: others make another program."""
    total = hashlib.sha256()
    for name in template_names():
        if name.startswith(("native/", "open/")):
            total.update(read_template(name).encode())
    return total.hexdigest()


def _built(
    project: Path, top: Top, recipe: _Recipe, types: str, timeout_seconds: float, run_timeout_seconds: float
) -> Simulation:
    source, recorded = insert_recordings(top)
    texts = {
        "recording.h": read_template("csim/recording.h"),
        "driver.cpp": _driver(top, len(recorded)),
        "top.cpp": source,
        _GENERATED_HEADER: _generated_header(project),
    }
    folder = project / "fpgaprune" / recipe.folder / _digest(project, recipe, texts)
    if not (folder / _PROGRAM).is_file():
        _build(project, folder, texts, recipe, timeout_seconds)
    weights = project / "firmware" / "weights"
    return Simulation(folder / _PROGRAM, weights, top.inputs, top.outputs, recorded, run_timeout_seconds, types)


def _driver(top: Top, n_recordings: int) -> str:
    arguments = [f"x[{i}].data()" for i in range(len(top.inputs))]
    arguments += [f"y[{i}].data()" for i in range(len(top.outputs))]
    includes = ["ap_fixed.h", "ap_int.h", _GENERATED_HEADER, "top.cpp", top.bridge.name]
    return Template(read_template("csim/driver.cpp")).substitute(
        includes="\n".join(f'#include "{name}"' for name in includes),
        input_sizes=", ".join(str(port.size) for port in top.inputs),
        output_sizes=", ".join(str(port.size) for port in top.outputs),
        n_inputs=len(top.inputs),
        n_outputs=len(top.outputs),
        n_recordings=n_recordings,
        call=f"{top.name}_double({', '.join(arguments)})",
    )


def _generated_header(project: Path) -> str:
    """The header with generated code; empty, and so without effect, when the project has none."""
    header = project / "firmware" / "nnet_utils" / _GENERATED_HEADER
    return tabulate_buffers(header.read_text(encoding="utf-8", errors="replace")) if header.is_file() else ""


def _flags(project: Path, compiler: Compiler) -> list[str]:
    defines = (project / "firmware" / "defines.h").read_text(encoding="utf-8", errors="replace")
    standard = "c++23" if "stdfloat" in defines else "c++17"
    flags = [f"-std={standard}", "-O1", "-w", "-ffp-contract=off", "-pthread"]
    if compiler.is_zig:
        flags.append("-fno-sanitize=undefined")
    return flags


def _digest(project: Path, recipe: _Recipe, texts: Mapping[str, str]) -> str:
    total = hashlib.sha256()

    def add(*parts: bytes) -> None:
        for part in parts:
            total.update(len(part).to_bytes(8, "little") + part)

    add(*(word.encode() for word in (*recipe.command, recipe.headers)))
    for name, text in texts.items():
        add(name.encode(), text.encode())
    sources = [
        *project.glob("*_bridge.cpp"),
        *(project / "firmware").rglob("*.h"),
        *(project / "firmware").glob("*.cpp"),
    ]
    for path in sorted(sources):
        add(path.relative_to(project).as_posix().encode(), path.read_bytes())
    return total.hexdigest()[:16]


def _write(building: Path, texts: Mapping[str, str]) -> None:
    try:
        for name, text in texts.items():
            (building / name).write_text(text, encoding="utf-8")
    except OSError as error:
        message = f"the C simulation cannot be built in {building.parent}: {error.strerror}"
        raise ProjectError(message) from error


def _build(project: Path, folder: Path, texts: Mapping[str, str], recipe: _Recipe, timeout_seconds: float) -> None:
    """Build in a temporary folder and rename it, so that an interrupted build is never taken for a finished one."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        building = Path(mkdtemp(prefix="building-", dir=folder.parent))
    except OSError as error:
        message = f"the C simulation cannot be built in {folder.parent}: {error.strerror}"
        raise ProjectError(message) from error
    try:
        _write(building, texts)
        includes = [f"-I{place}" for place in (building, *recipe.places)]
        run_program(
            [*recipe.command, *includes, "driver.cpp", "-o", _PROGRAM],
            f"compiling the C simulation of {project.name}",
            building,
            timeout_seconds,
        )
        for old in folder.parent.iterdir():
            if old != building and not old.name.startswith("building-"):
                rmtree(old, ignore_errors=True)
        if not (folder / _PROGRAM).is_file():  # unless another process was quicker
            building.replace(folder)
    finally:
        rmtree(building, ignore_errors=True)
