"""Some points of a sweep synthesized: openly or by AMD's tools, each in a folder of its own that is kept."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from shutil import rmtree
from typing import Any, Final

from fpgaprune.errors import ConfigError, FpgapruneError, unknown_choice
from fpgaprune.flow.amd_synthesis import AmdSettings, synthesize_amd
from fpgaprune.flow.open_job import OpenSettings
from fpgaprune.flow.open_synthesis import synthesize_open
from fpgaprune.results.sweep import PointResult, SweepResult
from fpgaprune.sweep.evaluate import Evaluation
from fpgaprune.sweep.export import PROJECT, export_point
from fpgaprune.synth.amd import AmdStage
from fpgaprune.synth.open.front_ends import find_front_end

FOLDER: Final = "synth"
_RECORD: Final = "synthesis.json"
GROUPS: Final = ("front", "knee", "all")


class Synthesizer(StrEnum):
    """Who synthesizes: clang and Yosys, AMD's C synthesis, or that and logic synthesis."""

    OPEN = "open"
    VITIS = "vitis"
    VIVADO = "vivado"


@dataclass(frozen=True, slots=True)
class PointSynthesis:
    """What synthesis made of a point, beside what was expected; or why there is nothing.

    `dsp` and `lut` are None where the tool does not tell: open synthesis counts DSPs, and none in all where it cannot
    do a layer. `agrees` says whether the DSPs are those expected, None where not all of them are known.
    """

    point: str
    digest: str
    tool: str
    dsp_low: int | None
    dsp_high: int | None
    dsp: int | None = None
    lut: int | None = None
    agrees: bool | None = None
    note: str | None = None
    error: str | None = None

    def sentence(self) -> str:
        """The point in a line."""
        low, high = self.dsp_low, self.dsp_high
        expected = f"{low}" if low == high else f"{low} to {high}"
        if self.error is not None:
            return f"{self.point}: not synthesized: {self.error}"
        found = "an unknown number of" if self.dsp is None else str(self.dsp)
        verdict = {True: "as expected", False: f"{expected} expected", None: f"of {expected} expected"}[self.agrees]
        note = "" if self.note is None else f" ({self.note})"
        return f"{self.point}: {found} DSPs by {self.tool} synthesis, {verdict}{note}"


def chosen_points(result: SweepResult, which: str) -> tuple[PointResult, ...]:
    """The points of `front`, `knee` or `all`, or the one of that name, each under its best seed.

    Raises ConfigError with the choices.
    """
    knee = () if result.knee is None else (result.knee,)
    groups = {"front": result.front, "knee": knee, "all": result.complete}
    named = groups.get(which) or tuple(point for point in result.complete if point.name == which)
    if not named and which not in groups:
        raise ConfigError(unknown_choice("point to synthesize", which, [*GROUPS, *(p.name for p in result.front)]))
    return tuple(point.best for point in named)


def synthesize_points(
    points: Sequence[PointResult],
    evaluation: Evaluation,
    output: Path,
    tool: Synthesizer,
    say: Callable[[str], None],
) -> tuple[PointSynthesis, ...]:
    """Each point exported, verified and synthesized in `output`/synth/NAME; what is there already is read.

    A point that fails is a record with its reason, and is tried again the next time.
    """
    found = []
    for number, point in enumerate(points, start=1):
        say(f"synthesizing {point.recipe.name}, {number} of {len(points)}")
        found.append(_kept_or_made(point, evaluation, output / FOLDER / point.recipe.name, tool))
    return tuple(found)


def _kept_or_made(point: PointResult, evaluation: Evaluation, folder: Path, tool: Synthesizer) -> PointSynthesis:
    kept = _kept(folder / _RECORD, point, tool)
    if kept is not None:
        return kept
    empty = PointSynthesis(point.recipe.name, point.digest, tool.value, point.dsp_low, point.dsp_high)
    try:
        if not _is_of(folder, point):
            if folder.exists():
                rmtree(folder)
            export_point(point, evaluation, folder)
        made = _made(folder / PROJECT, empty, tool, evaluation.job.sweep.hardware.tool)
    except FpgapruneError as error:
        return PointSynthesis(**{**asdict(empty), "error": str(error)})
    beside = folder / f".{_RECORD}.partial"
    beside.write_text(json.dumps(asdict(made), indent=2) + "\n", encoding="utf-8")
    beside.replace(folder / _RECORD)
    return made


def _made(project: Path, empty: PointSynthesis, tool: Synthesizer, rules: str | None) -> PointSynthesis:
    facts: dict[str, Any] = asdict(empty)
    if tool is Synthesizer.OPEN:
        named = None if rules is None else rules.partition(":")[0]
        opened = synthesize_open(project, OpenSettings(rules=named), find_front_end())
        missing = [layer.name for layer in opened.layers if layer.reason is not None]
        done = sum(layer.used.dsp or 0 for layer in opened.layers if layer.used is not None)
        note = f"{done} in all layers but {', '.join(missing)}, which cannot be done openly" if missing else None
        agrees = False if opened.disagreeing else None if missing else True
        return PointSynthesis(**{**facts, "dsp": opened.report.used.dsp, "agrees": agrees, "note": note})
    stage = AmdStage.CSYNTH if tool is Synthesizer.VITIS else AmdStage.VSYNTH
    reports = synthesize_amd(project, AmdSettings(stage)).reports
    used = reports[-1].used
    within = None if used.dsp is None or empty.dsp_low is None else empty.dsp_low <= used.dsp <= (empty.dsp_high or 0)
    return PointSynthesis(**{**facts, "dsp": used.dsp, "lut": used.lut, "agrees": within})


def _is_of(folder: Path, point: PointResult) -> bool:
    return _read(folder / "point.json").get("digest") == point.digest


def _kept(path: Path, point: PointResult, tool: Synthesizer) -> PointSynthesis | None:
    facts = _read(path)
    if facts.get("digest") != point.digest or facts.get("tool") != tool.value:
        return None
    try:
        return PointSynthesis(**facts)
    except TypeError:  # of another version: made again
        return None


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
