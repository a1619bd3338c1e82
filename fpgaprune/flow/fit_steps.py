"""The steps that `fit` combines: each takes a model and a number and gives a cheaper model.

A method joins by registering a step here and by standing in `combinations`.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import zip_longest
from typing import Any, Final

from fpgaprune.compress import (
    L0,
    Clusters,
    Polynomial,
    Progress,
    TrainingData,
    has_widths,
    prune,
    prune_smallest,
    requantized,
)
from fpgaprune.compress.constants import Budget
from fpgaprune.compress.copying import copy_model
from fpgaprune.compress.distillation import Distillation, distilled
from fpgaprune.compress.factorization import LowRank, factorize
from fpgaprune.compress.quantization import PostTraining, fine_tune, quantizable, quantize
from fpgaprune.errors import FpgapruneError, ModelError
from fpgaprune.flow.bits import BitSearch, OnStep
from fpgaprune.flow.bits_training import train_within
from fpgaprune.flow.budget_training import train_to_budget
from fpgaprune.flow.compression import Compression
from fpgaprune.flow.constants import change_constants
from fpgaprune.registry import Registry
from fpgaprune.results.bits import BitLimits
from fpgaprune.results.fit import FitLimits

_BITS: Final = (8, 6, 10, 5, 12, 4, 7)
_SEARCHED: Final = (10, 8, 6, 5, 4)  # widths of the search for the bits of each layer
_FROM: Final = 16
_SPARSITY: Final = (0.7, 0.8, 0.5, 0.9)
_ENERGY: Final = (0.95, 0.85)
_PARTS_OF_L0: Final = 2
_LAST: Final = frozenset({"budget"})  # steps that none comes after


@dataclass(frozen=True, eq=False)
class Bench:
    """What every step works with; with 0 `epochs` nothing is trained, and the model says what it would cost.

    `on_step` hears how a search for bits goes on. `memory` is for what a step measured on one model and needs again
    when the same model comes to be trained, and for the models after the first steps of a combination, which others
    begin with.
    """

    session: Compression
    training: TrainingData
    limits: FitLimits
    epochs: int
    seed: int
    on_progress: Callable[[Progress], None]
    on_step: OnStep | None = None
    memory: dict[Any, Any] = field(default_factory=dict)

    def train(self, model: Any, data: TrainingData | None = None) -> Any:
        """Train in place, where there are epochs, zeros held."""
        if self.epochs:
            data = self.training if data is None else data
            how: dict[str, Any] = {"epochs": self.epochs, "seed": self.seed, "on_progress": self.on_progress}
            fine_tune(model, data, loss=self.session.loss, **how)
        return model


Step = Callable[[Any, Any, Bench], Any]
Combination = tuple[tuple[str, Any], ...]
_STEPS: Registry[Step] = Registry("step of fit")


def fit_step(name: str) -> Callable[[Step], Step]:
    """Register the decorated function as the step called `name`."""

    def register(step: Step) -> Step:
        return _STEPS.register(name, step)

    return register


def run_steps(model: Any, combination: Combination, bench: Bench) -> Any:
    """The model after all steps of a combination; raises what they raise.

    What an earlier combination began with in the same way is not done again, nor tried again where it failed.
    """
    done = 0
    for count in range(len(combination), 0, -1):
        known = bench.memory.get((bench.epochs, combination[:count]))
        if known is not None:
            done, model = count, copy_model(known, bench.session.dataset.few_inputs())
            break
    for count, (name, value) in enumerate(combination[done:], start=done + 1):
        failed = ("failed", bench.epochs, combination[:count])
        if failed in bench.memory:
            raise bench.memory[failed]
        try:
            model = _STEPS[name](model, value, bench)
        except FpgapruneError as error:
            bench.memory[failed] = error
            raise
        if name not in _LAST:
            _remember(model, combination[:count], bench)
    return model


def _remember(model: Any, steps: Combination, bench: Bench) -> None:
    """A copy, as steps may change what they are given; without one where the model cannot be copied."""
    with suppress(ModelError):
        bench.memory[bench.epochs, steps] = copy_model(model, bench.session.dataset.few_inputs())


def name_of(combination: Combination) -> str:
    """A combination in words."""
    parts = (name if value is None else f"{name} {value}" for name, value in combination)
    return ", then ".join(parts) or "as it is"


def combinations(model: Any) -> tuple[Combination, ...]:
    """What is worth trying: fewer bits, fewer or shared weights, low rank, constants within the limits, and together.

    The sorts take turns, so that the first few combinations are of all sorts; each begins in the middle.
    """
    bits: list[Combination] = [(("quantize", each),) for each in _BITS]
    if not (quantizable(model) or has_widths(model)):
        bits = [()]
    pruned = [_joined((("polynomial", sparsity),), last) for last in bits[:3] for sparsity in _SPARSITY]
    last = bits[0]
    others = [
        *([(("bits", None),), (("polynomial", 0.7), ("bits", None))] if quantizable(model) else []),
        _joined((("l0", 0.7),), last),
        (*_joined((("polynomial", 0.7),), bits[-1] if len(bits) == 1 else bits[1]), ("taught", None)),
        (*last, ("clusters", 8)),
    ]
    ranks = [_joined((("low_rank", energy),), last) for last in bits[:2] for energy in _ENERGY]
    turns = zip_longest(bits, pruned, ranks, others)
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
        model = requantized(model, bits, bench.session.dataset.few_inputs())
    return bench.train(model)


@fit_step("bits")
def _bits(model: Any, _: None, bench: Bench) -> Any:
    """Bits of every layer within the limits; the nearest model where they cannot be met."""
    limits = BitLimits(bench.limits.max_dsp, bench.limits.max_lut)
    key = sha256(b"".join(array.tobytes() for array in model.get_weights())).hexdigest()
    search = bench.memory.get(key)
    if search is None:
        start = PostTraining(_FROM, bias_bits=_FROM)
        search = BitSearch(model, bench.session, bench.training, start, limits, _SEARCHED, bench.on_step)
        bench.memory[key] = search
    found = train_within(search, limits, bench.train)
    return (found or search.quantized()).model


@fit_step("taught")
def _taught(model: Any, _: None, bench: Bench) -> Any:
    """More training, with what the model that was given answers."""
    return bench.train(model, distilled(bench.training, bench.session.model, Distillation()) if bench.epochs else None)


@fit_step("l0")
def _l0(model: Any, sparsity: float, bench: Bench) -> Any:
    if bench.epochs < _PARTS_OF_L0:
        return _smallest_removed(model, sparsity, bench)
    half = bench.epochs // _PARTS_OF_L0
    config = L0(
        target_sparsity=sparsity,
        epochs=bench.epochs - half,
        fine_tune_epochs=half,
        loss=bench.session.loss,
        seed=bench.seed,
    )
    return prune(model, config, bench.training, on_progress=bench.on_progress).model


@fit_step("clusters")
def _clusters(model: Any, count: int, bench: Bench) -> Any:
    """At most so many different weights on every input: equal ones share a multiplier."""
    config = Clusters(clusters=count, scope="input", epochs=bench.epochs, loss=bench.session.loss, seed=bench.seed)
    return prune(model, config, bench.training, on_progress=bench.on_progress).model


@fit_step("polynomial")
def _polynomial(model: Any, sparsity: float, bench: Bench) -> Any:
    if not bench.epochs:
        return _smallest_removed(model, sparsity, bench)
    steps = -(-bench.training.samples // 64) * bench.epochs
    config = Polynomial(
        target_sparsity=sparsity,
        epochs=bench.epochs,
        updates=max(1, min(20, steps // 2)),
        loss=bench.session.loss,
        seed=bench.seed,
    )
    return prune(model, config, bench.training, on_progress=bench.on_progress).model


def _smallest_removed(model: Any, sparsity: float, bench: Bench) -> Any:
    copy = copy_model(model, bench.session.dataset.few_inputs())
    prune_smallest(copy, sparsity)
    return copy


@fit_step("low_rank")
def _low_rank(model: Any, energy: float, bench: Bench) -> Any:
    session = bench.session
    arrays = session.inputs.arrays
    model = factorize(model, LowRank(energy=energy), arrays, lambda found: session.estimate(found).dsp.high).model
    return bench.train(model)


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
