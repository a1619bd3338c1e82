"""Inputs and targets a user gives in one file, or by a task.py, split for training, choosing and judging."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress import TrainingData, split_validation
from fpgaprune.compress.data import Arrays, as_tuple
from fpgaprune.compress.metrics import Metric, parse_metric
from fpgaprune.compress.rewiring import called_once
from fpgaprune.config.study import load_study
from fpgaprune.errors import ConfigError
from fpgaprune.flow.study_model import called
from fpgaprune.flow.study_task import StudyData, run_task
from fpgaprune.read.arrays import fitting_inputs, read_arrays
from fpgaprune.read.model.names import safe_name

Array = NDArray[Any]

TARGET_NAMES = ("y", "Y", "targets", "target", "labels", "label", "y_train", "Y_train", "y_test", "Y_test")
_TEST_PAIRS = (("x_test", "y_test"), ("X_test", "y_test"), ("X_test", "Y_test"))
_TRAIN_NAMES = ("x", "X", "x_train", "X_train")
_TASK_SCORE = "task"  # the word for the score of the task.py


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples with targets; the test part, where there is one, is never trained on.

    Tuples of arrays where the model has several inputs or outputs, in its order.
    A `validation` part of its own is used where the data comes with one. `metric` is what models are chosen and
    judged by; None takes the accuracy of a classifier, else the loss.
    """

    x: Arrays
    y: Arrays
    test_x: Arrays | None = None
    test_y: Arrays | None = None
    validation: tuple[Array, Array] | None = None
    metric: Metric | None = None

    def training(self, fraction: float, seed: int) -> TrainingData:
        """All but the test part, a random `fraction` of it for validation where it brings none of its own."""
        if self.validation is not None:
            return TrainingData(self.x, self.y, *self.validation, metric=self.metric)
        return replace(split_validation(self.x, self.y, fraction, seed), metric=self.metric)

    def few_inputs(self, count: int = 16) -> Arrays:
        """The first samples, to compare a model and its copy on."""
        few = tuple(array[:count] for array in as_tuple(self.x))
        return few if isinstance(self.x, tuple) else few[0]

    @property
    def judged_by(self) -> tuple[Arrays, Arrays]:
        """The test part; all samples where there is none."""
        if self.test_x is None or self.test_y is None:
            return self.x, self.y
        return self.test_x, self.test_y


def read_dataset(path: Path, model: Any, score: str | None = None) -> Dataset:
    """Inputs and targets for a model, and the metric called `score`.

    A `.npz` holds x and y (or x_train and y_train), and x_test and y_test where there is a test part; a `.csv` or
    `.npy` table holds the inputs in its first columns and the target, a class or a number, in the last. A `.py` file,
    or the folder of a task.py, is the user's own code and is run: its `load_data(settings)` gives a `StudyData`, or
    arrays by the names of a `.npz`; its function `score(outputs, targets)`, if it has one, is the metric unless
    another is named. The settings are those of the [task] table of a project.toml beside it, where there is one.

    For a model of several inputs or outputs, a `.npz` or `load_data` gives arrays called as the model's inputs and
    outputs, NAME_test for the test part.

    Raises ConfigError for a file that holds no targets, or whose arrays do not fit the model.
    """
    if path.is_dir() or path.suffix.lower() == ".py":
        return _from_task(path / "task.py" if path.is_dir() else path, model, score)
    if score == _TASK_SCORE:
        message = f"the score 'task' is the function score of a task.py, and {path} is none: name the task.py as data"
        raise ConfigError(message)
    metric = None if score is None else parse_metric(score)
    arrays = read_arrays(path)
    if path.suffix.lower() == ".npz":
        return replace(_from_arrays(arrays, model, path), metric=metric)
    if _has_several(model):
        message = f"{path} is a table of one input and one target, and the model has more: {_wanted(model)}"
        raise ConfigError(message)
    return replace(_from_table(next(iter(arrays.values())), _shape(model), path), metric=metric)


def likely_loss(model: Any, y: Arrays) -> str:
    """The Keras loss that targets of this form are usually meant for.

    All outputs are trained with one: raises ConfigError where each would have another.
    """
    found = [_likely(int(output.shape[-1]), each) for output, each in zip(model.outputs, as_tuple(y), strict=True)]
    if len(set(found)) > 1:
        message = f"the outputs of the model suggest the losses {', '.join(found)}, and one is used for all: name it"
        raise ConfigError(message)
    return found[0]


