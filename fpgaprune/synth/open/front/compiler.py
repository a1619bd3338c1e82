"""Clang, from the ziglang wheel or the machine: the one compiler with integers of any width."""

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fpgaprune.errors import ToolError
from fpgaprune.process import run_program
from fpgaprune.templates import template_folder

OLDEST_CLANG: Final = 18  # earlier ones pass and keep wide _BitInt differently
_NAMES: Final = ("clang++", "clang++-22", "clang++-21", "clang++-20", "clang++-19", "clang++-18")
_SECONDS: Final = 600.0
_FLAGS: Final = (
    "-std=c++17", "-D__SYNTHESIS__", "-DNDEBUG", "-O1", "-g0", "-w", "-ffp-contract=off", "-fno-exceptions",
    "-fno-threadsafe-statics", "-fconstexpr-steps=2000000000", "-fbracket-depth=65536",
    "-Xclang", "-disable-llvm-passes", "-S", "-emit-llvm",
)  # fmt: skip


def find_clang() -> tuple[str, ...]:
    """The start of a command that compiles C++: clang of the ziglang wheel, else one on the path.

    Raises ToolError when there is neither.
    """
    if importlib.util.find_spec("ziglang") is not None:
        return (sys.executable, "-m", "ziglang", "c++", "-fno-sanitize=undefined")
    for name in _NAMES:
        found = shutil.which(name)
        if found is not None and _version(found) >= OLDEST_CLANG:
            return (found,)
    message = (
        f"open synthesis needs clang {OLDEST_CLANG} or newer, and none is on the path: install it, or the one from a "
        "wheel with: pip install 'fpgaprune[synth]'"
    )
    raise ToolError(message)


def _version(program: str) -> int:
    try:
        told = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r"version (\d+)", told)
    return int(found[1]) if found else 0


def compile_layers(clang: Sequence[str], firmware: Path, source: Path, streams: int) -> str:
    """LLVM's text of `source`, compiled with the headers of the project and our types; raises ToolError.

    `streams` is the most packets that a stream of the network holds.
    """
    target = source.with_suffix(".ll")
    places = (template_folder() / "open", firmware, firmware / "nnet_utils")
    command = [
        *clang,
        *_FLAGS,
        f"-DFPGAPRUNE_STREAM_DEPTH={max(streams, 64)}",
        *(f"-I{place}" for place in places),
        str(source),
        "-o",
        str(target),
    ]
    run_program(command, f"compiling {source.name}", source.parent, _SECONDS, log=f"{source.stem}.log")
    return target.read_text(encoding="utf-8", errors="replace")
