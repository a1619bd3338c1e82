"""Synthesis: plans, and the tools that carry them out."""

from fpgaprune.synth.execute import Outcome, State, execute, failures
from fpgaprune.synth.plan import Plan, Step

__all__ = ["Outcome", "Plan", "State", "Step", "execute", "failures"]
