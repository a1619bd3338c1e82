"""How well the DSP estimate agrees with real C-synthesis reports: `python -m benchmarks.dsp_accuracy DIR`.

DIR holds one folder per hls4ml project (`firmware/`, Tcl scripts, `report/`, `meta.json` with `tool`, `tool_version`
and `part`) and, optionally, `STATUS.json`, which names the projects whose report does not belong to their weights.
Those are left out. Layers with the same constants, settings and report count once. The last line is JSON.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from math import ceil
from pathlib import Path
from typing import Any

from fpgaprune.compare import match_modules
from fpgaprune.design import Design, LayerKind, LayerSpec, Strategy
from fpgaprune.device import find_device
from fpgaprune.errors import FpgapruneError
from fpgaprune.estimate import estimate_design, rules_for
from fpgaprune.estimate.network import implementation_asked
from fpgaprune.read.project import read_project
from fpgaprune.read.report import find_report, read_report
from fpgaprune.results import Bound, Estimate, LayerEstimate, SynthesisReport

_MATRIX = frozenset({
    LayerKind.DENSE, LayerKind.CONV1D, LayerKind.CONV2D, LayerKind.DEPTHWISE_CONV1D, LayerKind.DEPTHWISE_CONV2D,
})  # fmt: skip
_RECURRENT = frozenset({LayerKind.LSTM, LayerKind.GRU})


@dataclass(frozen=True)
class LayerResult:
    """One layer: what was expected, what the report says, and what simpler models would have said."""

    project: str
    layer: str
    group: str
    key: str  # equal for layers that are the same experiment
    reported: int
    estimated: Bound | None
    first_order: int
    nonzero: int
    limit: int  # hls4ml's own multiplier_limit

    @property
    def exact(self) -> bool:
        """Whether one number was expected and reported."""
        return self.estimated is not None and self.estimated.is_exact and self.reported in self.estimated

    @property
    def within(self) -> bool:
        """Whether the report lies within the bounds."""
        return self.estimated is not None and self.reported in self.estimated


@dataclass(frozen=True)
class ProjectResult:
    """One project's total; `reason` says why it could not be read."""

    project: str
    estimated: Bound | None
    first_order: int | None
    reported: int | None
    reason: str | None = None


@dataclass
class SetResult:
    """Distinct layers of one set."""

    layers: int = 0
    exact: int = 0
    within: int = 0
    nonzero_layers: int = 0  # with a report above zero
    nonzero_exact: int = 0
    reported: int = 0
    estimated_low: int = 0
    estimated_high: int = 0
    first_order: int = 0
    nonzero: int = 0
    limit: int = 0

    def add(self, layer: LayerResult) -> None:
        """Count one more layer."""
        self.layers += 1
        self.exact += layer.exact
        self.within += layer.within
        self.nonzero_layers += layer.reported > 0
        self.nonzero_exact += layer.exact and layer.reported > 0
        self.reported += layer.reported
        self.estimated_low += layer.estimated.low if layer.estimated else 0
        self.estimated_high += layer.estimated.high if layer.estimated else 0
        self.first_order += layer.first_order
        self.nonzero += layer.nonzero
        self.limit += layer.limit


@dataclass(frozen=True)
class Accuracy:
    """Everything measured."""

    sets: Mapping[str, SetResult]
    layers: tuple[LayerResult, ...]  # distinct ones
    projects: tuple[ProjectResult, ...]


def measure(folder: Path, status: Mapping[str, str] | None = None) -> Accuracy:
    """Estimate and compare every project in `folder`; those `status` does not call "ok" are left out."""
    known = dict(status or {})
    sets: dict[str, SetResult] = {}
    layers: dict[str, LayerResult] = {}
    projects = []
    for meta_path in sorted(folder.glob("*/meta.json")):
        path = meta_path.parent
        if known.get(path.name, "ok") != "ok":
            continue
        meta = json.loads(meta_path.read_text(encoding="utf-8"))
        try:
            design, estimate, report = _read(path, meta)
        except FpgapruneError as error:
            projects.append(ProjectResult(path.name, None, None, None, str(error)))
            continue
        projects.append(ProjectResult(path.name, estimate.dsp, estimate.first_order_dsp, report.used.dsp))
        for layer in _layers(path.name, design, estimate, report, str(meta["tool"])):
            if layer.key not in layers:
                layers[layer.key] = layer
                sets.setdefault(layer.group, SetResult()).add(layer)
    return Accuracy(dict(sorted(sets.items())), tuple(layers.values()), tuple(projects))


