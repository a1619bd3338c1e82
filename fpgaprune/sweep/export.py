"""A point of a sweep as its trained model and its verified HLS project."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fpgaprune.errors import ConfigError
from fpgaprune.flow.generate import Generated, generate_loaded
from fpgaprune.flow.study_model import save_model
from fpgaprune.flow.verify import verify
from fpgaprune.generate.project import check_output
from fpgaprune.read.model import load_model
from fpgaprune.results.sweep import PointResult
from fpgaprune.results.verification import Verification
from fpgaprune.sweep.evaluate import Evaluation

MODEL, PROJECT, RECORD = "model.h5", "project", "point.json"


@dataclass(frozen=True)
class Exported:
    """What was written: the model's file, the project, whether it is the design that was counted, and verified."""

    model: Path
    generated: Generated
    same_design: bool
    verification: Verification


def export_point(point: PointResult, evaluation: Evaluation, output: Path) -> Exported:
    """Write `model.h5`, `project/` and `point.json` of a complete point to the new folder `output`.

    The project is verified by C simulation on the study's test data. Raises ConfigError for a point without numbers
    and for an output folder that is not empty, else what generating and verifying raise.
    """
    if not point.is_complete:
        message = f"the point {point.recipe.name} failed, so there is nothing to export: {point.error}"
        raise ConfigError(message)
    check_output(output)
    output.mkdir(parents=True, exist_ok=True)
    save_model(evaluation.model(point.recipe), output / MODEL)
    loaded = load_model(output / MODEL)
    settings = evaluation.settings(point.recipe)
    inputs = evaluation.inputs.arrays
    generated = generate_loaded(loaded, output / PROJECT, settings, inputs=inputs, run_verify=False)
    tests = output / "test_inputs.npz"
    np.savez_compressed(tests, x=evaluation.data.test_x)
    verification = verify(output / PROJECT, model=loaded.model, data=tests)
    (output / RECORD).write_text(json.dumps(point.json(), indent=2) + "\n", encoding="utf-8")
    return Exported(output / MODEL, generated, generated.design.digest == point.design, verification)
