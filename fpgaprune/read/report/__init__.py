"""Synthesis reports into values: C synthesis, co-simulation, logic synthesis, implementation and open synthesis.

Numbers are typed, what a report does not say is None, clocks are in ns, memories in `bram_18k`. A report that is
truncated, foreign or inconsistent raises ReportError with file and line; none is guessed at.
"""

from fpgaprune.read.report.locate import find_reports
from fpgaprune.read.report.reader import find_report, read_report
from fpgaprune.read.report.saved import load_report, save_report
from fpgaprune.read.report.stages import Found, read_stages

__all__ = ["Found", "find_report", "find_reports", "load_report", "read_report", "read_stages", "save_report"]
