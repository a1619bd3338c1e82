"""Training with masks held: after every single optimizer step the removed weights are zero again.

A loop of our own rather than `Model.fit`: the step, the L1 term and the masks are one graph, so nothing is attached
to the model (no regularizer, constraint or wrapper that a saved file would carry) and no step can slip past a
callback.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpgaprune.compress.copying import predict
from fpgaprune.compress.data import Lesson, TrainingData, as_tuple
from fpgaprune.compress.distillation import distillation_loss
from fpgaprune.compress.hard_concrete import Gates
from fpgaprune.compress.kernels import Kernel
from fpgaprune.compress.masks import Mask, all_kept
from fpgaprune.compress.scores import Score, fitting_targets, loss_label, resolve_loss
from fpgaprune.frameworks import load_frameworks, quiet

Snapshot = list[NDArray[Any]]


class Trainer:
    """Moves the weights of `model` in place; `kernels` are the ones that L1 and masks apply to.

    With `project`, a function of a kernel and a tensor of its shape, kernels only ever hold what it gives. Gradients
    are taken there and move a hidden copy, which is projected again after every step: straight-through, as
    BinaryConnect does it (arXiv:1511.00363), for layers with and without quantizers. `frozen` variables do not move.
    """

    def __init__(  # noqa: PLR0913 - what a training run is made of
        self,
        model: Any,
        kernels: Sequence[Kernel],
        data: TrainingData,
        *,
        loss: Any,
        batch_size: int,
        seed: int,
        on_step: Callable[[], None] | None = None,
        project: Callable[[Kernel, Any], Any] | None = None,
        ties: Sequence[tuple[Any, Callable[[Any], Any]]] = (),
        frozen: Sequence[Any] = (),
    ) -> None:
        tensorflow = load_frameworks().tensorflow
        tensorflow.random.set_seed(seed)  # what dropout and noise draw follows from the state of the process
        self.model = model
        self.kernels = tuple(kernels)
        self._data = data
        self._batch = min(batch_size, data.samples)
        self._random = np.random.default_rng(seed)
        self._on_step = on_step
        outputs = predict(model, tuple(a[:256] for a in as_tuple(data.validation_x)))
        self._targets = fitting_targets(outputs, data.y)
        self._validation_targets = fitting_targets(outputs, data.validation_y)
        self._loss = resolve_loss(loss, outputs, data.metric)
        answers = () if data.lesson is None else data.lesson.answers
        self._lesson = distillation_loss(data.lesson, loss_label(loss), outputs) if data.lesson is not None else None
        with tensorflow.device("CPU"):
            self._x = tuple(tensorflow.constant(a) for a in as_tuple(data.x))
            self._y = tuple(tensorflow.constant(a) for a in self._targets)
            self._answers = tuple(tensorflow.constant(a) for a in answers)
        self._masks = [tensorflow.Variable(mask, trainable=False, dtype=tensorflow.bool) for mask in all_kept(kernels)]
        self._l1 = tensorflow.Variable(0.0, trainable=False, dtype=tensorflow.float32)
        self._ties = tuple(ties)
        self._frozen = {id(variable) for variable in frozen}
        self._gates: Gates | None = None
        self._gate_optimizer: Any = None
        self._rate = 1e-3
        self.set_projection(project)

    @property
    def lesson(self) -> Lesson | None:
        """The teacher's part in the training, where there is one."""
        return self._data.lesson

    def masks(self) -> tuple[Mask, ...]:
        """The masks that hold now: True stays."""
        return tuple(np.asarray(mask.numpy(), dtype=np.bool_) for mask in self._masks)

    def hold(self, masks: Sequence[Mask]) -> None:
        """Zero what the masks remove, now and after every step from here on."""
        for variable, kernel, mask in zip(self._masks, self.kernels, masks, strict=True):
            variable.assign(mask)
            kernel.variable.assign(np.where(mask, kernel.variable.numpy(), 0.0))
        for hidden, mask in zip(self._hidden, masks, strict=False):
            hidden.assign(np.where(mask, hidden.numpy(), 0.0))

    def silence_emptied(self) -> None:
        """From here on the biases of neurons and filters that have no weight left are zero."""
        ties = []
        for kernel, mask in zip(self.kernels, self.masks(), strict=True):
            own = 2 if kernel.is_depthwise else 1
            kept = mask.any(axis=tuple(range(mask.ndim - own))).reshape(-1)
            if kernel.bias is not None and not kept.all():
                ties.append((kernel.bias, _times(kept)))
        for variable, tie in ties:
            variable.assign(tie(variable))
        if ties:
            self._ties = (*self._ties, *ties)
            self._use(self._rate)

    def set_projection(self, project: Callable[[Kernel, Any], Any] | None) -> None:
        """From here on kernels hold what `project` gives."""
        self._project = project
        self._hidden = self._hide() if project is not None else []
        self.put_projected()
        self._use(self._rate)

    def set_gates(self, gates: Gates | None, learning_rate: float = 0.1) -> None:
        """From here on kernels are multiplied by gates, which learn too; None: they stay as the gates left them."""
        self._gates = gates
        self._hidden = self._hide() if gates is not None else []
        self._gate_optimizer = None
        if gates is not None:
            self._gate_optimizer = load_frameworks().keras.optimizers.Adam(learning_rate)
            self._gate_optimizer.build(gates.variables)
        self._use(self._rate)

    def _hide(self) -> list[Any]:
        tensorflow = load_frameworks().tensorflow
        return [tensorflow.Variable(kernel.variable) for kernel in self.kernels]

    def restart(self, learning_rate: float, l1: float) -> None:
        """Begin a phase: a fresh Adam optimizer, and `l1` times the sum of magnitudes added to the loss.

        The optimizer is emptied, not replaced: another one would be another graph, and making one takes longer than
        many epochs of a small network.
        """
        for variable in self._optimizer.variables:
            variable.assign(np.zeros(variable.shape, variable.dtype.as_numpy_dtype))
        self.slow_down(learning_rate)
        self._l1.assign(l1)

    def slow_down(self, learning_rate: float) -> None:
        """Go on with another learning rate."""
        self._rate = learning_rate
        self._optimizer.learning_rate.assign(learning_rate)

    def wanted(self) -> tuple[NDArray[np.float64], ...]:
        """What the kernels would hold without projection, one array each."""
        found = self._hidden or [kernel.variable for kernel in self.kernels]
        return tuple(np.asarray(each.numpy(), dtype=np.float64) for each in found)

    def epoch(self) -> float:
        """One pass over the shuffled training samples; returns the mean loss, NaN included."""
        order = self._random.permutation(self._data.samples).astype(np.int32)
        losses: list[float] = []
        for start in range(0, order.size, self._batch):
            losses.append(float(self._step(order[start : start + self._batch])))
            if self._on_step is not None:
                self._on_step()
        return float(np.mean(losses))

    def score(self) -> Score:
        """The model's score on the validation samples."""
        return self._loss.judge(predict(self.model, self._data.validation_x), self._validation_targets)

    def snapshot(self) -> Snapshot:
        """All weights of the model, to go back to."""
        return list(self.model.get_weights())

    def go_back(self, snapshot: Snapshot) -> None:
        """Put back the weights of an earlier moment."""
        self.model.set_weights(snapshot)

    @property
    def variables(self) -> list[Any]:
        """What an epoch changes, masks and the optimizer's included; with `random` all that the next one hangs on."""
        return [*self.model.weights, *self._masks, *self._optimizer.variables]

    @property
    def random(self) -> np.random.Generator:
        """Where the order of samples comes from."""
        return self._random

    def _use(self, learning_rate: float) -> None:
        frameworks = load_frameworks()
        self._rate = learning_rate
        self._variables = [each for each in self.model.trainable_variables if id(each) not in self._frozen]
        copies = {id(k.variable): hidden for k, hidden in zip(self.kernels, self._hidden, strict=False)}
        self._moved = [copies.get(id(variable), variable) for variable in self._variables]
        self._optimizer = frameworks.keras.optimizers.Adam(learning_rate)
        self._optimizer.build(self._moved)
        index = frameworks.tensorflow.TensorSpec([None], frameworks.tensorflow.int32)
        with quiet("trace"):  # without autograph, whose rewriting of every function called takes longest
            self._step = frameworks.tensorflow.function(self._one_step, input_signature=[index], autograph=False)

    def _one_step(self, index: Any) -> Any:
        tensorflow = load_frameworks().tensorflow
        inputs = [tensorflow.gather(x, index) for x in self._x]
        targets = [tensorflow.gather(y, index) for y in self._y]
        with tensorflow.GradientTape() as gate_tape:
            gated = [] if self._gates is None else self._gated(self._gates.sampled())
            penalty = 0.0 if self._gates is None else self._gates.penalty()
        self._put(gated)
        with tensorflow.GradientTape() as tape:
            outputs = tensorflow.nest.flatten(self.model(inputs[0] if len(inputs) == 1 else inputs, training=True))
            loss = sum(tensorflow.reduce_mean(self._loss.function(y, o)) for y, o in zip(targets, outputs, strict=True))
            if self._lesson is not None:
                loss = self._lesson(loss, [tensorflow.gather(a, index) for a in self._answers], outputs)
            magnitudes = sum(tensorflow.reduce_sum(tensorflow.abs(kernel.variable)) for kernel in self.kernels)
            total = loss + sum(self.model.losses) + self._l1 * magnitudes
        gradients = tape.gradient(total, self._variables)
        if self._gates is not None:
            gradients = self._through_gates(gradients, gate_tape, [*gated, penalty])
        pairs = [(g, v) for g, v in zip(gradients, self._moved, strict=True) if g is not None]
        self._optimizer.apply_gradients(pairs)
        for mask, hidden in zip(self._masks, self._hidden, strict=False):
            hidden.assign(tensorflow.where(mask, hidden, tensorflow.zeros_like(hidden)))
        if self._gates is not None:
            self._put(self._gated(self._gates.steady()))
        self.put_projected()
        for variable, tie in self._ties:
            variable.assign(tie(variable))
        for mask, kernel in zip(self._masks, self.kernels, strict=True):
            kernel.variable.assign(tensorflow.where(mask, kernel.variable, tensorflow.zeros_like(kernel.variable)))
        return loss

    def put_projected(self) -> None:
        """Let the kernels hold what the projection makes of them now."""
        if self._project is not None:
            self._put([self._project(kernel, each) for kernel, each in zip(self.kernels, self._hidden, strict=True)])

    def _put(self, tensors: Sequence[Any]) -> None:
        for kernel, tensor in zip(self.kernels, tensors, strict=False):
            kernel.variable.assign(tensor)

    def _gated(self, gates: Sequence[Any]) -> list[Any]:
        return [hidden * gate for hidden, gate in zip(self._hidden, gates, strict=True)]

    def _through_gates(self, gradients: list[Any], tape: Any, results: list[Any]) -> list[Any]:
        """Those of the kernels become those of the hidden weights; the gates take their own step at once."""
        if self._gates is None:
            return gradients
        tensorflow = load_frameworks().tensorflow
        places = {id(variable): place for place, variable in enumerate(self._variables)}
        where = [places[id(kernel.variable)] for kernel in self.kernels]
        taken = [
            tensorflow.zeros_like(kernel.variable) if gradients[place] is None else gradients[place]
            for kernel, place in zip(self.kernels, where, strict=True)
        ]
        found = tape.gradient(
            results, [*self._hidden, *self._gates.variables], [*taken, tensorflow.ones_like(results[-1])]
        )
        self._gate_optimizer.apply_gradients(list(zip(found[len(where) :], self._gates.variables, strict=True)))
        self._gates.after_step()
        result = list(gradients)
        for place, gradient in zip(where, found, strict=False):
            result[place] = gradient
        return result


def _times(kept: Mask) -> Callable[[Any], Any]:
    return lambda variable: variable * kept.astype(np.float32)
