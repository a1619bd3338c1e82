"""Jets at the LHC: 16 features of a jet, five kinds of particle it may come from, and the 16-64-32-32-5 network."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.errors import ConfigError
from fpgaprune.flow.classifier import accuracy, read_arrays, split_samples, train_classifier
from fpgaprune.flow.study_task import StudyData
from fpgaprune.frameworks import load_frameworks

DATASET = "hls4ml_lhc_jets_hlf"  # its name on OpenML
FEATURES = 16
KINDS = ("g", "q", "t", "w", "z")  # gluon, light quark, top quark, W and Z boson
TEST_SHARE = 0.2
VALIDATION_SHARE = 0.25  # of the rest


def load_data(settings: Mapping[str, Any]) -> StudyData:
    """The jets as OpenML has them, or those of the file that `data` names, scaled by those to train on.

    A file has `x` (jets, 16) and `y`: for each jet the letter of its kind, its number, or one of five that is 1.
    """
    given = settings.get("data")
    x, y = _downloaded() if given is None else _read(Path(__file__).parent / given)
    data = split_samples(x, _numbers(y), test=TEST_SHARE, validation=VALIDATION_SHARE, seed=settings["seed"])
    return _scaled(data)


def _downloaded() -> tuple[NDArray[Any], NDArray[Any]]:
    from sklearn.datasets import fetch_openml  # noqa: PLC0415 (an optional dependency, needed only here)

    try:
        found = fetch_openml(DATASET, version=1, as_frame=False, parser="liac-arff")
    except Exception as error:
        message = f'the jets could not be downloaded ({error}); name a file of them in [task] as data = "jets.npz"'
        raise ConfigError(message) from error
    return np.asarray(found.data, dtype=np.float64), np.asarray(found.target)


def _read(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    arrays = read_arrays(path, "x", "y")
    x, y = arrays["x"], arrays["y"]
    if x.ndim != 2 or x.shape[1] != FEATURES or len(x) != len(y):
        message = f"{path} needs jets of {FEATURES} features and a kind for each, not arrays of {x.shape} and {y.shape}"
        raise ConfigError(message)
    return x.astype(np.float64), y


def _numbers(kinds: NDArray[Any]) -> NDArray[Any]:
    """The kind of each jet as its place in `KINDS`."""
    if kinds.ndim == 2 and kinds.shape[1] == len(KINDS):
        return np.asarray(kinds.argmax(axis=1), dtype=np.int32)
    if kinds.ndim == 1 and kinds.dtype.kind in "UO":
        places = {kind: place for place, kind in enumerate(KINDS)}
        if set(kinds) <= set(places):
            return np.asarray([places[kind] for kind in kinds], dtype=np.int32)
    if kinds.ndim == 1 and kinds.dtype.kind in "ui" and kinds.size and kinds.min() >= 0 and kinds.max() < len(KINDS):
        return kinds.astype(np.int32)
    message = f"the kinds of jets must be {', '.join(KINDS)}, 0 to 4, or five columns, not {kinds.dtype} {kinds.shape}"
    raise ConfigError(message)


def _scaled(data: StudyData) -> StudyData:
    """Features with mean 0 and spread 1 over the jets to train on."""
    training = data.training
    x = np.asarray(training.x)
    mean, spread = x.mean(axis=0), x.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)

    def scaled(features: Any) -> NDArray[Any]:
        return np.asarray((features - mean) / spread, dtype=np.float32)

    fitted = type(training)(scaled(x), training.y, scaled(training.validation_x), training.validation_y)
    return StudyData(fitted, scaled(data.test_x), data.test_y)


def build_model(settings: Mapping[str, Any]) -> Any:
    """16 features, the hidden layers, five kinds: all weights and activations of `bits` bits, exact in hardware."""
    frameworks = load_frameworks()
    layers, qkeras = frameworks.keras.layers, frameworks.qkeras
    frameworks.keras.utils.set_random_seed(settings["seed"])
    bits = settings["bits"]
    weights = f"quantized_bits({bits},{settings['weight_integer']},alpha=1)"
    relu = f"quantized_relu({bits},{settings['activation_integer']})"
    model = frameworks.keras.Sequential(name="jet_tagger")
    model.add(layers.Input((FEATURES,), name="features"))
    model.add(qkeras.QActivation(f"quantized_bits({settings['input_bits']},3,alpha=1)", name="scaled"))
    for number, units in enumerate(settings["hidden"], start=1):
        model.add(qkeras.QDense(units, kernel_quantizer=weights, bias_quantizer=weights, name=f"dense_{number}"))
        model.add(qkeras.QActivation(relu, name=f"relu_{number}"))
    model.add(qkeras.QDense(len(KINDS), kernel_quantizer=weights, bias_quantizer=weights, name="kinds"))
    model.add(layers.Activation("softmax", name="probabilities"))
    return model


def train(
    model: Any, data: StudyData, settings: Mapping[str, Any], on_epoch: Callable[[int, int, float], None]
) -> None:
    """Train in place, keep the epoch that did best on the validation jets."""
    train_classifier(model, data, settings, on_epoch)


def score(outputs: NDArray[Any], targets: NDArray[Any]) -> float:
    """Accuracy: the fraction of jets whose most probable kind is the right one."""
    return accuracy(outputs, targets)
