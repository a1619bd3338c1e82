"""What the values between the layers of a float model are like, on data."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fpgaprune.errors import ModelError
from fpgaprune.frameworks import load_frameworks

SAMPLES: Final = 1024
_VALUES: Final = 1_000_000
_BATCH: Final = 128


def observe(model: Any, samples: Sequence[NDArray[Any]]) -> dict[int, NDArray[np.float64]]:
    """What every layer of a Functional model gives on the samples, flat, at most a million values each.

    By the identity of the layer's output. Raises ModelError for NaN.
    """
    tensors = {id(layer.output): layer.output for layer in model.layers if not isinstance(layer.output, list | tuple)}
    probe = load_frameworks().keras.Model(model.inputs, list(tensors.values()))
    inputs = [np.asarray(array[:SAMPLES], dtype=np.float32) for array in samples]
    count = len(inputs[0])
    kept: dict[int, list[NDArray[np.float64]]] = {key: [] for key in tensors}
    for start in range(0, count, _BATCH):
        batch = [array[start : start + _BATCH] for array in inputs]
        values = probe(batch if len(batch) > 1 else batch[0], training=False)
        values = values if isinstance(values, list | tuple) else [values]
        for key, value in zip(tensors, values, strict=True):
            flat = np.asarray(value, dtype=np.float64).ravel()
            if not np.isfinite(flat).all():
                message = f"the model {model.name!r} gives NaN or infinity on the given inputs"
                raise ModelError(message)
            kept[key].append(flat[:: max(1, flat.size * -(-count // _BATCH) // _VALUES)])
    return {key: np.concatenate(parts) for key, parts in kept.items()}
