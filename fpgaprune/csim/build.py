"""Builds the C simulation of an hls4ml project beside it, once for each state of its sources."""

import hashlib
from pathlib import Path
from shutil import rmtree
from string import Template
from tempfile import mkdtemp

from fpgaprune.csim.buffers import tabulate_buffers
from fpgaprune.csim.compiler import Compiler, find_compiler
from fpgaprune.csim.simulation import Simulation
from fpgaprune.csim.source import Top, insert_recordings, read_top
from fpgaprune.errors import ProjectError
from fpgaprune.process import run_program
from fpgaprune.templates import read_template

BUILD_TIMEOUT_SECONDS = 1800.0
RUN_TIMEOUT_SECONDS = 1800.0
_PROGRAM = "simulate"
_GENERATED_HEADER = "nnet_code_gen.h"


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
    top = read_top(project)
    compiler = compiler or find_compiler()
    source, recorded = insert_recordings(top)
    texts = {
        "recording.h": read_template("csim/recording.h"),
        "driver.cpp": _driver(top, len(recorded)),
        "top.cpp": source,
        _GENERATED_HEADER: _generated_header(project),
    }
    flags = _flags(project, compiler)
    folder = project / "fpgaprune" / "csim" / _digest(project, compiler, flags, texts)
    if not (folder / _PROGRAM).is_file():
        _build(project, folder, texts, [*compiler.command, *flags], timeout_seconds)
    return Simulation(
        folder / _PROGRAM, project / "firmware" / "weights", top.inputs, top.outputs, recorded, run_timeout_seconds
    )


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


def _digest(project: Path, compiler: Compiler, flags: list[str], texts: dict[str, str]) -> str:
    total = hashlib.sha256()

    def add(*parts: bytes) -> None:
        for part in parts:
            total.update(len(part).to_bytes(8, "little") + part)

    add(*(word.encode() for word in (*compiler.command, *flags)))
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


def _build(project: Path, folder: Path, texts: dict[str, str], command: list[str], timeout_seconds: float) -> None:
    """Build in a temporary folder and rename it, so that an interrupted build is never taken for a finished one."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        building = Path(mkdtemp(prefix="building-", dir=folder.parent))
    except OSError as error:
        message = f"the C simulation cannot be built in {folder.parent}: {error.strerror}"
        raise ProjectError(message) from error
    try:
        for name, text in texts.items():
            (building / name).write_text(text, encoding="utf-8")
        firmware = project / "firmware"
        places = [building, firmware, firmware / "ap_types", firmware / "nnet_utils", project]
        includes = [f"-I{place}" for place in places]
        run_program(
            [*command, *includes, "driver.cpp", "-o", _PROGRAM],
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
