"""Handwritten digits: scikit-learn's 1797 real images of 8x8 pixels, and a small quantized convolutional network."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.flow.classifier import accuracy, split_samples, train_classifier
from fpgaprune.flow.study_task import StudyData
from fpgaprune.frameworks import load_frameworks

TEST_SAMPLES = 540  # three of ten: one image is 0.19 % of accuracy
VALIDATION_SAMPLES = 180
PIXEL_LEVELS = 16  # pixels are the whole numbers 0..16: divided by 16 they are exact in binary


def load_data(settings: Mapping[str, Any]) -> StudyData:
    """Training, validation and test images, each digit in the same proportion; the seed fixes which goes where."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 (an optional dependency, needed only here)

    digits = load_digits()
    x = (digits.images[..., np.newaxis] / PIXEL_LEVELS).astype(np.float32)
    y = digits.target.astype(np.int32)
    return split_samples(x, y, test=TEST_SAMPLES, validation=VALIDATION_SAMPLES, seed=settings["seed"])


def build_model(settings: Mapping[str, Any]) -> Any:
    """Two convolutions of 3x3, the first one halved by its largest values, and a dense layer for the ten digits."""
    frameworks = load_frameworks()
    layers, qkeras = frameworks.keras.layers, frameworks.qkeras
    frameworks.keras.utils.set_random_seed(settings["seed"])
    bits = settings["bits"]
    weights = f"quantized_bits({bits},{settings['weight_integer']},alpha=1)"
    relu = f"quantized_relu({bits},{settings['activation_integer']})"

    def convolution(filters: int, name: str) -> Any:
        return qkeras.QConv2D(filters, (3, 3), kernel_quantizer=weights, bias_quantizer=weights, name=name)

    first, second = settings["filters"]
    model = frameworks.keras.Sequential(name="conv_digits")
    model.add(layers.Input((8, 8, 1), name="image"))
    model.add(qkeras.QActivation(f"quantized_relu({bits},1)", name="pixels"))
    model.add(convolution(first, "conv_1"))
    model.add(qkeras.QActivation(relu, name="relu_1"))
    model.add(layers.MaxPooling2D((2, 2), name="pool"))
    model.add(convolution(second, "conv_2"))
    model.add(qkeras.QActivation(relu, name="relu_2"))
    model.add(layers.Flatten(name="flat"))
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
