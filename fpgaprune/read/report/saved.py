"""A SynthesisReport as a JSON file: how open synthesis hands over what it found, and how anybody can keep a report.

The file names its format first and carries a SHA-256 of its content, so a damaged or edited number is refused and
never read. Missing, unknown or wrongly typed entries are refused with their place.
"""

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NoReturn

from fpgaprune.errors import ReportError
from fpgaprune.results import ModuleReport, MultiplyOperator, Resources, Stage, SynthesisReport

FORMAT: Final = "fpgaprune synthesis report, version 1"
MAX_BYTES: Final = 256 * 2**20
_LARGEST: Final = 10**12

_Check = Callable[[Any, str], Any]


def save_report(report: SynthesisReport, path: Path) -> None:
    """Write `report` as JSON that `load_report` reads as the same value; `report.path` is not kept."""
    content = asdict(report)
    content["stage"] = report.stage.value
    content["written"] = None if report.written is None else report.written.isoformat()
    del content["path"]
    if not report.directives:
        del content["directives"]  # few reports state any
    if report.clock_uncertainty_ns is None:
        del content["clock_uncertainty_ns"]
    for module in content["modules"]:
        del module["path"]
    text = json.dumps(
        {"format": FORMAT, "sha256": _digest(content), "report": content}, indent=1, ensure_ascii=False, allow_nan=False
    )
    path.write_text(text + "\n", encoding="utf-8")


def load_report(path: Path) -> SynthesisReport:
    """Read what `save_report` wrote; `path` of the result is the file's own.

    Raises ReportError naming the file and the entry for anything else.
    """
    data = read_json(path)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        message = f"{path}, line 1: not a saved synthesis report (its format is not {FORMAT!r})"
        raise ReportError(message)
    reader = _Reader(path)
    content = reader.record(data, "", {"format": reader.text, "sha256": reader.text, "report": reader.anything})
    if content["sha256"] != _digest(content["report"]):
        message = f"{path}: the report was damaged or changed after it was saved: its SHA-256 differs"
        raise ReportError(message)
    return reader.report(content["report"])


