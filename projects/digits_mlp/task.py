"""Handwritten digits: scikit-learn's 1797 real images of 8x8 pixels, and a quantized multilayer perceptron for them."""

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
    x = (digits.data / PIXEL_LEVELS).astype(np.float32)
    y = digits.target.astype(np.int32)
    return split_samples(x, y, test=TEST_SAMPLES, validation=VALIDATION_SAMPLES, seed=settings["seed"])


def build_model(settings: Mapping[str, Any]) -> Any:
    """64 pixels, the hidden layers, 10 digits: all weights and activations of `bits` bits, exact in hardware."""
    frameworks = load_frameworks()
    layers, qkeras = frameworks.keras.layers, frameworks.qkeras
    frameworks.keras.utils.set_random_seed(settings["seed"])
    bits = settings["bits"]
    # alpha=1: without it QKeras scales every output channel, which costs a multiplier that no pruning removes.
    weights = f"quantized_bits({bits},{settings['weight_integer']},alpha=1)"
    relu = f"quantized_relu({bits},{settings['activation_integer']})"

    def dense(units: int, name: str) -> Any:
        return qkeras.QDense(units, kernel_quantizer=weights, bias_quantizer=weights, name=name)

    model = frameworks.keras.Sequential(name="digits_mlp")
    model.add(layers.Input((64,), name="image"))
    model.add(qkeras.QActivation(f"quantized_relu({bits},1)", name="pixels"))
    for number, units in enumerate(settings["hidden"], start=1):
        model.add(dense(units, f"dense_{number}"))
        model.add(qkeras.QActivation(relu, name=f"relu_{number}"))
    model.add(dense(10, "digits"))
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
