"""Fit a tool's thresholds to a user's own projects and their reports, into a rule file that estimates can use."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fpgaprune.compare import Match, match_modules
from fpgaprune.compare.constants import reported_constant_widths, width_agreement
from fpgaprune.compare.trust import foreign
from fpgaprune.config.rules_file import Evidence, RuleFile, Thresholds
from fpgaprune.design import Design, Encoding, LayerSpec, Strategy
from fpgaprune.device import find_device
from fpgaprune.errors import ConfigError, FpgapruneError
from fpgaprune.estimate import MappingRules, Residual, estimate_design, rules_for, version_of
from fpgaprune.estimate.calibrate import DIGITS, Constants, Multiplication, fit_thresholds
from fpgaprune.estimate.network import implementation_asked
from fpgaprune.estimate.products import count_products
from fpgaprune.flow.designs import design_of
from fpgaprune.read.report import find_reports, read_report
from fpgaprune.results import Calibration, Fit, ModuleReport, Stage, SynthesisReport

_TOOLS = ("vitis_hls", "vivado_hls")


@dataclass(frozen=True)
class _Source:
    """A project whose report can be trusted."""

    path: Path
    design: Design
    report: SynthesisReport
    matches: dict[str, Match]


def calibrate(projects: Sequence[Path], tool: str | None = None) -> tuple[Calibration, RuleFile]:
    """Fit the thresholds of one tool to the C-synthesis reports of `projects`; the rule file holds what is decided.

    Project folders count, and folders of such. A report that is not of its project (other weights, another network),
    a project whose Tcl puts multiplications somewhere, and what cannot be read are left out, and said. Raises
    ConfigError where nothing is left, or where reports of several tools are and `tool` names none of them.
    """
    sources, skipped = _sources(projects)
    tools = sorted({source.report.tool for source in sources})
    chosen = tool or (tools[0] if len(tools) == 1 else None)
    if chosen is not None and chosen not in _TOOLS:
        message = f"reports of {chosen!r} cannot be calibrated: tools are {' and '.join(_TOOLS)}"
        raise ConfigError(message)
    if chosen is None and tools:
        message = f"the reports are of {' and '.join(tools)}: name one of the two as the tool to calibrate"
        raise ConfigError(message)
    others = sum(source.report.tool != chosen for source in sources)
    if others:
        skipped.append(f"{others} projects whose reports are of {', '.join(name for name in tools if name != chosen)}")
    sources = [source for source in sources if source.report.tool == chosen]
    if chosen is None or not sources:
        reason = f" ({skipped[0]})" if skipped else ""
        message = f"no project with a C-synthesis report that can be used is among the {len(projects)} named{reason}"
        raise ConfigError(message)
    versions = sorted({s.report.tool_version for s in sources if s.report.tool_version}, key=version_of)
    first, last = (versions[0], versions[-1]) if versions else (None, None)
    found = [_observed(source, layers) for source, layers in _once(sources)]
    multiplications = [one for some, _ in found for one in some]
    fits = fit_thresholds(rules_for(chosen), multiplications, [one for _, some in found for one in some])
    file = _rule_file(chosen, first, last, len(sources), fits)
    exact, count = _exactness(sources, file.rules(last))
    file = replace(file, residuals=(Residual("layers with a module of their own", count, exact),))
    calibration = Calibration(
        tool=chosen,
        first_version=first,
        last_version=last,
        projects=tuple(str(source.path) for source in sources),
        multipliers=len(multiplications),
        fits=fits,
        layers=count,
        exact=exact,
        skipped=tuple(skipped),
    )
    return calibration, file


def _sources(projects: Sequence[Path]) -> tuple[list[_Source], list[str]]:
    """Projects with a report that is theirs, and why the others are none."""
    sources, skipped = [], []
    for project in _folders(projects):
        try:
            design = design_of(project)
            reports = find_reports(project)
            report = read_report(reports[0]) if reports else None
        except FpgapruneError as error:
            skipped.append(f"{project}: {error}")
            continue
        if report is None or report.stage is not Stage.CSYNTH:
            skipped.append(f"{project}: it has no C-synthesis report")
            continue
        matches = match_modules(design, report)
        stale = next(foreign(design, report, matches), None)
        if stale is not None:
            skipped.append(f"{project}: {stale}")
        else:
            sources.append(_Source(project, design, report, matches))
    return sources, skipped


def _folders(named: Sequence[Path]) -> Iterator[Path]:
    """The project folders among those named and directly below them."""
    for path in named:
        if not path.is_dir():
            message = f"{path} is no folder of an HLS project: name the projects themselves, or a folder of them"
            raise ConfigError(message)
        if (path / "firmware").is_dir():
            yield path
        else:
            yield from sorted(below for below in path.iterdir() if (below / "firmware").is_dir())


def _once(sources: Sequence[_Source]) -> Iterator[tuple[_Source, list[tuple[LayerSpec, list[ModuleReport]]]]]:
    """The layers with modules of their own; the same weights in the same modules count once."""
    seen: set[tuple[object, ...]] = set()
    for source in sources:
        modules = {module.name: module for module in source.report.modules}
        layers = []
        for name, match in source.matches.items():
            layer = source.design[name]
            if layer.weight is None or layer.recurrent_weight is not None or layer.strategy is not Strategy.LATENCY:
                continue
            found = _below(modules, match.modules)
            multipliers = tuple(
                sorted((m.width_a or 0, m.width_b or 0, m.dsp or 0) for o in found for m in o.multipliers)
            )
            key = (multipliers, layer.reuse_factor, layer.weight.values.tobytes())
            if key not in seen:
                seen.add(key)
                layers.append((layer, found))
        yield source, layers


def _below(modules: Mapping[str, ModuleReport], names: Sequence[str]) -> list[ModuleReport]:
    """Modules and all they are made of, each once."""
    found: dict[str, ModuleReport] = {}
    stack = list(names)
    while stack:
        module = modules.get(stack.pop())
        if module is not None and module.name not in found:
            found[module.name] = module
            stack.extend(module.instances)
    return list(found.values())


def _observed(
    source: _Source, layers: Sequence[tuple[LayerSpec, list[ModuleReport]]]
) -> tuple[list[Multiplication], list[Constants]]:
    """What the modules of one project show: the price of every multiplier, and which constants have one."""
    free = implementation_asked(source.design.target.directives) is None
    part = source.report.part or source.design.target.part
    block = find_device(part).dsp_block if free and part else None
    multiplications = [
        Multiplication(min(m.width_a, m.width_b), max(m.width_a, m.width_b), m.dsp, block)
        for layer, modules in layers
        for module in modules
        for m in module.multipliers
        if block is not None and m.width_a is not None and m.width_b is not None and m.dsp is not None
        if layer.strategy is Strategy.LATENCY or m.dsp > 1  # small lanes of the others join their adders in DSPs
    ]
    constants = [
        one
        for layer, modules in layers
        if layer.strategy is Strategy.LATENCY and (one := _constants(layer, modules)) is not None
    ]
    return multiplications, constants


def _constants(layer: LayerSpec, modules: Sequence[ModuleReport]) -> Constants | None:
    """A layer whose constants each meet their own multiplier; None for others, and where no report lists operators."""
    weight = layer.weight
    if weight is None or weight.encoding is not Encoding.FIXED or layer.reuse_factor != 1 or weight.values.ndim < 2:
        return None
    if any(module.input_bits is None for module in modules):  # only text reports list every operator
        return None
    codes = weight.codes.reshape(-1, weight.codes.shape[-1])
    widths = Counter(width for module in modules for width in reported_constant_widths(module, layer).elements())
    return Constants(
        multipliers=sum(len(module.multipliers) for module in modules),
        shared={digits: count_products(codes, digits).count for digits in DIGITS},
        unshared={digits: count_products(codes, digits, shared=False).count for digits in DIGITS},
        with_sign=width_agreement(layer, widths, sign_of_positive=True),
        without_sign=width_agreement(layer, widths, sign_of_positive=False),
    )


def _rule_file(tool: str, first: str | None, last: str | None, count: int, fits: Sequence[Fit]) -> RuleFile:
    """The rules as far as they are decided, with the evidence for every threshold, kept or taken."""
    span = " to ".join(dict.fromkeys(version for version in (first, last) if version))
    decided: dict[str, Any] = {fit.threshold: fit.value for fit in fits if fit.decided}
    return RuleFile(
        tool=tool,
        source=f"{count} C-synthesis reports of one's own, {tool} {span}".strip(),
        first_version=first,
        last_version=last,
        thresholds=Thresholds(**decided),
        evidence=tuple(
            Evidence(
                threshold=fit.threshold,
                text=f"{fit.finding.value}, {'taken' if fit.decided else 'the value of the package kept'}: {fit.text}; "
                f"{fit.supporting} for it, {fit.contradicting} against",
            )
            for fit in fits
        ),
    )


def _exactness(sources: Sequence[_Source], rules: MappingRules) -> tuple[int, int]:
    """Of the layers with a module of their own, how many have exactly the DSPs these rules give; and how many are."""
    exact = count = 0
    for source in sources:
        part = source.report.part or source.design.target.part
        estimate = estimate_design(source.design, rules, find_device(part) if part else None)
        for layer in estimate.layers:
            match = source.matches.get(layer.name)
            if match is None or match.dsp is None or layer.dsp is None:
                continue
            count += 1
            exact += layer.dsp.is_exact and layer.dsp.low == match.dsp
    return exact, count
