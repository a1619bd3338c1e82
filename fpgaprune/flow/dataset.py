"""Inputs and targets a user gives in one file, or by a task.py, split for training, choosing and judging."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress import TrainingData, split_validation
from fpgaprune.compress.metrics import Metric, parse_metric
from fpgaprune.config.study import load_study
from fpgaprune.errors import ConfigError
from fpgaprune.flow.study_model import called
from fpgaprune.flow.study_task import StudyData, run_task
from fpgaprune.read.arrays import fitting_inputs, read_arrays

Array = NDArray[Any]

TARGET_NAMES = ("y", "Y", "targets", "target", "labels", "label", "y_train", "Y_train", "y_test", "Y_test")
_TEST_PAIRS = (("x_test", "y_test"), ("X_test", "y_test"), ("X_test", "Y_test"))
_TRAIN_NAMES = ("x", "X", "x_train", "X_train")
_TASK_SCORE = "task"  # the word for the score of the task.py


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples with targets; the test part, where there is one, is never trained on.

    A `validation` part of its own is used where the data comes with one. `metric` is what models are chosen and
    judged by; None takes the accuracy of a classifier, else the loss.
    """

    x: Array
    y: Array
    test_x: Array | None = None
    test_y: Array | None = None
    validation: tuple[Array, Array] | None = None
    metric: Metric | None = None

    def training(self, fraction: float, seed: int) -> TrainingData:
        """All but the test part, a random `fraction` of it for validation where it brings none of its own."""
        if self.validation is not None:
            return TrainingData(self.x, self.y, *self.validation, metric=self.metric)
        return replace(split_validation(self.x, self.y, fraction, seed), metric=self.metric)

    @property
    def judged_by(self) -> tuple[Array, Array]:
        """The test part; all samples where there is none."""
        if self.test_x is None or self.test_y is None:
            return self.x, self.y
        return self.test_x, self.test_y


def read_dataset(path: Path, model: Any, score: str | None = None) -> Dataset:
    """Inputs and targets for a model of one input and one output, and the metric called `score`.

    A `.npz` holds x and y (or x_train and y_train), and x_test and y_test where there is a test part; a `.csv` or
    `.npy` table holds the inputs in its first columns and the target, a class or a number, in the last. A `.py` file,
    or the folder of a task.py, is the user's own code and is run: its `load_data(settings)` gives a `StudyData`, or
    arrays by the names of a `.npz`; its function `score(outputs, targets)`, if it has one, is the metric unless
    another is named. The settings are those of the [task] table of a project.toml beside it, where there is one.

    Raises ConfigError for a file that holds no targets, or whose arrays do not fit the model.
    """
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        message = "training from a data file takes a model of one input and one output; use the Python interface"
        raise ConfigError(message)
    shape = tuple(int(size) for size in model.inputs[0].shape[1:])
    if path.is_dir() or path.suffix.lower() == ".py":
        return _from_task(path / "task.py" if path.is_dir() else path, shape, score)
    if score == _TASK_SCORE:
        message = f"the score 'task' is the function score of a task.py, and {path} is none: name the task.py as data"
        raise ConfigError(message)
    metric = None if score is None else parse_metric(score)
    arrays = read_arrays(path)
    if path.suffix.lower() == ".npz":
        return replace(_from_arrays(arrays, shape, path), metric=metric)
    return replace(_from_table(next(iter(arrays.values())), shape, path), metric=metric)


def likely_loss(model: Any, y: Array) -> str:
    """The Keras loss that targets of this form are usually meant for."""
    outputs = int(model.outputs[0].shape[-1])
    whole = bool(np.array_equal(y, np.round(y)))
    flat = y.size == len(y)
    if outputs == 1:
        return "binary_crossentropy" if set(np.unique(y)) <= {0, 1} else "mse"
    if flat and whole:
        return "sparse_categorical_crossentropy"
    one_hot = whole and y.ndim == 2 and bool((y.sum(axis=1) == 1).all()) and y.min() >= 0
    return "categorical_crossentropy" if one_hot else "mse"


def check_targets(model: Any, dataset: Dataset, loss: Any) -> None:
    """Raise ConfigError for targets that this loss cannot compare with the outputs of the model."""
    shape = tuple(int(size) for size in model.outputs[0].shape[1:])
    for y in (dataset.y, dataset.test_y, None if dataset.validation is None else dataset.validation[1]):
        if y is None:
            continue
        if loss == "sparse_categorical_crossentropy":
            if y.dtype.kind not in "iub" or int(y.min()) < 0 or int(y.max()) >= shape[-1]:
                message = (
                    f"the targets must be classes from 0 to {shape[-1] - 1}, the outputs of the model, and they run "
                    f"from {y.min()} to {y.max()}"
                )
                raise ConfigError(message)
        elif isinstance(loss, str) and y.size != len(y) * int(np.prod(shape)):
            message = f"targets of shape {y.shape[1:]} per sample do not fit the outputs of shape {shape} of the model"
            raise ConfigError(message)


