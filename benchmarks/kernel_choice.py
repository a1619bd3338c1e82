"""Where a sparse kernel would be smaller than hls4ml's, by the model: `python -m benchmarks.kernel_choice DIR`.

DIR holds hls4ml projects. Every dense and convolution layer of them with a reuse factor above 1, and, sparser, with
more of its smallest weights set to zero (50, 75 and 90 %), is priced as it is (latency or resource strategy) and with
the kernel that `--sparse-kernels auto` would write: layers with the same constants, types and settings count once.
Printed by strategy and zeros: how many layers there are, in how many ours is smaller (LUTs, with a DSP for as many as
the part has for one), and DSPs and LUTs of both over all of them. The last line is JSON.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fpgaprune.design import Design, Encoding, LayerKind, LayerSpec, Parameter, Strategy
from fpgaprune.errors import FpgapruneError
from fpgaprune.estimate import device_of, rules_for
from fpgaprune.estimate.choose import Pricer
from fpgaprune.estimate.kernels import KernelForm
from fpgaprune.fixed_point import EXACT_WIDTH
from fpgaprune.read.project import read_project

_KINDS = frozenset({LayerKind.DENSE, LayerKind.CONV1D, LayerKind.CONV2D})
_STRATEGIES = frozenset({Strategy.LATENCY, Strategy.RESOURCE})
_ZEROS = (None, 0.5, 0.75, 0.9)  # None: as in the project


@dataclass
class Row:
    """Sums over the layers of one strategy and sparsity: hls4ml's kernel first, ours second."""

    layers: int = 0
    smaller: int = 0
    lanes: int = 0
    dsp: tuple[int, int] = (0, 0)
    lut: tuple[float, float] = (0.0, 0.0)

    def add(self, pricer: Pricer, layer: LayerSpec) -> None:
        """Count one layer, priced both ways."""
        alone = replace(layer, strategy=Strategy.LATENCY)
        form = pricer.forms(alone)
        ours = pricer.kernel(alone, form)
        areas = pricer.area(layer), pricer.area(ours)
        found = [pricer.cost(one) for one in (layer, ours)]
        if areas[0] is None or areas[1] is None or found[0] is None or found[1] is None:
            return
        self.layers += 1
        self.smaller += areas[1] < areas[0]
        self.lanes += form is KernelForm.LANES
        self.dsp = (self.dsp[0] + found[0][0], self.dsp[1] + found[1][0])
        self.lut = (self.lut[0] + found[0][1], self.lut[1] + found[1][1])


def _thinned(design: Design, zeros: float | None) -> Design:
    """The design with the smallest weights of each layer zero, as many as that share of all."""
    if zeros is None:
        return design
    layers = []
    for layer in design:
        weight = layer.weight
        if layer.kind in _KINDS and weight is not None and weight.zeros < zeros * weight.values.size:
            order = np.argsort(np.abs(weight.values), axis=None)
            values = weight.values.copy()
            values.ravel()[order[: int(zeros * order.size)]] = 0
            parameters = {**layer.parameters, "weight": Parameter(values, weight.precision, weight.encoding)}
            layer = replace(layer, parameters=parameters, claimed_zeros=None, multiplier_limit=None)  # noqa: PLW2901
        layers.append(layer)
    return replace(design, layers=tuple(layers))


def _fits(layer: LayerSpec) -> bool:
    weight, data = layer.weight, layer.input_precision
    return (
        layer.kind in _KINDS
        and layer.strategy in _STRATEGIES
        and (layer.reuse_factor or 1) > 1
        and weight is not None
        and weight.encoding is Encoding.FIXED
        and weight.precision.width <= EXACT_WIDTH
        and data is not None
        and layer.accumulator_precision is not None
    )


def _designs(folder: Path) -> Iterator[Design]:
    for path in sorted(entry for entry in folder.iterdir() if (entry / "firmware").is_dir()):
        try:
            yield read_project(path)
        except FpgapruneError:
            continue


def main(arguments: list[str]) -> None:
    """Print a row per strategy and sparsity, and the JSON line."""
    rows: dict[tuple[str, str], Row] = {}
    seen: set[tuple[str, str]] = set()
    for design in _designs(Path(arguments[0])):
        tool = "vivado_hls" if design.target.backend == "Vivado" else "vitis_hls"
        for zeros in _ZEROS:
            thinned = _thinned(design, zeros)
            pricer = Pricer.of(thinned, rules_for(tool), device_of(thinned)[0])
            for layer in filter(_fits, thinned):
                share = "as found" if zeros is None else f"{zeros:.0%} zero"
                key = (share, layer_key(layer))
                if key not in seen:
                    seen.add(key)
                    rows.setdefault((str(layer.strategy), share), Row()).add(pricer, layer)
    for (strategy, share), row in sorted(rows.items()):
        print(
            f"{strategy:9} {share:9} {row.layers:4} layers, ours smaller in {row.smaller:4} ({row.lanes} in lanes), "
            f"DSPs {row.dsp[0]} -> {row.dsp[1]}, LUTs {row.lut[0]:.0f} -> {row.lut[1]:.0f}"
        )
    print(json.dumps({f"{strategy}, {share}": vars(row) for (strategy, share), row in sorted(rows.items())}))


def layer_key(layer: LayerSpec) -> str:
    """What makes two layers the same: constants, types, settings."""
    weight = layer.weight
    constants = b"" if weight is None else weight.values.tobytes()
    types = (layer.input_precision, layer.accumulator_precision, None if weight is None else weight.precision)
    return f"{hash(constants)} {types} {layer.strategy} {layer.reuse_factor} {layer.parallelization_factor}"


if __name__ == "__main__":
    main(sys.argv[1:])
