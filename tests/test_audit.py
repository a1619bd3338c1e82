"""The audit finds whatever is planted in a project, and nothing in one that is as it was generated."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fpgaprune.design import load_design, save_design
from fpgaprune.errors import DesignError, ModelError, ProjectError
from fpgaprune.flow.audit import audit
from fpgaprune.flow.generate import generate
from fpgaprune.frameworks import load_frameworks
from fpgaprune.generate.settings import GenerateSettings
from fpgaprune.render.audit import audit_sheet
from fpgaprune.results.audit import AuditResult
from tests.audit_models import quantized_model

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of a small quantized model; copy before editing."""
    folder = tmp_path_factory.mktemp("audit")
    quantized_model().save(folder / "model.h5")
    generate(folder / "model.h5", folder / "project", GenerateSettings(reuse_factor=2), run_verify=False)
    return folder / "project"


@pytest.fixture
def project(generated: Path, tmp_path: Path) -> Path:
    """A copy of the project to plant something in."""
    shutil.copytree(generated, tmp_path / "project")
    return tmp_path / "project"


def _replace_number(path: Path, place: int, new: Callable[[float], float]) -> None:
    """Edit one constant in a weights file, .h or .txt."""
    text = path.read_text()
    start = text.index("{") + 1 if path.suffix == ".h" else 0
    end = text.rindex("}") if path.suffix == ".h" else len(text)
    numbers = [part.strip() for part in text[start:end].split(",")]
    numbers[place] = f"{new(float(numbers[place])):.10f}"
    path.write_text(text[:start] + ", ".join(numbers) + text[end:])


def _numbers(path: Path) -> list[float]:
    return [float(part) for part in path.read_text().split(",")]


def _weight_file(project: Path, name: str, ending: str) -> Path:
    return project / "firmware" / "weights" / f"{name}.{ending}"


def _place(project: Path, name: str, *, zero: bool) -> int:
    return next(i for i, value in enumerate(_numbers(_weight_file(project, name, "txt"))) if (value == 0) == zero)


def _found(result: AuditResult, looks: str, layer: str | None, array: str | None = None) -> list[str]:
    return [
        str(one)
        for one in result.differences
        if one.looks == looks and one.layer == layer and (array is None or array in (one.array, one.what.split(":")[0]))
    ]


# Projects as they were generated


def test_a_generated_project_agrees_in_all_looks(generated: Path) -> None:
    result = audit(generated)
    assert result.agrees, [str(one) for one in result.differences]
    assert result.looks == ("model", "graph", "project")
    rows = {(row.layer, row.array): row for row in result.rows}
    weights = rows["fc1", "weight"]
    assert weights.size == 48
    assert weights.model_zeros == weights.graph_zeros == weights.project_zeros == weights.claimed_zeros
    assert weights.project_zeros >= 48 * 0.1
    assert weights.reuse_factor == 2
    assert weights.rounded == 0  # the model's own type is written
    assert weights.model_precision is not None
    assert weights.powers_of_two > 0
    assert all(row.agrees for row in result.rows)
    json.dumps(result.json(), allow_nan=False)
    assert "agree in every constant" in audit_sheet(result).summary[0]


# What is planted is found


def test_a_changed_weight(project: Path) -> None:
    place = _place(project, "w2", zero=False)
    for ending in ("h", "txt"):
        _replace_number(_weight_file(project, "w2", ending), place, lambda value: value + 2.0**-5)
    result = audit(project)
    assert not result.agrees
    assert _found(result, "graph against project", "fc1")
    (difference,) = [one for one in result.differences if one.looks == "model against project" and one.what == "value"]
    assert (difference.layer, difference.array, difference.count) == ("fc1", "weight", 1)
    assert difference.index is not None
    assert float(difference.right) - float(difference.left) == pytest.approx(2.0**-5)
    row = next(row for row in result.rows if (row.layer, row.array) == ("fc1", "weight"))
    assert not row.agrees
    assert "disagree" in audit_sheet(result).summary[0]


def test_a_zero_made_nonzero(project: Path) -> None:
    place = _place(project, "w2", zero=True)
    for ending in ("h", "txt"):
        _replace_number(_weight_file(project, "w2", ending), place, lambda _: 0.25)
    result = audit(project)
    zeros = [one for one in result.differences if one.what == "zeros"]
    assert {one.looks for one in zeros} >= {"model against project", "claim against project"}
    model = next(one for one in zeros if one.looks == "model against project")
    assert int(model.left) - int(model.right) == 1


def test_a_swapped_sign(project: Path) -> None:
    place = _place(project, "w4", zero=False)
    for ending in ("h", "txt"):
        _replace_number(_weight_file(project, "w4", ending), place, lambda value: -value)
    result = audit(project)
    (value,) = [one for one in result.differences if one.looks == "model against project" and one.what == "value"]
    assert value.layer == "fc2"
    assert float(value.left) == -float(value.right) != 0


