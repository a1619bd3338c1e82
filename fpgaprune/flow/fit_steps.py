"""The steps that `fit` combines: each takes a model and a number and gives a cheaper model.

A method joins by registering a step here and by standing in `combinations`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

from fpgaprune.compress import Polynomial, Progress, TrainingData, has_widths, prune, prune_smallest, requantized
from fpgaprune.compress.constants import Budget
from fpgaprune.compress.copying import copy_model
from fpgaprune.compress.factorization import LowRank, factorize
from fpgaprune.compress.quantization import PostTraining, fine_tune, quantizable, quantize
from fpgaprune.flow.budget_training import train_to_budget
from fpgaprune.flow.compression import Compression
from fpgaprune.flow.constants import change_constants
from fpgaprune.registry import Registry
from fpgaprune.results.fit import FitLimits

_BITS: Final = (8, 6, 10, 5, 12, 4, 7)
_SPARSITY: Final = (0.7, 0.8, 0.5, 0.9)
_ENERGY: Final = (0.95, 0.85)


@dataclass(frozen=True, eq=False)
class Bench:
    """What every step works with; with 0 `epochs` nothing is trained, and the model says what it would cost."""

    session: Compression
    training: TrainingData
    limits: FitLimits
    epochs: int
    seed: int
    on_progress: Callable[[Progress], None]


Step = Callable[[Any, Any, Bench], Any]
Combination = tuple[tuple[str, Any], ...]
_STEPS: Registry[Step] = Registry("step of fit")


def fit_step(name: str) -> Callable[[Step], Step]:
    """Register the decorated function as the step called `name`."""

    def register(step: Step) -> Step:
        return _STEPS.register(name, step)

    return register


def run_steps(model: Any, combination: Combination, bench: Bench) -> Any:
    """The model after all steps of a combination; raises what they raise."""
    for name, value in combination:
        model = _STEPS[name](model, value, bench)
    return model


def name_of(combination: Combination) -> str:
    """A combination in words."""
    parts = (name if value is None else f"{name} {value}" for name, value in combination)
    return ", then ".join(parts) or "as it is"


def combinations(model: Any) -> tuple[Combination, ...]:
    """What is worth trying: fewer bits, fewer weights, low rank, constants within the limits, and these together.

    The sorts take turns, so that the first few combinations are of all sorts; each begins in the middle.
    """
    bits: list[Combination] = [(("quantize", each),) for each in _BITS]
    if not (quantizable(model) or has_widths(model)):
        bits = [()]
    pruned = [_joined((("polynomial", sparsity),), last) for last in bits[:3] for sparsity in _SPARSITY]
    ranks = [_joined((("low_rank", energy),), last) for last in bits[:2] for energy in _ENERGY]
    turns = zip_longest(bits, pruned, ranks)
    plain = [each for turn in turns for each in turn if each is not None]
    found: list[Combination] = [(), (("budget", None),)]
    for each in plain:
        found += [each, (*each, ("budget", None))]
    return tuple(dict.fromkeys(found))


def _joined(first: Combination, last: Combination) -> Combination:
    return (*first, *last)


@fit_step("quantize")
def _quantize(model: Any, bits: int, bench: Bench) -> Any:
    if quantizable(model):
        model = quantize(model, PostTraining(bits, bias_bits=max(bits, 12)), bench.session.inputs.arrays).model
    else:
        model = requantized(model, bits, bench.session.dataset.x[:16])
    if bench.epochs:
        fine_tune(
            model,
            bench.training,
            loss=bench.session.loss,
            epochs=bench.epochs,
            seed=bench.seed,
            on_progress=bench.on_progress,
        )
    return model


@fit_step("polynomial")
def _polynomial(model: Any, sparsity: float, bench: Bench) -> Any:
    if not bench.epochs:
        copy = copy_model(model, bench.session.dataset.x[:16])
        prune_smallest(copy, sparsity)
        return copy
    steps = -(-bench.training.samples // 64) * bench.epochs
    config = Polynomial(
        target_sparsity=sparsity,
        epochs=bench.epochs,
        updates=max(1, min(20, steps // 2)),
        loss=bench.session.loss,
        seed=bench.seed,
    )
    return prune(model, config, bench.training, on_progress=bench.on_progress).model


@fit_step("low_rank")
def _low_rank(model: Any, energy: float, bench: Bench) -> Any:
    session = bench.session
    arrays = session.inputs.arrays
    model = factorize(model, LowRank(energy=energy), arrays, lambda found: session.estimate(found).dsp.high).model
    if bench.epochs:
        fine_tune(
            model,
            bench.training,
            loss=session.loss,
            epochs=bench.epochs,
            seed=bench.seed,
            on_progress=bench.on_progress,
        )
    return model


@fit_step("budget")
def _budget(model: Any, _: None, bench: Bench) -> Any:
    session = bench.session
    config = Budget(max_dsp=bench.limits.max_dsp, max_lut=bench.limits.max_lut)
    if not bench.epochs:
        return change_constants(model, config, session.inputs, session.settings).model
    return train_to_budget(
        model,
        config,
        session.inputs,
        bench.training,
        session.settings,
        loss=session.loss,
        epochs=bench.epochs,
        seed=bench.seed,
        on_progress=bench.on_progress,
    ).model
