"""What a model is trained on and judged by."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress.metrics import Metric
from fpgaprune.errors import ConfigError

Arrays = NDArray[Any] | tuple[NDArray[Any], ...]


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a teacher answers on the training samples, one array per output, and how much that counts.

    `mixing` is the share of the teacher in the loss, 0..1; `temperature` divides the logits of both.
    """

    answers: tuple[NDArray[Any], ...]
    temperature: float
    mixing: float


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Samples along the first axis; a tuple of arrays for a model of several inputs or outputs.

    The validation part chooses between epochs; keep a test part out of it. `metric` is what is chosen by: None takes
    the accuracy of a classifier, else the loss. With a `lesson`, whatever trains on the data learns from a teacher as
    well (see `distilled`).
    """

    x: Arrays
    y: Arrays
    validation_x: Arrays
    validation_y: Arrays
    lesson: Lesson | None = None
    metric: Metric | None = None

    def __post_init__(self) -> None:
        """Raise ConfigError for empty parts, lengths that differ, and values that are not finite numbers."""
        for name, x, y in (("training", self.x, self.y), ("validation", self.validation_x, self.validation_y)):
            arrays = (*as_tuple(x), *as_tuple(y))
            lengths = {len(array) if array.ndim else 0 for array in arrays}
            if len(lengths) != 1 or 0 in lengths:
                message = f"the {name} inputs and targets must be equally many and at least one, not {sorted(lengths)}"
                raise ConfigError(message)
            if not all(array.dtype.kind in "fiub" and np.isfinite(array).all() for array in arrays):
                message = f"the {name} data must be finite numbers: it holds NaN, infinity or text"
                raise ConfigError(message)

    @property
    def samples(self) -> int:
        """Number of training samples."""
        return len(as_tuple(self.x)[0])


def as_tuple(arrays: Arrays) -> tuple[NDArray[Any], ...]:
    """One array or several, as several."""
    return arrays if isinstance(arrays, tuple) else (arrays,)


def split_validation(x: Arrays, y: Arrays, fraction: float, seed: int) -> TrainingData:
    """Data with a random `fraction` of the samples set aside for validation; raises ConfigError if either is empty."""
    count = len(as_tuple(x)[0])
    held = round(count * fraction)
    if not 0 < held < count:
        message = f"a validation fraction of {fraction} leaves nothing on one side of {count} samples"
        raise ConfigError(message)
    if {len(a) for a in (*as_tuple(x), *as_tuple(y))} != {count}:
        message = f"inputs and targets must be equally many: there are {count} inputs"
        raise ConfigError(message)
    order = np.random.default_rng(seed).permutation(count)
    validation, training = order[:held], order[held:]
    return TrainingData(_take(x, training), _take(y, training), _take(x, validation), _take(y, validation))


def _take(arrays: Arrays, rows: NDArray[np.int64]) -> Arrays:
    return tuple(a[rows] for a in arrays) if isinstance(arrays, tuple) else arrays[rows]
