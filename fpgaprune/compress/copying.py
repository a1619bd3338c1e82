"""An independent copy of a Keras model that provably computes the same."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress.data import Arrays, as_tuple
from fpgaprune.errors import ModelError
from fpgaprune.frameworks import load_frameworks, quiet


def copy_model(model: Any, sample: Arrays) -> Any:
    """A copy of `model` with its own variables, not compiled; `sample` is a few inputs to compare the two on.

    Raises ModelError for a model that cannot be rebuilt from its configuration, or loses a setting on the way
    (QKeras' `quantized_bits` forgets `scale_axis`, for one).
    """
    keras = load_frameworks().keras
    with rebuilding(model):
        copy = keras.models.clone_model(model)
        if not copy.built:
            copy.build(model.input_shape)
        copy.set_weights(model.get_weights())
    _compare(model, copy, sample)
    return copy


@contextmanager
def rebuilding(model: Any, how: str = "from its configuration") -> Iterator[None]:
    """Where layers are made again: QKeras' are known, and what they cannot do is a ModelError that says `how`."""
    known = load_frameworks().keras.utils.custom_object_scope(quantized_objects())
    try:
        with known, quiet("clone"), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # Keras' advice on how QKeras writes its quantizers
            yield
    except (ValueError, TypeError, NotImplementedError, AttributeError) as error:
        message = f"the model {model.name!r} cannot be rebuilt {how}: {error}"
        raise ModelError(message) from error


def predict(model: Any, x: Arrays, batch_size: int = 1024) -> tuple[NDArray[Any], ...]:
    """Outputs of the model in inference mode, one array per output, samples along the first axis."""
    inputs = as_tuple(x)
    batches = [
        _forward(model, tuple(array[start : start + batch_size] for array in inputs))
        for start in range(0, len(inputs[0]), batch_size)
    ]
    return tuple(np.concatenate(parts) for parts in zip(*batches, strict=True))


def _forward(model: Any, inputs: tuple[NDArray[Any], ...]) -> tuple[NDArray[Any], ...]:
    outputs = model(inputs[0] if len(inputs) == 1 else list(inputs), training=False)
    flat = load_frameworks().tensorflow.nest.flatten(outputs)
    return tuple(np.asarray(output) for output in flat)


def _compare(model: Any, copy: Any, sample: Arrays) -> None:
    expected, found, again = (predict(each, sample) for each in (model, copy, model))
    for first, second, third in zip(expected, found, again, strict=True):
        if not np.array_equal(first, second) and np.array_equal(first, third):
            message = (
                f"a copy of the model {model.name!r} made from its configuration computes something else: a layer or "
                "quantizer does not store all its settings, so pruning it would change the network"
            )
            raise ModelError(message)


def quantized_objects() -> dict[str, Any]:
    """QKeras' classes by name, as Keras wants them to rebuild a model."""
    objects: dict[str, Any] = {}
    load_frameworks().qkeras.utils._add_supported_quantized_objects(objects)
    return objects
