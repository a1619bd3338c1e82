"""Handwritten digits of MNIST: 28x28 pixels, and the classic multilayer perceptron for them, quantized."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.errors import ConfigError
from fpgaprune.flow.classifier import accuracy, read_arrays, split_samples, train_classifier, with_validation
from fpgaprune.flow.study_task import StudyData
from fpgaprune.frameworks import load_frameworks

PIXELS = 28 * 28
PIXEL_LEVELS = 256  # pixels are the whole numbers 0..255: divided by 256 they are exact in binary
TEST_SHARE = 0.2  # of a file that has no test part of its own
VALIDATION_SHARE = 0.1


def load_data(settings: Mapping[str, Any]) -> StudyData:
    """MNIST as Keras downloads it (60 000 images to train on, 10 000 to judge with), or the file that `data` names.

    A file has x_train, y_train, x_test and y_test as the download has, or x and y, of which every fifth image is
    kept for the test.
    """
    seed, given = settings["seed"], settings.get("data")
    arrays = _downloaded() if given is None else read_arrays(Path(__file__).parent / given)
    if "x_train" in arrays:
        training = with_validation(
            _images(arrays["x_train"]), _labels(arrays["y_train"]), validation=VALIDATION_SHARE, seed=seed
        )
        return StudyData(training, _images(arrays["x_test"]), _labels(arrays["y_test"]))
    if not {"x", "y"} <= set(arrays):
        there = ", ".join(arrays)
        message = f"{given} has the arrays {there}; it needs x_train, y_train, x_test and y_test, or x and y"
        raise ConfigError(message)
    x, y = _images(arrays["x"]), _labels(arrays["y"])
    return split_samples(x, y, test=TEST_SHARE, validation=VALIDATION_SHARE, seed=seed)


def _downloaded() -> Mapping[str, NDArray[Any]]:
    try:
        (x_train, y_train), (x_test, y_test) = load_frameworks().keras.datasets.mnist.load_data()
    except Exception as error:
        message = f'MNIST could not be downloaded ({error}); name a file of it in [task] as data = "mnist.npz"'
        raise ConfigError(message) from error
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def _images(pixels: NDArray[Any]) -> NDArray[Any]:
    if pixels.size % PIXELS or pixels.dtype.kind not in "ui":
        message = f"MNIST images are whole numbers, 28x28 each, not {pixels.dtype} of shape {pixels.shape}"
        raise ConfigError(message)
    return (pixels.reshape(-1, PIXELS) / PIXEL_LEVELS).astype(np.float32)


def _labels(digits: NDArray[Any]) -> NDArray[Any]:
    return digits.astype(np.int32)


def build_model(settings: Mapping[str, Any]) -> Any:
    """784 pixels, the hidden layers, 10 digits: all weights and activations of `bits` bits, exact in hardware."""
    frameworks = load_frameworks()
    layers, qkeras = frameworks.keras.layers, frameworks.qkeras
    frameworks.keras.utils.set_random_seed(settings["seed"])
    bits = settings["bits"]
    weights = f"quantized_bits({bits},{settings['weight_integer']},alpha=1)"
    relu = f"quantized_relu({bits},{settings['activation_integer']})"
    model = frameworks.keras.Sequential(name="mnist_mlp")
    model.add(layers.Input((PIXELS,), name="image"))
    model.add(qkeras.QActivation(f"quantized_relu({bits},0)", name="pixels"))
    for number, units in enumerate(settings["hidden"], start=1):
        model.add(qkeras.QDense(units, kernel_quantizer=weights, bias_quantizer=weights, name=f"dense_{number}"))
        model.add(qkeras.QActivation(relu, name=f"relu_{number}"))
    model.add(qkeras.QDense(10, kernel_quantizer=weights, bias_quantizer=weights, name="digits"))
    model.add(layers.Activation("softmax", name="probabilities"))
    return model


def train(
    model: Any, data: StudyData, settings: Mapping[str, Any], on_epoch: Callable[[int, int, float], None]
) -> None:
    """Train in place, keep the epoch that did best on the validation images."""
    train_classifier(model, data, settings, on_epoch)


def score(outputs: NDArray[Any], targets: NDArray[Any]) -> float:
    """Accuracy: the fraction of images whose most probable digit is the right one."""
    return accuracy(outputs, targets)
