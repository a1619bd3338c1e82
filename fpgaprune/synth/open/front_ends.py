"""Which front end turns the generated C++ of a project into netlists: each registers itself here under its name."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from fpgaprune.design import Design
from fpgaprune.errors import ToolError
from fpgaprune.registry import Registry
from fpgaprune.synth.open.storage import Network

# Given a project, its design and a folder to work in. An attribute `version`, if there is one, says of what the
# netlists depend besides the C++: compiler and pass list.
FrontEnd = Callable[[Path, Design, Path], Network]

FRONT_ENDS: Final[Registry[FrontEnd]] = Registry("front end of open synthesis")


def find_front_end() -> FrontEnd:
    """The front end that was registered first; raises ToolError where there is none."""
    import fpgaprune.synth.open.front  # noqa: F401, PLC0415  (registers itself)

    for name in FRONT_ENDS:
        return FRONT_ENDS[name]
    message = "open synthesis needs a front end that compiles C++ to netlists, and none is installed"
    raise ToolError(message)
