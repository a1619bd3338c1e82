"""A generated hls4ml project, read back from its own text."""
