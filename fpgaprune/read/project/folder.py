"""Reading text from a project folder that a stranger may have written: inside it, of a bounded size, or not at all."""

from collections.abc import Iterator
from pathlib import Path

from fpgaprune.errors import ProjectError

_LARGEST = 1 << 30  # bytes; the weights of the largest network that fits a device are far smaller


def _nearby(root: Path) -> str:
    """Where the project probably is, for the end of an error's sentence."""
    around = [parent for parent in root.parents[:2] if (parent / "firmware").is_dir()]
    below = sorted(folder.parent for pattern in ("*/firmware", "*/*/firmware") for folder in root.glob(pattern))
    found = [*around, *below]
    if not found:
        return ""
    others = f" (or one of {len(found) - 1} others)" if len(found) > 1 else ""
    return f"; {found[0]} has one{others}: name that"


class ProjectFolder:
    """A generated project; every path is relative to it and stays within it."""

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            message = f"{root} is not a folder: give the folder that holds hls4ml's firmware/ and project.tcl"
            raise ProjectError(message)
        self.root = root.resolve()
        if not (self.root / "firmware").is_dir():
            message = f"{root} has no folder firmware/: it is not a project that hls4ml wrote{_nearby(self.root)}"
            raise ProjectError(message)

    def has(self, relative: str) -> bool:
        """Whether that file is there and lies within the folder."""
        return self._inside(relative) and (self.root / relative).is_file()

    def text(self, relative: str) -> str:
        """The file as text; raises ProjectError when it is missing, outside, not text, or too large."""
        return self.data(relative).decode("latin-1")

    def data(self, relative: str) -> bytes:
        """The file as bytes; raises as `text` does."""
        path = self.root / relative
        if not self._inside(relative):
            message = f"{relative} leads out of the project {self.root}: refused"
            raise ProjectError(message)
        try:
            if path.stat().st_size > _LARGEST:
                message = f"{path} is larger than {_LARGEST >> 20} MiB: not a file that hls4ml writes"
                raise ProjectError(message)
            content = path.read_bytes()
        except OSError as error:
            message = f"the project {self.root} lacks {relative} ({error.strerror})"
            raise ProjectError(message) from error
        if b"\0" in content:
            message = f"{path} is not text"
            raise ProjectError(message)
        return content

    def listing(self, relative: str, suffix: str) -> Iterator[str]:
        """Relative paths of the files with that suffix directly in a sub-folder, sorted."""
        folder = self.root / relative
        if folder.is_dir() and self._inside(relative):
            for path in sorted(folder.iterdir()):
                name = f"{relative}/{path.name}"
                if path.suffix == suffix and self.has(name):
                    yield name

    def _inside(self, relative: str) -> bool:
        try:
            return (self.root / relative).resolve().is_relative_to(self.root)
        except (OSError, RuntimeError, ValueError):  # a loop of links, or a NUL in the name
            return False