def _from_task(path: Path, shape: tuple[int, ...], score: str | None) -> Dataset:
    module = run_task(path)
    if not hasattr(module, "load_data"):
        message = f"{path} defines no function load_data(settings) that gives the data"
        raise ConfigError(message)
    own = getattr(module, "score", None)
    if score == _TASK_SCORE and own is None:
        message = f"{path} defines no function score(outputs, targets)"
        raise ConfigError(message)
    settings = load_study(path.parent).task if (path.parent / "project.toml").is_file() else {}
    given = called(module.load_data, settings)
    if score is None or score == _TASK_SCORE:
        metric = None if own is None else Metric("score", lambda outputs, targets: called(own, outputs, targets))
    else:
        metric = parse_metric(score)
    if isinstance(given, Mapping):
        arrays = {str(name): np.asarray(array) for name, array in given.items()}
        return replace(_from_arrays(arrays, shape, path), metric=metric)
    if not isinstance(given, StudyData):
        message = f"load_data of {path} must give a StudyData or arrays by name (x, y), not {type(given).__name__}"
        raise ConfigError(message)
    training = given.training
    sets = [(training.x, training.y), (training.validation_x, training.validation_y), (given.test_x, given.test_y)]
    found = [(_shaped(np.asarray(x), shape, path), np.asarray(y)) for x, y in sets]
    return replace(_checked(Dataset(*found[0], *found[2], found[1]), path), metric=metric)


def _from_arrays(arrays: Mapping[str, Array], shape: tuple[int, ...], path: Path) -> Dataset:
    test = next((pair for pair in _TEST_PAIRS if pair[0] in arrays and pair[1] in arrays), None)
    inside = next((name for name in _TRAIN_NAMES if name in arrays), None)
    if test is not None and inside is not None:
        x = _shaped(arrays[inside], shape, path)
        y = _targets({name: array for name, array in arrays.items() if name != test[1]}, path)
        return _checked(Dataset(x, y, _shaped(arrays[test[0]], shape, path), arrays[test[1]]), path)
    x = fitting_inputs(arrays, [shape], path)[0].astype(np.float32)
    return _checked(Dataset(x, _targets(arrays, path)), path)


def _from_table(table: Array, shape: tuple[int, ...], path: Path) -> Dataset:
    columns = int(np.prod(shape))
    if table.ndim != 2 or table.shape[1] != columns + 1:
        message = (
            f"{path} is a table of {' x '.join(map(str, table.shape))}: for this model it needs {columns} columns of "
            "inputs and one of targets"
        )
        raise ConfigError(message)
    return _checked(Dataset(_shaped(table[:, :-1], shape, path), table[:, -1]), path)


def _targets(arrays: Any, path: Path) -> Array:
    name = next((name for name in TARGET_NAMES if name in arrays), None)
    if name is None:
        message = f"{path} holds {', '.join(arrays) or 'nothing'}, but no targets: call them y"
        raise ConfigError(message)
    return np.asarray(arrays[name])


def _shaped(array: Array, shape: tuple[int, ...], path: Path) -> Array:
    if array.ndim == 0 or not len(array) or array.size // len(array) != int(np.prod(shape)):
        message = f"an array of shape {array.shape} in {path} does not fit the model's input of shape {shape}"
        raise ConfigError(message)
    if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
        message = f"the inputs in {path} must be finite numbers: they hold NaN, infinity or text"
        raise ConfigError(message)
    return array.reshape(len(array), *shape).astype(np.float32)


def _checked(found: Dataset, path: Path) -> Dataset:
    pairs = [(found.x, found.y), (found.test_x, found.test_y), found.validation or (None, None)]
    for x, y in pairs:
        if x is None or y is None:
            continue
        if y.ndim == 0 or len(x) != len(y):
            message = f"{path} holds {len(x)} inputs and {y.size} targets: they must be equally many"
            raise ConfigError(message)
        if y.dtype.kind not in "fiub" or not np.isfinite(y).all():
            message = f"the targets in {path} must be finite numbers: they hold NaN, infinity or text"
            raise ConfigError(message)
    test_y = None if found.test_y is None else _whole(found.test_y)
    own = None if found.validation is None else (found.validation[0], _whole(found.validation[1]))
    return replace(found, y=_whole(found.y), test_y=test_y, validation=own)


def _whole(y: Array) -> Array:
    """Classes come as floats from tables."""
    flat = y.reshape(-1) if y.size == len(y) else y
    return flat.astype(np.int64) if np.array_equal(flat, np.round(flat)) else flat
