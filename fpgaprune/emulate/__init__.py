"""The design computed in NumPy, bit for bit as its C simulation does, without a compiler."""

from fpgaprune.emulate.network import emulate, trace

__all__ = ["emulate", "trace"]
