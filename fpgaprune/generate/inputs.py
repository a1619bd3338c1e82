"""Inputs to observe ranges with and to simulate: the user's, or seeded ones of a stated distribution."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SAMPLES = 1000
RANDOM_DESCRIPTION = "seeded random inputs: half standard normal, a quarter uniform in 0..1, a quarter sparse 0 or 1"


@dataclass(frozen=True, eq=False)
class InputSet:
    """One array (samples, *shape) per model input, and where they come from in words."""

    arrays: tuple[Array, ...]
    description: str
    real: bool


def random_inputs(shapes: Sequence[tuple[int, ...]], samples: int = SAMPLES, seed: int = 0) -> InputSet:
    """Inputs as networks usually meet them: standardized features, pixels, sparse maps. Multiples of 2**-12."""
    rng = np.random.default_rng(seed)
    arrays = []
    for shape in shapes:
        normal = rng.standard_normal((samples - samples // 2, *shape))
        uniform = rng.random((samples // 2 - samples // 4, *shape))
        sparse = (rng.random((samples // 4, *shape)) < 0.2).astype(np.float64)
        mixed = np.concatenate([normal, uniform, sparse])
        arrays.append(np.round(mixed * 4096.0) / 4096.0)
    return InputSet(tuple(arrays), RANDOM_DESCRIPTION, real=False)
