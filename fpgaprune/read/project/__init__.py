"""A generated hls4ml project, read back from its own text."""

from fpgaprune.read.project.reader import disagreeing_text_files, read_project

__all__ = ["disagreeing_text_files", "read_project"]
