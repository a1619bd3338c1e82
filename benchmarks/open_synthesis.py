"""Open synthesis of 16-64-32-32-5 networks: whether it is exact and as estimated, how long and how much it takes.

    python -m benchmarks.open_synthesis DIR [--bits 6 8 12 16] [--sparsity 0 0.5 0.75 0.9] [--full] [--growth]

QKeras models with seeded weights are generated into DIR by hls4ml and synthesized at DSP depth under the three rule
sets; a row each. `--full` maps the 16-bit network of 50 % zeros down to LUTs and flip-flops, `--growth` synthesizes
single 16-bit layers of up to 20 000 multipliers. Every row is checked against the C simulation on 1000 inputs, or the
run fails. Rows are kept in DIR/rows.jsonl and networks beside it: a run that was stopped goes on from there, and
`--again` begins anew. The last line is JSON; `ratio` is synthesized over estimated DSPs, summed over all rows.
"""

import argparse
import json
import resource
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np

from fpgaprune.flow.generate import generate_loaded
from fpgaprune.flow.open_job import OpenSettings
from fpgaprune.flow.open_synthesis import synthesize_open
from fpgaprune.frameworks import load_frameworks
from fpgaprune.generate.settings import GenerateSettings
from fpgaprune.read.model import LoadedModel
from fpgaprune.synth.open.front_ends import find_front_end
from fpgaprune.synth.open.yosys import Depth

SIZES = (16, 64, 32, 32, 5)
RULES = ("vitis_hls", "vivado_hls", "yosys")
GROWTH = ((32, 64), (64, 80), (100, 100), (125, 160))  # 2048 to 20 000 weights of one layer


@dataclass(frozen=True)
class Row:
    """One synthesis. `megabytes` is the most that any process of the run so far took."""

    network: str
    bits: int
    sparsity: float
    rules: str
    depth: str
    weights: int
    zeros: int
    multipliers: int
    estimated_dsp: int
    dsp: int
    ratio: float | None  # synthesized over estimated DSPs; None where none are expected
    lut: int | None
    agrees: bool
    seconds: float
    cpu_seconds: float  # of Yosys, clang and the C simulation
    megabytes: int


def model(sizes: Sequence[int], bits: int, sparsity: float) -> Any:
    """A QKeras network of dense layers with seeded uniform weights, that share of every kernel zero."""
    frameworks = load_frameworks()
    keras, q = frameworks.keras, frameworks.qkeras
    keras.backend.clear_session()
    x = start = keras.Input((sizes[0],), name="x")
    x = q.QActivation(f"quantized_bits({bits},{bits // 3},alpha=1)", name="taken")(x)
    quantizer = f"quantized_bits({bits},0,alpha=1)"
    for number, size in enumerate(sizes[1:]):
        x = q.QDense(size, kernel_quantizer=quantizer, bias_quantizer=quantizer, name=f"d{number}")(x)
        if number < len(sizes) - 2:
            x = q.QActivation(f"quantized_relu({bits},{bits // 3})", name=f"r{number}")(x)
    network = keras.Model(start, x)
    rng = np.random.default_rng([bits, int(100 * sparsity), *sizes])
    for layer in network.layers:
        if not layer.get_weights():
            continue
        kernel, bias = layer.get_weights()
        values = rng.uniform(-1, 1, kernel.size)
        values[rng.permutation(kernel.size)[: round(sparsity * kernel.size)]] = 0
        layer.set_weights([values.reshape(kernel.shape), rng.uniform(-0.5, 0.5, bias.shape)])
    return network


def place_of(sizes: Sequence[int], bits: int, sparsity: float) -> str:
    """Name of a network's project."""
    return f"{'-'.join(map(str, sizes))}_{bits}bit_{round(100 * sparsity)}"


def project(folder: Path, sizes: Sequence[int], bits: int, sparsity: float) -> Path:
    """The generated project in `folder`; one that is there is kept."""
    place = folder / place_of(sizes, bits, sparsity)
    if place.exists():  # it is written beside and then renamed, so it is all there
        return place
    loaded = LoadedModel(model(sizes, bits, sparsity), Path(f"{place.name}.h5"), "h5", ())
    generate_loaded(loaded, place, GenerateSettings(), run_verify=False)
    return place


