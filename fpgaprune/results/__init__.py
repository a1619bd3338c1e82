"""Values that come out of estimating, synthesizing and comparing."""

from fpgaprune.results.calibration import Calibration, Finding, Fit
from fpgaprune.results.choice import DesignChoice, LayerChoice, Limits
from fpgaprune.results.comparison import Comparison, ComparisonRow, Figure, StageFacts, Verdict
from fpgaprune.results.estimate import Complexity, Estimate, Fabric, LayerEstimate
from fpgaprune.results.metrics import METRIC, METRICS, Metric
from fpgaprune.results.resources import Bound, Expected, Resources
from fpgaprune.results.study import StudyResult, SynthesizedLayer, VariantResult
from fpgaprune.results.synthesis import ModuleReport, MultiplyOperator, Stage, SynthesisReport

__all__ = [
    "METRIC",
    "METRICS",
    "Bound",
    "Calibration",
    "Comparison",
    "ComparisonRow",
    "Complexity",
    "DesignChoice",
    "Estimate",
    "Expected",
    "Fabric",
    "Figure",
    "Finding",
    "Fit",
    "LayerChoice",
    "LayerEstimate",
    "Limits",
    "Metric",
    "ModuleReport",
    "MultiplyOperator",
    "Resources",
    "Stage",
    "StageFacts",
    "StudyResult",
    "SynthesisReport",
    "SynthesizedLayer",
    "VariantResult",
    "Verdict",
]
