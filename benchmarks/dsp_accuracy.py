"""How well the DSP estimate agrees with real C-synthesis reports: `python -m benchmarks.dsp_accuracy DIR`.

DIR holds one folder per hls4ml project (`firmware/`, Tcl scripts, `report/`, `meta.json` with `tool`, `tool_version`
and `part`) and, optionally, `STATUS.json`, which names the projects whose report does not belong to their weights.
Those are left out, as are the ones whose report names layers or constants that the project does not have, and the ones
with functions of their own in place of hls4ml's. Layers with the same constants and the same report count once in a
set; those whose data have a type per value that the project does not tell are a set of their own. Beside the estimate
stand what simpler models say:

  nonzero      nonzero constants / reuse factor
  first order  all constants / reuse factor x blocks of one multiplication of the declared widths
  limit        hls4ml's `multiplier_limit` as written in the project: what its Latency kernels allow
  hls4ml       hls4ml's `VivadoDSPEstimator`: constants // reuse factor, none below 9 bits of weight

The last line is JSON.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import sha256
from math import ceil
from pathlib import Path
from typing import Any

from benchmarks.dsp_accuracy_results import Accuracy, LayerResult, ProjectResult, SetResult, render, summary
from fpgaprune.compare import match_modules
from fpgaprune.compare.matching import Match
from fpgaprune.compare.trust import foreign, own_functions
from fpgaprune.compare.wrapping import at_clock_of
from fpgaprune.design import Design, LayerKind, LayerSpec, Strategy
from fpgaprune.device import find_device
from fpgaprune.errors import FpgapruneError
from fpgaprune.estimate import estimate_design, rules_for
from fpgaprune.estimate.network import implementation_asked
from fpgaprune.read.project import read_project
from fpgaprune.read.report import find_report, read_report
from fpgaprune.results import Estimate, LayerEstimate, SynthesisReport

_MATRIX = frozenset({
    LayerKind.DENSE, LayerKind.CONV1D, LayerKind.CONV2D, LayerKind.DEPTHWISE_CONV1D, LayerKind.DEPTHWISE_CONV2D,
})  # fmt: skip
_RECURRENT = frozenset({LayerKind.LSTM, LayerKind.GRU})


def measure(folder: Path, status: Mapping[str, str] | None = None) -> Accuracy:
    """Estimate and compare every project in `folder`; those `status` does not call "ok" are left out, and say so."""
    known = dict(status or {})
    sets: dict[str, SetResult] = {}
    layers: dict[str, LayerResult] = {}
    projects = []
    for path in sorted(entry for entry in folder.iterdir() if _is_project(entry)):
        try:
            meta = _meta(path)
            design, estimate, report = _read(path, meta)
            matches = match_modules(design, report)
            doubt = doubt_of(known.get(path.name, "ok"), design, report, matches)
            found = [] if doubt else list(_layers(path.name, design, estimate, matches, str(meta["tool"])))
        except FpgapruneError as error:
            projects.append(_broken(path, known, str(error)))
            continue
        except Exception as error:  # noqa: BLE001 - one strange project must not cost the others their measurement
            projects.append(_broken(path, known, f"{type(error).__name__}: {error}"))
            continue
        projects.append(_project(path.name, design, estimate, report, doubt))
        for layer in found:
            if layer.key not in layers:
                layers[layer.key] = layer
                sets.setdefault(layer.group, SetResult()).add(layer)
    return Accuracy(dict(sorted(sets.items())), tuple(layers.values()), tuple(projects))


def _is_project(path: Path) -> bool:
    return path.is_dir() and ((path / "meta.json").is_file() or (path / "firmware").is_dir())


def _meta(path: Path) -> Mapping[str, Any]:
    """Tool, version and part of a project; nothing else of its meta.json is looked at."""
    meta = json.loads((path / "meta.json").read_text(encoding="utf-8"))
    return {name: meta[name] for name in ("tool", "tool_version", "part")}


def _read(path: Path, meta: Mapping[str, Any]) -> tuple[Design, Estimate, SynthesisReport]:
    design = read_project(path)
    report_path = find_report(path)
    report = read_report(report_path if report_path is not None else path / "report")
    design, _ = at_clock_of(design, report)
    rules = rules_for(str(meta["tool"]), str(meta["tool_version"]))
    return design, estimate_design(design, rules, find_device(str(meta["part"]))), report


def doubt_of(status: str, design: Design, report: SynthesisReport, matches: Mapping[str, Match]) -> str | None:
    """Why the report cannot be held against the estimate; None where it can."""
    if status != "ok":
        return f"STATUS.json: {status}"
    return next(foreign(design, report, matches), own_functions(design, report))


def _broken(path: Path, status: Mapping[str, str], reason: str) -> ProjectResult:
    known = status.get(path.name, "ok")
    said = " ".join(reason.replace(f"{path}/", "").split())
    return ProjectResult(path.name, reason=said if known == "ok" else f"STATUS.json: {known}; {said}")


def _project(
    name: str, design: Design, estimate: Estimate, report: SynthesisReport, doubt: str | None
) -> ProjectResult:
    return ProjectResult(
        project=name,
        estimated=estimate.dsp,
        first_order=estimate.first_order_dsp,
        reported=report.used.dsp,
        recurrent=any(layer.kind in _RECURRENT for layer in design),
        not_estimated=estimate.not_estimated,
        doubt=doubt,
    )


def _layers(
    project: str, design: Design, estimate: Estimate, matches: Mapping[str, Match], tool: str
) -> Iterator[LayerResult]:
    forced = implementation_asked(design.target.directives)
    shared = Counter(module for match in matches.values() for module in match.modules)
    for found in estimate.layers:
        match, layer = matches.get(found.name), design[found.name]
        if match is None or match.dsp is None or (layer.kind not in _MATRIX | _RECURRENT and not found.products):
            continue
        if any(shared[module] > 1 for module in match.modules):
            continue  # a module of several layers tells nothing of one
        group = f"{tool} {_what(layer)} {'default' if forced is None else f'forced {forced}'}"
        if not _has_known_types(layer, design):
            group += ", types unknown"
        yield LayerResult(
            project=project,
            layer=found.name,
            group=group,
            key=_key(layer, group, match.dsp),
            reported=match.dsp,
            estimated=found.dsp,
            rivals={
                "nonzero": _nonzero(layer, found),
                "first order": found.first_order_dsp or 0,
                "limit": layer.multiplier_limit or found.first_order_dsp or 0,
                "hls4ml": _hls4ml(layer),
            },
        )


def _has_known_types(layer: LayerSpec, design: Design) -> bool:
    """Whether the project tells the types of its data: not where a quantizer's code, with one per value, is missing."""
    while len(layer.inputs) == 1:
        layer = design[layer.inputs[0]]
        if layer.operation == "quantize":
            return "element_widths" in layer.attributes
        if layer.kind not in {LayerKind.ACTIVATION, LayerKind.RESHAPE, LayerKind.POOLING}:
            return True
    return True


