"""Methods on Keras and QKeras models in memory: one function each, and a config class for each method.

`prune(model, config, data)`, `quantize(model, config, samples)`, `factorize(model, config, samples)`, `shrink(model)`
give a new model and leave theirs as it is; `fine_tune(model, data)` trains in place; `distilled(data, teacher, config)`
is data with a teacher, for whatever trains. What one gives, the others take.
"""

from fpgaprune.compress.clusters import Clusters
from fpgaprune.compress.data import TrainingData, split_validation
from fpgaprune.compress.distillation import Distillation, distilled
from fpgaprune.compress.factorization import DepthwiseSeparable, Equivariant, LowRank, factorize
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
from fpgaprune.compress.quantization import LayerTypes, PostTraining, fine_tune, quantize
from fpgaprune.compress.shrink import shrink

__all__ = [
    "L0",
    "LAYER_LIMIT",
    "Blocks",
    "Clusters",
    "DepthwiseSeparable",
    "Distillation",
    "Equivariant",
    "IterativeL1",
    "Lanes",
    "LayerTypes",
    "LowRank",
    "NofM",
    "Polynomial",
    "PostTraining",
    "Progress",
    "PruneConfig",
    "PruneResult",
    "PruningDivergedError",
    "TrainingData",
    "config_type",
    "distilled",
    "factorize",
    "fine_tune",
    "has_widths",
    "prune",
    "prune_smallest",
    "pruning_method",
    "pruning_methods",
    "quantize",
    "requantized",
    "shrink",
    "split_validation",
]
