"""The estimate held against real synthesis reports, where they are beside the checkout."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from benchmarks.dsp_accuracy_results import Accuracy

ROOT = Path(__file__).resolve().parents[1]
# Distinct layers with a report, how many must be exact of how many at most.
EXPECTED = {
    "vitis_hls latency RF 1 default": (12, 12),
    "vitis_hls latency RF 1 forced dsp": (19, 19),
    "vitis_hls latency RF 1 forced fabric": (15, 15),
    "vitis_hls latency RF>1 forced dsp": (35, 35),
    "vitis_hls latency RF>1 forced fabric": (19, 19),
    "vivado_hls latency RF 1 default": (47, 47),
    "vivado_hls latency RF>1 default": (54, 57),
    "vivado_hls resource RF 1 default": (4, 4),
    "vivado_hls resource RF>1 default": (86, 86),
    "vivado_hls recurrent RF 1 default": (4, 4),
    "vivado_hls recurrent RF>1 default": (6, 6),
    "vivado_hls batch_norm RF 1 default": (2, 2),
    "vivado_hls batch_norm RF>1 default": (2, 2),
    "vivado_hls softmax RF 1 default": (3, 3),
    "vivado_hls softmax RF>1 default": (9, 9),
    "vitis_hls softmax RF 1 default": (2, 2),
}
# Its report is of an earlier project: layer numbers and types differ from the firmware's.
FOREIGN = "Lrozzy__hls4ml-tutorial__quantized_pruned_cnn"


@pytest.fixture(scope="module")
def accuracy(shared_corpus: Path) -> "Accuracy":
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        from benchmarks.dsp_accuracy import measure  # noqa: PLC0415 - only importable from here on

    status = ROOT.parent / "shared" / "corpus" / "STATUS.json"
    return measure(shared_corpus, json.loads(status.read_text()))


@pytest.mark.shared
@pytest.mark.slow
def test_layers_are_exact_as_far_as_they_have_been(accuracy: "Accuracy") -> None:
    found = {name: (accuracy.sets[name].exact, accuracy.sets[name].layers) for name in EXPECTED}
    for name, (exact, layers) in EXPECTED.items():
        assert found[name][0] >= exact, (name, found[name])
        assert found[name][0] - exact >= found[name][1] - layers, (name, found[name])


@pytest.mark.shared
@pytest.mark.slow
def test_what_is_not_exact_is_bounded(accuracy: "Accuracy") -> None:
    assert [(layer.project, layer.layer) for layer in accuracy.layers if not layer.within] == []


@pytest.mark.shared
@pytest.mark.slow
def test_known_time_slots_leave_few_multipliers_open(accuracy: "Accuracy") -> None:
    found = {
        layer.layer: layer.estimated.high - layer.estimated.low
        for layer in accuracy.layers
        if layer.group == "vivado_hls latency RF>1 default" and layer.estimated and not layer.estimated.is_exact
    }
    assert found == {"fc1": 2, "fc2": 4, "fc3": 4}


@pytest.mark.shared
@pytest.mark.slow
def test_totals_agree_where_every_part_is_known(accuracy: "Accuracy") -> None:
    for recurrent, least in ((False, 90), (True, 12)):
        totals = accuracy.totals(recurrent=recurrent)
        assert len(totals) >= least
        assert [p.project for p in totals if not p.close] == []


@pytest.mark.shared
@pytest.mark.slow
def test_foreign_reports_are_left_out_without_being_told(accuracy: "Accuracy") -> None:
    doubts = {p.project: p.doubt for p in accuracy.projects if p.doubt}
    assert "the report is of another network" in (doubts[FOREIGN] or "")
