"""Real projects as the benchmark of LUTs, flip-flops, block RAM and latency sees them: structure beside reports."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.dsp_accuracy import doubt_of
from benchmarks.resource_fit import PRIORS, Sample, left_out
from fpgaprune.compare.matching import match_modules
from fpgaprune.compare.wrapping import at_clock_of, network_report
from fpgaprune.design import Design, LayerKind, LayerSpec, Strategy
from fpgaprune.device import find_device
from fpgaprune.errors import DesignError, FpgapruneError, ReportError
from fpgaprune.estimate import build_estimate_context, rules_for
from fpgaprune.estimate.fabric import DesignFabric, Structure, describe_design
from fpgaprune.estimate.fabric.model import load_model
from fpgaprune.read.project import read_project
from fpgaprune.read.report import find_report, read_report
from fpgaprune.results import SynthesisReport

RESOURCES: Final = ("lut", "ff", "bram_18k")
TIMES: Final = ("latency_cycles", "ii")


@dataclass(frozen=True)
class Project:
    """One project as read: what it is made of and what its report says."""

    name: str
    repository: str
    digest: str
    fabric: DesignFabric
    weights: int
    weight_bits: float  # weights x bits of weight and data
    reported: Mapping[str, float | None]
    layers: tuple["LayerRow", ...]


@dataclass(frozen=True)
class LayerRow:
    """One layer whose module the report has; `plain`: dense, Latency, reuse factor 1."""

    layer: str
    key: str
    plain: bool
    structure: Structure
    reported: Mapping[str, int]


def read_projects(folder: Path, status: Mapping[str, str]) -> tuple[list[Project], dict[str, str]]:
    """Projects with a report of their own weights, and why others were left out.

    Those `status` calls otherwise than "ok" are passed over, and those whose report contradicts them left out.
    """
    projects, failed = [], {}
    for meta_path in sorted(folder.glob("*/meta.json")):
        path = meta_path.parent
        if status.get(path.name, "ok") != "ok":
            continue
        try:
            projects.append(_read(path, json.loads(meta_path.read_text(encoding="utf-8"))))
        except FpgapruneError as error:
            failed[path.name] = str(error)
    return projects, failed


def _read(path: Path, meta: Mapping[str, Any]) -> Project:
    design = read_project(path)
    found = find_report(path)
    report = read_report(found if found is not None else path / "report")
    device = find_device(str(meta["part"]))
    doubt = doubt_of("ok", design, report, match_modules(design, report))
    if doubt is not None:
        raise ReportError(doubt)
    design, _ = at_clock_of(design, report)
    context = build_estimate_context(design, rules_for(str(meta["tool"]), str(meta["tool_version"])), device)
    fabric = describe_design(design, context, device)
    if fabric.unknown:
        message = f"not estimated: {', '.join(fabric.unknown)}"
        raise DesignError(message)
    report = network_report(design, report)  # what is estimated, without an accelerator's interface around it
    reported = {name: getattr(report.used, name) for name in RESOURCES}
    reported |= {"latency_cycles": report.latency_cycles, "ii": report.ii}
    return Project(
        name=path.name,
        repository=path.name.split("__")[0],
        digest=design.digest,
        fabric=fabric,
        weights=sum(layer.weight_count for layer in design),
        weight_bits=float(sum(_weight_bits(layer) for layer in design)),
        reported=reported,
        layers=tuple(_layers(design, fabric, report)),
    )


def _weight_bits(layer: LayerSpec) -> int:
    bits = sum(p.precision.width * p.values.size for n, p in layer.parameters.items() if n.endswith("weight"))
    return bits * (layer.input_precision.width if layer.input_precision is not None else 16)


def _layers(design: Design, fabric: DesignFabric, report: SynthesisReport) -> list[LayerRow]:
    matches = match_modules(design, report)
    known = {module.name: module for module in report.modules}
    shared = Counter(name for match in matches.values() for name in match.modules)
    rows = []
    for layer in design:
        match, found = matches.get(layer.name), fabric.layers.get(layer.name)
        if match is None or found is None or any(shared[name] > 1 for name in match.modules):
            continue  # a module of several layers tells nothing of one
        used = [known[name].used for name in match.modules if name in known]
        reported = {"lut": sum(u.lut or 0 for u in used), "ff": sum(u.ff or 0 for u in used)}
        if reported["lut"]:
            weights = "" if layer.weight is None else layer.weight.values.tobytes().hex()[:4000]
            key = f"{layer.kind}{layer.input_shape}{weights}{layer.input_precision}{reported}"
            rows.append(LayerRow(layer.name, key, _is_plain(layer), found.structure, reported))
    return rows


def _is_plain(layer: LayerSpec) -> bool:
    once = (layer.reuse_factor or 1) == 1 and layer.strategy in {None, Strategy.LATENCY}
    return layer.kind is LayerKind.DENSE and layer.weight is not None and once


def samples_of(projects: Sequence[Project], resource: str) -> list[Sample]:
    """Projects whose report states the resource."""
    return [
        Sample(p.name, p.repository, p.digest, p.fabric.structure, float(reported))
        for p in projects
        if (reported := p.reported[resource]) is not None
    ]


def learned_from(projects: Sequence[Project], resource: str) -> list[Sample]:
    """What prices are fitted to: projects, and for LUTs and flip-flops the modules of single layers as well."""
    layers = [
        Sample(p.name, p.repository, row.key, row.structure, float(row.reported[resource]))
        for p in projects
        for row in p.layers
        if resource in row.reported
    ]
    return samples_of(projects, resource) + layers


def expected_of(rows: Sequence[Project], resource: str, *, packaged: bool = False) -> list[float]:
    """What is expected of each project, its own repository left out of whatever is fitted.

    `packaged`: by the prices that come with the package instead, with nothing fitted.
    """
    if resource == "latency_cycles":
        return [max(1.0, p.fabric.latency_cycles) for p in rows]
    if resource == "ii":
        return [max(1.0, p.fabric.ii) for p in rows]
    if packaged:
        return [load_model().expect(resource, p.fabric.structure) for p in rows]
    return left_out(samples_of(rows, resource), learned_from(rows, resource), PRIORS[resource])
