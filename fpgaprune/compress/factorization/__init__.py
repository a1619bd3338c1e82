"""Layers of another, cheaper form: `factorize(model, config, samples)`, one config class per method."""

from fpgaprune.compress.factorization.depthwise import DepthwiseSeparable
from fpgaprune.compress.factorization.low_rank import LowRank
from fpgaprune.compress.factorization.method import (
    FactorizeConfig,
    FactorizeResult,
    factorizations,
    factorize,
    factorize_config_type,
)

__all__ = [
    "DepthwiseSeparable",
    "FactorizeConfig",
    "FactorizeResult",
    "LowRank",
    "factorizations",
    "factorize",
    "factorize_config_type",
]
