"""Numbers and dates as reports write them; anything else is refused with its place."""

import re
from datetime import datetime
from typing import Final

from fpgaprune.errors import ReportError

# How the tools write "no number": nothing of that sort, not applicable, unknown before simulation, less than one.
_ABSENT: Final = {"", "-", "n/a", "?", "undef", "~0", "none"}
UNITS_NS: Final = {"ps": 1e-3, "ns": 1.0, "us": 1e3, "ms": 1e6, "sec": 1e9, "s": 1e9}
_MULTIPLIER: Final = re.compile(r"(?:^|_)(?:mul(?:_mul)?|mac_mul(?:add|sub))_(\d{1,4})n?s_(\d{1,4})n?s_")
_OPERATOR: Final = re.compile(
    r"(?:^|_)(?:sparsemux|mux|add|sub|lshr|shl|ashr|[us]div|[us]rem|icmp|fpext|fptrunc|[su]itof?[ds]?p|fpto[su]i"
    r"|[dfh](?:add|sub|mul|div|cmp|exp|log|sqrt|recip|rsqrt))_(?:\d+n?s?_)+\d+(?:_[1-9])?$"
)


def count(text: str | None, where: str) -> int | None:
    """A count that is not negative, or None where the report says it has none; `where` names the place in errors."""
    written = (text or "").strip()
    if written.lower() in _ABSENT:
        return None
    if not re.fullmatch(r"\d{1,12}", written, re.ASCII):
        message = f"{where}: expected a count, found {written[:40]!r}"
        raise ReportError(message)
    return int(written)


def period_ns(text: str | None, where: str, unit: str = "ns") -> float | None:
    """A clock period in ns from `3.33`, `3.33 ns`, `0.01 us`; a number alone is in `unit`."""
    written = (text or "").strip()
    if written.lower() in _ABSENT:
        return None
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*([a-z]*)", written, re.ASCII)
    scale = UNITS_NS.get(match[2] or unit) if match else None
    if match is None or scale is None:
        message = f"{where}: expected a clock period, found {written[:40]!r}"
        raise ReportError(message)
    return float(match[1]) * scale


def version(text: str | None) -> str | None:
    """`2021.1` from `2021.1 (Build 3247384 on ...)`."""
    match = re.match(r"\s*(\d{4}\.\d(?:\.\d+)?)", text or "")
    return match[1] if match else None


def date(text: str | None) -> datetime | None:
    """The moment a report was written, as its tools print it; None where it is missing or unreadable."""
    try:
        return datetime.strptime((text or "").strip(), "%a %b %d %H:%M:%S %Y")
    except ValueError:
        return None


def operand_widths(name: str) -> tuple[int | None, int | None]:
    """Operand widths in bits from a multiplier's name, as in `mul_16s_8ns_24_1_1`; None where it does not tell."""
    match = _MULTIPLIER.search(name)
    return (int(match[1]), int(match[2])) if match else (None, None)


def is_multiplier(module: str) -> bool:
    """Whether a module's name is one the tools give their multipliers: `mul_…`, `mac_muladd_…`, under any prefix."""
    return re.search(r"(?:^|_)(?:mul|mac|am|ama)_(?:[a-z]+_)*\d{1,4}n?s", module) is not None


def is_operator(module: str) -> bool:
    """Whether a module is one operator of the tools' libraries (multiplexer, shifter, floating point) and no function.

    Their names end in operand widths, latency and a number, as in `mux_42_16_1_1` or `fpext_32ns_64_3_1`.
    """
    return is_multiplier(module) or _OPERATOR.search(module) is not None