def _likely(outputs: int, y: Array) -> str:
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
    shapes = [tuple(int(size) for size in output.shape[1:]) for output in model.outputs]
    own = None if dataset.validation is None else dataset.validation[1]
    given = [as_tuple(targets) for targets in (dataset.y, dataset.test_y, own) if targets is not None]
    for shape, y in ((shape, y) for targets in given for shape, y in zip(shapes, targets, strict=True)):
        if loss == "sparse_categorical_crossentropy":
            if y.dtype.kind not in "iub" or int(y.min()) < 0 or int(y.max()) >= shape[-1]:
                message = (
                    f"the targets must be classes from 0 to {shape[-1] - 1}, the outputs of the model, and they run "
                    f"from {y.min()} to {y.max()}"
                )
                raise ConfigError(message)
            if y.size != len(y) * int(np.prod(shape[:-1])):
                message = f"targets of shape {y.shape[1:]} per sample are not one class for each, as the others are"
                raise ConfigError(message)
        elif isinstance(loss, str) and y.size != len(y) * int(np.prod(shape)):
            message = f"targets of shape {y.shape[1:]} per sample do not fit the outputs of shape {shape} of the model"
            raise ConfigError(message)
        elif isinstance(loss, str) and (y.min() < 0 or y.max() > 1) and _is_bounded(model):
            message = (
                f"the targets run from {y.min()} to {y.max()}, and the model answers between 0 and 1 (a sigmoid or "
                "softmax): give classes as 0 and 1"
            )
            raise ConfigError(message)


def _is_bounded(model: Any) -> bool:
    """Whether every output is that of a sigmoid or softmax."""
    layers = [layer for layer in model.layers if called_once(layer)]
    ends = [layer for layer in layers if any(layer.output is tensor for tensor in model.outputs)]
    functions = [getattr(getattr(layer, "activation", None), "__name__", "") for layer in ends]
    return len(ends) == len(model.outputs) and all(name in ("sigmoid", "softmax") for name in functions)


def _shape(model: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in model.inputs[0].shape[1:])


def _has_several(model: Any) -> bool:
    return len(model.inputs) != 1 or len(model.outputs) != 1


def _wanted(model: Any) -> str:
    inputs, outputs = (" and ".join(names) for names in (model.input_names, model.output_names))
    return f"give a .npz with the inputs {inputs} and the targets {outputs} by these names, NAME_test for a test part"


def _from_task(path: Path, model: Any, score: str | None) -> Dataset:
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
        return replace(_from_arrays(arrays, model, path), metric=metric)
    if not isinstance(given, StudyData):
        message = f"load_data of {path} must give a StudyData or arrays by name (x, y), not {type(given).__name__}"
        raise ConfigError(message)
    if _has_several(model):
        message = f"load_data of {path} must give arrays by name for a model like this one: {_wanted(model)}"
        raise ConfigError(message)
    shape, training = _shape(model), given.training
    sets = [(training.x, training.y), (training.validation_x, training.validation_y), (given.test_x, given.test_y)]
    found = [(_shaped(np.asarray(x), shape, path), np.asarray(y)) for x, y in sets]
    return replace(_checked(Dataset(*found[0], *found[2], found[1]), path), metric=metric)


def _from_arrays(arrays: Mapping[str, Array], model: Any, path: Path) -> Dataset:
    if _has_several(model):
        return _from_named(arrays, model, path)
    shape = _shape(model)
    test = next((pair for pair in _TEST_PAIRS if pair[0] in arrays and pair[1] in arrays), None)
    inside = next((name for name in _TRAIN_NAMES if name in arrays), None)
    if test is not None and inside is not None:
        x = _shaped(arrays[inside], shape, path)
        y = _targets({name: array for name, array in arrays.items() if name != test[1]}, path)
        return _checked(Dataset(x, y, _shaped(arrays[test[0]], shape, path), arrays[test[1]]), path)
    unpaired = next((x for x, _ in _TEST_PAIRS if inside is not None and x in arrays), None)
    if unpaired is not None:
        message = f"{path} holds {unpaired} without its targets: call them y_test"
        raise ConfigError(message)
    x = _shaped(fitting_inputs(arrays, [shape], path)[0], shape, path)
    return _checked(Dataset(x, _targets(arrays, path)), path)


