"""How well LUTs, flip-flops, block RAM and latency of real projects are expected, against their C-synthesis reports.

    python -m benchmarks.resource_accuracy DIR [--status STATUS.json] [--write model.toml]

`DIR` is a folder of projects as `benchmarks.dsp_accuracy` takes it. Whatever is fitted is fitted without the
project's own repository (the part of a folder's name before `__`). Not fitted, and so not left out: the prices of
operators and the delays that `fpgaprune.estimate.fabric` states with their sources, which were read from the same
reports, by tool, version and series; latency and interval rest on those alone. Beside it stands a plain regression,
in logarithms on the number of weights and on weights x weight bits x data bits, fitted and left out alike. Errors are
symmetric: |a - b| over their mean. `meta.json` is read for tool, version and part alone. `--write` puts prices fitted
to all projects, and ranges from the errors of those left out, into a file. The last line is JSON.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any, Final

import numpy as np

from benchmarks.resource_fit import PRIORS, Sample, fit_prices, left_out, predict, symmetric_error
from fpgaprune.compare.matching import match_modules
from fpgaprune.compare.wrapping import network_report
from fpgaprune.design import Design, LayerKind, LayerSpec, Strategy
from fpgaprune.device import find_device
from fpgaprune.errors import FpgapruneError
from fpgaprune.estimate import build_estimate_context, rules_for
from fpgaprune.estimate.fabric import DesignFabric, Structure, describe_design
from fpgaprune.read.project import read_project
from fpgaprune.read.report import find_report, read_report
from fpgaprune.results import SynthesisReport

RESOURCES: Final = ("lut", "ff", "bram_18k")
TIMES: Final = ("latency_cycles", "ii")
_FEW: Final = 8  # projects below which a set has no range of its own
_WRITTEN: Final = """\
# Prices per unit of structure (see structure.py) and ranges, written by `python -m benchmarks.resource_accuracy DIR
# --write FILE`: prices fitted to all projects with a trustworthy report, ranges the 5 % and 95 % quantiles of report
# over estimate where the estimate was fitted to the other repositories. Ranges exist for sets of at least {few}
# projects; `all` serves the rest.
source = {source}
"""


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
    """One dense layer (Latency, reuse factor 1) whose module the report has."""

    layer: str
    key: str
    structure: Structure
    reported: Mapping[str, int]


@dataclass(frozen=True)
class SetError:
    """Symmetric errors of one set of projects."""

    projects: int
    mean: float
    median: float
    regression_mean: float
    regression_median: float


def read_projects(folder: Path, status: Mapping[str, str]) -> tuple[list[Project], dict[str, str]]:
    """All readable projects that `status` does not call otherwise than "ok", and why others were not read."""
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
    context = build_estimate_context(design, rules_for(str(meta["tool"]), str(meta["tool_version"])), device)
    fabric = describe_design(design, context, device)
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
    rows = []
    for layer in design:
        match, found = matches.get(layer.name), fabric.layers.get(layer.name)
        once = (layer.reuse_factor or 1) == 1 and layer.strategy in {None, Strategy.LATENCY}
        if layer.kind is not LayerKind.DENSE or not once or match is None or found is None:
            continue
        used = [known[name].used for name in match.modules if name in known]
        reported = {"lut": sum(u.lut or 0 for u in used), "ff": sum(u.ff or 0 for u in used)}
        if reported["lut"] and layer.weight is not None:
            key = f"{layer.weight.values.tobytes().hex()[:4000]}{layer.input_precision}{reported['lut']}"
            rows.append(LayerRow(layer.name, key, found.structure, reported))
    return rows


def samples_of(projects: Sequence[Project], resource: str) -> list[Sample]:
    """Projects whose report states the resource."""
    return [
        Sample(p.name, p.repository, p.digest, p.fabric.structure, float(reported))
        for p in projects
        if (reported := p.reported[resource]) is not None
    ]


def learned_from(projects: Sequence[Project], resource: str) -> list[Sample]:
    """What prices are fitted to: projects, and for LUTs single dense layers as well."""
    layers = [
        Sample(p.name, p.repository, row.key, row.structure, float(row.reported["lut"]))
        for p in projects
        for row in p.layers
        if resource == "lut"
    ]
    return samples_of(projects, resource) + layers


def plain_regression(projects: Sequence[Project], resource: str) -> list[float]:
    """The reference: log(count) against log(weights) and log(weights x bits); own repository left out."""
    rows = [p for p in projects if p.reported[resource] is not None]
    features = np.array([[1.0, np.log(max(p.weights, 1)), np.log(max(p.weight_bits, 1.0))] for p in rows])
    goal = np.log(np.maximum([float(p.reported[resource] or 0) for p in rows], 1.0))
    found = np.zeros(len(rows))
    for repository in {p.repository for p in rows}:
        own = np.array([p.repository == repository for p in rows])
        solution = np.linalg.lstsq(features[~own], goal[~own], rcond=None)[0]
        found[own] = np.exp(features[own] @ solution)
    return found.tolist()


def errors_of(projects: Sequence[Project], resource: str) -> dict[str, SetError]:
    """Errors by set, and of all together."""
    rows = [p for p in projects if p.reported[resource] is not None]
    expected = _expected(rows, resource)
    reference = plain_regression(rows, resource)
    grouped: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for project, ours, plain in zip(rows, expected, reference, strict=True):
        reported = float(project.reported[resource] or 0)
        pair = (symmetric_error(ours, reported), symmetric_error(plain, reported))
        grouped[project.fabric.regime].append(pair)
        grouped["all"].append(pair)
    return {name: _set_error(pairs) for name, pairs in sorted(grouped.items())}


def _expected(rows: Sequence[Project], resource: str) -> list[float]:
    if resource == "latency_cycles":
        return [max(1.0, p.fabric.latency_cycles) for p in rows]
    if resource == "ii":
        return [max(1.0, p.fabric.ii) for p in rows]
    return left_out(samples_of(rows, resource), learned_from(rows, resource), PRIORS[resource])


def _set_error(pairs: Sequence[tuple[float, float]]) -> SetError:
    ours, plain = zip(*pairs, strict=True)
    return SetError(len(pairs), mean(ours), median(ours), mean(plain), median(plain))


def layer_errors(projects: Sequence[Project]) -> tuple[list[tuple[str, str, float, int]], list[float]]:
    """Distinct dense layers (Latency, reuse factor 1): project, layer, expected and reported LUTs; and errors."""
    rows: list[tuple[str, str, float, int]] = []
    seen: set[str] = set()
    samples = learned_from(projects, "lut")
    for repository in sorted({p.repository for p in projects}):
        prices = fit_prices([s for s in samples if s.repository != repository], PRIORS["lut"])
        for project in projects:
            for row in project.layers if project.repository == repository else ():
                if row.key not in seen:
                    seen.add(row.key)
                    expected = predict(Sample("", "", "", row.structure, 0.0), prices)
                    rows.append((project.name, row.layer, expected, row.reported["lut"]))
    return rows, [symmetric_error(expected, reported) for _, _, expected, reported in rows]


def render(projects: Sequence[Project], failed: Mapping[str, str], *, verbose: bool) -> tuple[str, dict[str, Any]]:
    """The tables as text, and the same as JSON-ready data."""
    lines: list[str] = []
    data: dict[str, Any] = {}
    for resource in (*RESOURCES, *TIMES):
        errors = errors_of(projects, resource)
        data[resource] = {name: asdict(error) for name, error in errors.items()}
        head = f"{resource}: symmetric error, own repository left out"
        lines += ["", f"{head:56}{'n':>4}{'mean':>9}{'median':>9}{'plain regression':>20}{'median':>9}{'ratio':>8}"]
        for name, error in errors.items():
            ratio = error.mean / error.regression_mean if error.regression_mean else float("nan")
            lines.append(
                f"  {name:54}{error.projects:4}{error.mean:9.1%}{error.median:9.1%}"
                f"{error.regression_mean:20.1%}{error.regression_median:9.1%}{ratio:8.2f}"
            )
    near = [_near(p) for p in projects if p.reported["latency_cycles"]]
    data["latency_within_2_or_15_percent"] = {"projects": len(near), "within": sum(near)}
    lines += ["", f"latency within two cycles or 15 %: {sum(near)} of {len(near)} projects"]
    rows, errors_by_layer = layer_errors(projects)
    if rows:
        found = {"median": median(errors_by_layer), "mean": mean(errors_by_layer)}
        data["dense_layers_latency_rf1_lut"] = {"layers": len(rows), **found}
        lines += ["", f"LUT of distinct dense layers, Latency, RF 1: {len(rows)} layers, "
                      f"median {found['median']:.1%}, mean {found['mean']:.1%}"]  # fmt: skip
        for (project, layer, expected, reported), off in zip(rows, errors_by_layer, strict=True):
            if verbose or off > 0.25:
                lines.append(f"  {project} {layer}: {expected:.0f} expected, {reported} reported")
    lines += [f"not read: {name}: {reason}" for name, reason in failed.items()]
    return "\n".join(lines), data


def _near(project: Project) -> bool:
    reported = float(project.reported["latency_cycles"] or 0)
    off = abs(project.fabric.latency_cycles - reported)
    return off <= 2 or off <= 0.15 * reported


def write_model(projects: Sequence[Project], source: str) -> str:
    """The text of a model file fitted to all `projects`, with ranges from those left out."""
    text = [_WRITTEN.format(few=_FEW, source=json.dumps(source))]
    for resource in RESOURCES:
        prices = fit_prices(learned_from(projects, resource), PRIORS[resource])
        text += [f"\n[prices.{resource}]", *(f"{term} = {price:.4g}" for term, price in prices.items())]
    for resource in (*RESOURCES, *TIMES):
        rows = [p for p in projects if p.reported[resource] is not None]
        ratios: dict[str, list[float]] = defaultdict(list)
        for project, expected in zip(rows, _expected(rows, resource), strict=True):
            ratio = (float(project.reported[resource] or 0) + 1) / (expected + 1)
            ratios[project.fabric.regime].append(ratio)
            ratios["all"].append(ratio)
        for name, found in sorted(ratios.items()):
            if len(found) >= _FEW or name == "all":
                low, high = np.quantile(found, [0.05, 0.95])
                text.append(f"\n[ranges.{resource}.{json.dumps(name)}]")
                text.append(f"low = {low:.3g}\nhigh = {high:.3g}\ncount = {len(found)}")
    text.append(_VSYNTH)
    return "\n".join(text) + "\n"


# 58 pairs of C and logic synthesis reports: median factor, 5 % and 95 % quantiles where stated.
_VSYNTH: Final = """
# LUTs after logic synthesis over those of C synthesis: median, 5 % and 95 % quantiles of 58 pairs of reports of public
# hls4ml projects.
[vsynth.lut]
median = 0.47
low = 0.19
high = 0.73
count = 58"""


def main(arguments: list[str]) -> int:
    """Print the tables; 2 where the folder holds no projects."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.resource_accuracy", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--status", type=Path, help="STATUS.json, where it does not lie in DIR")
    parser.add_argument("--write", type=Path, help="write the fitted model into this file")
    parser.add_argument("--verbose", action="store_true", help="every layer, not only those more than 25 %% off")
    options = parser.parse_args(arguments)
    status_path = options.status or options.folder / "STATUS.json"
    status = json.loads(status_path.read_text(encoding="utf-8")) if status_path.is_file() else {}
    projects, failed = read_projects(options.folder, status)
    if not projects:
        print(f"{options.folder} holds no project folders with a meta.json", file=sys.stderr)
        return 2
    text, data = render(projects, failed, verbose=options.verbose)
    print(text)
    if options.write is not None:
        source = (
            f"C-synthesis reports of {len(projects)} public hls4ml projects, {_repositories(projects)} repositories"
        )
        options.write.write_text(write_model(projects, source), encoding="utf-8")
    print(json.dumps(data))
    return 0


def _repositories(projects: Sequence[Project]) -> int:
    return len({p.repository for p in projects})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
