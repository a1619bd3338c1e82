"""Losses by name, and the score of a model's answers."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress.data import Arrays, as_tuple
from fpgaprune.compress.metrics import Metric
from fpgaprune.errors import ConfigError
from fpgaprune.frameworks import load_frameworks

Outputs = tuple[NDArray[Any], ...]


@dataclass(frozen=True)
class Score:
    """How good a model is on a set of samples; `accuracy` is None where the loss is not that of a classifier.

    `own` is the metric that was asked for, under its name `own_name`; None where none was.
    """

    loss: float
    accuracy: float | None
    own: float | None = None
    own_name: str = ""

    @property
    def name(self) -> str:
        """The metric that decides between models."""
        if self.own is not None:
            return self.own_name
        return "loss" if self.accuracy is None else "accuracy"

    @property
    def metric(self) -> float:
        """Its value."""
        if self.own is not None:
            return self.own
        return self.loss if self.accuracy is None else self.accuracy

    @property
    def finite(self) -> bool:
        """Whether the model still computes numbers."""
        return isfinite(self.loss)

    def better_than(self, other: "Score") -> bool:
        """Higher metric, then lower loss."""
        if self.own is not None and other.own is not None:
            return (self.own, -self.loss) > (other.own, -other.loss)
        return (self.accuracy or 0.0, -self.loss) > (other.accuracy or 0.0, -other.loss)

    def json(self) -> dict[str, float | None]:
        """Loss, accuracy and the metric asked for by their names; None where they are no number or do not apply."""
        own = {} if self.own is None else {self.own_name: self.own}
        return {"loss": self.loss if self.finite else None, "accuracy": self.accuracy, **own}


@dataclass(frozen=True)
class Loss:
    """A loss as a function of (targets, outputs), and the accuracy that goes with it where it is a classifier's."""

    function: Callable[[Any, Any], Any]
    label: str
    logits: bool
    metric: Metric | None = None

    def judge(self, answers: Outputs, targets: Outputs) -> Score:
        """The score of a model's answers, one array per output."""
        each = [np.mean(np.asarray(self.function(y, o))) for y, o in zip(targets, answers, strict=True)]
        score = Score(float(np.sum(each)), self.accuracy(answers, targets))
        if self.metric is None or not score.finite:
            return score
        return replace(score, own=self.metric(answers, targets), own_name=self.metric.name)

    def accuracy(self, answers: Outputs, targets: Outputs) -> float | None:
        """The fraction that is right; None where the loss is not that of a classifier with one output."""
        found = self.accuracies(answers, targets)
        return found[0] if len(found) == 1 else None

    def accuracies(self, answers: Outputs, targets: Outputs) -> tuple[float, ...]:
        """The fraction that is right at each output; nothing where the loss is not that of a classifier."""
        if "crossentropy" not in self.label:
            return ()
        return tuple(self._right(*pair) for pair in zip(answers, targets, strict=True))

    def _right(self, answer: NDArray[Any], target: NDArray[Any]) -> float:
        if "binary" in self.label:
            return float(np.mean((answer > (0.0 if self.logits else 0.5)) == (target > 0.5)))
        wanted = target.reshape(answer.shape[:-1]) if "sparse" in self.label else target.argmax(axis=-1)
        return float(np.mean(answer.argmax(axis=-1) == wanted))


def resolve_loss(loss: Any, outputs: Outputs, metric: Metric | None = None) -> Loss:
    """The loss that a name or function stands for.

    Scores carry the `metric`, where one is given. A cross-entropy given by name is taken from logits when `outputs`,
    a few answers of the model, leave 0..1. Raises ConfigError for a name Keras does not know.
    """
    function = loss_function(loss)
    label = loss_label(loss)
    logits = any(((o < 0) | (o > 1)).any() for o in outputs)
    if isinstance(loss, str) and "crossentropy" in label and logits:
        return Loss(partial(function, from_logits=True), label, logits, metric)
    return Loss(function, label, logits, metric)


def loss_function(loss: Any) -> Callable[..., Any]:
    """The function of (targets, outputs) that a name stands for; raises ConfigError for one Keras does not know."""
    try:
        found: Callable[..., Any] = load_frameworks().keras.losses.get(loss)
    except (ValueError, TypeError) as error:
        message = (
            f"unknown loss {loss!r}: give the name of a Keras loss, such as sparse_categorical_crossentropy for "
            "classes by number, categorical_crossentropy for one-hot ones, binary_crossentropy or mse"
        )
        raise ConfigError(message) from error
    return found


def loss_label(loss: Any) -> str:
    """The name of a loss, given by that or as an object of Keras."""
    return str(loss if isinstance(loss, str) else getattr(loss, "name", getattr(loss, "__name__", "")))


def fitting_targets(outputs: Outputs, targets: Arrays) -> Outputs:
    """Targets with a last axis added where the model's output has one of size one; floats become float32.

    Raises ConfigError when there are more or fewer targets than outputs.
    """
    arrays = as_tuple(targets)
    if len(arrays) != len(outputs):
        message = f"the model has {len(outputs)} outputs, but the data holds targets for {len(arrays)}"
        raise ConfigError(message)
    found = []
    for output, target in zip(outputs, arrays, strict=True):
        widened = target[..., np.newaxis] if target.ndim == output.ndim - 1 and output.shape[-1] == 1 else target
        found.append(widened.astype(np.float32) if widened.dtype.kind in "fb" or output.shape[-1] == 1 else widened)
    return tuple(found)
