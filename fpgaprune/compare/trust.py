"""Whether a report can be about this design at all: asked before a mismatch is called the estimate's fault."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from fpgaprune.compare.constants import unknown_constants
from fpgaprune.compare.matching import BY_CONFIGURATION, CONFIG_NUMBER, Match, match_modules
from fpgaprune.compare.parts import plain_part
from fpgaprune.design import Design, Encoding, LayerKind, LayerSpec, Strategy
from fpgaprune.device import find_device
from fpgaprune.errors import DeviceError
from fpgaprune.results import METRIC, Estimate, ModuleReport, SynthesisReport

# Every constant of 74 layers of public projects was found among their weights, and in 17 of 19 layers whose reports
# are known to be of other weights more than these were not.
_DOUBTFUL: Final = 1
_DOUBTFUL_SHARE: Final = 0.02
_OTHER_SHARE: Final = 0.01
_SHOWN: Final = 60
_LISTED: Final = 3
_MULTIPLYING: Final = {LayerKind.DENSE, LayerKind.CONV1D, LayerKind.CONV2D, LayerKind.BATCH_NORM}
_ACTIVATION: Final = re.compile(r"(relu|leaky_relu|softmax|sigmoid|hard_sigmoid|tanh|hard_tanh|pooling[12]d)_")
_CONVOLVING: Final = frozenset({
    LayerKind.CONV1D, LayerKind.CONV2D, LayerKind.DEPTHWISE_CONV1D, LayerKind.DEPTHWISE_CONV2D,
})  # fmt: skip
_KINDS: Final = {
    re.compile(r"(pointwise_|depthwise_|separable_)?conv_[12]d_"): _CONVOLVING,
    re.compile(r"(lstm|gru)_(static|stack)_"): frozenset({LayerKind.LSTM, LayerKind.GRU}),
}
_FEW: Final = 16  # weights below which an interval tells nothing
_TURNS: Final = 4  # times the reuse factor
_PRODUCT: Final = re.compile(r"product_dense_ap_|product(_\d+)?$")
_TYPE: Final = re.compile(r"ap_(u?)fixed_(\d{1,3})_(-?\d{1,3})_\d_\d_\d+")


def foreign(design: Design, report: SynthesisReport, matches: Mapping[str, Match]) -> Iterator[str]:
    """Reasons why the report is of another network or other weights than the design."""
    yield from _other_layers(design, report)
    yield from _other_streams(design, report)
    yield from _other_kinds(design, report)
    yield from _other_functions(design, matches)
    modules = {module.name: module for module in report.modules}
    for layer in design.weight_layers:
        match = matches.get(layer.name)
        if match is None or layer.recurrent_weight is not None:
            continue
        for name in match.modules:
            reason = _other_constants(layer, modules[name])
            if reason is not None:
                yield reason


def own_functions(design: Design, report: SynthesisReport | None = None) -> str | None:
    """Why the rules for hls4ml's kernels may not hold: layers that are not by them, or by old or changed ones.

    None where nothing tells. A report tells where single products are modules: since hls4ml 0.5 the tool sees through
    them. None of the 104 public projects that the rules were read off has such modules, but others do.
    """
    names = sorted({str(layer.attributes["own_function"]) for layer in design if "own_function" in layer.attributes})
    if names:
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        return (
            f"the project has functions of its own, {', '.join(names[:_LISTED])}{more}: what they cost does not follow "
            "from the rules for hls4ml's"
        )
    if report is None:
        return None
    single = next((m.name for m in report.modules if _PRODUCT.match(m.name)), None)
    if single is not None:
        return (
            f"the report has a module for a single product, {_short(single)}: the kernels are older than hls4ml 0.5 or "
            "changed, and the rules are for others"
        )
    return next(_without_pragmas(design, report), None)


def _other_layers(design: Design, report: SynthesisReport) -> Iterator[str]:
    """Modules of layers the design does not have: hls4ml numbers the configurations of all its layers."""
    known = {number for layer in design for number in CONFIG_NUMBER.findall(layer.config or "")}
    named = {number for module in report.modules for number in CONFIG_NUMBER.findall(module.name)}
    if known and named - known:
        missing = ", ".join(f"config{number}" for number in sorted(named - known, key=int))
        yield f"the report is of another network: it has modules for {missing}, which the project does not (stale?)"


def _other_streams(design: Design, report: SynthesisReport) -> Iterator[str]:
    """hls4ml's functions between streams carry the word `array` of their types; parallel ones never do."""
    streams = [module.name for module in report.modules if "_array_" in module.name]
    if design.io_type == "io_parallel" and streams:
        yield (
            f"the report is of another project: {_short(streams[0])} works on streams, and the project's layers are "
            "io_parallel (stale?)"
        )


def _other_kinds(design: Design, report: SynthesisReport) -> Iterator[str]:
    """Modules of hls4ml's functions for kinds of layers that the design has none of."""
    kinds = {layer.kind for layer in design}
    for module in report.modules:
        for function, wanted in _KINDS.items():
            if function.match(module.name) and not wanted & kinds:
                yield (
                    f"the report is of another network: {_short(module.name)} is no function of any kind of layer that "
                    "the project has (stale?)"
                )
                return


