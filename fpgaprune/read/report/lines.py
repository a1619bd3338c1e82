"""The lines of a text report, refused where the file cannot be a whole one."""

from pathlib import Path
from typing import Final

from fpgaprune.errors import ReportError

MAX_BYTES: Final = 128 * 2**20  # the largest real one seen has 3 MB


def read_lines(path: Path) -> list[str]:
    """The lines of a text report.

    Raises ReportError for one that is empty, too large, binary, or whose last line has no end: every tool ends its
    last line, so a number there may be cut.
    """
    size = path.stat().st_size
    if size > MAX_BYTES:
        message = f"{path} has more than {MAX_BYTES // 2**20} MB: that is no synthesis report"
        raise ReportError(message)
    content = path.read_bytes()
    if not content.strip():
        message = f"{path}, line 1: the report is empty"
        raise ReportError(message)
    nul = content.find(b"\0")
    if nul >= 0:
        message = f"{path}, line {content.count(10, 0, nul) + 1}: the file is binary, and no report"
        raise ReportError(message)
    lines = content.decode("utf-8", errors="replace").replace("\r\n", "\n").split("\n")
    if lines[-1].strip():
        message = f"{path}, line {len(lines)}: the last line does not end, the report is truncated"
        raise ReportError(message)
    return lines[:-1]
