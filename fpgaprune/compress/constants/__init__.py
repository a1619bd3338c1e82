"""Other constants for a converted network, chosen after training: `choose_constants(design, config, importance)`."""

from fpgaprune.compress.constants.budget import Budget, BudgetSearch
from fpgaprune.compress.constants.csd_rounding import CsdRounding
from fpgaprune.compress.constants.method import (
    Chosen,
    ConstantsConfig,
    Importance,
    choose_constants,
    constants_config_type,
    constants_methods,
)

__all__ = [
    "Budget",
    "BudgetSearch",
    "Chosen",
    "ConstantsConfig",
    "CsdRounding",
    "Importance",
    "choose_constants",
    "constants_config_type",
    "constants_methods",
]
