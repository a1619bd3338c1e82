"""Clang, from the ziglang wheel or the machine: the one compiler with integers of any width."""

import importlib.util
import re
import shutil
import subprocess
import sys
from typing import Final

from fpgaprune.errors import ToolError

OLDEST_CLANG: Final = 18  # earlier ones pass and keep wide _BitInt differently
_NAMES: Final = ("clang++", "clang++-22", "clang++-21", "clang++-20", "clang++-19", "clang++-18")


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
