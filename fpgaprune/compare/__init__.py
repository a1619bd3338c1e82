"""An estimate held against a synthesis report. Pure functions."""

from fpgaprune.compare.matching import Match, match_modules
from fpgaprune.compare.verdict import DEFAULT_TOLERANCE, compare

__all__ = ["DEFAULT_TOLERANCE", "Match", "compare", "match_modules"]
