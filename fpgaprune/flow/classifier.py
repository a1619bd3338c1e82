"""What the studies of classifiers have in common: their data split and read, a plain training, the accuracy."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress import TrainingData
from fpgaprune.errors import ConfigError
from fpgaprune.flow.study_task import OnEpoch, StudyData
from fpgaprune.frameworks import load_frameworks


def stratified(
    x: NDArray[Any], y: NDArray[Any], held: float, seed: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """The rest and the held out part, (x, y, held_x, held_y), each class in the same proportion in both.

    `held` is a number of samples, or below 1 a fraction of them. Raises ConfigError where a class is too small.
    """
    from sklearn.model_selection import train_test_split  # noqa: PLC0415 - what studies load their data with

    try:
        x, held_x, y, held_y = train_test_split(x, y, test_size=held, random_state=seed, stratify=y)
    except ValueError as error:
        message = f"{len(x)} samples cannot be split with {held:g} of them held out: {error}"
        raise ConfigError(message) from error
    return x, y, held_x, held_y


def split_samples(x: NDArray[Any], y: NDArray[Any], *, test: float, validation: float, seed: int) -> StudyData:
    """Training, validation and test samples; sizes as in `stratified`, the validation part's after the test's."""
    x, y, test_x, test_y = stratified(x, y, test, seed)
    return StudyData(with_validation(x, y, validation, seed), test_x, test_y)


def with_validation(x: NDArray[Any], y: NDArray[Any], validation: float, seed: int) -> TrainingData:
    """Training samples with a part held out to choose between epochs."""
    return TrainingData(*stratified(x, y, validation, seed))


def read_arrays(path: Path, *names: str) -> Mapping[str, NDArray[Any]]:
    """The arrays of an .npz file by name in small letters; raises ConfigError where `names` are not all there."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            found = {name.lower(): np.asarray(stored[name]) for name in stored}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        message = f"{path} is not a readable .npz file of arrays: {error}"
        raise ConfigError(message) from error
    missing = [name for name in names if name not in found]
    if missing:
        there = ", ".join(found) or "none"
        message = f"{path} has no array {missing[0]!r}; it needs {', '.join(names)}, and has {there}"
        raise ConfigError(message)
    return found


def train_classifier(model: Any, data: StudyData, settings: Mapping[str, Any], on_epoch: OnEpoch) -> None:
    """Train in place with Adam on whole-number labels, and keep the epoch that did best on the validation samples.

    `settings` has `epochs`, `batch_size` and `learning_rate`; (epoch, epochs, validation accuracy) is reported.
    """
    keras = load_frameworks().keras
    training, epochs = data.training, settings["epochs"]
    model.compile(
        optimizer=keras.optimizers.Adam(settings["learning_rate"]),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(
        training.x,
        training.y,
        validation_data=(training.validation_x, training.validation_y),
        epochs=epochs,
        batch_size=settings["batch_size"],
        verbose=0,
        callbacks=[
            keras.callbacks.EarlyStopping("val_loss", patience=epochs, restore_best_weights=True),
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: on_epoch(epoch + 1, epochs, logs["val_accuracy"])
            ),
        ],
    )


def accuracy(outputs: NDArray[Any], targets: NDArray[Any]) -> float:
    """The fraction of samples whose most probable class is the right one."""
    return float(np.mean(outputs.argmax(axis=-1) == targets))
