"""Synthesis by AMD's tools, where they are installed: scripts, command lines, and where their reports end up."""

from fpgaprune.synth.amd.plan import AmdStage, plan_amd, report_paths
from fpgaprune.synth.amd.tools import TOOLS, AmdTool, find_tool, is_installed

__all__ = ["TOOLS", "AmdStage", "AmdTool", "find_tool", "is_installed", "plan_amd", "report_paths"]
