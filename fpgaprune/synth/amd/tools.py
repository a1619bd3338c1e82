"""Where AMD's tools are: a variable of ours, the PATH, and the folders that AMD's own settings scripts name."""

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from fpgaprune.errors import ToolError

_VERSION: Final = re.compile(r"20\d\d\.\d(\.\d)?")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A tool by what it is for: programs that do it in the order of preference, and how each takes a script.

    `variable` overrides the search; `homes` are variables of AMD's settings64.sh whose folder holds `bin`.
    """

    name: str
    programs: tuple[str, ...]
    variable: str
    homes: tuple[str, ...]


TOOLS: Final[Mapping[str, Wanted]] = MappingProxyType({
    "vitis_hls": Wanted("vitis_hls", ("vitis_hls", "vitis-run"), "FPGAPRUNE_VITIS_HLS", ("XILINX_HLS", "XILINX_VITIS")),
    "vivado_hls": Wanted("vivado_hls", ("vivado_hls",), "FPGAPRUNE_VIVADO_HLS", ("XILINX_HLS", "XILINX_VIVADO")),
    "vivado": Wanted("vivado", ("vivado",), "FPGAPRUNE_VIVADO", ("XILINX_VIVADO",)),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class AmdTool:
    """A program that was found; `version` as its folder is called, None where that does not tell."""

    name: str
    path: str
    version: str | None

    def command(self, script: str) -> tuple[str, ...]:
        """The argument list that runs a Tcl script in batch mode.

        UG1399 for `vitis_hls -f` and, since 2024.2 has no vitis_hls, `vitis-run --mode hls --tcl`; UG835 for Vivado.
        """
        program = Path(self.path).name
        if "vitis-run" in program:
            return (self.path, "--mode", "hls", "--tcl", script)
        if self.name == "vivado":
            return (self.path, "-mode", "batch", "-nojournal", "-log", "vivado.log", "-source", script)
        return (self.path, "-f", script)


def find_tool(name: str) -> AmdTool:
    """The tool called `name` (vitis_hls, vivado_hls, vivado).

    Raises ToolError saying where it was looked for and which variable names it.
    """
    wanted = TOOLS[name]
    asked = os.environ.get(wanted.variable, "").strip()
    if asked:
        found = shutil.which(asked)
        if found is None:
            message = f"the environment variable {wanted.variable} asks for {asked!r}, which is not a program"
            raise ToolError(message)
        return AmdTool(name, found, version_of(found))
    for program in wanted.programs:
        found = locate(wanted, program)
        if found is not None:
            return AmdTool(name, found, version_of(found))
    homes = ", ".join(f"${home}/bin" for home in wanted.homes)
    message = (
        f"{' and '.join(wanted.programs)} not found: looked on the PATH and in {homes}; source AMD's settings64.sh, or "
        f"name the program in {wanted.variable}"
    )
    raise ToolError(message)


def is_installed(name: str) -> bool:
    """Whether `find_tool` finds it."""
    try:
        find_tool(name)
    except ToolError:
        return False
    return True


def locate(wanted: Wanted, program: str) -> str | None:
    """The path of `program`: on the PATH, else in the folders of AMD's settings scripts; None in neither."""
    on_path = shutil.which(program)
    if on_path is not None:
        return on_path
    for variable in wanted.homes:
        home = os.environ.get(variable, "").strip()
        found = shutil.which(program, path=str(Path(home) / "bin")) if home else None
        if found is not None:
            return found
    return None


def version_of(path: str) -> str | None:
    """AMD installs every version in a folder called by it."""
    return next((part for part in Path(path).parts if _VERSION.fullmatch(part)), None)
