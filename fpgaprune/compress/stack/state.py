"""How far a training is, as arrays: what the next epochs hang on, to go on from in another process."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

State = dict[str, NDArray[Any]]


class Keeper(Protocol):
    """Keeps the state of runs, each known by the numbers of its members, where a killed process leaves it."""

    def load(self, members: tuple[int, ...]) -> Mapping[str, NDArray[Any]] | None:
        """What was kept last; None where nothing was."""

    def save(self, members: tuple[int, ...], state: State) -> None:
        """Keep this instead."""

    def drop(self, members: tuple[int, ...]) -> None:
        """The run is over."""


def state_of(variables: Sequence[Any], generators: Sequence[np.random.Generator]) -> State:
    """The values of all variables, and where the generators of random numbers are."""
    held = {f"variable{place:05}": np.asarray(variable.numpy()) for place, variable in enumerate(variables)}
    return {**held, "random": np.array(json.dumps([each.bit_generator.state for each in generators]))}


def put_state(
    state: Mapping[str, NDArray[Any]], variables: Sequence[Any], generators: Sequence[np.random.Generator]
) -> None:
    """The inverse of `state_of`, for variables and generators of the same order."""
    for place, variable in enumerate(variables):
        variable.assign(state[f"variable{place:05}"])
    for generator, held in zip(generators, json.loads(str(state["random"])), strict=True):
        generator.bit_generator.state = held
