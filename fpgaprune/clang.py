"""Clang, from the ziglang wheel or the machine: the one compiler with integers of any width."""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib import metadata
from typing import Final

from fpgaprune.errors import ToolError

OLDEST_CLANG: Final = 18  # earlier ones pass and keep wide _BitInt differently
VARIABLE: Final = "FPGAPRUNE_CLANG"
_NAMES: Final = ("clang++", "clang++-22", "clang++-21", "clang++-20", "clang++-19", "clang++-18")


def find_clang() -> tuple[str, ...]:
    """The start of a command that compiles C++: clang as $FPGAPRUNE_CLANG says, of the ziglang wheel, or on the path.

    Raises ToolError saying where it was looked for.
    """
    asked = os.environ.get(VARIABLE, "").strip()
    if asked:
        words = shlex.split(asked)
        program = shutil.which(words[0]) if words else None
        if program is None:
            message = f"the environment variable {VARIABLE} asks for {asked!r}, which is not a program"
            raise ToolError(message)
        return (program, *words[1:])
    if importlib.util.find_spec("ziglang") is not None:
        return (sys.executable, "-m", "ziglang", "c++", "-fno-sanitize=undefined")
    for name in _NAMES:
        found = shutil.which(name)
        if found is not None and _version(found) >= OLDEST_CLANG:
            return (found,)
    message = (
        f"clang {OLDEST_CLANG} or newer is needed, and there is no Python package ziglang and none on the path; "
        f"install it with: pip install 'fpgaprune[synth]', or name a program in {VARIABLE}"
    )
    raise ToolError(message)


def clang_version() -> str:
    """The command and version of `find_clang`, by which results are known to be another compiler's."""
    command = find_clang()
    wheel = metadata.version("ziglang") if "ziglang" in command else _version(command[0])
    return f"{' '.join(command)} {wheel}"


def _version(program: str) -> int:
    try:
        told = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r"version (\d+)", told)
    return int(found[1]) if found else 0
