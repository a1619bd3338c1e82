"""What a pruning run leaves behind, as JSON-ready data: asked, found per layer, and how it went."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fpgaprune.compress.data import Lesson
from fpgaprune.compress.kernels import Kernel
from fpgaprune.compress.masks import Mask
from fpgaprune.compress.method import PruneConfig
from fpgaprune.compress.scores import Score
from fpgaprune.compress.training import Trainer


@dataclass(frozen=True)
class Epoch:
    """One epoch: its phase, mean training loss, validation score and the quantized sparsity after it."""

    phase: str
    loss: float
    score: Score
    sparsity: float

    def json(self) -> dict[str, Any]:
        """Field by field."""
        return {"phase": self.phase, "loss": self.loss, "validation": self.score.json(), "sparsity": self.sparsity}


def pruning_record(
    config: PruneConfig,
    kernels: Sequence[Kernel],
    trainer: Trainer,
    *,
    before: Score,
    after: Score,
    history: Sequence[Epoch],
    stopped: str | None,
) -> dict[str, Any]:
    """The record of a run; `kernels` are all of the model's, the trainer's are those that were pruned.

    `sparsity` counts zeros among the quantized weights of the pruned kernels, `model_sparsity` among all kernels;
    biases are in neither. `stopped` is None, or why the run ended early.
    """
    masks = {k.name: mask for k, mask in zip(trainer.kernels, trainer.masks(), strict=True)}
    layers = [_layer(kernel, masks.get(kernel.name)) for kernel in kernels]
    pruned = [layer for layer in layers if layer["pruned"]]
    return {
        "method": config.method,
        "asked": config.record(),
        "distillation": None if trainer.lesson is None else lesson_json(trainer.lesson),
        "found": {
            "sparsity": _sparsity(pruned),
            "model_sparsity": _sparsity(layers),
            "weights": sum(layer["weights"] for layer in layers),
            "zeros": sum(layer["zeros"] for layer in layers),
            "layers": layers,
        },
        "validation": {"before": before.json(), "after": after.json()},
        "history": [epoch.json() for epoch in history],
        "stopped": stopped,
    }


def lesson_json(lesson: Lesson) -> dict[str, float]:
    """How much a teacher counted."""
    return {"temperature": lesson.temperature, "mixing": lesson.mixing}


def _layer(kernel: Kernel, mask: Mask | None) -> dict[str, Any]:
    zeros = kernel.size - int(np.count_nonzero(kernel.quantized()))
    return {
        "name": kernel.layer,
        "parameter": kernel.parameter,
        "weights": kernel.size,
        "zeros": zeros,
        "sparsity": zeros / kernel.size,
        "pruned": mask is not None,
        "removed": None if mask is None else int(mask.size - np.count_nonzero(mask)),
        "quantizer": None if kernel.quantizer is None else str(kernel.quantizer),
    }


def _sparsity(layers: Sequence[dict[str, Any]]) -> float:
    return float(sum(layer["zeros"] for layer in layers) / sum(layer["weights"] for layer in layers))
