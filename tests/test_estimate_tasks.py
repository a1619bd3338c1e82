"""Parallel designs whose layers run as tasks: the FIFO of every value between them, and what fills windows in turn."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from estimate_designs import VITIS, VIVADO, WIDE, activation, dense, design, source

from fpgaprune.design import Geometry, LayerKind, LayerSpec, Parameter, Strategy
from fpgaprune.estimate import MappingRules, estimate_design
from fpgaprune.results import Estimate

POSITIONS, FILTERS = 50, 4


def convolved(rules: MappingRules, at_once: int, **target: Any) -> Estimate:
    """A convolution over two values at each of 50 positions, and an activation."""
    conv = LayerSpec(
        "conv", LayerKind.CONV1D, ("in",), (POSITIONS, 2), (POSITIONS, FILTERS), WIDE, WIDE,
        geometry=Geometry((1,), (1,), ((0, 0),)), positions=POSITIONS, parallelization_factor=at_once,
        parameters={"weight": Parameter(np.full((1, 2, FILTERS), 45.0), WIDE)},
        strategy=Strategy.LATENCY, reuse_factor=1,
    )  # fmt: skip
    relu = replace(activation("relu", "conv", POSITIONS * FILTERS), output_shape=(POSITIONS, FILTERS))
    return estimate_design(design(source(POSITIONS * 2), conv, relu, **target), rules)


def between(estimate: Estimate) -> tuple[int, int]:
    assert estimate.between.lut is not None
    assert estimate.between.ff is not None
    return estimate.between.lut.value, estimate.between.ff.value


@pytest.mark.parametrize(("rules", "lut", "ff"), [(VITIS, 16 + 7 + 13, 2 * 16 + 4 + 1), (VIVADO, 16 + 12 + 13, 5 + 1)])
def test_every_value_between_tasks_has_a_fifo(rules: MappingRules, lut: int, ff: int) -> None:
    """The convolution's results; those of the network are ports."""
    found = between(convolved(rules, 1))
    inputs = 0 if rules.tool == "vitis_hls" else 100 * 16  # registers of the network's inputs
    assert found[0] == pytest.approx(POSITIONS * FILTERS * lut, rel=0.05)
    assert POSITIONS * FILTERS * ff * 0.9 < found[1] < (POSITIONS * FILTERS * ff + inputs) * 1.05


def test_one_pipeline_has_none() -> None:
    assert between(convolved(VITIS, POSITIONS))[0] < POSITIONS * FILTERS * 5


def test_the_resource_strategy_makes_tasks() -> None:
    def estimated(strategy: Strategy) -> Estimate:
        layers = [dense("a", "in", np.full((8, 40), 45.0), strategy=strategy, reuse_factor=2)]
        layers += [activation("r", "a", 40), dense("b", "r", np.full((40, 8), 45.0), strategy=strategy, reuse_factor=2)]
        return estimate_design(design(source(8), *layers), VITIS)

    lut, _ = between(estimated(Strategy.RESOURCE))
    assert lut == pytest.approx(2 * 40 * (16 + 7 + 13), rel=0.05)
    assert between(estimated(Strategy.LATENCY))[0] < lut / 4


def test_positions_in_turn_choose_their_window() -> None:
    """Each of two inputs twice among 50 positions."""
    conv = convolved(VITIS, 1).layers[1].fabric.lut
    every = convolved(VITIS, POSITIONS).layers[1].fabric.lut
    assert conv is not None
    assert every is not None
    assert conv.value >= 2 * 2 * POSITIONS * 5 + POSITIONS * FILTERS * 9
    assert conv.value < 2 * (2 * 2 * POSITIONS * 5.2 + POSITIONS * FILTERS * 9 + every.value / POSITIONS)
