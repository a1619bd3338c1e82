"""The front end of open synthesis: a project's generated C++ to netlists, one per layer."""

from fpgaprune.synth.open.front.project import FRONT_END_VERSION, front_end

__all__ = ["FRONT_END_VERSION", "front_end"]
