"""Pruning of Keras and QKeras models: `prune(model, config, data)`, one config class per method."""

from fpgaprune.compress.clusters import Clusters
from fpgaprune.compress.data import TrainingData, split_validation
from fpgaprune.compress.gradual import Blocks, Lanes, NofM, Polynomial
from fpgaprune.compress.iterative_l1 import IterativeL1
from fpgaprune.compress.l0 import L0
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
from fpgaprune.compress.post_training import LAYER_LIMIT, has_widths, prune_smallest, requantized

__all__ = [
    "L0",
    "LAYER_LIMIT",
    "Blocks",
    "Clusters",
    "IterativeL1",
    "Lanes",
    "NofM",
    "Polynomial",
    "Progress",
    "PruneConfig",
    "PruneResult",
    "PruningDivergedError",
    "TrainingData",
    "config_type",
    "has_widths",
    "prune",
    "prune_smallest",
    "pruning_method",
    "pruning_methods",
    "requantized",
    "split_validation",
]
