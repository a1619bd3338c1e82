"""What a report says twice has to agree: a number that was damaged on the way shows by its companions.

The relations held in all of 352 + 590 latencies, 913 shares and 38 tops of the recorded reports of Vivado HLS 2016.4 to
2020.1 and Vitis HLS 2021.1 to 2024.1.
"""

import re
from collections.abc import Iterable
from typing import Final
from xml.etree.ElementTree import Element

from fpgaprune.errors import ReportError
from fpgaprune.read.report.cells import UNITS_NS
from fpgaprune.results import ModuleReport, Resources

_REAL_TIME: Final = re.compile(r"(\d+(?:\.\d+)?(?:e[+-]?\d+)?) ?([a-z]+)")
_DIGITS: Final = 6e-3  # real times have three significant digits or three decimals
APART: Final = 8  # LUTs: a report of Vitis HLS 2023.1 states 12388 of the design, and 12394 of its top module
_RESOURCES: Final = {"dsp": "DSP", "lut": "LUT", "ff": "FF", "bram_18k": "BRAM_18K", "uram": "URAM"}


def check_time(said: str, cycles: int | None, periods_ns: tuple[float | None, float | None], where: str) -> None:
    """The latency in time is the one in cycles times a clock period: the one asked for, or the one reached.

    Recorded reports multiply by the longer of the two; either is taken, for the next version may do otherwise.
    """
    periods = [period for period in periods_ns if period]
    if cycles is None or not periods:
        return
    found = _REAL_TIME.fullmatch(said)
    unit = UNITS_NS.get(found[2]) if found else None
    if found is None or unit is None:
        message = f"{where}: expected a time, found {said[:40]!r}"
        raise ReportError(message)
    time = float(found[1]) * unit
    if all(abs(time - cycles * period) > max(_DIGITS * cycles * period, 1e-3 * unit) for period in periods):
        message = f"{where}: {cycles} cycles of {max(periods):g} ns are not {said[:40]}: damaged"
        raise ReportError(message)


def check_depth(summary: Element, most: int | None, where: str) -> None:
    """A pipeline is one stage deeper than its latency."""
    depth = (summary.findtext("PipelineDepth") or "").strip()
    if depth.isdecimal() and len(depth) < 12 and most is not None and int(depth) != most + 1:
        message = f"{where}: a pipeline of depth {depth} has no latency of {most} cycles: damaged"
        raise ReportError(message)


def check_shares(resources: Element, used: Resources, where: str) -> None:
    """What a module uses, as a share of what there is, in whole per cent rounded down."""
    for field, name in _RESOURCES.items():
        short = name.removesuffix("_18K")  # BRAM_18K, AVAIL_BRAM and UTIL_BRAM
        share, available = (resources.findtext(f"{word}_{short}") for word in ("UTIL", "AVAIL"))
        count = getattr(used, field)
        if share is None or available is None or not available.isdecimal() or not int(available) or count is None:
            continue
        exact = 100 * count // int(available)
        if not (exact == 0 if share == "~0" else share == str(exact)):
            message = f"{where}: {count} of {available} {name} are not {share[:20]} per cent: damaged"
            raise ReportError(message)


def check_top(top: str, used: Resources, modules: Iterable[ModuleReport], where: str, apart: int = 0) -> None:
    """The module that is the whole design uses what the whole design does, its LUTs up to `apart`."""
    for module in modules:
        if module.name != top:
            continue
        for field, name in _RESOURCES.items():
            one, other = getattr(used, field), getattr(module.used, field)
            if one is not None and other is not None and abs(one - other) > (apart if field == "lut" else 0):
                message = f"{where}: the design uses {one} {name}, and as a module {other}: damaged"
                raise ReportError(message)
