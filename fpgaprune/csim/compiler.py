"""Which C++ compiler builds the simulation: the machine's own, else the one that comes as a wheel."""

import importlib.util
import os
import shlex
import shutil
import sys
from dataclasses import dataclass

from fpgaprune.errors import ToolError

_ON_PATH = ("g++", "c++", "clang++")


@dataclass(frozen=True)
class Compiler:
    """A C++ compiler as the start of an argument list, e.g. ("g++",)."""

    command: tuple[str, ...]
    name: str

    @property
    def is_zig(self) -> bool:
        """Whether this is the clang inside the ziglang wheel, which has flags of its own."""
        return self.name == "ziglang"


def find_compiler() -> Compiler:
    """The compiler named by $CXX, else g++, c++ or clang++ on the path, else the one from the ziglang wheel.

    Raises ToolError naming the choices when there is none, or when $CXX names no program.
    """
    asked = os.environ.get("CXX", "").strip()
    if asked:
        return _named(asked)
    for name in _ON_PATH:
        found = shutil.which(name)
        if found:
            return Compiler((found,), name)
    if importlib.util.find_spec("ziglang") is not None:
        return Compiler((sys.executable, "-m", "ziglang", "c++"), "ziglang")
    message = (
        "C simulation needs a C++ compiler, and none of g++, c++ and clang++ is on the path: "
        "install one, or the one from a wheel with: pip install 'fpgaprune[compiler]'"
    )
    raise ToolError(message)


def _named(asked: str) -> Compiler:
    words = shlex.split(asked)
    found = shutil.which(words[0]) if words else None
    if found is None:
        message = f"the environment variable CXX asks for {asked!r}, which is not a program on the path"
        raise ToolError(message)
    return Compiler((found, *words[1:]), words[0])
