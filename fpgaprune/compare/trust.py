"""Whether a report can be about this design at all: asked before a mismatch is called the estimate's fault."""

from collections.abc import Iterator, Mapping

from fpgaprune.compare.constants import constant_widths, reported_constant_widths
from fpgaprune.compare.matching import Match
from fpgaprune.design import Design, Encoding, LayerSpec, Strategy
from fpgaprune.device import find_device
from fpgaprune.errors import DeviceError
from fpgaprune.results import Estimate, ModuleReport, SynthesisReport


def foreign(design: Design, report: SynthesisReport, matches: Mapping[str, Match]) -> Iterator[str]:
    """Reasons why the report is of other weights: it multiplies by constants these weights do not have."""
    modules = {module.name: module for module in report.modules}
    for layer in design.weight_layers:
        match = matches.get(layer.name)
        if match is None or match.evidence.startswith("widths"):
            continue
        for name in match.modules:
            reason = _foreign_module(layer, modules[name])
            if reason is not None:
                yield reason


def _foreign_module(layer: LayerSpec, module: ModuleReport) -> str | None:
    weight = layer.weight
    if weight is None or weight.encoding is not Encoding.FIXED or layer.strategy is not Strategy.LATENCY:
        return None
    known, found = constant_widths(layer), reported_constant_widths(module, layer)
    if not found or layer.recurrent_weight is not None:
        return None
    if layer.reuse_factor == 1 and found.total() > known.total() * max(1, layer.parallelization_factor):
        return (
            f"{module.name} multiplies {found.total()} times by constants, but the weights of {layer.name} need at "
            f"most {known.total()} products: the report is of other weights (stale?)"
        )
    widest = max(known, default=0)
    if layer.reuse_factor == 1 and max(found) > widest + 1:
        return (
            f"{module.name} multiplies by constants of {max(found)} bits, but the weights of {layer.name} have at most "
            f"{widest + 1}: the report is of other weights (stale?)"
        )
    return None


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
    return part.strip().lower()
