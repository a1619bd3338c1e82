"""Values that come out of estimating, synthesizing and comparing."""

from fpgaprune.results.comparison import Comparison, ComparisonRow, Verdict
from fpgaprune.results.estimate import Complexity, Estimate, Fabric, LayerEstimate
from fpgaprune.results.resources import Bound, Expected, Resources
from fpgaprune.results.study import StudyResult, VariantResult
from fpgaprune.results.synthesis import ModuleReport, MultiplyOperator, Stage, SynthesisReport

__all__ = [
    "Bound",
    "Comparison",
    "ComparisonRow",
    "Complexity",
    "Estimate",
    "Expected",
    "Fabric",
    "LayerEstimate",
    "ModuleReport",
    "MultiplyOperator",
    "Resources",
    "Stage",
    "StudyResult",
    "SynthesisReport",
    "VariantResult",
    "Verdict",
]
