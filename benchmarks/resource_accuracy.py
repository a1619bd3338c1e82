"""How well LUTs, flip-flops, block RAM and latency of real projects are expected, against their C-synthesis reports.

    python -m benchmarks.resource_accuracy DIR [--status STATUS.json] [--packaged] [--write model.toml]

`DIR` is a folder of projects as `benchmarks.dsp_accuracy` takes it. Whatever is fitted is fitted without the
project's own repository (the part of a folder's name before `__`). Not fitted, and so not left out: which registers,
multiplexers, FIFOs and memories layers are made of, the prices of operators and the delays, all of which
`fpgaprune.estimate.fabric` states with their sources and which were read from the same reports; latency and interval
rest on those alone. With `--packaged` nothing is fitted, for other projects than those the package's prices were
fitted to. Projects whose report contradicts them, and those with layers that are not estimated, are left out, and
named. Beside it stands a plain regression, in logarithms on the number of weights and on weights x weight bits x data
bits, fitted to these projects and left out alike. Errors are symmetric: |a - b| over their mean. `meta.json` is read
for tool, version and part alone. `--write` puts prices fitted to all projects, and ranges from the errors of those left
out, into a file. The last line is JSON.
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

from benchmarks.resource_fit import PRIORS, Sample, fit_prices, predict, symmetric_error
from benchmarks.resource_model import write_model
from benchmarks.resource_projects import RESOURCES, TIMES, Project, expected_of, learned_from, read_projects
from fpgaprune.estimate.fabric.model import load_model

_THIN: Final = 3  # repositories below which a set tells little of others


@dataclass(frozen=True)
class SetError:
    """Symmetric errors of one set of projects."""

    projects: int
    repositories: int
    mean: float
    median: float
    least: float
    most: float
    regression_mean: float
    regression_median: float

    @property
    def thin(self) -> bool:
        """Whether it comes from too few repositories to speak for others."""
        return self.repositories < _THIN


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


def errors_of(projects: Sequence[Project], resource: str, *, packaged: bool) -> dict[str, SetError]:
    """Errors by set, and of all together."""
    rows = [p for p in projects if p.reported[resource] is not None]
    expected = expected_of(rows, resource, packaged=packaged)
    reference = plain_regression(rows, resource)
    grouped: dict[str, list[tuple[float, float]]] = defaultdict(list)
    repositories: dict[str, set[str]] = defaultdict(set)
    for project, ours, plain in zip(rows, expected, reference, strict=True):
        reported = float(project.reported[resource] or 0)
        pair = (symmetric_error(ours, reported), symmetric_error(plain, reported))
        grouped[project.fabric.regime].append(pair)
        grouped["all"].append(pair)
        for name in (project.fabric.regime, "all"):
            repositories[name].add(project.repository)
    return {name: _set_error(pairs, len(repositories[name])) for name, pairs in sorted(grouped.items())}


def _set_error(pairs: Sequence[tuple[float, float]], repositories: int) -> SetError:
    ours, plain = zip(*pairs, strict=True)
    return SetError(
        len(pairs), repositories, mean(ours), median(ours), min(ours), max(ours), mean(plain), median(plain)
    )


def layer_errors(
    projects: Sequence[Project], *, packaged: bool
) -> tuple[list[tuple[str, str, float, int]], list[float]]:
    """Distinct dense layers (Latency, reuse factor 1): project, layer, expected and reported LUTs; and errors."""
    rows: list[tuple[str, str, float, int]] = []
    seen: set[str] = set()
    samples = learned_from(projects, "lut")
    for repository in sorted({p.repository for p in projects}):
        others = [s for s in samples if s.repository != repository]
        prices = load_model().prices["lut"] if packaged else fit_prices(others, PRIORS["lut"])
        for project in projects:
            for row in project.layers if project.repository == repository else ():
                if row.plain and row.key not in seen:
                    seen.add(row.key)
                    expected = predict(Sample("", "", "", row.structure, 0.0), prices)
                    rows.append((project.name, row.layer, expected, row.reported["lut"]))
    return rows, [symmetric_error(expected, reported) for _, _, expected, reported in rows]


def render(
    projects: Sequence[Project], failed: Mapping[str, str], *, verbose: bool, packaged: bool = False
) -> tuple[str, dict[str, Any]]:
    """The tables as text, and the same as JSON-ready data."""
    lines: list[str] = []
    data: dict[str, Any] = {}
    for resource in (*RESOURCES, *TIMES):
        errors = errors_of(projects, resource, packaged=packaged)
        data[resource] = {name: asdict(error) for name, error in errors.items()}
        head = f"{resource}: symmetric error, {'packaged prices' if packaged else 'own repository left out'}"
        lines += ["", f"{head:56}{'n':>4}{'mean':>9}{'median':>9}{'plain regression':>20}{'median':>9}{'ratio':>8}"]
        for name, error in errors.items():
            ratio = error.mean / error.regression_mean if error.regression_mean else float("nan")
            few = f"  thin data ({error.repositories} repositories): errors {error.least:.1%} to {error.most:.1%}"
            lines.append(
                f"  {name:54}{error.projects:4}{error.mean:9.1%}{error.median:9.1%}"
                f"{error.regression_mean:20.1%}{error.regression_median:9.1%}{ratio:8.2f}"
                f"{few if error.thin else ''}"
            )
    near = [_near(p) for p in projects if p.reported["latency_cycles"]]
    data["latency_within_2_or_15_percent"] = {"projects": len(near), "within": sum(near)}
    lines += ["", f"latency within two cycles or 15 %: {sum(near)} of {len(near)} projects"]
    rows, errors_by_layer = layer_errors(projects, packaged=packaged)
    if rows:
        found = {"median": median(errors_by_layer), "mean": mean(errors_by_layer)}
        data["dense_layers_latency_rf1_lut"] = {"layers": len(rows), **found}
        lines += ["", f"LUT of distinct dense layers, Latency, RF 1: {len(rows)} layers, "
                      f"median {found['median']:.1%}, mean {found['mean']:.1%}"]  # fmt: skip
        for (project, layer, expected, reported), off in zip(rows, errors_by_layer, strict=True):
            if verbose or off > 0.25:
                lines.append(f"  {project} {layer}: {expected:.0f} expected, {reported} reported")
    lines += [f"left out: {name}: {reason}" for name, reason in failed.items()]
    return "\n".join(lines), data


def _near(project: Project) -> bool:
    reported = float(project.reported["latency_cycles"] or 0)
    off = abs(project.fabric.latency_cycles - reported)
    return off <= 2 or off <= 0.15 * reported


def main(arguments: list[str]) -> int:
    """Print the tables; 2 where the folder holds no projects."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.resource_accuracy", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--status", type=Path, help="STATUS.json, where it does not lie in DIR")
    parser.add_argument("--write", type=Path, help="write the fitted model into this file")
    parser.add_argument("--packaged", action="store_true", help="fit nothing, for projects that nothing was fitted to")
    parser.add_argument("--verbose", action="store_true", help="every layer, not only those more than 25 %% off")
    options = parser.parse_args(arguments)
    status_path = options.status or options.folder / "STATUS.json"
    status = json.loads(status_path.read_text(encoding="utf-8")) if status_path.is_file() else {}
    projects, failed = read_projects(options.folder, status)
    if not projects:
        print(f"{options.folder} holds no project folders with a meta.json", file=sys.stderr)
        return 2
    text, data = render(projects, failed, verbose=options.verbose, packaged=options.packaged)
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
