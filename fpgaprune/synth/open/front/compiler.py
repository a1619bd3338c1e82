"""Compiles the layers of a project to LLVM's text, unoptimized."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fpgaprune.errors import ProgramError, ToolError
from fpgaprune.process import run_program
from fpgaprune.templates import template_folder

_SECONDS: Final = 600.0
_NO_SPACE: Final = re.compile(r"no ?space ?left", re.IGNORECASE)
_FLAGS: Final = (
    "-std=c++17", "-D__SYNTHESIS__", "-DNDEBUG", "-O1", "-g0", "-w", "-ffp-contract=off", "-fno-exceptions",
    "-fno-threadsafe-statics", "-fconstexpr-steps=2000000000", "-fbracket-depth=65536",
    "-Xclang", "-disable-llvm-passes", "-S", "-emit-llvm",
)  # fmt: skip


def compile_layers(clang: Sequence[str], firmware: Path, source: Path, streams: int) -> str:
    """LLVM's text of `source`, compiled with the headers of the project and our types.

    `streams` is the most packets that a stream of the network holds. Raises ProgramError for C++ that clang refuses,
    and ToolError for what says nothing of the C++: a missing or killed clang, a full disk.
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
    what = f"compiling {source.name}"
    target.unlink(missing_ok=True)  # of an earlier run
    try:
        said = run_program(command, what, source.parent, _SECONDS, log=f"{source.stem}.log").strip()
    except ProgramError as error:
        if _NO_SPACE.search(str(error)):
            raise ToolError(str(error)) from error
        raise
    # Zig's clang ends well even where the disk is too full for what it made; warnings are off.
    if re.search(r"\berror\b", said) or not target.is_file():
        message = f"{what} went wrong: {said or f'it wrote no {target}'}"
        raise ToolError(message)
    return target.read_text(encoding="utf-8", errors="replace")
