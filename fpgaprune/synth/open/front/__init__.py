"""The front end of open synthesis: a project's generated C++, compiled by clang, to netlists, one per layer."""

from hashlib import sha256
from pathlib import Path

from fpgaprune.clang import clang_version
from fpgaprune.design import Design
from fpgaprune.synth.open.front.project import netlists_of
from fpgaprune.synth.open.front_ends import FRONT_ENDS
from fpgaprune.synth.open.storage import Network
from fpgaprune.templates import read_template, template_names


class ClangFrontEnd:
    """Compiles by clang with integers of any width, and follows what it gives."""

    def __call__(self, project: Path, design: Design, folder: Path) -> Network:
        """The netlists of a project's layers, compiled in `folder`; layers that cannot be are refused with a reason.

        Raises ProjectError for what is no project, and ToolError when clang is missing or compiles none of it.
        """
        return netlists_of(project, design, folder)

    @property
    def version(self) -> str:
        """Compiler and headers, by which a rerun knows that netlists are unchanged."""
        digest = sha256(clang_version().encode())
        for name in template_names():
            if name.startswith("open/"):
                digest.update(read_template(name).encode())
        return f"4 {digest.hexdigest()[:16]}"


front_end = FRONT_ENDS.register("clang", ClangFrontEnd())

__all__ = ["ClangFrontEnd", "front_end"]
