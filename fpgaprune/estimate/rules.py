"""How a synthesis tool turns a multiplication into hardware: one value per tool, chosen by name and version.

The thresholds belong to the tool, the size of a multiplier to the device. They were read off the C-synthesis reports
of 143 public hls4ml projects (Vivado HLS 2016.4-2020.1 and Vitis HLS 2021.1-2025.1), and hold there without a
violation in 57 022 multiplications at default settings, unless a rule's note says otherwise.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fpgaprune.errors import ConfigError
from fpgaprune.registry import Registry

_VERSION = re.compile(r"^\s*v?(\d{4})\.(\d+)(?:\.\d+)*\s*$")


_BACKENDS = {
    "vivado": "vivado_hls",
    "vivadoaccelerator": "vivado_hls",
    "vitis": "vitis_hls",
    "vitisaccelerator": "vitis_hls",
}


@dataclass(frozen=True)
class Residual:
    """How exact a rule set was where it was held against reports: `exact` of `layers` distinct layers."""

    case: str
    layers: int
    exact: int


@dataclass(frozen=True)
class MappingRules:
    """The thresholds of one tool over a range of versions.

    A constant with at most `free_digits` nonzero canonical signed digits needs no multiplier. A multiplication goes
    to DSPs when its wider operand has at least `min_wide` bits and its narrower one at least `min_narrow`.
    `unsigned_positive`: combinational multipliers take a positive constant without its sign bit.
    """

    tool: str
    label: str
    source: str
    first_version: str | None = None
    last_version: str | None = None
    version: str | None = None  # the one asked for
    free_digits: int = 2
    min_wide: int = 11
    min_narrow: int = 5
    min_product: int = 0  # bits of the product below which it stays in LUTs
    unsigned_positive: bool = False
    # Delay of a combinational multiplier in ns by (architecture, speed grade): one that does not fit the clock period
    # is pipelined. Only where the two differ in cost (`unsigned_positive`).
    combinational_ns: Mapping[tuple[str, int], float] = field(default_factory=dict)
    # Delay of one step of an adder tree in ns by (architecture, speed grade); where it is not known, neither is what
    # waits for a second time slot.
    adder_ns: Mapping[tuple[str, int], float] = field(default_factory=dict)
    uncertainty: float = 0.0  # share of the clock period the tool keeps back by default
    fuses_lanes: bool | None = (
        False  # small products of a time-multiplexed lane join their adder in a DSP; None: unknown
    )
    fuses_gates: bool | None = False  # the same for the two summed products of a recurrent unit
    # The last lane of a layer takes the upper bits of the words of its weight memory, where the tool drops what its
    # values do not need.
    narrows_last_lane: bool = False
    splits_with_overlap: bool = True  # tiles of (A-1) x (B-1) bits; else Yosys' first full tile, then 17-bit steps
    shares_products: bool = True
    strips_zeros: bool = False  # trailing zero bits of a constant are wires, so c and 2c on one input share
    signed_operands: bool = False  # both operands are multiplied as signed: an unsigned one takes a sign bit
    extrapolated: bool = False  # the version asked for lies outside the range
    residuals: tuple[Residual, ...] = ()  # what is left of error, by case
    notes: tuple[str, ...] = ()


TOOLS: Registry[MappingRules] = Registry("synthesis tool")

# 4-bit lanes join their adders in DSPs in a project of 2020.1; 4-, 6- and 8-bit lanes of 2019.1 and 2019.2 do not.
_FIRST_FUSING = (2020, 1)

_HLS_SOURCE = "C-synthesis reports of 143 public hls4ml projects, {}"

# Slowest combinational multiplication of at most 21 x 20 bits in the scheduler reports of those projects, in ns:
# 16 x 16 bits take 5.58 on a 7-series part of speed grade 1, 3.72 on grade 2 and 1.94 on UltraScale+ grade 2;
# UltraScale (DSP48E2 in an older process) is taken to be no slower than 7-series.
_VIVADO_NS = {
    ("7series", 1): 5.59,
    ("7series", 2): 4.10,
    ("ultrascale", 2): 4.10,
    ("ultrascale+", 1): 3.88,
    ("ultrascale+", 2): 2.32,
}

# A ternary addition of 16 bits in the scheduler reports of six dense layers of 2019.2; one of two operands takes 0.60.
_VIVADO_ADDER_NS = {("ultrascale+", 2): 0.67}

# Distinct layers with a nonzero report among 103 of those projects (python -m benchmarks.dsp_accuracy).
_VITIS_RESIDUALS = (
    Residual("latency, reuse factor 1", 12, 12),
    Residual("latency, reuse factor 1, multipliers forced into DSPs", 19, 19),
    Residual("latency, reuse factor above 1, multipliers forced into DSPs", 35, 35),
)
_VIVADO_RESIDUALS = (
    Residual("latency, reuse factor 1", 33, 33),
    Residual("latency, reuse factor above 1", 51, 48),
    Residual("resource, reuse factor 1", 4, 4),
    Residual("resource, reuse factor above 1", 57, 57),
    Residual("recurrent layers", 10, 10),
)

TOOLS.register(
    "vitis_hls",
    MappingRules(
        tool="vitis_hls",
        label="vitis_hls 2021.1–2025.1",
        source=_HLS_SOURCE.format("Vitis HLS 2021.1-2025.1"),
        first_version="2021.1",
        last_version="2025.1",
        residuals=_VITIS_RESIDUALS,
        fuses_lanes=True,  # 15 layers of four projects of one repository, 2024.2
        fuses_gates=None,
    ),
)
TOOLS.register(
    "vivado_hls",
    MappingRules(
        tool="vivado_hls",
        label="vivado_hls 2016.4–2020.1",
        source=_HLS_SOURCE.format("Vivado HLS 2016.4-2020.1"),
        first_version="2016.4",
        last_version="2020.1",
        residuals=_VIVADO_RESIDUALS,
        unsigned_positive=True,
        combinational_ns=_VIVADO_NS,
        adder_ns=_VIVADO_ADDER_NS,
        uncertainty=0.125,  # UG902: default clock uncertainty of Vivado HLS is 12.5 % of the period
        fuses_lanes=None,
        fuses_gates=True,  # one 4-bit GRU
        narrows_last_lane=True,
    ),
)
TOOLS.register(
    "yosys",
    MappingRules(
        tool="yosys",
        label="yosys synth_xilinx",
        source="netlists of Yosys synth_xilinx -family xcup for DSP48E2",
        free_digits=1,
        min_wide=2,
        min_narrow=2,
        min_product=10,  # 9 bits of product in mul2dsp; that of a signed value and a constant is one bit shorter
        splits_with_overlap=False,
        strips_zeros=True,
        signed_operands=True,
    ),
)


def rules_for(tool: str, version: str | None = None) -> MappingRules:
    """The rules of `tool` (vitis_hls, vivado_hls, yosys) at `version` such as "2023.2".

    A version outside the range they were checked on gets the same rules, marked extrapolated and noted. Raises
    ConfigError for an unknown tool (with the choices) or a version that is none.
    """
    rules = TOOLS[tool.strip().lower().replace("-", "_").replace(" ", "_")]
    if version is None or rules.first_version is None or rules.last_version is None:
        return replace(rules, version=version)
    asked, first, last = version_of(version), version_of(rules.first_version), version_of(rules.last_version)
    rules = replace(rules, version=version.strip())
    if rules.tool == "vivado_hls":
        rules = replace(rules, fuses_lanes=asked >= _FIRST_FUSING)
    if first <= asked <= last:
        return rules
    note = f"{rules.tool} {version.strip()} lies outside {rules.label}: the rules are extrapolated to it"
    return replace(rules, extrapolated=True, notes=(*rules.notes, note))


def tool_of(backend: str | None) -> str:
    """Name of the tool that synthesizes projects of an hls4ml backend; Vitis HLS where the backend is not known."""
    return _BACKENDS.get((backend or "").lower(), "vitis_hls")


def version_of(text: str) -> tuple[int, int]:
    """Year and release of a version such as "2023.2"; raises ConfigError for anything else."""
    match = _VERSION.match(text)
    if match is None:
        message = f"{text!r} is not a tool version such as 2020.1 or 2023.2"
        raise ConfigError(message)
    return int(match[1]), int(match[2])