def _read(path: Path, meta: Mapping[str, Any]) -> tuple[Design, Estimate, SynthesisReport]:
    design = read_project(path)
    report_path = find_report(path)
    report = read_report(report_path if report_path is not None else path / "report")
    rules = rules_for(str(meta["tool"]), str(meta["tool_version"]))
    return design, estimate_design(design, rules, find_device(str(meta["part"]))), report


def _layers(
    project: str, design: Design, estimate: Estimate, report: SynthesisReport, tool: str
) -> Iterator[LayerResult]:
    matches = match_modules(design, report)
    forced = implementation_asked(design.target.directives)
    for found in estimate.layers:
        match, layer = matches.get(found.name), design[found.name]
        if match is None or match.dsp is None or (layer.kind not in _MATRIX | _RECURRENT and not found.products):
            continue
        group = f"{tool} {_what(layer)} {'default' if forced is None else f'forced {forced}'}"
        yield LayerResult(
            project=project,
            layer=found.name,
            group=group,
            key=_key(layer, group, design, match.dsp),
            reported=match.dsp,
            estimated=found.dsp,
            first_order=found.first_order_dsp or 0,
            nonzero=_nonzero(layer, found),
            limit=layer.multiplier_limit or found.first_order_dsp or 0,
        )


def _nonzero(layer: LayerSpec, found: LayerEstimate) -> int:
    return ceil((found.weights - found.zeros) / max(1, layer.reuse_factor or 1))


def _what(layer: LayerSpec) -> str:
    reuse = "RF 1" if (layer.reuse_factor or 1) == 1 else "RF>1"
    if layer.kind in _RECURRENT:
        return f"recurrent {reuse}"
    if layer.kind not in _MATRIX:
        return f"{layer.kind.value} {reuse}"
    return f"{layer.strategy or Strategy.LATENCY} {reuse}"


def _key(layer: LayerSpec, group: str, design: Design, reported: int) -> str:
    state = sha256()
    facts = (
        group, layer.kind, layer.input_precision, layer.reuse_factor, layer.multiplier_limit, layer.input_shape,
        layer.output_shape, design.target.part, design.target.clock_ns, reported,
    )  # fmt: skip
    state.update(repr(facts).encode())
    for name, parameter in sorted(layer.parameters.items()):
        state.update(name.encode() + repr(parameter.precision).encode() + parameter.values.tobytes())
    return state.hexdigest()


def render(accuracy: Accuracy) -> str:
    """The tables as text."""
    head = f"{'set':44}{'layers':>7}{'exact':>7}{'bound':>7}{'>0':>6}{'exact':>7}"
    lines = [head + f"{'reported':>10}{'estimated':>16}{'first order':>13}{'nonzero':>9}{'limit':>9}"]
    for name, result in accuracy.sets.items():
        low, high = result.estimated_low, result.estimated_high
        estimated = f"{low}" if low == high else f"{low}–{high}"
        lines.append(
            f"{name:44}{result.layers:7}{result.exact:7}{result.within - result.exact:7}"
            f"{result.nonzero_layers:6}{result.nonzero_exact:7}{result.reported:10}{estimated:>16}"
            f"{result.first_order:13}{result.nonzero:9}{result.limit:9}"
        )
    missed = [layer for layer in accuracy.layers if not layer.exact]
    lines += ["", "layers not exact:"] if missed else []
    lines += [f"  {m.project} {m.layer}: {m.estimated} expected, {m.reported} reported" for m in missed]
    totals = [p for p in accuracy.projects if p.estimated is not None and p.reported is not None]
    exact = sum(p.estimated is not None and p.estimated == Bound(p.reported or 0, p.reported or 0) for p in totals)
    lines += ["", f"projects: {len(totals)} with a total, {exact} exact"]
    for p in totals:
        if p.estimated is not None and p.estimated != Bound(p.reported or 0, p.reported or 0):
            lines.append(f"  {p.project}: {p.estimated} expected, {p.reported} reported, first order {p.first_order}")
    lines += [f"  {p.project}: not read: {p.reason}" for p in accuracy.projects if p.reason is not None]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Print the tables; 2 where the folder holds no projects."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dsp_accuracy", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--status", type=Path, help="STATUS.json, where it does not lie in DIR")
    options = parser.parse_args(arguments)
    status_path = options.status or options.folder / "STATUS.json"
    status = json.loads(status_path.read_text(encoding="utf-8")) if status_path.is_file() else {}
    accuracy = measure(options.folder, status)
    if not accuracy.projects:
        print(f"{options.folder} holds no project folders with a meta.json", file=sys.stderr)
        return 2
    print(render(accuracy))
    print(json.dumps({name: asdict(result) for name, result in accuracy.sets.items()}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
