"""Inputs and targets a user gives in one file, split for training, choosing and judging."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress import TrainingData, split_validation
from fpgaprune.errors import ConfigError
from fpgaprune.read.arrays import read_arrays, read_inputs

Array = NDArray[Any]

TARGET_NAMES = ("y", "Y", "targets", "target", "labels", "label", "y_train", "Y_train", "y_test", "Y_test")
_TEST_PAIRS = (("x_test", "y_test"), ("X_test", "y_test"), ("X_test", "Y_test"))
_TRAIN_NAMES = ("x", "X", "x_train", "X_train")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples with targets; the test part, where the file holds one, is never trained on."""

    x: Array
    y: Array
    test_x: Array | None = None
    test_y: Array | None = None

    def training(self, fraction: float, seed: int) -> TrainingData:
        """All but the test part, a random `fraction` of it for validation."""
        return split_validation(self.x, self.y, fraction, seed)

    @property
    def judged_by(self) -> tuple[Array, Array]:
        """The test part; all samples where there is none."""
        if self.test_x is None or self.test_y is None:
            return self.x, self.y
        return self.test_x, self.test_y


def read_dataset(path: Path, model: Any) -> Dataset:
    """Inputs and targets for a model of one input and one output.

    A `.npz` holds x and y (or x_train and y_train), and x_test and y_test where there is a test part; a `.csv` or
    `.npy` table holds the inputs in its first columns and the target, a class or a number, in the last.
    Raises ConfigError for a file that holds no targets, or whose arrays do not fit the model.
    """
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        message = "training from a data file takes a model of one input and one output; use the Python interface"
        raise ConfigError(message)
    shape = tuple(int(size) for size in model.inputs[0].shape[1:])
    arrays = read_arrays(path)
    if path.suffix.lower() != ".npz":
        return _from_table(next(iter(arrays.values())), shape, path)
    test = next((pair for pair in _TEST_PAIRS if pair[0] in arrays and pair[1] in arrays), None)
    inside = next((name for name in _TRAIN_NAMES if name in arrays), None)
    if test is not None and inside is not None:
        x = _shaped(arrays[inside], shape, path)
        y = _targets({name: array for name, array in arrays.items() if name != test[1]}, path)
        return _checked(Dataset(x, y, _shaped(arrays[test[0]], shape, path), arrays[test[1]]), path)
    x = read_inputs(path, [shape])[0].astype(np.float32)
    return _checked(Dataset(x, _targets(arrays, path)), path)


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
    return array.reshape(len(array), *shape).astype(np.float32)


def _checked(found: Dataset, path: Path) -> Dataset:
    for x, y in ((found.x, found.y), (found.test_x, found.test_y)):
        if x is not None and y is not None and len(x) != len(y):
            message = f"{path} holds {len(x)} inputs and {len(y)} targets: they must be equally many"
            raise ConfigError(message)
    whole = {name: _whole(getattr(found, name)) for name in ("y", "test_y")}
    return Dataset(found.x, whole["y"], found.test_x, whole["test_y"])  # type: ignore[arg-type]  # y is never None


def _whole(y: Array | None) -> Array | None:
    """Classes come as floats from tables."""
    if y is None:
        return None
    flat = y.reshape(-1) if y.size == len(y) else y
    if flat.dtype.kind in "fiub" and np.isfinite(flat).all() and np.array_equal(flat, np.round(flat)):
        return flat.astype(np.int64)
    return flat
