"""Errors meant for users: each is a sentence that says what was asked, what is wrong, what would work."""

from collections.abc import Iterable
from difflib import get_close_matches


class FpgapruneError(Exception):
    """Base of every error a user can cause or cure; the CLI prints it and exits with code 2."""


class ModelError(FpgapruneError):
    """A model file cannot be loaded, or holds something this project cannot convert."""


class ProjectError(FpgapruneError):
    """An HLS project folder is missing, truncated, or not what hls4ml writes."""


class ReportError(FpgapruneError):
    """A synthesis report is truncated, foreign or inconsistent."""


class DesignError(FpgapruneError):
    """A design value is malformed, or a saved design cannot be read."""


class EmulationError(FpgapruneError):
    """A design holds something that the emulator does not compute, or the inputs do not fit it."""


class DeviceError(FpgapruneError):
    """A part is unknown."""


class ConfigError(FpgapruneError):
    """A recipe, flag or layer selection does not make sense."""


class ToolError(FpgapruneError):
    """An external program is missing, failed or ran out of time."""


class ProgramError(ToolError):
    """An external program ended by itself with an exit code: it refuses what it was given, or cannot write."""


class UnsupportedError(ToolError):
    """A layer is outside what open synthesis can do: the reason stands in its row instead of a number."""


class DependencyError(FpgapruneError):
    """An optional dependency is not installed or clashes with another one."""


def unknown_choice(what: str, asked: str, choices: Iterable[str]) -> str:
    """Sentence for a name that is not among the choices, nearest names first."""
    known = sorted(choices)
    near = get_close_matches(asked, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return f"unknown {what} {asked!r}: {hint}known are {', '.join(known)}"
