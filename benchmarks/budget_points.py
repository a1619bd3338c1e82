"""The networks that `benchmarks.budget` compares: one dense network per seed, and what each family makes of it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.compression import LOSS, build, load_sets
from fpgaprune.compress import Polynomial, prune, split_validation
from fpgaprune.compress.constants import Budget
from fpgaprune.compress.copying import predict
from fpgaprune.compress.distillation import Distillation, distilled
from fpgaprune.compress.quantization import fine_tune
from fpgaprune.errors import ConfigError
from fpgaprune.flow.budget_training import train_to_budget
from fpgaprune.flow.compression import estimate_model, save_model
from fpgaprune.generate.inputs import InputSet
from fpgaprune.generate.settings import GenerateSettings

FAMILIES: Final = ("pruned", "fewer bits", "budget")
Row = dict[str, Any]
Points = Mapping[str, tuple[float, ...]]
# Of the weights removed, bits of the weights, LUTs of the dense network's: each family from its dearest point on.
USUAL: Final[Points] = {
    "pruned": (0.7, 0.8, 0.85, 0.9),
    "fewer bits": (6, 5, 4, 3),
    "budget": (0.2, 0.17, 0.15, 0.12, 0.1),
}
FULL: Final[Points] = {
    "pruned": (0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95),
    "fewer bits": (8, 7, 6, 5, 4, 3, 2),
    "budget": (0.3, 0.2, 0.17, 0.15, 0.13, 0.12, 0.1, 0.08, 0.06),
}
_LEAST_BITS: Final = 2  # of signed weights with values beside zero
_MOST_REMOVED: Final = 0.99
_LEAST_SHARE: Final = 0.01


@dataclass(frozen=True)
class Point:
    """What one family does, how much of it."""

    family: str
    value: float

    @property
    def method(self) -> str:
        """In words."""
        match self.family:
            case "pruned":
                return f"{self.value:.3g} of the weights removed"
            case "fewer bits":
                return f"{self.value:.0f}-bit weights"
        return f"no DSPs, {self.value:.3g} of the LUTs"

    def further(self) -> "Point | None":
        """The next cheaper one; None where there is none to try."""
        match self.family:
            case "pruned":
                value = round(1 - (1 - self.value) * 0.7, 3)
                return Point(self.family, value) if value <= _MOST_REMOVED else None
            case "fewer bits":
                return Point(self.family, self.value - 1) if self.value > _LEAST_BITS else None
        value = round(self.value * 0.75, 4)
        return Point(self.family, value) if value >= _LEAST_SHARE else None


@dataclass(frozen=True)
class Setting:
    """One data set and seed: where it is, for how long to train, where the models go."""

    folder: Path
    name: str
    seed: int
    epochs: int
    kept: Path

    def path(self, method: str) -> Path:
        """Where the model of a method is kept."""
        return self.kept / f"{self.name}-{self.seed}-{method.replace(' ', '_').replace(',', '')}.h5"


def train_dense(setting: Setting) -> Row:
    """The row of the dense network, which is kept for the others."""
    bench = _Bench(setting)
    started = time.perf_counter()
    model = bench.network(16)
    model.fit(bench.training.x, bench.training.y, epochs=setting.epochs, batch_size=64, verbose=0)
    return bench.judged(model, "dense", "dense", time.perf_counter() - started)


def train_point(setting: Setting, point: Point, dense_lut: int) -> Row | None:
    """The row of a point, trained from the dense network and taught by it; None for a budget out of reach."""
    bench = _Bench(setting)
    dense = bench.network(16)
    dense.load_weights(setting.path("dense"))
    model = bench.network(int(point.value) if point.family == "fewer bits" else 16)
    model.set_weights(dense.get_weights())
    taught = distilled(bench.training, dense, Distillation())
    common: dict[str, Any] = {
        "loss": LOSS, "epochs": setting.epochs, "seed": setting.seed, "learning_rate": 2e-3,
    }  # fmt: skip
    started = time.perf_counter()
    match point.family:
        case "pruned":
            model = prune(model, Polynomial(target_sparsity=point.value, **common), taught).model
        case "fewer bits":
            model = fine_tune(model, taught, **common)
        case _:
            config = Budget(max_dsp=0, max_lut=round(point.value * dense_lut))
            try:
                model = train_to_budget(model, config, bench.inputs, taught, **common).model
            except ConfigError:
                return None
    return bench.judged(model, point.method, point.family, time.perf_counter() - started)


class _Bench:
    """The data of a setting, and the same network at the start of every method."""

    def __init__(self, setting: Setting) -> None:
        x, y, self._test_x, self._test_y = load_sets(setting.folder / "data")[setting.name]
        self.training = split_validation(x, y, 0.15, setting.seed)
        self.inputs = InputSet((x[:1024],), "training data", real=True)
        self._setting, self._features = setting, x.shape[1]
        self._classes = int(max(y.max(), self._test_y.max())) + 1

    def network(self, bits: int) -> Any:
        """With weights of `bits` bits and values of 16."""
        return build(self._features, self._classes, bits, self._setting.seed)

    def judged(self, model: Any, method: str, family: str, seconds: float) -> Row:
        """What a network costs and is right about in the test part; it is kept."""
        estimate = estimate_model(model, GenerateSettings(), self.inputs)
        lut = estimate.fabric.lut
        path = self._setting.path(method)
        save_model(model, path)
        return {
            "method": method,
            "family": family,
            "accuracy": float(np.mean(predict(model, self._test_x)[0].argmax(axis=-1) == self._test_y)),
            "dsp": estimate.dsp.high,
            "lut": 0 if lut is None else lut.value,
            "seconds": seconds,
            "model": path.name,
        }
