"""The reader on real projects of all versions of hls4ml, against a table made by another program."""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fpgaprune.csd import csd_digits
from fpgaprune.design import Design, LayerKind, LayerSpec, Strategy
from fpgaprune.errors import FpgapruneError, ProjectError
from fpgaprune.fixed_point import FixedPoint
from fpgaprune.read.project import read_project

pytestmark = pytest.mark.shared

# Projects whose own files contradict each other, and what is wrong with them.
REFUSED = {
    "CestMerNeil__FPGA_Accelerator4NN_Inference__SNN-AlexNet_PYNQ": "reads 'layer5_out' before anything writes it",
    "pominiq__DNNonSilicon__Folder_2_HLS4ML_Vivado_HLS-models-hls4ml_prj-d3a8c69": "holds 81 values where 27",
}
# The table rounds the 13 written decimals of 18-bit weights to the nearest code; the hardware floors them.
ROUNDED = "fastmachinelearning__ml4quantum-release__model-appendix-forward_problem-hls4ml_prj"
# The table keeps values beyond a 4-bit type; the hardware wraps them.
UNWRAPPED = "uw-acme__HLS4ML_VS_MANUAL__documents-Benchmarks-RNN-ftag-hls-ftag_gru_hls4ml_prj-6478cf0"


@pytest.fixture(scope="module")
def designs(shared_corpus: Path) -> dict[str, Design | FpgapruneError]:
    """Every project read once (about 5 s together)."""
    found: dict[str, Design | FpgapruneError] = {}
    for folder in sorted(shared_corpus.iterdir()):
        if (folder / "firmware").is_dir():
            try:
                found[folder.name] = read_project(folder)
            except ProjectError as error:
                found[folder.name] = error
    return found


@pytest.fixture(scope="module")
def table() -> dict[str, list[dict[str, str]]]:
    """The rows of each project."""
    path = Path(__file__).resolve().parents[2] / "shared" / "corpus" / "LAYERS.csv"
    if not path.is_file():
        pytest.skip("the table of layers is not beside this checkout")
    rows = defaultdict(list)
    with path.open() as stream:
        for row in csv.DictReader(stream):
            rows[row["project"]].append(row)
    return rows


def matched(
    designs: dict[str, Design | FpgapruneError], table: dict[str, list[dict[str, str]]]
) -> Iterator[tuple[str, LayerSpec, dict[str, str]]]:
    for project, design in designs.items():
        if isinstance(design, Design):
            layers = {layer.name: layer for layer in design}
            for row in table[project]:
                layer = layers.get(row["name"]) or layers.get(f"{row['name']}_pointwise")
                if layer is not None:
                    yield project, layer, row


def test_every_project_is_read_or_refused_for_its_own_fault(designs: dict[str, Design | FpgapruneError]) -> None:
    refused = {name: str(error) for name, error in designs.items() if not isinstance(error, Design)}
    assert set(refused) <= set(REFUSED)
    assert all(REFUSED[name] in message for name, message in refused.items())
    assert len(designs) - len(refused) >= 110


def test_types_reuse_and_strategy_are_those_of_the_table(
    designs: dict[str, Design | FpgapruneError], table: dict[str, list[dict[str, str]]]
) -> None:
    checked: Counter[str] = Counter()
    for project, layer, row in matched(designs, table):
        assert layer.weight is not None
        if row["reuse"]:
            assert layer.reuse_factor == int(float(row["reuse"])), (project, layer.name)
        if row["strategy"]:
            assert layer.strategy is Strategy(row["strategy"].lower()), (project, layer.name)
        types = {
            "weight_type": layer.weight.precision,
            "input_type": layer.input_precision,
            "accum_type": layer.accumulator_precision,
            "output_type": layer.output_precision,
        }
        for column, precision in types.items():
            if row[column]:
                said = FixedPoint.from_cpp(row[column])  # without modes, which the table leaves out
                assert precision is not None, (project, layer.name, column)
                found = (precision.width, precision.integer, precision.signed)
                assert found == (said.width, said.integer, said.signed), (project, layer.name, column)
                checked[column] += 1
    assert checked["weight_type"] >= 380


def test_shapes_and_values_are_those_of_the_table(
    designs: dict[str, Design | FpgapruneError], table: dict[str, list[dict[str, str]]]
) -> None:
    checked = 0
    for project, layer, row in matched(designs, table):
        weight = layer.parameters["weight"]
        where = (project, layer.name)
        assert weight.values.size == int(float(row["n_weights"])), where
        if layer.kind is LayerKind.DENSE:
            assert weight.values.shape == (int(float(row["n_in"])), int(float(row["n_out"]))), where
        if project in (ROUNDED, UNWRAPPED):
            continue
        codes = weight.codes
        assert weight.zeros == int(float(row["n_zero"])), where
        assert len(np.unique(codes[codes != 0])) == int(float(row["n_distinct"])), where
        digits = csd_digits(codes)
        assert int((digits == 2).sum()) == int(float(row["n_csd2"])), where
        assert int((digits >= 5).sum()) == int(float(row["n_csd5p"])), where
        checked += 1
    assert checked >= 370


def test_constants_shared_per_input_are_those_of_the_table(
    designs: dict[str, Design | FpgapruneError], table: dict[str, list[dict[str, str]]]
) -> None:
    # The table counts Resource weights in the transposed order in which they are written.
    checked = 0
    for project, layer, row in matched(designs, table):
        weight = layer.parameters["weight"]
        said = row["sum_dist_per_in_csd_gt2"]
        if not said or layer.kind not in (LayerKind.DENSE, LayerKind.CONV1D, LayerKind.CONV2D) or project == ROUNDED:
            continue
        codes = weight.codes
        if layer.strategy is Strategy.RESOURCE:
            codes = np.moveaxis(codes, -1, 0).reshape(-1, codes.shape[-1])
        rows = codes.reshape(-1, codes.shape[-1])
        found = sum(len(np.unique(row_codes[csd_digits(row_codes) > 2])) for row_codes in rows)
        assert found == int(float(said)), (project, layer.name)
        checked += 1
    assert checked >= 340


def test_every_kind_of_the_corpus_is_known(designs: dict[str, Design | FpgapruneError]) -> None:
    others = {
        layer.operation for d in designs.values() if isinstance(d, Design) for layer in d if layer.kind == "other"
    }
    # HGQ's own quantizers, one generated function each: carried by name.
    assert all("quantize" in (name or "") for name in others)
