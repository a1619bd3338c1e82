"""A rule set in a TOML file: what a user's own reports say differs from the rules that come with the package.

The file names the tool whose rules it starts from, where its numbers come from, and only the values it changes:

    tool = "vitis_hls"                     # vitis_hls, vivado_hls or yosys: every value not given below is that tool's
    source = "12 reports of our own, Vitis HLS 2024.2"
    first_version = "2024.2"               # optional range of versions; others are marked extrapolated
    last_version = "2024.2"

    [thresholds]                           # optional, as is each of its keys
    free_digits = 2                        # constants of at most so many signed digits need no multiplier
    min_wide = 11                          # a DSP from these widths of the wider and of the narrower operand on
    min_narrow = 5
    min_product = 0                        # and from so many bits of the product
    unsigned_positive = false              # combinational multipliers take positive constants without a sign bit
    splits_with_overlap = true             # wide products are cut into tiles of (A-1) x (B-1) bits
    shares_products = true                 # equal constants on one input need one multiplier
    fuses_lanes = false                    # small lanes of the Resource strategy join their adder in a DSP
    fuses_gates = false                    # the same for the products between gates of a recurrent layer
    narrows_last_lane = false              # a layer's last lane of the Resource strategy is as wide as its values need
    uncertainty = 0.27                     # share of the clock period that the tool keeps back

    [combinational_ns]                     # optional: delay in ns by "ARCHITECTURE-SPEEDGRADE"
    "ultrascale+-2" = 2.32

    [[residual]]                           # optional, any number: how exact these rules were
    case = "latency, reuse factor 1"
    layers = 12
    exact = 12

    [[evidence]]                           # optional, any number: what speaks for a value; kept for readers
    threshold = "min_wide"
    text = "10 x 10 bits in LUTs 14 times, 11 x 5 bits in DSPs 3 times"

`read_rules` reads it, `write_rules` writes one; unknown keys and wrong types are refused with their names.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fpgaprune.errors import ConfigError
from fpgaprune.estimate import MappingRules, Residual, rules_for, version_of

_Digits = Annotated[int, Field(ge=0, le=64)]
_Width = Annotated[int, Field(ge=0, le=128)]
ARCHITECTURES: Final = ("7series", "ultrascale", "ultrascale+", "versal")


class _Strict(BaseModel):
    """Misspelt keys and wrong types are errors, not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Thresholds(_Strict):
    """The values a file may change; None: the tool's own. They mean what they mean in `MappingRules`."""

    free_digits: _Digits | None = None
    min_wide: _Width | None = None
    min_narrow: _Width | None = None
    min_product: _Width | None = None
    unsigned_positive: bool | None = None
    splits_with_overlap: bool | None = None
    shares_products: bool | None = None
    fuses_lanes: bool | None = None
    fuses_gates: bool | None = None
    narrows_last_lane: bool | None = None
    uncertainty: Annotated[float, Field(ge=0, lt=1)] | None = None


class Evidence(_Strict):
    """What speaks for one value, in words."""

    threshold: str
    text: str


class _Residual(_Strict):
    case: str
    layers: Annotated[int, Field(ge=0)]
    exact: Annotated[int, Field(ge=0)]


class _File(_Strict):
    tool: str
    source: Annotated[str, Field(min_length=1)]
    label: str | None = None
    first_version: str | None = None
    last_version: str | None = None
    thresholds: Thresholds = Thresholds()
    combinational_ns: dict[str, Annotated[float, Field(gt=0)]] = {}
    residual: list[_Residual] = []
    evidence: list[Evidence] = []


