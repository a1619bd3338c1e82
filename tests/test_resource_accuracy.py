"""LUTs, flip-flops and latency held against real synthesis reports, where they are beside the checkout."""

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def measured(shared_corpus: Path) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        from benchmarks.resource_accuracy import read_projects, render  # noqa: PLC0415 - importable from here on

    projects, failed = read_projects(shared_corpus, {})  # whose reports are stale must be found without being told
    status = json.loads((ROOT.parent / "shared" / "corpus" / "STATUS.json").read_text())
    assert set(failed) >= {name for name, known in status.items() if known != "ok"}
    data: dict[str, Any] = render(projects, failed, verbose=False)[1]
    data["packaged"] = render(projects, failed, verbose=False, packaged=True)[1]
    return data


@pytest.mark.shared
@pytest.mark.slow
def test_luts_of_dense_layers_are_within_what_is_promised(measured):
    layers = measured["dense_layers_latency_rf1_lut"]
    assert layers["layers"] >= 70
    assert layers["median"] <= 0.05
    assert layers["mean"] <= 0.12


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(
    ("resource", "worst", "ratio"), [("lut", 0.1, 0.2), ("ff", 0.2, 0.3), ("bram_18k", 0.05, 0.05)]
)
def test_projects_of_repositories_left_out_are_no_worse_than_measured(measured, resource, worst, ratio):
    error = measured[resource]["all"]
    assert error["projects"] >= 100
    assert error["mean"] <= worst
    assert error["mean"] <= ratio * error["regression_mean"]


@pytest.mark.shared
@pytest.mark.slow
def test_latency_is_as_near_as_it_has_been(measured):
    near = measured["latency_within_2_or_15_percent"]
    assert near["within"] >= 90
    assert measured["latency_cycles"]["all"]["median"] <= 0.08


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("resource", ["lut", "ff", "bram_18k"])
def test_the_packaged_prices_are_those_of_these_projects(measured, resource):
    assert measured["packaged"][resource]["all"]["mean"] <= measured[resource]["all"]["mean"] + 0.01
