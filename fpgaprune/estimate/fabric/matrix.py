"""One product of a vector by a matrix of constants, as the generated code configures it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fpgaprune.design import Parameter, Strategy
from fpgaprune.estimate.fabric.kernels import KernelTurns
from fpgaprune.fixed_point import FixedPoint


@dataclass(frozen=True)
class MatrixProduct:
    """One product of a vector by a matrix, as the generated code configures it.

    `codes` is (inputs, outputs) with removed products zero. `limit` is the multiplier limit the code states.
    """

    codes: NDArray[np.int64]
    weight: Parameter
    data: FixedPoint
    accumulator: FixedPoint
    bias: Parameter | None
    strategy: Strategy
    reuse_factor: int
    limit: int | None
    folds: bool  # whether synthesis sees the constants
    copies: int = 1
    windowed: bool = False  # whether its inputs are the registers of a window
    inlined: bool = False  # ... in the same function, which keeps no others
    adders: bool = False  # every product is a sum of shifts in the text itself
    turns: KernelTurns | None = None  # of a kernel of ours whose multipliers take turns


@dataclass(frozen=True)
class ProductTiming:
    """Clock edges inside one product, and cycles between two of them."""

    edges: int
    ii: int
    chooses: int = 0  # inputs of the multiplexers before its multipliers