@dataclass(frozen=True)
class Case:
    """One row to be."""

    sizes: tuple[int, ...]
    bits: int
    sparsity: float
    rules: str
    depth: Depth = Depth.DSP


class Rows:
    """The rows of a folder, those of earlier runs first."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._path = folder / "rows.jsonl"
        lines = self._path.read_text().splitlines() if self._path.is_file() else []
        self._found = {self._key(row): row for row in (Row(**json.loads(line)) for line in lines)}

    def take(self, case: Case) -> Row:
        """The row of a case, measured unless it was before; it is printed."""
        key = self._wanted(case)
        if key not in self._found:
            row = measure(project(self._folder, case.sizes, case.bits, case.sparsity), case)
            with self._path.open("a") as stream:
                stream.write(f"{json.dumps(asdict(row))}\n")
            self._found[key] = row
        row = self._found[key]
        print(", ".join(f"{name} {value}" for name, value in asdict(row).items()), flush=True)
        return row

    def forget(self, cases: Sequence[Case]) -> None:
        """Remove the rows and networks of the cases, so that they are made anew."""
        for case in cases:
            self._found.pop(self._wanted(case), None)
            rmtree(self._folder / place_of(case.sizes, case.bits, case.sparsity), ignore_errors=True)
        self._path.write_text("".join(f"{json.dumps(asdict(row))}\n" for row in self._found.values()))

    @staticmethod
    def _wanted(case: Case) -> tuple[object, ...]:
        return "-".join(map(str, case.sizes)), case.bits, case.sparsity, case.rules, case.depth.value

    @staticmethod
    def _key(row: Row) -> tuple[object, ...]:
        return row.network, row.bits, row.sparsity, row.rules, row.depth


def measure(place: Path, case: Case) -> Row:
    """Synthesize the project in `place`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    result = synthesize_open(place, OpenSettings(case.rules, depth=case.depth), find_front_end())
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    most = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    layers = result.layers
    used = result.report.used
    estimated = sum(layer.dsp.high for layer in layers if layer.dsp is not None)
    return Row(
        network=place.name.split("_")[0],
        bits=case.bits,
        sparsity=case.sparsity,
        rules=case.rules,
        depth=case.depth.value,
        weights=sum(layer.weights for layer in layers),
        zeros=sum(layer.zeros for layer in layers),
        multipliers=sum(layer.multipliers or 0 for layer in layers),
        estimated_dsp=estimated,
        dsp=used.dsp or 0,
        ratio=round((used.dsp or 0) / estimated, 4) if estimated else None,
        lut=used.lut,
        agrees=not result.not_synthesized
        and all(layer.agrees is True for layer in layers if layer.weights)
        and all(layer.multipliers == layer.allowed for layer in layers if layer.weights),
        seconds=round(seconds, 1),
        cpu_seconds=round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        megabytes=most // 1024,
    )


def main() -> None:
    """Run what was asked for; print a row each, and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bits", type=int, nargs="*", default=[6, 8, 12, 16])
    parser.add_argument("--sparsity", type=float, nargs="*", default=[0.0, 0.5, 0.75, 0.9])
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--again", action="store_true", help="measure rows again that are there already")
    asked = parser.parse_args()
    cases = [
        Case(SIZES, bits, sparsity, rules) for bits in asked.bits for sparsity in asked.sparsity for rules in RULES
    ]
    if asked.full:
        cases.append(Case(SIZES, 16, 0.5, "vitis_hls", Depth.FULL))
    if asked.growth:
        cases += [Case(sizes, 16, 0.0, "vitis_hls") for sizes in GROWTH]
    kept = Rows(asked.folder)
    if asked.again:
        kept.forget(cases)
    rows = [kept.take(case) for case in cases]
    estimated = sum(row.estimated_dsp for row in rows)
    told = {
        "agreeing": sum(row.agrees for row in rows),
        "rows": len(rows),
        "ratio": round(sum(row.dsp for row in rows) / estimated, 4) if estimated else None,
        "most_seconds": max((row.seconds for row in rows), default=None),
        "most_megabytes": max((row.megabytes for row in rows), default=None),
        "table": [asdict(row) for row in rows],
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
