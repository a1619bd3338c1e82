"""Networks in training, with their masks held: many at once, or one by itself, by the same words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress.copying import predict
from fpgaprune.compress.data import TrainingData, as_tuple
from fpgaprune.compress.kernels import find_kernels, refuse_without_zero, select_kernels
from fpgaprune.compress.masks import remove_smallest
from fpgaprune.compress.scores import Outputs, Score, fitting_targets, resolve_loss
from fpgaprune.compress.stack.layers import CONVOLUTIONS, CannotStackError
from fpgaprune.compress.stack.network import Arrays, Member, Stack
from fpgaprune.compress.stack.state import State, put_state, state_of
from fpgaprune.compress.training import Trainer
from fpgaprune.frameworks import load_frameworks, quiet

_VALIDATION_BATCH = 1024
_MOST_SEED = 2**31


@dataclass(frozen=True)
class Settings:
    """How networks are moved."""

    loss: Any
    learning_rate: float
    batch_size: int
    layer_limit: float


class Trained(Protocol):
    """Networks in training; lists and arrays have one entry per network."""

    def epoch(self) -> NDArray[np.float64]:
        """One pass over the shuffled samples; the mean losses, NaN included."""

    def scores(self) -> list[Score]:
        """Scores on the validation samples."""

    def prune(self, sparsity: float) -> None:
        """Remove the smallest weights of every network up to that fraction, now and from here on."""

    def weights(self) -> list[Arrays]:
        """All weights, as `set_weights` of the members' models takes them."""

    def state(self) -> State:
        """All that the next epochs hang on."""

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from there."""


class Alone:
    """One network, trained by itself; works for every model that Keras can train."""

    def __init__(self, member: Member, data: TrainingData, settings: Settings) -> None:
        member.model.set_weights(member.weights)
        kernels = select_kernels(find_kernels(member.model), ())
        refuse_without_zero(kernels)
        self._limit = settings.layer_limit
        self._trainer = Trainer(
            member.model, kernels, data, loss=settings.loss, batch_size=settings.batch_size, seed=member.seed
        )
        self._trainer.restart(settings.learning_rate, l1=0.0)

    def epoch(self) -> NDArray[np.float64]:
        """See Trained."""
        return np.array([self._trainer.epoch()])

    def scores(self) -> list[Score]:
        """See Trained."""
        return [self._trainer.score()]

    def prune(self, sparsity: float) -> None:
        """See Trained."""
        trainer = self._trainer
        trainer.hold(remove_smallest(trainer.kernels, trainer.masks(), sparsity, self._limit))

    def weights(self) -> list[Arrays]:
        """See Trained."""
        return [self._trainer.snapshot()]

    def state(self) -> State:
        """See Trained."""
        return state_of(self._trainer.variables, [self._trainer.random])

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """See Trained."""
        put_state(state, self._trainer.variables, [self._trainer.random])


@dataclass(frozen=True, eq=False)
class _Part:
    """The kernel of one network among the stacked ones."""

    stored: NDArray[np.float64]
    multiplied: NDArray[np.float64]

    @property
    def size(self) -> int:
        """Number of weights."""
        return self.stored.size

    def values(self) -> NDArray[np.float64]:
        """The stored weights."""
        return self.stored

    def quantized(self) -> NDArray[np.float64]:
        """The weights that are multiplied by."""
        return self.multiplied


class Together:
    """Several networks as one stack: a compiled step moves them all, an epoch is one call."""

    def __init__(self, members: Sequence[Member], data: TrainingData, settings: Settings) -> None:
        if data.lesson is not None:
            message = "the networks learn from a teacher"
            raise CannotStackError(message)
        frameworks = load_frameworks()
        tensorflow = frameworks.tensorflow
        model = members[0].model
        held = {id(k.variable) for k in select_kernels(find_kernels(model), ())}
        refuse_without_zero(select_kernels(find_kernels(model), ()))
        self._stack = Stack(members)
        self._limit = settings.layer_limit
        self._kernels = [(p, name) for p, name in self._stack.kernels if id(getattr(p.layer, name)) in held]
        variables = [part.variables[name] for part, name in self._kernels]
        self._masks = [np.ones(tuple(variable.shape), dtype=np.bool_) for variable in variables]
        self._held = [tensorflow.Variable(mask, trainable=False) for mask in self._masks]
        self._random = [np.random.default_rng(member.seed) for member in members]
        self._samples, self._batch = data.samples, min(settings.batch_size, data.samples)
        some = predict(model, tuple(array[:256] for array in as_tuple(data.validation_x)))
        self._loss = resolve_loss(settings.loss, some, data.metric)
        self._validation = tuple(np.asarray(a) for a in as_tuple(data.validation_x))
        self._targets = fitting_targets(some, data.validation_y)
        self._x = [tensorflow.constant(_floats(array)) for array in as_tuple(data.x)]
        self._y = [tensorflow.constant(array) for array in fitting_targets(some, data.y)]
        self._optimizer = frameworks.keras.optimizers.Adam(settings.learning_rate)
        self._optimizer.build(self._stack.trainable)
        self._compile(fused=not any(type(layer).__name__ in CONVOLUTIONS for layer in model.layers))

    def epoch(self) -> NDArray[np.float64]:
        """See Trained; every network has the order of samples of its seed."""
        orders = np.stack([random.permutation(self._samples) for random in self._random]).astype(np.int32)
        steps = self._samples // self._batch
        whole, rest = orders[:, : steps * self._batch], orders[:, steps * self._batch :]
        batches = np.ascontiguousarray(whole.reshape(len(orders), steps, self._batch).transpose(1, 0, 2))
        total = np.asarray(self._steps(batches), dtype=np.float64)
        if rest.size:
            total, steps = total + np.asarray(self._step(rest)), steps + 1
        return np.asarray(total / steps)

    def scores(self) -> list[Score]:
        """See Trained."""
        starts = range(0, len(self._validation[0]), _VALIDATION_BATCH)
        parts = [self._answers([array[s : s + _VALIDATION_BATCH] for array in self._validation]) for s in starts]
        answers = [np.concatenate([part[n] for part in parts], axis=1) for n in range(self._stack.outputs)]
        if self._loss.metric is not None:
            return [self._loss.judge(tuple(o[n] for o in answers), self._targets) for n in range(len(self._random))]
        losses = sum(
            _per_network(self._loss.function, np.broadcast_to(y, (len(o), *y.shape)), o).numpy()
            for y, o in zip(self._targets, answers, strict=True)
        )
        return [
            Score(float(loss), self._loss.accuracy(tuple(o[n] for o in answers), self._targets))
            for n, loss in enumerate(losses)
        ]

    def prune(self, sparsity: float) -> None:
        """See Trained."""
        variables = [part.variables[name] for part, name in self._kernels]
        stored = [np.asarray(variable, dtype=np.float64) for variable in variables]
        multiplied = [np.asarray(part.quantized(name), dtype=np.float64) for part, name in self._kernels]
        for number in range(len(self._random)):
            weights = [_Part(s[number], q[number]) for s, q in zip(stored, multiplied, strict=True)]
            if not all(np.isfinite(part.stored).all() for part in weights):
                continue  # diverged: its score says so
            masks = remove_smallest(weights, [mask[number] for mask in self._masks], sparsity, self._limit)
            for mask, new in zip(self._masks, masks, strict=True):
                mask[number] = new
        for held, variable, mask, values in zip(self._held, variables, self._masks, stored, strict=True):
            held.assign(mask)
            variable.assign(np.where(mask, values, 0.0))

    def weights(self) -> list[Arrays]:
        """See Trained."""
        return self._stack.weights()

    def state(self) -> State:
        """See Trained."""
        return state_of(self._variables, self._random)

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """See Trained."""
        put_state(state, self._variables, self._random)
        self._masks = [np.array(held.numpy()) for held in self._held]

    @property
    def _variables(self) -> list[Any]:
        return [*self._stack.variables, *self._held, *self._optimizer.variables]

    def _compile(self, *, fused: bool) -> None:
        """The step as one function; an epoch is a loop around it that does not come back to Python."""
        tensorflow, count = load_frameworks().tensorflow, len(self._random)
        step = tensorflow.function(self._one_step, jit_compile=fused)
        self._step = tensorflow.function(
            self._one_step, input_signature=[tensorflow.TensorSpec([count, None], tensorflow.int32)]
        )

        def steps(batches: Any) -> Any:
            total = tensorflow.zeros([count])
            for batch in batches:
                total += step(batch)
            return total

        signature = [tensorflow.TensorSpec([None, count, self._batch], tensorflow.int32)]
        self._steps = tensorflow.function(steps, input_signature=signature)

        def answer(inputs: Any) -> Any:
            wide = [tensorflow.broadcast_to(x, tensorflow.concat([[count], tensorflow.shape(x)], 0)) for x in inputs]
            for tensor, x in zip(wide, inputs, strict=True):
                tensor.set_shape([count, *x.shape])
            return self._stack(wide, training=False)

        shapes = [tensorflow.TensorSpec([None, *array.shape[1:]], tensorflow.float32) for array in self._validation]
        forward = tensorflow.function(answer, input_signature=[shapes])
        self._answers: Callable[[list[NDArray[Any]]], Outputs] = lambda arrays: tuple(
            np.asarray(output) for output in forward([_floats(array) for array in arrays])
        )

    def _one_step(self, index: Any) -> Any:
        tensorflow = load_frameworks().tensorflow
        inputs = [tensorflow.gather(x, index) for x in self._x]
        targets = [tensorflow.gather(y, index) for y in self._y]
        variables = self._stack.trainable
        with tensorflow.GradientTape() as tape:
            outputs = self._stack(inputs, training=True)
            pairs = zip(targets, outputs, strict=True)
            losses = sum(_per_network(self._loss.function, y, o) for y, o in pairs)
            total = tensorflow.reduce_sum(losses) + self._stack.penalties()
        gradients = tape.gradient(total, variables)
        self._optimizer.apply_gradients((g, v) for g, v in zip(gradients, variables, strict=True) if g is not None)
        for held, (part, name) in zip(self._held, self._kernels, strict=True):
            variable = part.variables[name]
            variable.assign(tensorflow.where(held, variable, tensorflow.zeros_like(variable)))
        return losses


def train_together(members: Sequence[Member], data: TrainingData, settings: Settings) -> Together:
    """The members as a stack whose step has been compiled; raises CannotStackError."""
    with quiet("trace"):
        return Together(members, data, settings)


def _per_network(function: Callable[[Any, Any], Any], targets: Any, outputs: Any) -> Any:
    """The mean loss of each network; targets and outputs are (networks, samples, ...)."""
    tensorflow = load_frameworks().tensorflow
    count = outputs.shape[0]
    flat = [tensorflow.reshape(t, tensorflow.concat([[-1], tensorflow.shape(t)[2:]], 0)) for t in (targets, outputs)]
    losses = function(*flat)
    if losses.shape.rank == 0:  # a loss that takes the mean itself
        parts = zip(tensorflow.unstack(targets, num=count), tensorflow.unstack(outputs, num=count), strict=True)
        return tensorflow.stack([function(y, o) for y, o in parts])
    return tensorflow.reduce_mean(tensorflow.reshape(losses, [count, -1]), axis=1)


def _floats(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(np.float32) if array.dtype.kind in "fiub" else array
