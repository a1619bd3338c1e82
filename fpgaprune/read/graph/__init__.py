"""hls4ml's in-memory graph of a converted model."""

from fpgaprune.read.graph.reader import read_graph

__all__ = ["read_graph"]
