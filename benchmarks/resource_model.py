"""Write the fitted model of LUTs, flip-flops and block RAM, with the ranges of reports left out."""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np

from benchmarks.resource_fit import PRIORS, fit_prices
from benchmarks.resource_projects import RESOURCES, TIMES, Project, expected_of, learned_from

_FEW: Final = 8  # projects below which a set has no range of its own
_WRITTEN: Final = """\
# Prices per unit of structure (see structure.py) and ranges, written by `python -m benchmarks.resource_accuracy DIR
# --write FILE`: prices fitted to all projects with a trustworthy report, ranges the 5 % and 95 % quantiles of report
# over estimate where the estimate was fitted to the other repositories. Ranges exist for sets of at least {few}
# projects; `all` serves the rest.
source = {source}
"""


def write_model(projects: Sequence[Project], source: str) -> str:
    """The text of a model file fitted to all `projects`, with ranges from those left out."""
    text = [_WRITTEN.format(few=_FEW, source=json.dumps(source))]
    for resource in RESOURCES:
        prices = fit_prices(learned_from(projects, resource), PRIORS[resource])
        text += [f"\n[prices.{resource}]", *(f"{term} = {price:.4g}" for term, price in prices.items())]
    for resource in (*RESOURCES, *TIMES):
        rows = [p for p in projects if p.reported[resource] is not None]
        ratios: dict[str, list[float]] = defaultdict(list)
        for project, expected in zip(rows, expected_of(rows, resource), strict=True):
            ratio = (float(project.reported[resource] or 0) + 1) / (expected + 1)
            ratios[project.fabric.regime].append(ratio)
            ratios["all"].append(ratio)
        for name, found in sorted(ratios.items()):
            if len(found) >= _FEW or name == "all":
                low, high = np.quantile(found, [0.05, 0.95])
                text.append(f"\n[ranges.{resource}.{json.dumps(name)}]")
                text.append(f"low = {low:.3g}\nhigh = {high:.3g}\ncount = {len(found)}")
    text.append(_VSYNTH)
    return "\n".join(text) + "\n"


# 58 pairs of C and logic synthesis reports: median factor, 5 % and 95 % quantiles where stated.
_VSYNTH: Final = """
# LUTs after logic synthesis over those of C synthesis: median, 5 % and 95 % quantiles of 58 pairs of reports of public
# hls4ml projects.
[vsynth.lut]
median = 0.47
low = 0.19
high = 0.73
count = 58"""
