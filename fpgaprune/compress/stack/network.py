"""A Keras model as a stack of networks: every variable and every tensor has a leading axis, one network each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress.post_training import has_widths
from fpgaprune.compress.stack.layers import STACKED, CannotStackError, Part, Variables
from fpgaprune.compress.stack.quantizers import merged, stacked
from fpgaprune.frameworks import load_frameworks

Arrays = list[NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Member:
    """One network: a built model whose quantizers it has, and weights to start from, as `model.get_weights` orders.

    Members of one stack differ in weights and in the settings of quantizers only; they may share a model.
    """

    model: Any
    weights: Arrays
    seed: int


class Stack:
    """The networks of several members; raises CannotStackError, naming the layer, for what does not work together."""

    def __init__(self, members: Sequence[Member]) -> None:
        model = members[0].model
        self.members = tuple(members)
        self.outputs = len(model.outputs)
        places = {id(variable): place for place, variable in enumerate(model.weights)}
        tensorflow = load_frameworks().tensorflow
        moved = {id(variable) for variable in model.trainable_variables}

        def stack(variable: Any, name: str) -> Any:
            values = np.stack([member.weights[places[id(variable)]] for member in members])
            constraint = None if variable.constraint is None else _constraint(variable.constraint, len(members))
            made = tensorflow.Variable(values, trainable=id(variable) in moved, name=name, constraint=constraint)
            self._places[places[id(variable)]] = made
            return made

        self._places: dict[int, Any] = {}
        self._steps: list[tuple[Callable[..., Any], list[int], int]] = []
        self.kernels: list[tuple[Part, str]] = []
        self.parts: list[Part] = []
        self._inputs = [id(tensor) for tensor in model.inputs]
        self._ends = [id(tensor) for tensor in model.outputs]
        for layer in _ordered(model):
            self._add(layer, [member.model.get_layer(layer.name) for member in members], stack)
        if len(self._places) != len(model.weights):
            message = f"the model {model.name!r} holds weights outside of its layers"
            raise CannotStackError(message)

    def __call__(self, inputs: Sequence[Any], *, training: bool) -> list[Any]:
        """Outputs (networks, samples, ...) of inputs (networks, samples, ...)."""
        tensors = dict(zip(self._inputs, inputs, strict=True))
        for function, given, result in self._steps:
            tensors[result] = function([tensors[key] for key in given], training)
        return [tensors[key] for key in self._ends]

    @property
    def trainable(self) -> list[Any]:
        """The variables that training moves, in the model's order."""
        return [self._places[place] for place in sorted(self._places) if self._places[place].trainable]

    @property
    def variables(self) -> list[Any]:
        """All variables, in the model's order."""
        return [self._places[place] for place in sorted(self._places)]

    def weights(self) -> list[Arrays]:
        """The weights of every member, as its model's `set_weights` takes them."""
        whole = [variable.numpy() for variable in self.variables]
        return [[array[number] for array in whole] for number in range(len(self.members))]

    def penalties(self) -> Any:
        """The sum of all regularization terms, over the networks."""
        return sum(part.penalty() for part in self.parts)

    def _add(self, layer: Any, layers: Sequence[Any], stack: Callable[[Any, str], Any]) -> None:
        given = [id(tensor) for tensor in _flat(layer.input)]
        if isinstance(layer.output, list | tuple) or len(layer.inbound_nodes) != 1:
            message = f"layer {layer.name!r} is used more than once or has several outputs"
            raise CannotStackError(message)
        if getattr(layer, "activity_regularizer", None) is not None:
            message = f"layer {layer.name!r} has an activity regularizer"
            raise CannotStackError(message)
        self._steps.append((self._function(layer, layers, stack), given, id(layer.output)))

    def _function(self, layer: Any, layers: Sequence[Any], stack: Callable[[Any, str], Any]) -> Callable[..., Any]:
        kind = type(layer).__name__
        if kind in STACKED:
            part = Part(tuple(layers), Variables(layer, stack))
            self.parts.append(part)
            self.kernels += [(part, name) for name in part.variables.multiplied]
            compute = STACKED[kind](part)
            return lambda tensors, training: compute(tensors[0], training)
        if layer.weights or hasattr(layer, "layers"):
            message = f"layer {layer.name!r} ({kind}) has weights and no form for several networks"
            raise CannotStackError(message)
        if kind in ("Activation", "QActivation"):
            held = "quantizer" if kind == "QActivation" else "activation"
            function = stacked([getattr(each, held) for each in layers])
            return lambda tensors, training: function(tensors[0])  # noqa: ARG005 - all steps are called alike
        if has_widths(_Alone((layer,))):
            message = f"layer {layer.name!r} ({kind}) has quantizers of its own"
            raise CannotStackError(message)
        return partial(_by_sample, layer)


@dataclass(frozen=True)
class _Alone:
    """A layer where a model is asked for."""

    layers: tuple[Any, ...]


def _by_sample(layer: Any, tensors: Sequence[Any], training: bool) -> Any:
    """A layer without weights: samples do not meet in it, so those of all networks are one batch."""
    if len(tensors) == 1:
        return merged(lambda flat: layer(flat, **_mode(layer, training)), tensors[0])
    tensorflow = load_frameworks().tensorflow
    count = tensorflow.shape(tensors[0])[0]
    flat = [tensorflow.reshape(t, tensorflow.concat([[-1], tensorflow.shape(t)[2:]], axis=0)) for t in tensors]
    result = layer(flat, **_mode(layer, training))
    return tensorflow.reshape(result, tensorflow.concat([[count, -1], tensorflow.shape(result)[1:]], axis=0))


def _mode(layer: Any, training: bool) -> dict[str, bool]:
    return {"training": training} if getattr(layer, "_expects_training_arg", False) else {}


def _ordered(model: Any) -> list[Any]:
    return [layer for layer in model.layers if type(layer).__name__ != "InputLayer"]


def _flat(tensors: Any) -> list[Any]:
    return list(tensors) if isinstance(tensors, list | tuple) else [tensors]


def _constraint(constraint: Callable[[Any], Any], count: int) -> Callable[[Any], Any]:
    """What a constraint makes of every network's own part."""
    kind = type(constraint).__name__
    if kind == "NonNeg" or (kind == "Clip" and getattr(constraint, "constraint", None) is None):
        return constraint  # value by value: the same on all together
    tensorflow = load_frameworks().tensorflow
    return lambda tensor: tensorflow.stack([constraint(part) for part in tensorflow.unstack(tensor, num=count)])
