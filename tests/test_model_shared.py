"""The real models that nobody here wrote: all that plain hls4ml converts load, the others are refused by a sentence."""

import csv
from pathlib import Path

import pytest

from fpgaprune.errors import ModelError
from fpgaprune.read.model import load_model
from fpgaprune.read.quantizers import layer_constants

pytestmark = [pytest.mark.keras, pytest.mark.shared, pytest.mark.slow]

# Why each of these cannot be loaded, by a word of the sentence that must say so.
REFUSED = {
    "acme_keras_0": "HGQ",
    "ex_hgq_jet": "HGQ",
    "minh_0": "HGQ",
    "ex_KERAS_3layer_binary_smaller": "'BinaryDense'",
    "ex_KERAS_3layer_ternary_small": "'TernaryDense'",
    "hist_KERAS_emnist_16x16_mlp": "do not fit the layer 'dense_3': stored 64x10, 10, needed 64x27, 27",
}


def _cases(folder: Path) -> list[dict[str, str]]:
    with (folder / "CASES.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _file(folder: Path, case: dict[str, str]) -> Path:
    return folder / Path(case["file"].split(" ")[0]).name


def test_all_that_hls4ml_converts_load_and_the_others_say_why(shared_models: Path) -> None:
    cases = _cases(shared_models)
    assert len(cases) == 62
    for case in cases:
        path = _file(shared_models, case)
        if case["name"] in REFUSED:
            assert case["converts_vitis_par"] != "ok"
            with pytest.raises(ModelError) as caught:
                load_model(path)
            assert REFUSED[case["name"]] in str(caught.value)
            assert "\n" not in str(caught.value)
            continue
        model = load_model(path).model
        names = [layer.name for layer in model.layers]
        assert all(name.isidentifier() and name.isascii() for name in names)
        assert len({name.lower() for name in names}) == len(names)
        for layer in model.layers:
            for name, constant in layer_constants(layer).items() if layer.weights else ():
                where = f"{case['name']} {layer.name} {name}"
                if constant.quantized:
                    assert constant.precision is not None, where
                    assert constant.precision.holds(constant.values), where
