"""fpgaprune: prune, quantize and generate neural networks for FPGAs, and know their cost before synthesis."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("fpgaprune")
except PackageNotFoundError:  # a checkout on the path that was never installed
    __version__ = "0.0.0"
