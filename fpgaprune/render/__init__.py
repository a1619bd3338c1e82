"""Results as text, JSON, CSV and Markdown. Draws what is given, computes nothing that a decision hangs on."""

from fpgaprune.render.bits import bits_sheet
from fpgaprune.render.calibration import calibration_sheet
from fpgaprune.render.comparison import comparison_sheet
from fpgaprune.render.compression import compression_sheet
from fpgaprune.render.design import design_json, design_sheet
from fpgaprune.render.estimate import estimate_sheet
from fpgaprune.render.sheet import Column, Row, Sheet, to_csv, to_markdown, to_text
from fpgaprune.render.study import study_layer_sheet, study_sheet
from fpgaprune.render.sweep import sweep_sheet

__all__ = [
    "Column",
    "Row",
    "Sheet",
    "bits_sheet",
    "calibration_sheet",
    "comparison_sheet",
    "compression_sheet",
    "design_json",
    "design_sheet",
    "estimate_sheet",
    "study_layer_sheet",
    "study_sheet",
    "sweep_sheet",
    "to_csv",
    "to_markdown",
    "to_text",
]