def test_a_changed_bias(project: Path) -> None:
    _replace_number(_weight_file(project, "b2", "h"), 0, lambda value: value + 1)
    result = audit(project)
    assert _found(result, "model against project", "fc1", "bias")


@pytest.mark.parametrize("ending", ["h", "txt"])
def test_only_one_of_the_two_weight_files_changed(project: Path, ending: str) -> None:
    place = _place(project, "w2", zero=False)
    _replace_number(_weight_file(project, "w2", ending), place, lambda value: -value)
    result = audit(project)
    assert any(one.looks == "simulated against synthesized" for one in result.differences)


def test_a_changed_reuse_factor(project: Path) -> None:
    path = project / "firmware" / "parameters.h"
    text = path.read_text()
    path.write_text(text.replace("reuse_factor = 2;", "reuse_factor = 4;", 1))
    result = audit(project)
    assert _found(result, "asked against project", "fc1")
    assert any("reuse factor" in one for one in _found(result, "graph against project", "fc1"))
    assert not _found(result, "asked against project", "fc2")


def test_a_false_claim_of_zeros(project: Path) -> None:
    path = project / "firmware" / "parameters.h"
    text = path.read_text()
    path.write_text(re.sub(r"n_zeros = (\d+);", "n_zeros = 40;", text, count=1))
    result = audit(project)
    (claim,) = [one for one in result.differences if one.looks == "claim against project"]
    assert (claim.layer, claim.left) == ("fc1", "40")


def test_a_changed_type(project: Path) -> None:
    path = project / "firmware" / "defines.h"
    text = path.read_text()
    narrowed = re.sub(r"(ap_fixed<)6(,\s*1[^>]*> fc2_weight_t)|typedef ap_fixed<6,1> weight4_t", r"\g<1>5\g<2>", text)
    if narrowed == text:
        narrowed = re.sub(r"ap_fixed<6,1>( \w*weight\w*;)", r"ap_fixed<5,1>\1", text)
    assert narrowed != text
    path.write_text(narrowed)
    result = audit(project)
    assert any("weight type" in one for one in _found(result, "graph against project", "fc2"))
    assert any("weight" in str(one) for one in result.differences if one.looks == "model against project")


def test_a_changed_activation_type(project: Path) -> None:
    path = project / "firmware" / "defines.h"
    text = path.read_text()
    changed = text.replace("ap_ufixed<8,2,AP_RND_CONV,AP_SAT,0>", "ap_ufixed<8,2>")
    assert changed != text
    path.write_text(changed)
    result = audit(project)
    assert _found(result, "model against project", "act")


def test_another_model(project: Path) -> None:
    other = quantized_model()
    kernel, bias = other.get_layer("fc2").get_weights()
    kernel[0, :] = 0.5
    other.get_layer("fc2").set_weights([kernel, bias])
    result = audit(project, other)
    assert {one.layer for one in result.differences} == {"fc2"}
    keras = load_frameworks().keras
    longer = keras.Model(other.input, keras.layers.Dense(2, name="more")(other.output))
    assert any(one.layer == "more" and one.right == "nothing" for one in audit(project, longer).differences)


def test_a_saved_graph_that_is_not_of_this_project(project: Path) -> None:
    path = project / "fpgaprune" / "graph.design.npz"
    design = load_design(path)
    layers = tuple(
        layer.with_parameter("weight", layer.parameters["weight"].values * 0.5) if layer.name == "fc1" else layer
        for layer in design
    )
    save_design(type(design)(design.name, layers, design.io_type, design.outputs, design.target), path)
    result = audit(project)
    looks = {one.looks for one in result.differences}
    assert {"graph against project", "record against graph", "model against graph"} <= looks
    assert "model against project" not in looks


# What cannot be audited


def test_what_is_no_project(tmp_path: Path, project: Path) -> None:
    with pytest.raises(ProjectError, match="no project folder"):
        audit(tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ProjectError):
        audit(tmp_path / "empty")
    (project / "fpgaprune" / "graph.design.npz").write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(DesignError):
        audit(project)
    (project / "fpgaprune" / "graph.design.npz").unlink()
    with pytest.raises(ProjectError, match="is missing"):
        audit(project)
    (project / "fpgaprune" / "model.h5").write_bytes(b"")
    with pytest.raises(ModelError, match="empty"):
        audit(project)
    shutil.rmtree(project / "fpgaprune")
    with pytest.raises(ProjectError, match="--model"):
        audit(project)


def test_a_broken_record(project: Path) -> None:
    for text in ("{", "[1]"):
        (project / "fpgaprune" / "generate.json").write_text(text)
        with pytest.raises(ProjectError, match="record"):
            audit(project)
