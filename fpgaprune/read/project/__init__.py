"""A generated hls4ml project, read back from its own text."""

from fpgaprune.read.project.reader import read_project

__all__ = ["read_project"]
