"""Learning from a teacher: a large network's answers teach a compressed one more than the labels alone.

Model compression after Bucila, Caruana and Niculescu-Mizil (doi:10.1145/1150402.1150464), with the temperature and
the mixed loss of Hinton, Vinyals and Dean (arXiv:1503.02531): the mean loss on the labels times 1 - mixing, plus mixing
times temperature**2 times the divergence of the two softened distributions. The lesson travels with the training data,
so every method that trains can be combined with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from math import isfinite, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress.copying import predict
from fpgaprune.compress.data import Arrays, Lesson, TrainingData, as_tuple
from fpgaprune.errors import ConfigError, ModelError
from fpgaprune.frameworks import load_frameworks

_SMALL = 1e-7  # probabilities are kept this far from 0, as Keras' losses do

Mixed = Callable[[Any, Sequence[Any], Sequence[Any]], Any]


@dataclass(frozen=True)
class Distillation:
    """How much the teacher counts: `mixing` is its share in the loss, `temperature` softens both answers.

    The temperature acts on classifiers; where the loss is no cross-entropy, the teacher's part is the mean squared
    difference of the answers.
    """

    temperature: float = 4.0
    mixing: float = 0.5

    def __post_init__(self) -> None:
        """Raise ConfigError for settings that make no sense."""
        if not (isfinite(self.temperature) and self.temperature > 0):
            message = f"temperature must be a positive number, not {self.temperature!r}"
            raise ConfigError(message)
        if not 0 < self.mixing <= 1:
            message = f"mixing must be a fraction above 0, at most 1, not {self.mixing!r}"
            raise ConfigError(message)

    def record(self) -> dict[str, Any]:
        """The settings as JSON-ready data."""
        return asdict(self)


def distilled(data: TrainingData, teacher: Any, config: Distillation) -> TrainingData:
    """`data` with what the built Keras model `teacher` answers on its training samples.

    A teacher that reads the same numbers in another shape (an image, where the student reads a row) gets them so.
    Raises ConfigError for a teacher whose inputs do not fit the data, ModelError for one that answers NaN or infinity.
    """
    answers = predict(teacher, shaped_for(teacher, data.x))
    if not all(np.isfinite(answer).all() for answer in answers):
        message = f"the teacher {teacher.name!r} answers NaN or infinity on the training samples"
        raise ModelError(message)
    lesson = Lesson(tuple(answer.astype(np.float32) for answer in answers), config.temperature, config.mixing)
    return replace(data, lesson=lesson)


def shaped_for(teacher: Any, x: Arrays) -> Arrays:
    """Inputs in the shapes that a model reads; raises ConfigError where they hold more or fewer numbers."""
    inputs = as_tuple(x)
    shapes = [tuple(int(size) for size in tensor.shape[1:]) for tensor in teacher.inputs]
    if [prod(array.shape[1:]) for array in inputs] != [prod(shape) for shape in shapes]:
        given = ", ".join(str(array.shape[1:]) for array in inputs)
        message = (
            f"the teacher {teacher.name!r} takes inputs of shape {', '.join(map(str, shapes))}, the data has {given}"
        )
        raise ConfigError(message)
    return tuple(array.reshape(-1, *shape) for array, shape in zip(inputs, shapes, strict=True))


def distillation_loss(lesson: Lesson, label: str, outputs: tuple[NDArray[Any], ...]) -> Mixed:
    """The function of (loss on the labels, the teacher's answers, the student's) that gives the mixed loss.

    `label` is the name of the loss; `outputs`, a few answers of the student, tell logits (outside 0..1) from
    probabilities. Raises ConfigError where teacher and student answer in different shapes.
    """
    shapes = [[array.shape[1:] for array in arrays] for arrays in (lesson.answers, outputs)]
    if shapes[0] != shapes[1]:
        taught, learnt = (", ".join(map(str, each)) for each in shapes)
        message = (
            f"the teacher answers in the shape {taught}, the model to be trained in {learnt}: they must be the same"
        )
        raise ConfigError(message)
    distances = [
        _distance(label, _is_logits(answer), _is_logits(output), lesson.temperature)
        for answer, output in zip(lesson.answers, outputs, strict=True)
    ]

    def mixed(loss: Any, answers: Sequence[Any], found: Sequence[Any]) -> Any:
        soft = sum(distance(*pair) for distance, *pair in zip(distances, answers, found, strict=True))
        return (1 - lesson.mixing) * loss + lesson.mixing * soft

    return mixed


def _is_logits(answers: NDArray[Any]) -> bool:
    return bool(((answers < 0) | (answers > 1)).any())


def _distance(label: str, teacher_logits: bool, student_logits: bool, temperature: float) -> Callable[[Any, Any], Any]:
    tensorflow = load_frameworks().tensorflow
    if "crossentropy" not in label:
        return lambda answer, output: tensorflow.reduce_mean(tensorflow.square(answer - output))
    binary = "binary" in label

    def soft(values: Any, logits: bool) -> Any:
        """The logarithms of the softened distribution, classes along the last axis."""
        if not logits:
            kept = tensorflow.clip_by_value(values, _SMALL, 1 - _SMALL)
            values = tensorflow.math.log(kept) - (tensorflow.math.log1p(-kept) if binary else 0.0)
        if binary:  # yes and no are the two classes of every output
            values = tensorflow.stack([values, tensorflow.zeros_like(values)], axis=-1)
        return tensorflow.nn.log_softmax(values / temperature)

    def divergence(answer: Any, output: Any) -> Any:
        taught, learnt = soft(answer, teacher_logits), soft(output, student_logits)
        each = tensorflow.reduce_sum(tensorflow.exp(taught) * (taught - learnt), axis=-1)
        return temperature**2 * tensorflow.reduce_mean(each)

    return divergence
