"""A study's `task.py`: data, model, training and score, written by the study's author and run as it is."""

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress import TrainingData
from fpgaprune.errors import ConfigError, FpgapruneError

OnEpoch = Callable[[int, int, float], None]  # epoch from 1, epochs in all, validation metric


@dataclass(frozen=True, eq=False)
class StudyData:
    """What a study trains on, and the test samples that only judge; `test_x` is one array, samples first."""

    training: TrainingData
    test_x: NDArray[Any]
    test_y: NDArray[Any]

    def __post_init__(self) -> None:
        """Raise ConfigError when there are no test samples, or inputs and targets differ in number."""
        if not len(self.test_x) or len(self.test_x) != len(self.test_y):
            message = f"a study needs test samples: {len(self.test_x)} inputs and {len(self.test_y)} targets are given"
            raise ConfigError(message)

    def some_inputs(self) -> NDArray[Any]:
        """Training inputs: what types and ranges may be chosen from without looking at the test."""
        return np.asarray(self.training.x)


class Task(Protocol):
    """The functions a `task.py` defines; `settings` is the `[task]` table with the variant's own entries merged in."""

    def load_data(self, settings: Mapping[str, Any]) -> StudyData:
        """The same data for the same settings, always."""

    def build_model(self, settings: Mapping[str, Any]) -> Any:
        """A built Keras 2 or QKeras model with one input and one output."""

    def train(self, model: Any, data: StudyData, settings: Mapping[str, Any], on_epoch: OnEpoch) -> None:
        """Compile and train in place."""

    def score(self, outputs: NDArray[Any], targets: NDArray[Any]) -> float:
        """How good outputs are, between 0 and 1; 1 is perfect."""


def load_task(folder: Path) -> Task:
    """Run `folder`/task.py and return it; raises ConfigError when it is missing or lacks a function."""
    path = folder / "task.py"
    if not path.is_file():
        message = f"{folder} is not a study: there is no task.py in it"
        raise ConfigError(message)
    module = run_task(path)
    missing = [name for name in ("load_data", "build_model", "train", "score") if not hasattr(module, name)]
    if missing:
        message = f"{path} must define the functions load_data, build_model, train and score; it lacks {missing[0]}"
        raise ConfigError(message)
    return cast("Task", module)


def run_task(path: Path) -> ModuleType:
    """The module that the user's own Python file makes when it is run.

    Raises ConfigError where there is no such file, or it does not run.

    Only a file the user names is ever run, never one that a model or a project brings along.
    """
    spec = importlib.util.spec_from_file_location(f"fpgaprune_task_{path.resolve().parent.name}", path)
    if not path.is_file() or spec is None or spec.loader is None:
        message = f"there is no Python file {path}"
        raise ConfigError(message)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except FpgapruneError:
        raise
    except (Exception, SystemExit) as error:
        message = f"{path} cannot be run: {type(error).__name__}: {error}"
        raise ConfigError(message) from error
    return module
