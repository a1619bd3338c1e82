"""A generated hls4ml project, read back from its own text."""

from fpgaprune.read.project.calls import LayerCall, ProjectCalls
from fpgaprune.read.project.reader import disagreeing_text_files, read_calls, read_project

__all__ = ["LayerCall", "ProjectCalls", "disagreeing_text_files", "read_calls", "read_project"]
