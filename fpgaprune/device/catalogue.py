"""Find the device a part string names, in a file of AMD's data-sheet counts."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import resources
from typing import Any

from fpgaprune.device.device import Device, DspBlock
from fpgaprune.device.resources import Resources
from fpgaprune.errors import DeviceError

# What may follow a device name: package (clg400, -figd2104) or speed grade (-1CLG400C), or nothing.
# 7-series low-power and industrial dies put l or i in between (xc7a35ticsg324-1L, xc7a100tlcsg324-2L), some dies have
# a _CIV there (xcvu13p_CIV-fhga2104-2-i).
_REST = re.compile(r"^(|(-civ|[li]{0,2})-?[a-z]{3,4}\d{3,4}.*|[li]{0,2}-[1-3].*)$")
# Grades of one die: commercial xc, automotive xa, defence xq; Vivado's reports drop the letters for 7-series parts.
_GRADE = re.compile(r"^(xc|xa|xq)?(?=[7a-z])")


@dataclass(frozen=True)
class Family:
    """Devices that share an architecture."""

    name: str
    block: DspBlock
    pattern: re.Pattern[str]
    complete: bool  # the file has every device of it
    one_die: bool = False  # no device of it has several super logic regions


@dataclass(frozen=True)
class Entry:
    """One device of the file."""

    name: str
    family: Family
    available: Resources
    source: str
    slrs: int | None


@dataclass(frozen=True)
class Catalogue:
    """The whole file."""

    families: Mapping[str, Family]
    entries: Mapping[str, Entry]
    boards: Mapping[str, str]


@cache
def load_catalogue() -> Catalogue:
    """Read the file that comes with the package, once."""
    text = resources.files("fpgaprune.device").joinpath("parts.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    blocks = {name: DspBlock(name=name, **block) for name, block in data["block"].items()}
    families = {
        name: Family(
            name,
            blocks[family["block"]],
            re.compile(f"^{family['pattern']}"),
            family.get("complete", False),
            family.get("one_die", False),
        )
        for name, family in data["family"].items()
    }
    entries = {name: _entry(name, record, families) for record in data["device"] for name in record["names"]}
    return Catalogue(families, entries, data["board"])


def _entry(name: str, record: dict[str, Any], families: Mapping[str, Family]) -> Entry:
    available = Resources(
        dsp=record["dsp"],
        lut=record.get("lut"),
        ff=record.get("ff"),
        bram_18k=2 * record["bram_36k"],
        uram=record["uram"],
    )
    family = families[record["family"]]
    return Entry(name, family, available, record["source"], record.get("slrs", 1 if family.one_die else None))


def find_device(part: str) -> Device:
    """The device `part` names, in any spelling AMD's tools use, in any case.

    A part whose device is not in the file but whose name fits a family that the file does not have in full gets the
    family's DSP block and no counts.
    Raises DeviceError for anything else, with the nearest names.
    """
    catalogue = load_catalogue()
    asked = part.strip()
    spelled = _GRADE.sub("xc", asked.lower().replace("_", "-"))
    fitting = [name for name in catalogue.entries if spelled.startswith(name) and _REST.match(spelled[len(name) :])]
    if fitting:
        entry = catalogue.entries[max(fitting, key=len)]
        family = entry.family
        return Device(asked, family.name, family.block, entry.available, entry.name, entry.source, entry.slrs)
    matches = [
        (match.end(), family) for family in catalogue.families.values() if (match := family.pattern.match(spelled))
    ]
    matches = [(end, family) for end, family in matches if _REST.match(spelled[end:])]
    near = max(matches, key=lambda pair: pair[0])[1] if matches else None
    if near is not None and not near.complete:
        return Device(asked, near.name, near.block, Resources())
    raise DeviceError(_refusal(asked, catalogue))


def _refusal(asked: str, catalogue: Catalogue) -> str:
    shown = asked if len(asked) <= 60 else f"{asked[:57]}..."
    board = re.sub(r"[\s_]+", "-", shown.lower())
    if board in catalogue.boards:
        return f"{shown!r} is a board, not a part; its part is {catalogue.boards[board]}"
    near = get_close_matches(board.split("-")[0], catalogue.entries, n=3, cutoff=0.6)
    near = near or get_close_matches(board, catalogue.boards, n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else "a part reads like xc7z020clg400-1 or xcu250-figd2104-2L-e"
    return f"unknown part {shown!r}: {hint}"
