"""Compiles the layers of a project to LLVM's text, unoptimized."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fpgaprune.process import run_program
from fpgaprune.templates import template_folder

_SECONDS: Final = 600.0
_FLAGS: Final = (
    "-std=c++17", "-D__SYNTHESIS__", "-DNDEBUG", "-O1", "-g0", "-w", "-ffp-contract=off", "-fno-exceptions",
    "-fno-threadsafe-statics", "-fconstexpr-steps=2000000000", "-fbracket-depth=65536",
    "-Xclang", "-disable-llvm-passes", "-S", "-emit-llvm",
)  # fmt: skip


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