@dataclass(frozen=True)
class RuleFile:
    """A file of rules, read and checked; `rules` makes a rule set of it.

    `thresholds` and `combinational_ns` hold only what the file changes of `tool`'s own rules.
    """

    tool: str
    source: str
    label: str | None = None
    first_version: str | None = None
    last_version: str | None = None
    thresholds: Thresholds = field(default_factory=Thresholds)
    combinational_ns: Mapping[str, float] | None = None
    residuals: tuple[Residual, ...] = ()
    evidence: tuple[Evidence, ...] = ()

    def rules(self, version: str | None = None) -> MappingRules:
        """The tool's rules at `version` with the values of the file in their place.

        A version outside the file's range is marked extrapolated. Raises ConfigError for a version that is none.
        """
        base = rules_for(self.tool, version or self.last_version)
        changed: dict[str, Any] = self.thresholds.model_dump(exclude_none=True)
        if self.combinational_ns:
            changed["combinational_ns"] = {**base.combinational_ns, **_delays(self.combinational_ns)}
        first, last = self.first_version or base.first_version, self.last_version or base.last_version
        outside, notes = base.extrapolated, base.notes
        if self.first_version or self.last_version:  # the file answers for its range, whatever the tool's own is
            label = f"{base.tool} {first or '…'}–{last or '…'}"
            outside = version is not None and not _within(version, first, last)
            notes = (
                (f"{base.tool} {version} lies outside {label}: the rules are extrapolated to it",) if outside else ()
            )
        return replace(
            base,
            **changed,
            label=self.label or f"{base.label}, adjusted",
            source=self.source,
            first_version=first,
            last_version=last,
            residuals=self.residuals,
            extrapolated=outside,
            notes=notes,
        )


def read_rules(path: Path) -> RuleFile:
    """Read a rule file; raises ConfigError naming the key for anything unknown, misspelt or of the wrong type."""
    try:
        content = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        message = f"{path} is not a file of rules that can be read (TOML): {error}"
        raise ConfigError(message) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        message = f"{path}: {place}: {first['msg'].lower()} (given: {first['input']!r})"
        raise ConfigError(message) from error
    found = RuleFile(
        tool=content.tool,
        source=content.source,
        label=content.label,
        first_version=content.first_version,
        last_version=content.last_version,
        thresholds=content.thresholds,
        combinational_ns=content.combinational_ns or None,
        residuals=tuple(Residual(entry.case, entry.layers, entry.exact) for entry in content.residual),
        evidence=tuple(content.evidence),
    )
    try:  # the tool, the versions and the delays' names are checked by what uses them
        for version in (content.first_version, content.last_version):
            found.rules(version)
    except ConfigError as error:
        message = f"{path}: {error}"
        raise ConfigError(message) from error
    return found


def write_rules(rules: RuleFile, path: Path) -> None:
    """Write a rule file that `read_rules` reads as the same value."""
    path.write_text(render_rules(rules), encoding="utf-8")


def render_rules(rules: RuleFile) -> str:
    """The text of a rule file."""
    head = {
        "tool": rules.tool,
        "source": rules.source,
        "label": rules.label,
        "first_version": rules.first_version,
        "last_version": rules.last_version,
    }
    lines = _pairs(head)
    thresholds = _pairs(rules.thresholds.model_dump())
    if thresholds:
        lines += ["", "[thresholds]", *thresholds]
    if rules.combinational_ns:
        lines += ["", "[combinational_ns]", *_pairs({_text(k): v for k, v in rules.combinational_ns.items()})]
    for residual in rules.residuals:
        facts = {"case": residual.case, "layers": residual.layers, "exact": residual.exact}
        lines += ["", "[[residual]]", *_pairs(facts)]
    for evidence in rules.evidence:
        lines += ["", "[[evidence]]", *_pairs(evidence.model_dump())]
    return "\n".join(lines) + "\n"


def _pairs(values: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {_text(value)}" for key, value in values.items() if value is not None]


def _text(value: object) -> str:
    """A TOML value; JSON writes strings, numbers and booleans as TOML does, but for one control character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _delays(delays: Mapping[str, float]) -> dict[tuple[str, int], float]:
    found = {}
    for name, delay in delays.items():
        architecture, dash, grade = name.rpartition("-")
        if not dash or architecture not in ARCHITECTURES or grade not in {"1", "2", "3"}:
            message = (
                f"combinational_ns: {name!r} is not ARCHITECTURE-SPEEDGRADE, such as ultrascale+-2; "
                f"architectures are {', '.join(ARCHITECTURES)}, grades 1 to 3"
            )
            raise ConfigError(message)
        found[architecture, int(grade)] = delay
    return found


def _within(version: str, first: str | None, last: str | None) -> bool:
    asked = version_of(version)
    return (first is None or version_of(first) <= asked) and (last is None or asked <= version_of(last))