def _nonzero(layer: LayerSpec, found: LayerEstimate) -> int:
    return ceil((found.weights - found.zeros) / max(1, layer.reuse_factor or 1))


def _hls4ml(layer: LayerSpec) -> int:
    """`VivadoDSPEstimator.layer_resources` of hls4ml 1.3.0: constants // reuse factor, none below 9 bits."""
    weight = layer.weight
    if weight is None or layer.kind is LayerKind.BATCH_NORM or weight.precision.width < 9:
        return 0
    return layer.weight_count // max(1, layer.reuse_factor or 1)


def _what(layer: LayerSpec) -> str:
    reuse = "RF 1" if (layer.reuse_factor or 1) == 1 else "RF>1"
    if layer.kind in _RECURRENT:
        return f"recurrent {reuse}"
    if layer.kind not in _MATRIX:
        return f"{layer.kind.value} {reuse}"
    return f"{layer.strategy or Strategy.LATENCY} {reuse}"


def _key(layer: LayerSpec, group: str, reported: int) -> str:
    """Equal for layers of one set with the same constants and the same report."""
    state = sha256()
    state.update(repr((group, layer.kind, layer.output_shape, reported)).encode())
    for name, parameter in sorted(layer.parameters.items()):
        state.update(name.encode() + parameter.values.tobytes())
    return state.hexdigest()


def main(arguments: list[str]) -> int:
    """Print the tables; 2 where the folder holds no projects."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.dsp_accuracy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--status", type=Path, help="STATUS.json, where it does not lie in DIR")
    options = parser.parse_args(arguments)
    if not options.folder.is_dir():
        print(f"{options.folder} is no folder", file=sys.stderr)
        return 2
    status_path = options.status or options.folder / "STATUS.json"
    status = json.loads(status_path.read_text(encoding="utf-8")) if status_path.is_file() else {}
    accuracy = measure(options.folder, status)
    if not accuracy.projects:
        print(f"{options.folder} holds no project folders (firmware/ and meta.json)", file=sys.stderr)
        return 2
    print(render(accuracy))
    print(json.dumps(summary(accuracy)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
