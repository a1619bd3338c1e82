"""What a synthesis depends on in a project."""

from hashlib import sha256
from pathlib import Path

from fpgaprune.errors import ProjectError


def firmware_digest(project: Path) -> str:
    """SHA-256 over the C++ of a project, generated and edited alike; raises ProjectError where there is none."""
    firmware = project / "firmware"
    sources = sorted(path for pattern in ("*.h", "*.cpp", "*/*.h") for path in firmware.glob(pattern))
    if not sources:
        message = f"{project} is no hls4ml project: it has no C++ in a folder 'firmware'"
        raise ProjectError(message)
    total = sha256()
    for path in sources:
        total.update(path.relative_to(firmware).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()
