"""How good a classifier is beyond its loss: accuracy, area under the ROC curve, efficiency at a background rate.

Higher is better in all of them. The functions take whole arrays: outputs (samples, classes), or (samples, 1) for a
network that answers yes or no, and targets as classes or one-hot.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.errors import ConfigError

Array = NDArray[Any]
METRICS = "accuracy, auc, efficiency@RATE (signal efficiency at a background rate, as efficiency@0.01), r2"
_EFFICIENCY = re.compile(r"efficiency@(?P<rate>[0-9.eE+-]+)(:(?P<signal>\d+))?$")


@dataclass(frozen=True)
class Metric:
    """A number that says how good outputs are, the higher the better; `function` takes outputs and targets."""

    name: str
    function: Callable[[Array, Array], Any]

    def __call__(self, outputs: Sequence[Array], targets: Sequence[Array]) -> float:
        """The metric of a model of one output; raises ConfigError where it is not a finite number."""
        if len(outputs) != 1:
            message = f"the score {self.name} is that of one output, and the model has {len(outputs)}"
            raise ConfigError(message)
        value = float(self.function(outputs[0], targets[0]))
        if not isfinite(value):
            message = f"the score {self.name} is {value}, which is no number to compare"
            raise ConfigError(message)
        return value


def parse_metric(text: str) -> Metric:
    """The metric called so; raises ConfigError with the choices otherwise.

    `efficiency@0.01:3` takes class 3 for the signal and all others for background; without a class it is the last.
    """
    if text in _NAMED:
        return Metric(text, _NAMED[text])
    match = _EFFICIENCY.match(text)
    if match is None:
        message = f"unknown score {text!r}; there are {METRICS}"
        raise ConfigError(message)
    try:
        rate = float(match["rate"])
    except ValueError:
        rate = 0.0
    if not 0 < rate < 1:
        message = f"the background rate of {text!r} must be a fraction between 0 and 1, as in efficiency@0.01"
        raise ConfigError(message)
    signal = None if match["signal"] is None else int(match["signal"])
    return Metric(text, lambda outputs, targets: signal_efficiency(outputs, targets, rate, signal))


def accuracy(outputs: Array, targets: Array) -> float:
    """Fraction of samples whose most likely class is the right one."""
    chances = _chances(outputs)
    return float(np.mean(chances.argmax(axis=1) == _classes(targets, chances.shape[1])))


def area_under_curve(outputs: Array, targets: Array) -> float:
    """Area under the ROC curve; with more than two classes the mean over each against the others.

    It is the chance that a random sample of the class is rated above one that is not, ties counting half (Hanley and
    McNeil, doi:10.1148/radiology.143.1.7063747).
    """
    chances = _chances(outputs)
    classes = _classes(targets, chances.shape[1])
    if chances.shape[1] == 2:
        return _area(chances[:, 1] - chances[:, 0], classes == 1)
    present = [k for k in range(chances.shape[1]) if (classes == k).any()]
    return float(np.mean([_area(chances[:, k], classes == k) for k in present]))


def signal_efficiency(outputs: Array, targets: Array, rate: float, signal: int | None = None) -> float:
    """Fraction of the signal above the threshold that lets at most `rate` of the background pass."""
    chances = _chances(outputs)
    count = chances.shape[1]
    wanted = count - 1 if signal is None else signal
    if wanted >= count:
        message = f"there is no class {wanted} to be the signal: the model has the classes 0 to {count - 1}"
        raise ConfigError(message)
    is_signal = _both(_classes(targets, count) == wanted)
    # With two classes the difference orders logits as well as probabilities.
    rated = chances[:, wanted] - chances[:, 1 - wanted] if count == 2 else chances[:, wanted]
    background = np.sort(rated[~is_signal])[::-1]
    threshold = background[int(np.floor(rate * len(background)))]  # that many of the background lie above
    return float(np.mean(rated[is_signal] > threshold))


def determination(outputs: Array, targets: Array) -> float:
    """Coefficient of determination of a regression: 1 is perfect, 0 as good as the mean of the targets."""
    wanted = np.asarray(targets, dtype=np.float64).reshape(len(targets), -1)
    found = np.asarray(outputs, dtype=np.float64).reshape(len(outputs), -1)
    spread = np.square(wanted - wanted.mean(axis=0)).sum()
    if not spread:
        message = "the score r2 needs targets that differ"
        raise ConfigError(message)
    return float(1 - np.square(found - wanted).sum() / spread)


_NAMED: dict[str, Callable[[Array, Array], float]] = {
    "accuracy": accuracy,
    "auc": area_under_curve,
    "r2": determination,
}


def _chances(outputs: Array) -> NDArray[np.float64]:
    """How likely each class is, up to what does not change their order: (samples, classes of at least two)."""
    if outputs.size != len(outputs) * outputs.shape[-1]:
        message = f"this score takes one answer per sample, not outputs of shape {outputs.shape[1:]}"
        raise ConfigError(message)
    values = np.asarray(outputs, dtype=np.float64).reshape(len(outputs), -1)
    if values.shape[1] == 1:
        middle = 0.0 if ((values < 0) | (values > 1)).any() else 1.0  # logits, or probabilities of class 1
        return np.hstack([middle - values, values])
    if values.shape[1] > 2 and ((values < 0) | (values > 1)).any():
        raised = np.exp(values - values.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))
    return values


def _classes(targets: Array, count: int) -> NDArray[np.int64]:
    values = np.asarray(targets)
    if values.ndim > 1 and values.shape[-1] == count and values.size != len(values):
        return np.asarray(values.reshape(len(values), -1).argmax(axis=1), dtype=np.int64)
    flat = values.reshape(-1)
    if len(flat) != len(values) or not np.array_equal(flat, np.round(flat)) or flat.min() < 0 or flat.max() >= count:
        message = f"this score takes classes from 0 to {count - 1} as targets, one for every sample"
        raise ConfigError(message)
    return flat.astype(np.int64)


def _both(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    if mask.all() or not mask.any():
        message = "this score needs samples of the class and samples of others: the data it is taken on has only one"
        raise ConfigError(message)
    return mask


def _area(rated: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    _both(positive)
    _, place, counts = np.unique(rated, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]  # ties share the mean of their ranks
    many = int(positive.sum())
    return float((ranks[positive].sum() - many * (many + 1) / 2) / (many * (len(rated) - many)))