def _without_pragmas(design: Design, report: SynthesisReport) -> Iterator[str]:
    """Parallel products whose modules take a cycle or more for every single weight, against their reuse factor.

    1 062 314 cycles for 262 200 weights at reuse factor 1 in a public project without pragmas, 823 205 for 39 200 turns
    in one whose kernel divides in each. No other of 150 comes near.
    """
    modules, matches = {module.name: module for module in report.modules}, match_modules(design, report)
    for layer in design.weight_layers:
        match = matches.get(layer.name)
        if design.io_type == "io_stream" or layer.kind is not LayerKind.DENSE or match is None:
            continue
        turns = max(1, layer.reuse_factor or 1)
        for name in match.modules:
            interval = modules[name].ii
            if interval is not None and interval >= layer.weight_count > _FEW and interval > _TURNS * turns:
                yield (
                    f"{_short(name)} starts once in {interval} cycles, where {layer.name} has the reuse factor {turns}:"
                    " hls4ml's pragmas are missing or its kernels are changed, and the rules are for others"
                )
                return


def _other_functions(design: Design, matches: Mapping[str, Match]) -> Iterator[str]:
    """Modules that bear a layer's number and are of another function, or of other types than the layer's.

    No matched module of 104 public projects whose reports are not known to be stale is of such.
    """
    for name, match in matches.items():
        layer = design[name]
        if match.evidence != BY_CONFIGURATION:
            continue
        for module in match.modules:
            if layer.kind in _MULTIPLYING and _ACTIVATION.match(module):
                yield (
                    f"the report is of another network: {_short(module)} bears the number of {name}, which is "
                    f"{layer.kind.value} (stale?)"
                )
            else:
                yield from _other_types(layer, module)


def _other_types(layer: LayerSpec, module: str) -> Iterator[str]:
    """Types of the data are part of the names of most modules: `ap_fixed_16_6_5_3_0`."""
    known = {
        (kind.signed, kind.width, kind.integer)
        for kind in (layer.input_precision, layer.output_precision, layer.accumulator_precision)
        if kind is not None
    }
    named = {(sign != "u", int(width), int(integer)) for sign, width, integer in _TYPE.findall(module)}
    if layer.input_precision is not None and layer.output_precision is not None and len(layer.inputs) == 1:
        for signed, width, integer in sorted(named - known):
            kind = f"ap_{'' if signed else 'u'}fixed<{width},{integer}>"
            yield f"the report is of other types: {_short(module)} works on {kind}, {layer.name} does not (stale?)"


def other_multiplications(
    design: Design, estimate: Estimate, report: SynthesisReport, matches: Mapping[str, Match]
) -> Iterator[str]:
    """Layers whose modules multiply more or less often than their weights ask for, each weight on its own.

    Both are equal in 82 of 82 such layers of projects not known to be stale, and differ in 14 of 17 of stale ones.
    """
    modules = {module.name: module for module in report.modules}
    for expected in estimate.layers:
        layer, match = design[expected.name], matches.get(expected.name)
        once = layer.strategy is Strategy.LATENCY and layer.reuse_factor == 1
        if layer.kind is not LayerKind.DENSE or not once or match is None or expected.multipliers is None:
            continue
        found = sum(len(modules[name].multipliers) for name in match.modules)
        wanted = expected.multipliers
        if not found or not wanted.is_exact or expected.extrapolated:
            continue
        if abs(found - wanted.low) > max(_DOUBTFUL, _OTHER_SHARE * found):
            yield (
                f"{_short(match.modules[0])} multiplies {found} times, and the weights of {layer.name} ask for "
                f"{wanted.low}: the report is of other weights (stale?)"
            )


def _short(module: str) -> str:
    return module if len(module) <= _SHOWN else f"{module[: _SHOWN - 1]}…"


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
    if not report.part or not estimate.device or plain_part(report.part) == plain_part(estimate.device):
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
    if asked and part and plain_part(asked) != plain_part(part):
        yield f"the report is for the part {part}, not {asked}"
    if not estimate.rules.startswith(report.tool):
        tool = f"{report.tool} {report.tool_version or ''}".strip()
        yield f"the report comes from {tool}, the rules are those of {estimate.rules}"
    wrong = [
        f"{layer.name} ({layer.claimed_zeros}, not {layer.zero_count})"
        for layer in design.weight_layers
        if layer.claimed_zeros is not None and layer.weight is not None and layer.claimed_zeros != layer.zero_count
    ]
    if wrong:
        yield (
            f"parameters.h claims other numbers of zeros than the weights have: {', '.join(wrong[:_LISTED])}"
            f"{' and others' if len(wrong) > _LISTED else ''}; multiplier limits follow the claim"
        )
    for name in ("dsp", "lut", "ff", "bram_18k", "uram"):
        used, available = getattr(report.used, name), getattr(report.available, name)
        if used is not None and available and used > available:
            title = METRIC[name].title
            rest = ": logic synthesis will move the rest to LUTs" if name == "dsp" else ""
            yield f"the design needs {used} {title}s and {part or 'the part'} has {available}{rest}"