def read_json(path: Path) -> Any:
    """The content of a JSON file; raises ReportError with the line where it is none, too large or repeats a name."""
    if path.stat().st_size > MAX_BYTES:
        message = f"{path} has more than {MAX_BYTES // 2**20} MB: that is no synthesis report"
        raise ReportError(message)
    try:
        return json.loads(path.read_bytes(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        message = f"{path}, line {error.lineno}: not JSON, the report is truncated or damaged ({error.msg})"
        raise ReportError(message) from error
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        message = f"{path}, line 1: the report cannot be read as JSON ({error})"
        raise ReportError(message) from error


def is_saved_report(path: Path) -> bool:
    """Whether a file starts as `save_report` writes it."""
    with path.open("rb") as stream:
        return FORMAT.encode() in stream.read(200)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "an object holds one name twice"
        raise ValueError(message)
    return found


def _no_constant(text: str) -> NoReturn:
    message = f"{text} is no number"
    raise ValueError(message)


def _digest(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class _Reader:
    """Checked JSON values; every refusal names the file and the entry."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def refuse(self, where: str, expected: str, found: Any) -> NoReturn:
        message = f"{self._path}: {where or 'the file'}: expected {expected}, found {str(found)[:40]!r}"
        raise ReportError(message)

    def record(self, data: Any, where: str, checks: Mapping[str, _Check]) -> dict[str, Any]:
        """An object with exactly these entries."""
        if not isinstance(data, dict):
            self.refuse(where, "an object", data)
        wrong = sorted(set(data) ^ set(checks))
        if wrong:
            problem = "unknown" if wrong[0] in data else "missing"
            message = f"{self._path}: {where or 'the file'}: the entry {wrong[0][:40]!r} is {problem}"
            raise ReportError(message)
        return {name: check(data[name], f"{where}.{name}".lstrip(".")) for name, check in checks.items()}

    def anything(self, value: Any, where: str) -> Any:  # noqa: ARG002 - checked by whoever takes it
        """Any value."""
        return value

    def text(self, value: Any, where: str) -> str:
        """A string."""
        if not isinstance(value, str):
            self.refuse(where, "text", value)
        return value

    def optional_text(self, value: Any, where: str) -> str | None:
        """A string or nothing."""
        return None if value is None else self.text(value, where)

    def count(self, value: Any, where: str) -> int | None:
        """A number of things, or nothing."""
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST:
            self.refuse(where, "a count", value)
        return int(value)

    def integer(self, value: Any, where: str) -> int | None:
        """Any whole number, or nothing."""
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            self.refuse(where, "a whole number", value)
        return int(value)

    def nanoseconds(self, value: Any, where: str) -> float | None:
        """A finite number of ns, or nothing."""
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self.refuse(where, "a time in ns", value)
        return float(value)

    def flag(self, value: Any, where: str) -> bool | None:
        """True, false or nothing."""
        if value is not None and not isinstance(value, bool):
            self.refuse(where, "true, false or null", value)
        return value

    def texts(self, value: Any, where: str) -> tuple[str, ...]:
        """A list of strings."""
        return tuple(self.text(entry, f"{where}[{i}]") for i, entry in enumerate(self._list(value, where)))

    def _list(self, value: Any, where: str) -> list[Any]:
        if not isinstance(value, list):
            self.refuse(where, "a list", value)
        return list(value)

    def stage(self, value: Any, where: str) -> Stage:
        """One of the stages."""
        if value not in {stage.value for stage in Stage}:
            self.refuse(where, f"one of {', '.join(Stage)}", value)
        return Stage(value)

    def moment(self, value: Any, where: str) -> datetime | None:
        """A date and time in ISO format, or nothing."""
        if value is None:
            return None
        try:
            return datetime.fromisoformat(self.text(value, where))
        except ValueError:
            self.refuse(where, "a date such as 2024-03-05T10:11:12", value)

    def resources(self, value: Any, where: str) -> Resources:
        """Counts of hardware."""
        names = ("dsp", "lut", "ff", "bram_18k", "uram")
        return Resources(**self.record(value, where, dict.fromkeys(names, self.count)))

    def multiplier(self, value: Any, where: str) -> MultiplyOperator:
        """One multiplier."""
        checks: dict[str, _Check] = dict.fromkeys(("width_a", "width_b", "dsp", "lut"), self.count)
        return MultiplyOperator(**self.record(value, where, {"name": self.text, **checks, "constant": self.integer}))

    def multipliers(self, value: Any, where: str) -> tuple[MultiplyOperator, ...]:
        """A list of multipliers."""
        return tuple(self.multiplier(entry, f"{where}[{i}]") for i, entry in enumerate(self._list(value, where)))

    def module(self, value: Any, where: str) -> ModuleReport:
        """One module."""
        counts = ("latency_cycles", "ii", "latency_min_cycles", "input_bits", "output_bits", "output_ports")
        checks: dict[str, _Check] = {
            "name": self.text,
            "used": self.resources,
            "instances": self.texts,
            "multipliers": self.multipliers,
            **dict.fromkeys(counts, self.count),
        }
        return ModuleReport(**self.record(value, where, checks), path=self._path)

    def modules(self, value: Any, where: str) -> tuple[ModuleReport, ...]:
        """A list of modules, each name once."""
        found = tuple(self.module(entry, f"{where}[{i}]") for i, entry in enumerate(self._list(value, where)))
        if len({module.name for module in found}) != len(found):
            self.refuse(where, "each module once", "a name that occurs twice")
        return found

    def report(self, value: Any) -> SynthesisReport:
        """The whole report."""
        checks: dict[str, _Check] = {
            "stage": self.stage,
            "tool": self.text,
            "tool_version": self.optional_text,
            "top": self.text,
            "part": self.optional_text,
            "clock_ns": self.nanoseconds,
            "used": self.resources,
            "available": self.resources,
            "latency_cycles": self.count,
            "ii": self.count,
            "modules": self.modules,
            "written": self.moment,
            "notes": self.texts,
            "latency_min_cycles": self.count,
            "clock_estimated_ns": self.nanoseconds,
            "wns_ns": self.nanoseconds,
            "passed": self.flag,
            "rules": self.optional_text,
        }
        if isinstance(value, dict) and "clock_uncertainty_ns" in value:
            checks["clock_uncertainty_ns"] = self.nanoseconds
        if isinstance(value, dict) and "directives" in value:
            checks["directives"] = self.texts
        return SynthesisReport(**self.record(value, "report", checks), path=self._path)
