"""Whether a report can be about this design at all: asked before a mismatch is called the estimate's fault."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from fpgaprune.compare.constants import unknown_constants
from fpgaprune.compare.matching import CONFIG_NUMBER, Match
from fpgaprune.design import Design, Encoding, LayerSpec
from fpgaprune.device import find_device
from fpgaprune.errors import DeviceError
from fpgaprune.results import Estimate, ModuleReport, SynthesisReport

# Every constant of 74 layers of public projects was found among their weights, and in 17 of 19 layers whose reports
# are known to be of other weights more than these were not.
_DOUBTFUL: Final = 1
_DOUBTFUL_SHARE: Final = 0.02


def foreign(design: Design, report: SynthesisReport, matches: Mapping[str, Match]) -> Iterator[str]:
    """Reasons why the report is of another network or other weights than the design."""
    yield from _other_layers(design, report)
    modules = {module.name: module for module in report.modules}
    for layer in design.weight_layers:
        match = matches.get(layer.name)
        if match is None or layer.recurrent_weight is not None:
            continue
        for name in match.modules:
            reason = _other_constants(layer, modules[name])
            if reason is not None:
                yield reason


def _other_layers(design: Design, report: SynthesisReport) -> Iterator[str]:
    """Modules of layers the design does not have: hls4ml numbers the configurations of all its layers."""
    known = {number for layer in design for number in CONFIG_NUMBER.findall(layer.config or "")}
    named = {number for module in report.modules for number in CONFIG_NUMBER.findall(module.name)}
    if known and named - known:
        missing = ", ".join(f"config{number}" for number in sorted(named - known, key=int))
        yield f"the report is of another network: it has modules for {missing}, which the project does not (stale?)"


def _other_constants(layer: LayerSpec, module: ModuleReport) -> str | None:
    weight = layer.weight
    if weight is None or weight.encoding is not Encoding.FIXED:
        return None
    unknown = unknown_constants(layer, module)
    total = len(module.multipliers)
    if unknown is None or unknown <= max(_DOUBTFUL, _DOUBTFUL_SHARE * total):
        return None
    return (
        f"{unknown} of the {total} constants that {module.name} multiplies by are not among the weights of "
        f"{layer.name}: the report is of other weights (stale?)"
    )


def other_target(estimate: Estimate, report: SynthesisReport) -> str | None:
    """Why estimate and report are about different DSP blocks; None where they are not, or nobody knows."""
    if not report.part or not estimate.device or _plain(report.part) == _plain(estimate.device):
        return None
    try:
        theirs, ours = find_device(report.part).dsp_block, find_device(estimate.device).dsp_block
    except DeviceError:
        return None
    if (theirs.a_bits, theirs.b_bits) == (ours.a_bits, ours.b_bits):
        return None
    return (
        f"the report is for {report.part} with {theirs} blocks, the estimate for {estimate.device} with {ours}: "
        f"estimate with --part {report.part}"
    )


def remarks(design: Design, estimate: Estimate, report: SynthesisReport) -> Iterator[str]:
    """What a reader should know about the report, without doubt about the verdict."""
    asked, part = estimate.device or design.target.part, report.part
    if asked and part and _plain(asked) != _plain(part):
        yield f"the report is for the part {part}, not {asked}"
    if not estimate.rules.startswith(report.tool):
        tool = f"{report.tool} {report.tool_version or ''}".strip()
        yield f"the report comes from {tool}, the rules are those of {estimate.rules}"
    used, available = report.used.dsp, report.available.dsp
    if used is not None and available and used > available:
        yield (
            f"the design needs {used} DSPs and {part or 'the part'} has {available}: logic synthesis will move the "
            "rest to LUTs"
        )


def _plain(part: str) -> str:
    """Parts are written with and without hyphens: xc7z020clg400-1, xc7z020-clg400-1."""
    return re.sub(r"[^a-z0-9]", "", part.lower())
