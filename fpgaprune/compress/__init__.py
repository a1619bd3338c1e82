"""Pruning of Keras and QKeras models: `prune(model, config, data)`, one config class per method."""

from fpgaprune.compress.data import TrainingData, split_validation
from fpgaprune.compress.iterative_l1 import IterativeL1
from fpgaprune.compress.method import (
    Progress,
    PruneConfig,
    PruneResult,
    PruningDivergedError,
    config_type,
    prune,
    pruning_method,
)

__all__ = [
    "IterativeL1",
    "Progress",
    "PruneConfig",
    "PruneResult",
    "PruningDivergedError",
    "TrainingData",
    "config_type",
    "prune",
    "pruning_method",
    "split_validation",
]
