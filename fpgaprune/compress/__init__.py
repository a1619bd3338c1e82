"""Pruning of Keras and QKeras models: `prune(model, config, data)`, one config class per method."""

from fpgaprune.compress.data import TrainingData, split_validation
from fpgaprune.compress.gradual import Blocks, NofM, Polynomial
from fpgaprune.compress.iterative_l1 import IterativeL1
from fpgaprune.compress.method import (
    Progress,
    PruneConfig,
    PruneResult,
    PruningDivergedError,
    config_type,
    prune,
    pruning_method,
    pruning_methods,
)

__all__ = [
    "Blocks",
    "IterativeL1",
    "NofM",
    "Polynomial",
    "Progress",
    "PruneConfig",
    "PruneResult",
    "PruningDivergedError",
    "TrainingData",
    "config_type",
    "prune",
    "pruning_method",
    "pruning_methods",
    "split_validation",
]
