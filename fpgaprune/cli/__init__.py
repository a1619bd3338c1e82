"""The command line: verbs, and the only place that prints or exits."""

from fpgaprune.cli.app import main

__all__ = ["main"]