def _from_named(arrays: Mapping[str, Array], model: Any, path: Path) -> Dataset:
    """Arrays for several inputs or outputs, by their names in the model; a single one may be called as elsewhere."""
    inputs = [_as_stored(name, arrays, is_input=True) for name in model.input_names]
    outputs = [_as_stored(name, arrays, is_input=False) for name in model.output_names]
    if len(inputs) == 1 and inputs[0] not in arrays:
        inputs = [next((name for name in _TRAIN_NAMES if name in arrays), inputs[0])]
    if len(outputs) == 1 and outputs[0] not in arrays:
        outputs = [next((name for name in TARGET_NAMES if name in arrays), outputs[0])]
    missing = [name for name in (*inputs, *outputs) if name not in arrays]
    if missing:
        message = f"{path} holds {', '.join(arrays) or 'nothing'}, not {' and '.join(missing)}: {_wanted(model)}"
        raise ConfigError(message)
    shapes = [tuple(int(size) for size in tensor.shape[1:]) for tensor in model.inputs]

    def part(ending: str) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        x = (_shaped(arrays[f"{name}{ending}"], shape, path) for name, shape in zip(inputs, shapes, strict=True))
        return tuple(x), tuple(arrays[f"{name}{ending}"] for name in outputs)

    if not all(f"{name}_test" in arrays for name in (*inputs, *outputs)):
        return _checked(Dataset(*part("")), path)
    return _checked(Dataset(*part(""), *part("_test")), path)


def _as_stored(name: str, arrays: Mapping[str, Array], *, is_input: bool) -> str:
    """What the arrays call a layer: by its name, or by the one in the model file that is no name for hardware."""
    if name in arrays:
        return name
    return next((each for each in arrays if safe_name(each, (), is_input=is_input) == name), name)


def _from_table(table: Array, shape: tuple[int, ...], path: Path) -> Dataset:
    columns = int(np.prod(shape))
    if table.ndim != 2 or table.shape[1] != columns + 1:
        message = (
            f"{path} is a table of {' x '.join(map(str, table.shape))}: for this model it needs {columns} columns of "
            "inputs and one of targets; arrays of their own go into one file, as numpy.savez('data.npz', x=x, y=y) "
            "makes it"
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
    with np.errstate(over="ignore"):
        small = array.reshape(len(array), *shape).astype(np.float32)
    if not np.isfinite(small).all():
        message = f"the inputs in {path} hold numbers that do not fit in 32 bits: scale them"
        raise ConfigError(message)
    return small


def _checked(found: Dataset, path: Path) -> Dataset:
    pairs = [(found.x, found.y), (found.test_x, found.test_y), found.validation or (None, None)]
    for x, y in pairs:
        if x is None or y is None:
            continue
        count = len(as_tuple(x)[0])
        if any(len(each) != count for each in as_tuple(x)):
            message = f"the inputs in {path} must be equally many, not {[len(each) for each in as_tuple(x)]}"
            raise ConfigError(message)
        for each in as_tuple(y):
            if each.ndim == 0 or count != len(each):
                message = f"{path} holds {count} inputs and {each.size} targets: they must be equally many"
                raise ConfigError(message)
            if each.dtype.kind not in "fiub":
                message = (
                    f"the targets in {path} are text or objects, such as {each.reshape(-1)[0]!s}: number the classes "
                    "from 0, in the order of the outputs of the model"
                )
                raise ConfigError(message)
            if not np.isfinite(each).all():
                message = f"the targets in {path} must be finite numbers: they hold NaN or infinity"
                raise ConfigError(message)
    test_y = None if found.test_y is None else _all_whole(found.test_y)
    own = None if found.validation is None else (found.validation[0], _whole(found.validation[1]))
    return replace(found, y=_all_whole(found.y), test_y=test_y, validation=own)


def _all_whole(y: Arrays) -> Arrays:
    return tuple(_whole(each) for each in y) if isinstance(y, tuple) else _whole(y)


def _whole(y: Array) -> Array:
    """Classes come as floats from tables."""
    flat = y.reshape(-1) if y.size == len(y) else y
    return flat.astype(np.int64) if np.array_equal(flat, np.round(flat)) else flat
